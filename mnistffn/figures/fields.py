"""Pictures of receptive fields."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import (
    MOST_CAPTIONS,
    MOST_COLUMNS,
    Tiles,
    choose_columns,
    draw_mosaic,
    join_tiles,
)

IMAGE = "pattern_image"  # no field, but the image that one stands for: ends at 1, left out of blocks


def draw_fields(
    fields: Mapping[str, NDArray[np.float32]],
    lit: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
    heading: str,
) -> Figure:
    """Draw fields in diverging colours, every kind on one scale for all units.

    Up to a dozen units stand in columns, with what is known of each below; more as blocks of all kinds.

    Parameters
    ----------
    fields : mapping of kind to ndarray of shape (u, height, width), float32
    lit : ndarray of shape (height, width), bool
        Other pixels are drawn grey.
    units : sequence of mapping
        What fields-layer<i>.json holds of every unit.
    heading : str
    """
    in_blocks = len(units) > MOST_COLUMNS
    kinds = [kind for kind in fields if not (in_blocks and kind == IMAGE)]
    bounds = {kind: 1.0 if kind == IMAGE else find_bound(fields[kind]) for kind in kinds}
    scaled = [fields[kind] / np.float32(bound) for kind, bound in bounds.items()]
    label = "part of the kind's largest value"
    if in_blocks:
        tiles = _put_into_blocks(scaled, lit, units)
        scales = [f"{kind} (±{bound:.2g})" for kind, bound in bounds.items()]
        heading += f"\nevery unit: {_describe_block(scales)}"
        heading += "; in brackets the class that it prefers" * (len(units) > MOST_CAPTIONS)
    else:
        tiles = _put_into_columns(bounds, scaled, lit, units)
    return draw_mosaic(tiles, heading, color_label=label, cmap="RdBu_r", vmin=-1, vmax=1)


def find_bound(images: NDArray[np.float32]) -> float:
    """Return the end of a colour scale that is symmetric about zero, for images (n, height, width).

    It leaves out the outermost thousandth of an image's values, and the strongest tenth of many images,
    so that a single pixel or unit cannot wash out all others.
    """
    ends = np.quantile(np.abs(images), 0.999, axis=(1, 2))
    return float(np.quantile(ends, 0.9, method="nearest")) or 1.0


def describe_unit(unit: Mapping[str, Any], *, is_short: bool = False) -> str:
    """Return what is known of a unit besides its fields, in lines."""
    prefers = " ".join(str(label) for label in unit["prefers"][:4]) or "none"
    on = "dead" if unit["dead"] else f"on {100 * unit['on']:.0f}%"
    lost = f"{round(-100 * unit['ablation'], 2) + 0.0:+.2f} pts without"
    if is_short:
        r2 = " ".join("-" if value is None else f"{value:.2f}" for value in unit["r2"].values())
        return f"R² {r2}\nfor {prefers}\n{on}\n{lost}"
    outgoing = [f"{weight:+.2f} to {name}" for name, weight in unit["outgoing"][:2]]
    lines = [f"for {prefers}", f"selectivity {unit['selectivity']:.2f}", on, lost, *outgoing]
    return "\n".join(lines)


def _put_into_columns(
    bounds: Mapping[str, float],
    scaled: Sequence[NDArray[np.float32]],
    lit: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
) -> Tiles:
    captions = [_spell_r2(unit["r2"], kind) for kind in bounds for unit in units]
    for column, unit in enumerate(units):
        below = captions[column - len(units)]
        captions[column - len(units)] = "\n".join(filter(None, [below, describe_unit(unit)]))
    titles = [unit["name"] for unit in units] + [""] * (len(captions) - len(units))
    labels = [f"{kind}\n±{bound:.2g}" for kind, bound in bounds.items() if kind != IMAGE]
    labels += ["pattern image\n0 to 1"] * (IMAGE in bounds)
    return Tiles(np.concatenate(scaled), len(units), titles, captions, labels, ~lit)


def _put_into_blocks(
    scaled: Sequence[NDArray[np.float32]],
    lit: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
) -> Tiles:
    n_columns = _block_columns(len(scaled))
    dark = (~lit).astype(np.float32)[None]
    masked = join_tiles([dark] * len(scaled), n_columns, filling=0)[0].astype(bool)
    titles, captions = [unit["name"] for unit in units], []
    if len(units) <= MOST_CAPTIONS:
        captions = [describe_unit(unit, is_short=True) for unit in units]
    else:
        titles = [f"{unit['name']} ({(unit['prefers'] or ['-'])[0]})" for unit in units]
    blocks = join_tiles(scaled, n_columns)
    return Tiles(blocks, choose_columns(len(units)), titles, captions, masked=masked)


def _block_columns(n_kinds: int) -> int:
    return 2 if n_kinds > 1 else 1


def _describe_block(kinds: Sequence[str]) -> str:
    rows = [kinds[start : start + 2] for start in range(0, len(kinds), 2)]
    return " above ".join(" and ".join(row) for row in rows)


def spell_r2(value: float | None) -> str:
    """Return R² as it stands below or above a picture."""
    return "R² —" if value is None else f"R² {round(value, 2) + 0.0:.2f}"


def _spell_r2(r2: Mapping[str, float | None], kind: str) -> str:
    if kind not in r2:
        return ""
    return spell_r2(r2[kind])
