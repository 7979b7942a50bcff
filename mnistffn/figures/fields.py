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
from mnistffn.wording import list_few

IMAGE = "pattern_image"  # no field, but the image that one stands for: left out of blocks
R2 = "R²: part of the variance of a unit's pre-activation on new images that the field explains"
SCALE = "value in parts of the ± of its kind;\nbeyond the ends cut off"


def draw_fields(
    fields: Mapping[str, NDArray[np.float32]],
    varying: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
    heading: str,
) -> Figure:
    """Draw fields in diverging colours, every kind on one scale for all units; equal kinds once.

    Up to a dozen units stand in columns, with what is known of each below; more as blocks of all kinds.

    Parameters
    ----------
    fields : mapping of kind to ndarray of shape (u, height, width), float32
    varying : ndarray of shape (height, width), bool
        Other pixels are drawn grey.
    units : sequence of mapping
        What fields-layer<i>.json holds of every unit.
    heading : str
    """
    in_blocks = len(units) > MOST_COLUMNS
    names = name_kinds(fields)
    shown = {kind: fields[kind] for kind in names if not (in_blocks and kind == IMAGE)}
    bounds = {kind: 1.0 if kind == IMAGE else find_bound(shown[kind]) for kind in shown}
    scaled = [shown[kind] / np.float32(bound) for kind, bound in bounds.items()]
    if in_blocks:
        tiles = _put_into_blocks(list(shown), scaled, varying, units)
        scales = [f"{names[kind]} (±{bound:.2g})" for kind, bound in bounds.items()]
        heading += f"\nOf every unit: {_describe_block(scales)}"
        heading += "; in brackets the class that it prefers" * (len(units) > MOST_CAPTIONS)
    else:
        tiles = _put_into_columns(names, bounds, scaled, varying, units)
    if len(units) <= MOST_CAPTIONS:
        heading += f"\n{R2}"
    return draw_mosaic(tiles, heading, color_label=SCALE, cmap="RdBu_r", vmin=-1, vmax=1)


def name_kinds(fields: Mapping[str, NDArray[np.float32]]) -> dict[str, str]:
    """Return what pictures call every kind that they draw.

    In the first layer, and where no unit is ever off, filter and gradient are the same: one is drawn.
    """
    names = {kind: kind for kind in fields}
    if {"filter", "gradient"} <= set(fields) and np.array_equal(fields["filter"], fields["gradient"]):
        names["filter"] = "filter = gradient"
        del names["gradient"]
    return names


def find_bound(images: NDArray[np.float32]) -> float:
    """Return the end of a colour scale that is symmetric about zero, for images (n, height, width).

    It leaves out the outermost thousandth of an image's values, and the strongest tenth of many images,
    so that a single pixel or unit cannot wash out all others.
    """
    ends = np.quantile(np.abs(images), 0.999, axis=(1, 2))
    return float(np.quantile(ends, 0.9, method="nearest")) or 1.0


def describe_unit(unit: Mapping[str, Any], *, is_short: bool = False) -> str:
    """Return what is known of a unit besides its fields, in lines."""
    prefers = list_few(unit["prefers"]) or "none"
    lines = [f"prefers {prefers}", "dead" if unit["dead"] else f"on for {100 * unit['on']:.0f}%"]
    if is_short:
        return "\n".join(lines)
    lines.insert(1, f"selectivity {unit['selectivity']:.2f}")
    lines += ["accuracy without it", f"{spell_change(unit)} points"]
    lines += [f"{weight:+.2f} to {name}" for name, weight in unit["outgoing"][:2]]
    return "\n".join(lines)


def spell_change(unit: Mapping[str, Any]) -> str:
    """Return by how many points accuracy changes without a unit, and its standard error."""
    change = round(-100 * unit["ablation"], 2) + 0.0
    return f"{change:+.2f} ± {100 * unit['ablation_se']:.2f}"


def _put_into_columns(
    names: Mapping[str, str],
    bounds: Mapping[str, float],
    scaled: Sequence[NDArray[np.float32]],
    varying: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
) -> Tiles:
    captions = [_spell_r2(unit["r2"], kind) for kind in bounds for unit in units]
    for column, unit in enumerate(units):
        below = captions[column - len(units)]
        captions[column - len(units)] = "\n".join(filter(None, [below, describe_unit(unit)]))
    titles = [unit["name"] for unit in units] + [""] * (len(captions) - len(units))
    labels = [f"{names[kind]}\n±{bound:.2g}" for kind, bound in bounds.items() if kind != IMAGE]
    labels += ["pattern image\n0 to 1"] * (IMAGE in bounds)
    images, n_gray = np.concatenate(scaled), len(units) * (IMAGE in bounds)
    return Tiles(images, len(units), titles, captions, labels, ~varying, n_gray)


def _put_into_blocks(
    kinds: Sequence[str],
    scaled: Sequence[NDArray[np.float32]],
    varying: NDArray[np.bool_],
    units: Sequence[Mapping[str, Any]],
) -> Tiles:
    n_columns = _block_columns(len(kinds))
    dark = (~varying).astype(np.float32)[None]
    masked = join_tiles([dark] * len(scaled), n_columns, filling=0)[0].astype(bool)
    titles, captions = [unit["name"] for unit in units], []
    if len(units) <= MOST_CAPTIONS:
        captions = [
            "\n".join(f"{kind} {_spell_r2(unit['r2'], kind)}" for kind in kinds)
            + f"\n{describe_unit(unit, is_short=True)}"
            for unit in units
        ]
    else:
        titles = [f"{unit['name']} ({(unit['prefers'] or ['-'])[0]})" for unit in units]
    blocks = join_tiles(scaled, n_columns)
    return Tiles(blocks, choose_columns(len(units)), titles, captions, masked=masked)


def _block_columns(n_kinds: int) -> int:
    return 2 if n_kinds == 4 else n_kinds


def _describe_block(kinds: Sequence[str]) -> str:
    n_columns = _block_columns(len(kinds))
    rows = [kinds[start : start + n_columns] for start in range(0, len(kinds), n_columns)]
    return " above ".join(", ".join(row) for row in rows)


def spell_r2(value: float | None) -> str:
    """Return R² as it stands below or above a picture."""
    return "R² —" if value is None else f"R² {round(value, 2) + 0.0:.2f}"


def _spell_r2(r2: Mapping[str, float | None], kind: str) -> str:
    if kind not in r2:
        return ""
    return spell_r2(r2[kind])
