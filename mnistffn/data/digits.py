"""Comparing images with upright digits, to tell which way up they lie and what their labels mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import builtin_digits
from mnistffn.data.labels import MEANINGS
from mnistffn.data.pixels import draw_rows

SIDE = 8
NEIGHBOURS = 5
COMPARED = 1000  # images
# Of MNIST and USPS the neighbours read 0.6 and 0.7 upright, 0.15 and 0.2 transposed.
SMALLEST_PART_READ = 0.35
SMALLEST_OF_CLASS, MANY = 0.12, 8  # of each class of so many images
SIGNIFICANT = 3.0  # standard deviations of a sign test
CLEAR = 3  # times as many images for as against


# All ways to lay a square upon itself; the first two are those in which files are kept.
TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "row-major": lambda x: x,
    "column-major": lambda x: x.mT,
    "mirrored": lambda x: x[..., ::-1],
    "upside down": lambda x: x[..., ::-1, :],
    "turned by half": lambda x: x[..., ::-1, ::-1],
    "turned left": lambda x: x.mT[..., ::-1],
    "turned right": lambda x: x.mT[..., ::-1, :],
    "mirrored along the other diagonal": lambda x: x.mT[..., ::-1, ::-1],
}


@dataclass(frozen=True)
class Reading:
    """One way to read images and labels, and how well it went.

    Attributes
    ----------
    orientation : str
        One of :data:`TURNS`.
    meaning : one of MEANINGS
    right : ndarray of shape (n,), bool
        Images in which the nearest built-in digits agree with the label.
    labels : ndarray of shape (n,), int64
        As the file has them.
    """

    orientation: str
    meaning: str
    right: NDArray[np.bool_]
    labels: NDArray[np.int64]

    @property
    def tells(self) -> bool:
        """Whether so many images are read, also of every class, that these are digits."""
        classes, counts = np.unique(self.labels, return_counts=True)
        parts = [self.right[self.labels == label].mean() for label in classes[counts >= MANY]]
        return self.part >= SMALLEST_PART_READ and min(parts, default=1.0) >= SMALLEST_OF_CLASS

    @property
    def part(self) -> float:
        """Part of the images that are read rightly."""
        return float(self.right.mean())

    def beats(self, other: "Reading") -> bool:
        """Return whether it is better than another one beyond chance: a sign test."""
        wins, losses = int((self.right & ~other.right).sum()), int((other.right & ~self.right).sum())
        clear = wins >= CLEAR * losses
        return clear and wins - losses >= SIGNIFICANT * max(wins + losses, 1) ** 0.5


def compare_with_digits(
    images: NDArray[np.uint8], labels: NDArray[np.int64], meanings: Sequence[str]
) -> list[Reading]:
    """Read images as they are and transposed by their nearest neighbours among the built-in digits.

    Class means would do for thousands of images of all classes; single images tell with a few dozen,
    and leave open what zeros and fours alone cannot tell.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), uint8, ink bright
    labels : ndarray of shape (n,), int64
    meanings : sequence of str
        What the labels may mean.

    Returns
    -------
    list of Reading
        One for every orientation and meaning, the best first.

    Notes
    -----
    Nobody stores images rotated or mirrored on purpose; but such must not be taken for upright ones.
    """
    rows = draw_rows(len(images), COMPARED)
    some, their_labels = images[rows], labels[rows]
    grids = shrink(some)
    read = {name: _read(turn(grids)) for name, turn in TURNS.items()}
    readings = [
        Reading(orientation, meaning, digits == MEANINGS[meaning](their_labels), their_labels)
        for orientation, digits in read.items()
        for meaning in meanings
    ]
    return sorted(readings, key=lambda reading: -reading.right.sum())


def shrink(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what is lit in images (n, height, width), centred and shrunk to (n, 8, 8), of norm 1."""
    grids = np.zeros((len(images), SIDE, SIDE), np.float32)
    for place, image in enumerate(images):
        lit = image > 0.2 * image.max()
        rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
        if not len(rows):
            continue
        ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
        side = max(ink.shape)
        down, across = (_average(length, side) for length in ink.shape)
        grid = down @ ink @ across.T
        grids[place] = grid / np.linalg.norm(grid)
    return grids


@cache
def _average(length: int, side: int) -> NDArray[np.float32]:
    """Return the map that averages ``length`` pixels, centred in ``side``, over 8 equal stretches."""
    edges = np.linspace(0, side, SIDE + 1) - (side - length) // 2
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (overlap.clip(min=0) * SIDE / side).astype(np.float32)


@cache
def _reference() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = builtin_digits()
    return shrink(digits.images).reshape(len(digits.images), -1), digits.labels


def _read(grids: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the digit that most of the five nearest built-in digits are."""
    references, digits = _reference()
    likeness = np.ascontiguousarray(grids).reshape(len(grids), -1) @ references.T
    nearest = digits[np.argpartition(-likeness, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]]
    votes = np.stack([(nearest == digit).sum(axis=1) for digit in range(10)], axis=1)
    return np.asarray(votes.argmax(axis=1))
