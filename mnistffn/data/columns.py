"""Labels that are a column, or a row, of the matrix of the images."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.formats.variable import Variable
from mnistffn.data.labels import MOST_CLASSES, RawLabels, read_one_hot
from mnistffn.data.pair import Pair, Read
from mnistffn.data.pixels import FEWEST_PIXELS, correlate, measure_rows, take_sample

ONE_HOT = 10  # columns of one-hot labels, as Semeion has them
CLEAR = 0.2  # difference of correlations


class Place(NamedTuple):
    """Where labels lie in a matrix: the axis of the samples, first or last, and how many columns."""

    axis: int
    is_first: bool
    width: int


def find_label_column(variable: Variable, read: Read, wanted: str | None) -> list[Place]:
    """Return where labels lie beside the pixels: at one place, or at several that fit equally.

    What is left must be square images.

    Parameters
    ----------
    variable : Variable
    read : callable
    wanted : {"1", "end"} or None
        The column that the user named.
    """
    if len(variable.shape) != 2:
        return []
    found = []
    for axis in (0, 1):
        for width in (1, ONE_HOT):
            n_pixels = variable.shape[1 - axis] - width
            if n_pixels < FEWEST_PIXELS or round(n_pixels**0.5) ** 2 != n_pixels:
                continue
            places = [Place(axis, is_first, width) for is_first in (True, False)]
            if wanted is not None:
                places = [place for place in places if place.is_first == (wanted == "1")]
            found += [place for place in places if _holds_labels(variable, read, place)]
    return _prefer(variable, read, found) if len(found) > 1 else found


def drop_bias(variable: Variable, read: Read) -> Variable:
    """Return a matrix of square images without a first or last column, or row, of ones."""
    for axis, n in enumerate(variable.shape):
        if len(variable.shape) != 2 or not is_one_more_than_square(n):
            continue
        values = read(variable)
        for place, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
            if (np.take(values, place, axis=axis) == 1).all():
                kept = values[rest] if axis == 0 else values[:, rest]
                return replace(variable, shape=kept.shape, read=partial(np.asarray, kept))
    return variable


def is_one_more_than_square(n: int) -> bool:
    """Return whether so many columns are one more than a square image has pixels."""
    return n > FEWEST_PIXELS and round((n - 1) ** 0.5) ** 2 == n - 1


def take_label_column(part: str, variable: Variable, read: Read, place: Place) -> Pair:
    """Return the images without the labels among them, and the labels."""
    column, rest = _divide(variable, read, place)
    line = "column" if place.axis == 0 else "row"
    where = "first" if place.is_first else "last"
    lines = f"{place.width} {line}s" if place.width > 1 else line
    labels = RawLabels.of(variable, column, f"{where} {lines} of {variable.name}")
    return Pair(part, str(variable), rest, labels)


def _divide(variable: Variable, read: Read, place: Place) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the columns of labels, and those of pixels, the samples first."""
    values = np.moveaxis(read(variable), place.axis, 0)
    if place.is_first:
        return values[:, : place.width], values[:, place.width :]
    return values[:, -place.width :], values[:, : -place.width]


def _holds_labels(variable: Variable, read: Read, place: Place) -> bool:
    column, _ = _divide(variable, read, place)
    if place.width > 1:
        return read_one_hot(column) is not None
    values = column[:, 0]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return False
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        return False
    return 2 <= len(np.unique(values)) <= min(MOST_CLASSES, max(2, len(values) // 2))


def _prefer(variable: Variable, read: Read, places: list[Place]) -> list[Place]:
    """Return the place that its neighbours say least of: those of a pixel say much of it."""
    likeness = []
    for place in places:
        column, rest = _divide(variable, read, place)
        side = round(rest.shape[1] ** 0.5)
        beside = rest[:, [0, side - 1]] if place.is_first else rest[:, [-1, -side]]
        column = column.argmax(axis=1)[:, None] if place.width > 1 else column
        own = max(abs(correlate(column[:, 0], beside[:, k])) for k in (0, 1))
        rows = measure_rows(take_sample(rest).astype(np.float64), side)
        likeness.append(own - rows)  # pixels that are left lie in straight rows
    order = np.argsort(likeness)
    if likeness[order[1]] - likeness[order[0]] < CLEAR:
        return places
    return [places[int(order[0])]]
