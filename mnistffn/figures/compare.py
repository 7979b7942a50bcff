"""Pictures of a comparison: networks side by side, and the images that only one of them reads right."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.calibration import draw_reliability
from mnistffn.figures.evaluate import shorten
from mnistffn.figures.fields import find_bound, spell_r2
from mnistffn.figures.maximize import find_range
from mnistffn.figures.mistakes import draw_sentence
from mnistffn.figures.mosaic import Tiles, draw_mosaic
from mnistffn.figures.robustness import UNITS

LETTERS = 10  # of a line beside a row of images
PANEL = 4.6  # inches


def draw_measures(
    names: Sequence[str],
    accuracies: Sequence[tuple[float, float, float]],
    bins: Sequence[Mapping[str, NDArray[np.float64]]],
    curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    norm: str,
    verdict: str,
) -> Figure:
    """Draw accuracies, reliability diagrams and, where there are any, accuracies under attack.

    Parameters
    ----------
    names : sequence of str
        Of the networks, each of which has its colour in all panels.
    accuracies : sequence of (float, float, float)
        With the ends of their intervals.
    bins : sequence of mapping of str to ndarray of shape (bins,), float64
        As :func:`~mnistffn.figures.calibration.draw_calibration` takes them.
    curves : mapping of str to (ndarray of shape (k,), ndarray of shape (k,))
        By the name of the network: strengths of an attack, and the accuracy that each leaves.
    norm : {"linf", "l2"}
        How the strengths are measured.
    verdict : str
        Is the heading.
    """
    n_panels = 2 + bool(curves)
    names = [write_plainly(name) for name in names]
    figure = Figure((PANEL * n_panels, 4.9 + 0.12 * len(names)), dpi=150, layout="constrained")
    heading = "\n".join(textwrap.wrap(write_plainly(verdict), 36 * n_panels))
    figure.suptitle(heading, fontsize=11, x=0.01, ha="left")
    panels = figure.subplots(1, n_panels)
    _draw_accuracies(panels[0], names, accuracies)
    draw_reliability(panels[1], dict(zip(names, bins, strict=True)))
    panels[1].set_title("Are images right as often as they are sure?", fontsize=10)
    panels[1].set_xlabel("confidence: the probability of the prediction")
    panels[1].tick_params(axis="x", labelbottom=True, rotation=60)
    panels[1].get_legend().remove()  # there is no place that is free of points in all cases
    if curves:
        named = {write_plainly(name): curve for name, curve in curves.items()}
        _draw_attacked(panels[2], names, named, norm)
    return figure


def write_plainly(text: str) -> str:
    """Return a text that Matplotlib takes for no formula, and shows in a legend."""
    text = text.replace("$", r"\$")
    return f"\u2009{text}" if text.startswith("_") else text


def _draw_accuracies(
    axes: Axes, names: Sequence[str], accuracies: Sequence[tuple[float, float, float]]
) -> None:
    for place, (middle, low, high) in enumerate(accuracies):
        axes.hlines(place, 100 * low, 100 * high, color=f"C{place}", linewidth=3, alpha=0.4)
        axes.plot(100 * middle, place, "o", color=f"C{place}")
        told = f"{100 * middle:.2f}"
        axes.annotate(told, (100 * middle, place), (0, 7), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(names)), names)
    for place, label in enumerate(axes.get_yticklabels()):
        label.set_color(f"C{place}")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.15)
    axes.set_xlabel("accuracy (%), with its 95% interval")
    axes.set_title("How many images are read right?", fontsize=10)
    axes.grid(axis="x", alpha=0.3)


def _draw_attacked(
    axes: Axes,
    names: Sequence[str],
    curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    norm: str,
) -> None:
    # As far as nine in ten errors of the most robust network; the rest is a long tail.
    end = max(float(np.quantile(strengths, 0.9)) for strengths, _ in curves.values())
    for place, name in enumerate(names):
        if name in curves:
            strengths, left = curves[name]
            axes.step(strengths, 100 * left, where="post", color=f"C{place}", label=name)
    axes.set(xlim=(0, end or 1), ylim=(0, 101), ylabel="accuracy under PGD (%)")
    axes.set_xlabel(UNITS[norm], fontsize=9)
    axes.set_title("How strong must an attack be?", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def draw_differences(
    images: NDArray[np.float32],
    n_columns: int,
    titles: Sequence[str],
    captions: Sequence[str],
    rows: Sequence[tuple[str, str, int]],
    left_out: int,
) -> Figure:
    """Draw a row of images for every two networks of which one reads them right, the other wrong.

    Parameters
    ----------
    images : ndarray of shape (rows * n_columns, height, width), float32 in [0, 1]
        NaN where there is none. There may be no rows.
    n_columns : int
    titles, captions : sequence of str
        Above and below every image.
    rows : sequence of (str, str, int)
        Which network is right, which is wrong, and on how many images.
    left_out : int
        Rows that would not fit on the page.
    """
    if not rows:
        return draw_sentence("All networks read the same images right")
    labels = [f"{_wrap(right)}\nright,\n{_wrap(wrong)}\nwrong: {n:,}" for right, wrong, n in rows]
    heading = "Images that one network reads right and another does not\nthe clearest cases first"
    if left_out:
        heading += f"; {left_out} pairs with fewer such images are left out"
    tiles = Tiles(images, n_columns, titles, captions, labels)
    return draw_mosaic(tiles, heading, cmap="gray", vmin=0, vmax=1)


def draw_output_fields(names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Figure:
    """Draw the receptive fields of the outputs, the networks one below the other.

    Parameters
    ----------
    names : sequence of str
        Of the networks.
    arrays : mapping of str to ndarray
        What comparison.npz holds.
    """
    images, captions, labels = [], [], []
    classes = [shorten(str(label)) for label in arrays["shown_classes"]]
    for kind in ("gradient", "pattern"):
        for place, name in enumerate(names):
            fields = arrays[kind][place]
            bound = find_bound(fields)
            images.append(fields / np.float32(bound))
            captions += [spell_r2(None if np.isnan(r2) else r2) for r2 in arrays[f"r2_{kind}"][place]]
            labels.append(f"{kind}\n{_wrap(name)}\n±{bound:.2g}")
    heading = _break(
        (
            f"Receptive fields of {_count(arrays)}: what raises its logit (red) and lowers it (blue)",
            "gradient: by the weights, on average over images; pattern: in the images themselves",
            "R²: how much of the logit the field explains on images held out",
        ),
        len(classes),
    )
    titles = [*classes, *[""] * (len(captions) - len(classes))]
    stacked, masked = np.concatenate(images), ~arrays["varying"]
    tiles = Tiles(stacked, len(classes), titles, captions, labels, masked)
    label = "value in parts of its row's ±;\nbeyond the ends cut off"
    return draw_mosaic(tiles, heading, cmap="RdBu_r", vmin=-1, vmax=1, color_label=label)


def draw_classes(names: Sequence[str], arrays: Mapping[str, NDArray[Any]]) -> Figure:
    """Draw an image of every class as each network has it: of its pattern, and the maximizing one.

    Parameters
    ----------
    names, arrays
        As :func:`draw_output_fields` takes them.
    """
    images, labels = [], []
    classes = [shorten(str(label)) for label in arrays["shown_classes"]]
    for kind, called in (("pattern_image", "pattern"), ("maximizing", "maximizing")):
        for place, name in enumerate(names):
            if kind in arrays and not np.isnan(found := arrays[kind][place]).all():
                low, high = find_range(found[np.isfinite(found).all(axis=(1, 2))])
                images.append((found - np.float32(low)) / np.float32(high - low))
                labels.append(f"{called}\n{_wrap(name)}")
    lines = [f"For {_count(arrays)}, the image that its pattern in each network stands for"]
    if "maximizing" in arrays:
        lines = [f"{lines[0]},", "and the image that excites its output most, by gradient ascent"]
    heading = _break(lines, len(classes))
    titles = [*classes, *[""] * (len(classes) * (len(images) - 1))]
    tiles = Tiles(np.concatenate(images), len(classes), titles, (), labels)
    return draw_mosaic(tiles, heading, cmap="gray", vmin=0, vmax=1)


def _wrap(name: str) -> str:
    return write_plainly("\n".join(textwrap.wrap(name, LETTERS)))


def _count(arrays: Mapping[str, NDArray[Any]]) -> str:
    n, n_shown = len(arrays["classes"]), len(arrays["shown_classes"])
    some = f"each of the {n_shown} of {n} classes on whose images the networks agree least"
    return "every class" if n_shown == n else some


def _break(lines: Sequence[str], n_columns: int) -> str:
    """Return the lines of a heading, broken to the width of a page with so many columns."""
    width = max(54, 9 * n_columns)
    return "\n".join(part for line in lines for part in textwrap.wrap(line, width))
