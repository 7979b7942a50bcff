"""How the images of a data set lie in their frames, so that another can be laid there alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.pixels import take_sample

MEASURED = 600  # images
LIT = 0.05  # of the brightest pixel of an image
USUAL, COMMON = (0.02, 0.98), (0.1, 0.9)  # quantiles between which nearly all, or most images are


@dataclass(frozen=True)
class Frame:
    """What the images of a data set have in common.

    Attributes
    ----------
    shape : (int, int)
        Height and width of an image.
    box : (int, int)
        Height and width of a box that holds the ink of nearly every image: 20 by 20 in MNIST.
    aspects : (float, float)
        Width over height of the ink, from narrow to wide images.
    centring : {"mass", "box"}
        What lies in the same place in all images: the centre of mass of the ink, or its box's.
    centre : (float, float)
        Where that is, in pixels from the middle of the upper left pixel.
    thickness : (float, float)
        Of the strokes, in pixels, of thin and of thick images: see :func:`measure_thickness`.
    ink : (float, float)
        How many pixels at full brightness an image's ink is, where there is little and where much.
    peak : int
        Brightness of the brightest pixel of most images.
    """

    shape: tuple[int, int]
    box: tuple[int, int]
    aspects: tuple[float, float]
    centring: str
    centre: tuple[float, float]
    thickness: tuple[float, float]
    ink: tuple[float, float]
    peak: int

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> "Frame":
        """Measure some of the images (n, height, width)."""
        sample = take_sample(images, MEASURED).astype(np.float32)
        sample = sample[sample.any(axis=(1, 2))]
        peaks = sample.max(axis=(1, 2))
        tops, lefts, heights, widths = find_boxes(sample)
        middles = np.stack([tops + (heights - 1) / 2, lefts + (widths - 1) / 2])
        masses = find_masses(sample)
        is_by_mass = masses.std(axis=1).sum() < middles.std(axis=1).sum()
        centre = (masses if is_by_mass else middles).mean(axis=1)
        thickness = [measure_thickness(image) for image in sample]
        return cls(
            shape=(images.shape[1], images.shape[2]),
            box=(round(float(np.quantile(heights, 0.95))), round(float(np.quantile(widths, 0.95)))),
            aspects=_find_range(widths / heights, USUAL),
            centring="mass" if is_by_mass else "box",
            centre=(float(centre[0]), float(centre[1])),
            thickness=_find_range(np.array(thickness), COMMON),
            ink=_find_range(sample.sum(axis=(1, 2)) / peaks, COMMON),
            peak=int(np.median(peaks)),
        )


def find_boxes(images: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return top, left, height and width of what is lit in every image (n, height, width): (4, n)."""
    lit = images > LIT * images.max(axis=(1, 2), keepdims=True)
    found = []
    for axis in (2, 1):
        there = lit.any(axis=axis)
        first = there.argmax(axis=1)
        found.append((first, there.shape[1] - there[:, ::-1].argmax(axis=1) - first))
    (tops, heights), (lefts, widths) = found
    return np.stack([tops, lefts, heights, widths])


def find_masses(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return row and column of the centre of mass of every image (n, height, width): (2, n)."""
    total = images.sum(axis=(1, 2), dtype=np.float64)
    down = (images.sum(axis=2) @ np.arange(images.shape[1])) / total
    across = (images.sum(axis=1) @ np.arange(images.shape[2])) / total
    return np.stack([down, across])


def measure_thickness(image: NDArray[np.floating]) -> float:
    """Return the mean thickness of the strokes of an image (height, width), in pixels.

    A stroke of length l and thickness t has an area of l t and, about it, an edge of 2 l. Edges are
    measured by their gradient, so that it does not matter how sharp they are.

    Examples
    --------
    >>> image = np.zeros((20, 20))
    >>> image[2:18, 8:12] = 1
    >>> round(measure_thickness(image), 1)
    3.2
    """
    padded = np.pad(image, 1).astype(np.float64)
    down, across = np.diff(padded, axis=0)[:, :-1], np.diff(padded, axis=1)[:-1]
    edge = float(np.hypot(down, across).sum())
    return 2 * float(image.sum()) / edge if edge else 0.0


def _find_range(values: NDArray[np.floating], quantiles: tuple[float, float]) -> tuple[float, float]:
    low, high = np.quantile(values, quantiles)
    return float(low), float(high)
