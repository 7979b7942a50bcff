"""Pictures of a test: examples beside their probabilities, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

MOST_WRITTEN = 20  # classes of which every number of the confusion matrix is written
MOST_TICKS = 40
MOST_LISTED = 15  # confusions beside a matrix without numbers
MOST_BARS = 10
LONGEST = 10  # letters of a class's name
COLUMN, BAND, IMAGE = 3.1, 2.1, 1.27  # inches, of the examples
NARROWEST = 5.5  # what the headings take
RIGHT, WRONG, OTHER = "tab:green", "tab:red", "0.7"
EXPLANATIONS = {
    "sure and right": "the prediction has the highest probability, class by class",
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
    width, height = max(COLUMN * n_columns + 0.3, NARROWEST), BAND * len(kinds)
    # Placed by hand: matplotlib's layout takes two seconds for so many axes.
    figure = Figure((width, height), dpi=150)
    letters = 0.06 * max(len(shorten(name)) for name in names)
    for place, (kind, rows) in enumerate(kinds.items()):
        bottom = height - BAND * (place + 1)
        note = EXPLANATIONS[kind] if len(rows) else "there are none"
        top = (bottom + BAND - 0.06) / height
        figure.text(0.1 / width, top, f"{kind.capitalize()}: {note}", va="top", fontsize=10)
        for column, row in enumerate(rows):
            left = 0.1 + COLUMN * column
            picture = _add_axes(figure, left, bottom + 0.25, IMAGE)
            picture.imshow(images[row], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            picture.set_axis_off()
            picture.set_title(f"image {index[row]}\nlabel {shorten(str(label[row]))}", fontsize=8)
            left += IMAGE + 0.15 + letters
            bars = _add_axes(figure, left, bottom + 0.25, COLUMN - IMAGE - 0.4 - letters)
            _draw_bars(bars, probabilities[row], names, str(label[row]))
    return figure


def _add_axes(figure: Figure, left: float, bottom: float, width: float) -> Axes:
    """Add axes that are as high as an image; all in inches."""
    page_width, page_height = figure.get_size_inches()
    place = left / page_width, bottom / page_height, width / page_width, IMAGE / page_height
    return figure.add_axes(place)


def _draw_bars(
    axes: Axes, probabilities: NDArray[np.float64], names: Sequence[str], label: str
) -> None:
    best, own = int(probabilities.argmax()), names.index(label)
    shown = _choose_bars(probabilities, own)
    colors = [RIGHT if place == own else WRONG if place == best else OTHER for place in shown]
    axes.barh(range(len(shown)), probabilities[shown], color=colors)
    axes.set(xlim=(0, 1), yticks=range(len(shown)), xticks=(0, 0.5, 1))
    axes.set_yticklabels([shorten(names[place]) for place in shown])
    axes.invert_yaxis()
    axes.tick_params(labelsize=6, length=2)
    axes.set_title(f"read as {shorten(names[best])}\n({probabilities[best]:.3f})", fontsize=8)


def _choose_bars(probabilities: NDArray[np.float64], own: int) -> list[int]:
    """Return the classes whose bars are drawn: all, or the most probable ones and the label."""
    n = len(probabilities)
    if n <= MOST_BARS:
        return list(range(n))
    shown = np.argsort(-probabilities, kind="stable")[:MOST_BARS].tolist()
    return shown if own in shown else [*shown[:-1], own]


def shorten(name: str) -> str:
    """Return the name of a class, cut to what fits beside an image."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def draw_confusion(counts: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Draw a confusion matrix (label, prediction), coloured by what goes wrong.

    The diagonal holds nearly everything; it is written, not coloured, so that the errors show. Of more
    than 20 classes only the colours are drawn, on a page that does not grow any more, and the most
    frequent confusions are listed beside it.
    """
    is_small = len(names) <= MOST_WRITTEN
    size = max(4.5, 0.55 * min(len(names), MOST_WRITTEN) + 1.2)
    longest = max(len(shorten(name)) for name in names)
    beside = 0 if is_small else 2.0 + 0.2 * longest  # for two names of the list, and one of the axis
    figure = Figure((size + 0.6 + beside, size), dpi=150, layout="constrained")
    axes = figure.subplots()
    errors = counts.astype(np.float32)
    np.fill_diagonal(errors, np.nan)
    most = max(5.0, float(np.nanmax(errors)))
    artist = axes.imshow(errors, cmap="Reds", vmin=0, vmax=most, interpolation="nearest")
    if is_small:
        _write_counts(axes, counts, most)
    ticks = range(0, len(names), -(-len(names) // MOST_TICKS))
    shown = [shorten(names[tick]) for tick in ticks]
    axes.set(xticks=ticks, yticks=ticks, yticklabels=shown, xlabel="predicted", ylabel="label")
    axes.set_xticklabels(shown, rotation=0 if is_small and max(map(len, shown)) <= 3 else 90)
    total = int(counts.sum())
    n_errors = total - int(np.trace(counts))
    axes.set_title(
        f"Which class is taken for which: {n_errors:,} errors in {total:,} images", fontsize=11
    )
    figure.colorbar(artist, label="images classified wrongly", shrink=0.8, aspect=30)
    if not is_small:
        _list_confusions(figure, counts, names)
    return figure


def _write_counts(axes: Axes, counts: NDArray[np.int64], most: float) -> None:
    for row, column in np.argwhere(counts):
        value = int(counts[row, column])
        text = axes.text(column, row, f"{value:,}", ha="center", va="center", fontsize=8)
        if row == column:
            text.set_fontweight("bold")
        elif value > 0.6 * most:
            text.set_color("white")


def _list_confusions(figure: Figure, counts: NDArray[np.int64], names: Sequence[str]) -> None:
    """Write the largest numbers beside the matrix, in a legend, which the layout keeps a place for."""
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:MOST_LISTED]
    lines = [
        f"{shorten(names[row])} read as {shorten(names[column])}: {errors[row, column]:,}"
        for row, column in zip(*np.unravel_index(order, errors.shape), strict=True)
        if errors[row, column]
    ]
    if lines:
        handles = [Line2D([], [], linestyle="") for _ in lines]
        figure.legend(
            handles, lines, title="most often", loc="outside right upper", fontsize=8, handlelength=0
        )
