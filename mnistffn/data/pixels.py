"""What arrays say of themselves as images: how pixels lie, how alike they are, what is background."""

from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistffn.errors import DataError

Polarity = Literal["auto", "bright", "dark"]

FEWEST_PIXELS = 36
MOST_PIXELS = 1_000_000
LONGEST = 3  # side over side of an image
SAME_COLOUR = 0.95  # correlation of the colours of grey images
SAMPLE = 1000  # images that statistics are taken from
ALIKE = 0.3  # correlation of neighbours, from which on pixels make an image
SHARE_OF_BACKGROUND = 0.45  # of the border: ink has 0.76 or more, photographs 0.3 or less
SHARE_OF_EXTREMES = 0.45  # of all pixels: ink has 0.6 or more, photographs 0.3 or less
GREY = (0.25, 0.75)  # of the range: no background of ink
NEAR = 0.15  # of the range: as good as the background


def put_samples_first(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return arrays with the samples along the first axis, and no axis of length 1 beside it.

    An axis that is not there counts a single sample. Colours become grey: the mean of three channels.
    """
    moved = values[None] if axis == values.ndim else np.moveaxis(values, axis, 0)
    sides = [length for length in moved.shape[1:] if length > 1]
    moved = moved.reshape(len(moved), *sides) if sides else moved.reshape(len(moved), -1)
    if moved.ndim == 2:
        return _join_colours(moved)
    if moved.ndim == 4:
        channels = [place for place in (1, 3) if moved.shape[place] == 3]
        if channels:
            return np.asarray(moved.mean(axis=channels[-1]))
    return np.asarray(moved)


def _join_colours(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows (n, pixels) as they are, or grey if they hold three colours that are much alike."""
    n_pixels = rows.shape[1] // 3
    if rows.shape[1] % 3 or round(n_pixels**0.5) ** 2 != n_pixels or n_pixels < FEWEST_PIXELS:
        return rows
    sample = take_sample(rows).astype(np.float64)
    for shape, axis in (((3, n_pixels), 1), ((n_pixels, 3), 2)):
        colours = np.moveaxis(sample.reshape(-1, *shape), axis, 0)
        if min(correlate(colours[0], colours[1]), correlate(colours[1], colours[2])) > SAME_COLOUR:
            return np.asarray(rows.reshape(-1, *shape).mean(axis=axis))
    return rows


def take_sample(pixels: NDArray[Any], count: int = SAMPLE) -> NDArray[Any]:
    """Return some of the images."""
    if len(pixels) <= count:
        return pixels
    return np.asarray(pixels[draw_rows(len(pixels), count)])


def draw_rows(n: int, count: int) -> NDArray[np.int64]:
    """Return some of ``n`` rows, always the same; at random, for labels may come in a regular order."""
    return np.sort(np.random.default_rng(0).permutation(n)[:count])


def list_row_lengths(n_pixels: int) -> list[int]:
    """Return how long the rows of an image of so many pixels may be.

    Examples
    --------
    >>> list_row_lengths(64), list_row_lengths(320)
    ([8], [16, 20])
    """
    if not 4 <= n_pixels <= MOST_PIXELS:
        return []
    shortest, longest = ceil(sqrt(n_pixels / LONGEST)), floor(sqrt(n_pixels * LONGEST))
    found = [length for length in range(max(2, shortest), longest + 1) if n_pixels % length == 0]
    square = [length for length in found if length * length == n_pixels]
    return [*square, *(length for length in found if length not in square)]


def measure_rows(sample: NDArray[Any], length: int) -> float:
    """Return how alike pixels beneath each other are if rows have this length: a correlation."""
    return correlate(sample[:, length:], sample[:, :-length])


def find_row_length(source: str, pixels: NDArray[Any]) -> int:
    """Return the length of the lines in which the pixels (n, pixels) of an image lie.

    Raises
    ------
    DataError
        There is no telling.
    """
    n_pixels = pixels.shape[1]
    lengths = list_row_lengths(n_pixels)
    if not lengths:
        msg = f"{source}: {n_pixels} pixels are neither a square nor another image: give --image-shape"
        raise DataError(msg)
    if len(lengths) == 1:
        return lengths[0]
    sample = take_sample(pixels).astype(np.float64)
    likeness = [measure_rows(sample, length) for length in lengths]
    best = int(np.argmax(likeness))
    if lengths[0] ** 2 == n_pixels and likeness[0] >= likeness[best] - 0.1:
        return lengths[0]
    others = [value for place, value in enumerate(likeness) if place != best]
    if likeness[best] < ALIKE or likeness[best] - max(others) < 0.05:
        shapes = " or ".join(f"{n_pixels // length}x{length}" for length in lengths)
        msg = f"{source}: images of {n_pixels} pixels may be {shapes}: say which with --image-shape"
        raise DataError(msg)
    return lengths[best]


def is_image_like(pixels: NDArray[Any]) -> bool:
    """Return whether neighbouring pixels are alike, as they are in images."""
    sample = take_sample(pixels, 200).astype(np.float64)
    if not np.isfinite(sample).all():
        return False
    if sample.ndim > 2:
        return correlate(sample[:, 1:], sample[:, :-1]) >= ALIKE
    lengths = list_row_lengths(sample.shape[1])
    return any(measure_rows(sample, length) >= ALIKE for length in lengths)


def lacks_mean(pixels: NDArray[Any], mean: NDArray[Any]) -> bool:
    """Return whether a mean image was taken from images, so that adding it gives them back.

    They have no mean of their own then; with it, what was dark is so again, also where the mean is not.
    """
    sample = take_sample(pixels).astype(np.float64)
    there = mean > 0.05 * mean.max()
    if not there.any() or np.abs(sample.mean(axis=0))[there].mean() > 0.1 * mean[there].mean():
        return False
    whole = sample + mean
    reach = whole.max()
    is_dark = np.abs(whole[:, there]) < 0.004 * reach
    return bool(whole.min() > -0.01 * reach and is_dark.mean() > 0.2)


@dataclass(frozen=True)
class Background:
    """What the border of the images shows.

    Attributes
    ----------
    level : float in [0, 1]
        Median of the border's pixels.
    share : float
        Part of the border that is near it.
    likeness : float
        Correlation of neighbouring pixels.
    contrast : float
        Part of all pixels that are nearly black or nearly white.
    is_framed : bool
        Whether the pixels just inside of the border are the opposite of it.
    """

    level: float
    share: float
    likeness: float
    contrast: float
    is_framed: bool

    @property
    def is_bright(self) -> bool:
        """Whether ink is dark."""
        return self.level > 0.5

    @property
    def is_photograph(self) -> bool:
        """Whether there are images, but neither black and white nor on a background of their own."""
        has_none = self.share < SHARE_OF_BACKGROUND or GREY[0] < self.level < GREY[1]
        return self.likeness > 0.5 and has_none and self.contrast < SHARE_OF_EXTREMES

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> "Background":
        """Measure images (n, height, width)."""
        sample = take_sample(images).astype(np.float32) / 255
        is_border = np.ones(sample.shape[1:], bool)
        is_border[1:-1, 1:-1] = False
        border = sample[:, is_border]
        level = float(np.median(border))
        share = float((np.abs(border - level) < NEAR).mean())
        down = correlate(sample[:, 1:], sample[:, :-1])
        across = correlate(sample[:, :, 1:], sample[:, :, :-1])
        is_framed = False
        if min(sample.shape[1:]) > 4:
            inner = np.zeros(sample.shape[1:], bool)
            inner[1:-1, 1:-1] = True
            inner[2:-2, 2:-2] = False
            is_framed = abs(level - float(np.median(sample[:, inner]))) > 0.5
        contrast = float(((sample < NEAR) | (sample > 1 - NEAR)).mean())
        return cls(level, share, max(down, across), contrast, is_framed)


def correlate(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the correlation of two arrays of one shape, 0 where one does not vary."""
    if not a.size:
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.corrcoef(a.ravel(), b.ravel())[0, 1]))
