"""Images of a file with their labels, and which axis of an array may count them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import names
from mnistffn.data.formats.variable import LARGEST_ITEM, Variable
from mnistffn.data.labels import RawLabels
from mnistffn.data.pixels import FEWEST_PIXELS, correlate, lacks_mean, list_row_lengths, take_sample

WHOLE = "all"
SETS = {1: "train", 2: "validation", 3: "test"}  # as MatConvNet has it
COPIED = 0.9999  # correlation
Read = Callable[[Variable], NDArray[Any]]


@dataclass(frozen=True)
class Pair:
    """Images with their labels.

    Attributes
    ----------
    part : {"train", "validation", "test", "all"}
    images : str
        What they were read from, with the shape.
    pixels : ndarray of shape (n, pixels) or (n, a, b)
        As the file has them, but for the samples, which come first.
    raw_labels : RawLabels
    is_upright : bool
        Whether the images lie upright for certain.
    """

    part: str
    images: str
    pixels: NDArray[Any]
    raw_labels: RawLabels
    is_upright: bool = False

    @property
    def labels(self) -> str:
        """What the labels were read from."""
        return self.raw_labels.description

    def take(self, rows: NDArray[np.int64], part: str, variable: str) -> "Pair":
        """Return those that belong to a part, as a variable says."""
        labels = self.raw_labels.take(rows, f"{self.labels}, parts by {variable}")
        return Pair(part, self.images, self.pixels[rows], labels, self.is_upright)


def may_be_images(variable: Variable) -> bool:
    """Return whether a variable has numbers in at least two axes, or was a cell of such."""
    sides = [length for length in variable.shape if length > 1]
    return variable.kind == "numbers" and len(sides) >= 2 and variable.size >= FEWEST_PIXELS


def can_be_image(n_pixels: int) -> bool:
    """Return whether so many pixels are a square, or a rectangle that is not too long."""
    return n_pixels >= FEWEST_PIXELS and bool(list_row_lengths(n_pixels))


def find_axes(variable: Variable, n: int) -> list[int]:
    """Return the axes that may count ``n`` samples, so that enough pixels are left for an image."""
    if variable.is_stack:
        return [0] if variable.shape[0] == n else []
    if n < 1 or variable.size % n or not can_be_image(variable.size // n):
        return []
    axes = [axis for axis, length in enumerate(variable.shape) if length == n]
    if n == 1:  # a single image, with or without an axis that counts it
        axes = (axes or [len(variable.shape)])[-1:]
        return axes if variable.size <= LARGEST_ITEM else []
    return axes


def add_mean(
    pixels: NDArray[Any], variable: Variable, variables: Sequence[Variable], read: Read
) -> NDArray[Any]:
    """Return images with the mean image that was taken from them, where the file has it beside."""
    if pixels.dtype.kind != "f" or pixels.min() >= 0:
        return pixels
    folder = variable.name.rpartition(".")[0]
    for other in variables:
        is_near = other.name.rpartition(".")[0] == folder and other.kind == "numbers"
        if is_near and names.says(other.name, names.MEANS) and other.size == pixels[0].size:
            mean = read(other).reshape(pixels[0].shape).astype(pixels.dtype)
            if lacks_mean(pixels, mean):
                return np.asarray(pixels + mean)
    return pixels


def drop_copies(candidates: Sequence[Variable], read: Read) -> list[Variable]:
    """Return variables without those that hold the images of another, in another form or scale."""
    kept: list[Variable] = []
    for variable in sorted(candidates, key=lambda v: -len(v.shape)):
        if not any(_are_copies(variable, other, read) for other in kept):
            kept.append(variable)
    return kept


def _are_copies(variable: Variable, other: Variable, read: Read) -> bool:
    if variable.size != other.size or variable.shape[0] != other.shape[0]:
        return False
    first, second = (take_sample(read(v)).reshape(-1).astype(float) for v in (variable, other))
    return correlate(first, second) > COPIED


def divide_by_set(pair: Pair, variables: Sequence[Variable], read: Read) -> list[Pair]:
    """Return images in the parts that a vector named ``set`` tells, if there is one."""
    for variable in variables:
        is_set = names.says(variable.name, names.SETS) and variable.kind == "numbers"
        if not is_set or variable.size != len(pair.pixels):
            continue
        sets = read(variable).ravel()
        values = np.unique(sets).tolist()
        if len(values) > 1 and set(values) <= set(SETS):
            return [pair.take(np.flatnonzero(sets == v), SETS[v], variable.name) for v in values]
    return [pair]
