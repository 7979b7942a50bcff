"""Pictures of a test: examples beside their probabilities, and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mnistffn.figures.mosaic import DPI
from mnistffn.figures.panels import Frame, add_axes, draw_gray, make_page, measure_width

MOST_WRITTEN = 20  # classes of which every number of the confusion matrix is written
MOST_TICKS = 40
MOST_LISTED = 15  # confusions beside a matrix without numbers
SMALLEST_MATRIX = 4.6  # inches: the title is centred above it
MOST_BARS = 10
LONGEST = 10  # letters of a class's name
COLUMN, BAND, IMAGE = 3.1, 2.1, 1.27  # inches, of the examples
NARROWEST = 5.5  # what the headings take
TICK, LINE = 2 / 72, 0.8  # inches, and points
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
    figure, page = make_page(width, height)
    letters = 0.06 * max(len(shorten(name)) for name in names)
    for place, (kind, rows) in enumerate(kinds.items()):
        top = height - BAND * place - 0.06
        note = EXPLANATIONS[kind] if len(rows) else "there are none"
        page.text(0.1, top, f"{kind.capitalize()}: {note}", va="top", fontsize=10)
        bottom = height - BAND * (place + 1) + 0.25
        for column, row in enumerate(rows):
            left, own = 0.1 + COLUMN * column, str(label[row])
            frame = Frame(figure, page, left, bottom, IMAGE, IMAGE)
            draw_gray(frame, images[row])
            _write_title(frame, f"image {index[row]}\nlabel {shorten(own)}")
            left += IMAGE + 0.15 + letters
            frame = Frame(figure, page, left, bottom, COLUMN - IMAGE - 0.4 - letters, IMAGE)
            _draw_bars(frame, probabilities[row], names, names.index(own))
    return figure


def _write_title(frame: Frame, text: str) -> None:
    middle, bottom = frame.left + frame.width / 2, frame.bottom + frame.height + 0.08
    frame.page.text(middle, bottom, text, ha="center", va="baseline", fontsize=8)


def _draw_bars(
    frame: Frame, probabilities: NDArray[np.float64], names: Sequence[str], own: int
) -> None:
    """Draw bars and what axes have, as lines and texts of the page: sixteen axes take half a second."""
    best = int(probabilities.argmax())
    shown = _choose_bars(probabilities, own)
    colors = [RIGHT if place == own else WRONG if place == best else OTHER for place in shown]
    page, left, bottom = frame.page, frame.left, frame.bottom
    step = frame.height / (len(shown) + 0.8)
    y = bottom + frame.height - step * (np.arange(len(shown)) + 0.9)
    page.hlines(y, left, left + frame.width * probabilities[shown], colors, linewidth=0.8 * 72 * step)
    corner = left, bottom
    page.add_patch(Rectangle(corner, frame.width, frame.height, fill=False, linewidth=LINE))
    page.hlines(y, left - TICK, left, "black", linewidth=LINE)
    for place, name_y in zip(shown, y, strict=True):
        name = shorten(names[place])
        page.text(left - 0.07, name_y, name, ha="right", va="center_baseline", fontsize=6)
    x = left + frame.width * np.array([0, 0.5, 1])
    page.vlines(x, bottom - TICK, bottom, "black", linewidth=LINE)
    for tick_x, tick in zip(x, ("0.0", "0.5", "1.0"), strict=True):
        page.text(tick_x, bottom - 0.07, tick, ha="center", va="top", fontsize=6)
    _write_title(frame, f"read as {shorten(names[best])}\n({probabilities[best]:.3f})")


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
    errors = counts - np.diag(np.diag(counts))
    most = max(5, int(errors.max()))
    ticks = range(0, len(names), -(-len(names) // MOST_TICKS))
    shown = [shorten(names[tick]) for tick in ticks]
    is_upright = is_small and max(map(len, shown)) <= 3
    listed = [] if is_small else _list_confusions(errors, names)
    # Placed by hand, in inches: matplotlib's layout measures every text several times.
    side = max(SMALLEST_MATRIX, 0.58 * min(len(names), MOST_WRITTEN))
    left = 0.45 + measure_width(shown, 10)
    bottom, right = 0.6 if is_upright else left, left + side + 0.3
    end = right + 0.03 * side + 0.45 + 0.09 * len(str(most))
    page = end + measure_width(listed, 8) + 0.4 * bool(listed), bottom + side + 0.4
    figure = Figure(page, dpi=DPI)
    axes = add_axes(figure, left, bottom, side, side)
    coloured = np.where(np.eye(len(names), dtype=bool), np.nan, errors)
    artist = axes.imshow(coloured, cmap="Reds", vmin=0, vmax=most, interpolation="nearest")
    if is_small:
        _write_counts(axes, counts, most)
    axes.set(xticks=ticks, yticks=ticks, yticklabels=shown, xlabel="predicted", ylabel="label")
    axes.set_xticklabels(shown, rotation=0 if is_upright else 90)
    total, n_errors = int(counts.sum()), int(errors.sum())
    told = f"{n_errors:,} errors in {total:,} images"
    axes.set_title(f"Which class is taken for which: {told}", fontsize=11)
    beside = add_axes(figure, right, bottom + 0.1 * side, 0.027 * side, 0.8 * side)
    figure.colorbar(artist, beside, label="images classified wrongly", ticks=MaxNLocator(integer=True))
    x, y = (end + 0.2) / page[0], (bottom + side) / page[1]
    figure.text(x, y, "\n".join(listed), va="top", fontsize=8, linespacing=1.5)
    return figure


def _write_counts(axes: Axes, counts: NDArray[np.int64], most: int) -> None:
    for row, column in np.argwhere(counts):
        value = int(counts[row, column])
        text = axes.text(column, row, f"{value:,}", ha="center", va="center", fontsize=8)
        if row == column:
            text.set_fontweight("bold")
        elif value > 0.6 * most:
            text.set_color("white")


def _list_confusions(errors: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """Return lines of the largest numbers, to be written beside the matrix."""
    order = np.argsort(-errors, axis=None, kind="stable")[:MOST_LISTED]
    lines = [
        f"{shorten(names[row])} read as {shorten(names[column])}: {errors[row, column]:,}"
        for row, column in zip(*np.unravel_index(order, errors.shape), strict=True)
        if errors[row, column]
    ]
    return ["most often:", *lines] if lines else []
