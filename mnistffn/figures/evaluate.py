"""Pictures of a test: examples beside their probabilities, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_WRITTEN = 30  # classes of which every number of the confusion matrix is written
RIGHT, WRONG, OTHER = "tab:green", "tab:red", "0.7"
EXPLANATIONS = {
    "sure and right": "the prediction has the highest probability",
    "unsure and right": "the prediction has the lowest probability",
    "sure and wrong": "the prediction has the highest probability, but is not the label",
    "most spread out": "the probabilities have the highest entropy",
}


def draw_examples(
    images: NDArray[np.uint8],
    index: NDArray[np.int64],
    label: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    names: Sequence[str],
    kinds: Mapping[str, NDArray[np.int64]],
) -> Figure:
    """Draw images beside bars of their probabilities, a row for every kind of example.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), uint8
    index : ndarray of shape (n,), int64
        Rows of the data file.
    label : ndarray of shape (n,), int64
    probabilities : ndarray of shape (n, n_classes), float64
    names : sequence of str
        Name of every class.
    kinds : mapping of str to ndarray of int64
        Rows to show of every kind; there may be none.
    """
    n_columns = max(1, *(len(rows) for rows in kinds.values()))
    figure = Figure((3.1 * n_columns + 0.4, 2.1 * len(kinds)), dpi=150, layout="constrained")
    for band, (kind, rows) in zip(
        figure.subfigures(len(kinds), squeeze=False)[:, 0], kinds.items(), strict=True
    ):
        note = EXPLANATIONS[kind] if len(rows) else "there are none"
        band.suptitle(f"{kind.capitalize()}: {note}", x=0.01, ha="left", fontsize=10)
        panels = band.subplots(1, 2 * n_columns, width_ratios=[1, 1.3] * n_columns)
        for axes in panels[2 * len(rows) :]:
            axes.set_axis_off()
        for row, picture, bars in zip(rows, panels[::2], panels[1::2], strict=False):
            picture.imshow(images[row], cmap="gray_r", vmin=0, vmax=255)
            picture.set_axis_off()
            picture.set_title(f"image {index[row]}\nlabel {label[row]}", fontsize=8)
            _draw_bars(bars, probabilities[row], names, str(label[row]))
    return figure


def _draw_bars(
    axes: Axes, probabilities: NDArray[np.float64], names: Sequence[str], label: str
) -> None:
    best = int(probabilities.argmax())
    colors = [OTHER] * len(names)
    colors[best] = WRONG
    colors[names.index(label)] = RIGHT
    axes.barh(range(len(names)), probabilities, color=colors)
    axes.set(xlim=(0, 1), yticks=range(len(names)), yticklabels=names, xticks=(0, 0.5, 1))
    axes.invert_yaxis()
    axes.tick_params(labelsize=6, length=2)
    axes.set_title(f"read as {names[best]}\n({probabilities[best]:.3f})", fontsize=8)


def draw_confusion(counts: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Draw a confusion matrix (label, prediction), coloured by what goes wrong.

    The diagonal holds nearly everything; it is written, not coloured, so that the errors show. Of more
    than 30 classes only the colours are drawn, on a page that does not grow any more.
    """
    is_small = len(names) <= MOST_WRITTEN
    size = max(4.5, 0.55 * min(len(names), MOST_WRITTEN) + 1.2)
    figure = Figure((size + 0.6, size), dpi=150, layout="constrained")
    axes = figure.subplots()
    errors = counts.astype(float)
    np.fill_diagonal(errors, np.nan)
    most = max(5.0, float(np.nanmax(errors)))
    artist = axes.imshow(errors, cmap="Reds", vmin=0, vmax=most)
    for row, column in np.argwhere(counts) if is_small else ():
        value = int(counts[row, column])
        text = axes.text(column, row, f"{value:,}", ha="center", va="center", fontsize=8)
        if row == column:
            text.set_fontweight("bold")
        elif value > 0.6 * most:
            text.set_color("white")
    ticks = range(0, len(names), -(-len(names) // (2 * MOST_WRITTEN)))
    shown = [names[tick] for tick in ticks]
    axes.set(xticks=ticks, yticks=ticks, yticklabels=shown, xlabel="predicted", ylabel="label")
    axes.set_xticklabels(shown, rotation=0 if is_small else 90)
    total = int(counts.sum())
    axes.set_title(f"{total - int(np.trace(counts)):,} errors in {total:,} images", fontsize=11)
    figure.colorbar(artist, label="images classified wrongly", shrink=0.8)
    return figure
