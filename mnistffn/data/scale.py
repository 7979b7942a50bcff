"""Between which values the pixels of a file lie, and how they become bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.pixels import NEAR, SAMPLE, take_sample
from mnistffn.errors import DataError

CHUNK = 4096
CACHED = 1 << 16  # numbers that stay in a processor's cache
LARGEST_VALUE = 1e9
STRAY = 3  # pixels that may be beyond a scale, in few images
BEYOND = 0.25  # of the range: what lies further outside is told


@dataclass(frozen=True)
class Scale:
    """Between which values the pixels lie.

    Attributes
    ----------
    low, high : float
        What becomes 0 and 255.
    found : (float, float)
        The lowest and the highest value of the file.
    reason : str
        What told.
    """

    low: float
    high: float
    found: tuple[float, float]
    reason: str

    def __str__(self) -> str:
        low, high = self.found
        taken = f"{self.high:g}" if not self.low else f"{self.low:g} to {self.high:g}"
        return f"{low:g} to {high:g} of {taken}"


def find_scale(source: str, variables: str, parts: Sequence[NDArray[Any]]) -> Scale:
    """Tell between which values the pixels of all parts lie.

    The bulk of the pixels tells, not the extremes: one pixel just above 1 does not make images of
    [0, 1] ones of [0, 255].

    Raises
    ------
    DataError
        There are pixels that are no numbers, or all are equal.
    """
    for part in parts:
        if part.dtype.kind == "f":
            low, high = float(part.min()), float(part.max())
            if not np.isfinite([low, high]).all():
                broken = sum(int(np.sum(~np.isfinite(chunk))) for chunk in _chunks(part))
                msg = f"{source}: {variables} holds pixels that are NaN or infinite: {broken} of them"
                raise DataError(msg)
    found = float(min(part.min() for part in parts)), float(max(part.max() for part in parts))
    if max(map(abs, found)) > LARGEST_VALUE:
        msg = f"{source}: {variables} has values from {found[0]:g} to {found[1]:g}: these are no pixels"
        raise DataError(msg)
    if found[0] == found[1]:
        msg = f"{source}: {variables} has values from {found[0]:g} to {found[1]:g}: all are equal"
        raise DataError(msg)
    sample = np.concatenate([take_sample(part).ravel() for part in parts])
    stray = max(1e-4, STRAY / sample.size)
    bulk = np.quantile(sample, [stray, 1 - stray], method="nearest")
    low, high, reason = _recognise(float(bulk[0]), float(bulk[1]), found, sample)
    return Scale(low, high, found, reason)


def _recognise(
    low: float, high: float, found: tuple[float, float], sample: NDArray[Any]
) -> tuple[float, float, str]:
    """Return the scale that the bulk of the values, from ``low`` to ``high``, speaks of."""
    kind = sample.dtype.kind
    is_whole = kind in "ui" or bool(np.array_equal(sample, np.rint(sample)))
    if is_whole and (low, high) == (0, 1):
        return 0, 1, "binary"
    if low >= 0 and is_whole and 128 <= high <= 255:
        return 0, 255, "whole numbers up to 255"
    if is_whole and low >= 0 and (1 < high <= 16 or high in (31, 63, 100, 127)):
        return 0, high, f"whole numbers up to {high:g}, taken as white"
    if sample.dtype == np.uint8 and high > 16:
        return 0, 255, f"bytes, the brightest {high:g}"
    if not is_whole and low >= -BEYOND and 0.6 <= high <= 1 + BEYOND:
        return (
            0,
            1,
            "[0, 1]" if low >= 0 and high <= 1 else "[0, 1] and a little beyond, as from resizing",
        )
    if -1 - BEYOND <= low <= -0.6 and 0.6 <= high <= 1 + BEYOND:
        return -1, 1, "[-1, 1]"
    if not is_whole and low >= -255 * BEYOND and 128 < high <= 255 * (1 + BEYOND):
        return 0, 255, "[0, 255] in fractions"
    if is_whole and low >= 0 and 32768 <= high <= 65535:
        return 0, 65535, "whole numbers of 16 bits"
    if low < high and found[1] - found[0] > 2 * (high - low):
        return low, high, "its own lowest and highest values, but for a few"
    return *found, "its own lowest and highest values"


def fits(found: tuple[float, float], low: float, high: float) -> bool:
    """Return whether values that go from one to the other of ``found`` may be of a scale."""
    margin = BEYOND * (high - low)
    return found[0] >= low - margin and low + NEAR * (high - low) < found[1] <= high + margin


def is_standardised(pixels: NDArray[Any]) -> bool:
    """Return whether every pixel that varies has mean 0 and standard deviation 1 over the images."""
    if len(pixels) < 50:
        return False
    sample = take_sample(pixels).reshape(min(len(pixels), SAMPLE), -1).astype(np.float64)
    spread, mean = sample.std(axis=0), sample.mean(axis=0)
    varies = spread > 1e-6
    usual = (np.abs(mean[varies]) < 0.25) & (np.abs(spread[varies] - 1) < 0.5)
    return bool(usual.mean() > 0.9)


def scale_pixels(pixels: NDArray[Any], scale: Scale) -> NDArray[np.uint8]:
    """Return pixels as uint8, chunk by chunk: MNIST in float64 takes 376 MB as it is."""
    if pixels.dtype == np.uint8 and (scale.low, scale.high) == (0, 255):
        return np.ascontiguousarray(pixels)
    if pixels.flags.f_contiguous and not pixels.flags.c_contiguous:  # as MATLAB has it
        return np.ascontiguousarray(scale_pixels(pixels.T, scale).T)
    scaled = np.empty(pixels.shape, np.uint8)
    factor = 255 / (scale.high - scale.low)
    cuts = scale.found[0] < scale.low or scale.found[1] > scale.high
    step = max(1, CACHED // max(1, pixels[0].size))
    for start in range(0, len(pixels), step):
        values = np.multiply(pixels[start : start + step] - scale.low, factor, dtype=np.float64)
        if cuts:
            np.clip(values, 0, 255, out=values)
        scaled[start : start + step] = np.rint(values, out=values)
    return scaled


def count_beyond(parts: Sequence[NDArray[Any]], scale: Scale) -> int:
    """Return how many pixels lie far outside of a scale, so that much of them is cut off."""
    margin = BEYOND * (scale.high - scale.low)
    low, high = scale.low - margin, scale.high + margin
    if scale.found[0] >= low and scale.found[1] <= high:
        return 0
    return sum(int(((c < low) | (c > high)).sum()) for part in parts for c in _chunks(part))


def _chunks(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
