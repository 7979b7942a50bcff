"""Pictures of one's own, what the network saw of each, and what it read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import DPI
from mnistffn.figures.panels import add_axes

SIDE, WIDTH, GAP, MARGIN = 1.9, 8.6, 0.7, 0.35  # inches
READ, OTHER, BOX = "tab:red", "0.7", "tab:red"
LONGEST_NAME, LONGEST_CLASS, MOST_LETTERS = 30, 10, 44


def draw_predictions(
    pages: Sequence[tuple[NDArray[np.uint8], tuple[int, int]]],
    images: Sequence[NDArray[np.uint8]],
    readings: Sequence[Mapping[str, Any]],
    classes: Sequence[Any],
    temperature: float | None = None,
) -> Figure:
    """Draw a row for every picture: as it came, as the network saw it, and the probabilities.

    Parameters
    ----------
    pages : sequence of (ndarray of shape (a, b), uint8, (int, int))
        Pictures, reduced, and the height and width that they had.
    images : sequence of ndarray of shape (height, width), uint8
        Ink bright.
    readings : sequence of mapping
        ``file``, ``prediction``, ``probability``, ``probabilities``, ``box`` and ``is_new`` of each.
    classes : sequence of label
    temperature : float or None
        Of the probabilities.
    """
    name = "probability" if temperature is None else f"probability, temperature {temperature:.2g}"
    height = len(pages) * (SIDE + GAP) + MARGIN
    figure = Figure((WIDTH, height), dpi=DPI)
    for row, (page, image, reading) in enumerate(zip(pages, images, readings, strict=True)):
        bottom = height - (row + 1) * (SIDE + GAP)
        _draw_page(add_axes(figure, MARGIN, bottom, SIDE, SIDE), *page, reading)
        _draw_image(add_axes(figure, MARGIN + SIDE + 0.35, bottom, SIDE, SIDE), image)
        left, width = MARGIN + 2 * SIDE + 1.0, WIDTH - 2 * SIDE - 1.3 - MARGIN
        _draw_bars(add_axes(figure, left, bottom, width, SIDE), reading, classes, name)
    return figure


def _draw_page(
    axes: Axes, page: NDArray[np.uint8], size: tuple[int, int], reading: Mapping[str, Any]
) -> None:
    extent = (0.0, float(size[1]), float(size[0]), 0.0)
    axes.imshow(page, "gray", vmin=0, vmax=255, extent=extent)
    name = str(reading["file"])
    name = name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
    frame = "" if reading["box"] is None else "\n(red: the shape that is read)"
    axes.set_title(f"{name}{frame}", fontsize=8, parse_math=False)
    axes.set_axis_off()
    if reading["box"] is not None:
        top, left, high, wide = reading["box"]
        x, y = [left, left + wide, left + wide, left, left], [top, top, top + high, top + high, top]
        axes.plot(x, y, color=BOX, linewidth=1.5)


def _draw_image(axes: Axes, image: NDArray[np.uint8]) -> None:
    axes.imshow(image, "gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(f"what the network saw ({image.shape[0]} by {image.shape[1]})", fontsize=8)
    axes.set_axis_off()


def _draw_bars(axes: Axes, reading: Mapping[str, Any], classes: Sequence[Any], name: str) -> None:
    values = reading["probabilities"]
    colors = [READ if label == reading["prediction"] else OTHER for label in classes]
    axes.bar(range(len(classes)), values, color=colors)
    widest = max(len(str(label)) for label in classes)
    shown = range(0, len(classes), -(-len(classes) * (widest + 1) // MOST_LETTERS))
    names = [str(classes[place])[:LONGEST_CLASS] for place in shown]
    axes.set(ylim=(0, 1), xticks=shown, xticklabels=names, ylabel=name)
    axes.yaxis.label.set_fontsize(8)
    axes.tick_params(labelsize=8, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    new = ", but unlike anything in training" if reading["is_new"] else ""
    title = f"read as {reading['prediction']} ({reading['probability']:.2f}){new}"
    axes.set_title(title, fontsize=9, color=READ if new else "black")
