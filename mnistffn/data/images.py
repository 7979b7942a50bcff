"""From the arrays of a file to images of one size and scale, with bright ink."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Layout
from mnistffn.data.orientation import BOTH
from mnistffn.data.pair import Pair
from mnistffn.data.pixels import (
    ALIKE,
    SHARE_OF_BACKGROUND,
    Background,
    Polarity,
    find_row_length,
    measure_rows,
    take_sample,
)
from mnistffn.data.scale import (
    Scale,
    count_beyond,
    find_scale,
    fits,
    is_standardised,
    scale_pixels,
)
from mnistffn.errors import DataError

USUAL_SCALES = {(0, 1), (0, 255), (-1, 1), (0, 65535)}


@dataclass(frozen=True)
class Images:
    """The images of all parts, and how they were read.

    Attributes
    ----------
    values : ndarray of shape (n, a, b), uint8
        Ink bright, not yet turned.
    form : {"rows", "axes"}
    orientations : tuple of str
        Those that are possible.
    reason : str
        Why no other is.
    scale : Scale
    polarity, polarity_evidence : str
    warnings : list of str
    """

    values: NDArray[np.uint8]
    form: str
    orientations: Sequence[str]
    reason: str
    scale: Scale
    polarity: str
    polarity_evidence: str
    warnings: list[str]


def read_images(
    source: str,
    pairs: Sequence[Pair],
    *,
    orientation: str,
    polarity: Polarity,
    image_shape: tuple[int, int] | None,
    is_named: bool,
    known: Layout | None,
) -> Images:
    """Bring the images of all parts into one array.

    Parameters
    ----------
    source : str
        The file, for messages.
    pairs : sequence of Pair
    orientation, polarity, image_shape
        What was asked for.
    is_named : bool
        Whether the user named the images: then they are read whatever they look like.
    known : Layout or None
        How the data of the run were read.

    Raises
    ------
    DataError
        These are no images, or it cannot be told how they lie.
    """
    arrays = [pair.pixels for pair in pairs]
    names = ", ".join(dict.fromkeys(pair.images for pair in pairs))
    if len({array.shape[1:] for array in arrays}) > 1 or arrays[0].ndim not in (2, 3):
        shapes = ", ".join(f"{pair.images} as {pair.pixels.shape}" for pair in pairs)
        msg = f"{source}: these are not images of one size, grey or of three colours: {shapes}"
        raise DataError(msg)
    warnings: list[str] = []
    scale = _settle_scale(source, names, arrays, known, warnings)
    shape = arrays[0].shape[1:]
    orientations: Sequence[str] = BOTH
    reason = "follows from --image-shape"
    if all(pair.is_upright for pair in pairs) and orientation == "auto":
        orientations, reason = BOTH[:1], "pictures lie as they are seen"
    elif len(shape) == 1:
        length, orientations = _settle_rows(source, arrays, orientation, image_shape)
        shape = (shape[0] // length, length)
    scales = _settle_scales_of_parts(source, names, pairs, scale, warnings)
    scaled = [scale_pixels(array, own) for array, own in zip(arrays, scales, strict=True)]
    flat = scaled[0] if len(scaled) == 1 else np.concatenate(scaled)
    values = flat.reshape(len(flat), *shape)
    if not values.any() or (values == values.flat[0]).all():
        low, high = scale.found
        msg = f"{source}: {names} has values from {low:g} to {high:g}: all images are blank"
        raise DataError(msg)
    background = Background.of(values)
    if problem := _question(background, names, scale):
        if not is_named and (background.is_photograph or scale.low < 0):
            msg = f"{source}: {problem}; to read them anyway, name them with --images"
            raise DataError(msg)
        warnings.append(problem)
    if background.is_framed:
        warnings.append(
            f"the border of {names} is unlike what lies within it: which is the background?"
        )
    found, evidence = _settle_polarity(source, background, polarity, known, warnings)
    for part in scaled:
        own_background = Background.of(part.reshape(len(part), *shape))
        is_clear = own_background.share > SHARE_OF_BACKGROUND
        if own_background.is_bright != background.is_bright and is_clear:
            msg = f"{source}: in some parts of {names} ink is bright, in others dark: make them alike"
            raise DataError(msg)
    values = 255 - values if found == "dark" else values
    form = "rows" if arrays[0].ndim == 2 else "axes"
    return Images(values, form, orientations, reason, scale, found, evidence, warnings)


def _settle_scale(
    source: str, names: str, arrays: Sequence[NDArray[Any]], known: Layout | None, warnings: list[str]
) -> Scale:
    scale = find_scale(source, names, arrays)
    if scale.low < 0 and any(is_standardised(array) for array in arrays):
        msg = (
            f"{source}: in {names} every pixel was standardised by itself, and without its mean and "
            f"spread nobody can tell what it showed: give the images as they were"
        )
        raise DataError(msg)
    if known is not None:
        low, high = known.scale
        if fits(scale.found, low, high):
            scale = Scale(low, high, scale.found, "the run's")
        elif (scale.low, scale.high) != (low, high):
            warnings.append(
                f"the values of {source} are {scale.found[0]:g} to {scale.found[1]:g}, those of the "
                f"run's data {low:g} to {high:g}: each is read by itself"
            )
    if cut := count_beyond(arrays, scale):
        warnings.append(
            f"{cut:,} pixels lie far outside of {scale.low:g} to {scale.high:g} and are cut off: the "
            f"values go from {scale.found[0]:g} to {scale.found[1]:g}"
        )
    return scale


def _settle_scales_of_parts(
    source: str, names: str, pairs: Sequence[Pair], scale: Scale, warnings: list[str]
) -> list[Scale]:
    """Return the scale of every part: that of all, unless they are plainly of different ones."""
    own = [find_scale(source, names, [pair.pixels]) for pair in pairs]
    usual = {(one.low, one.high) for one in own}
    if len(usual) == 1 or not usual <= USUAL_SCALES:
        return [scale] * len(pairs)
    shown = ", ".join(f"{pair.part} {one}" for pair, one in zip(pairs, own, strict=True))
    warnings.append(f"the parts of {source} have different scales, each is read by its own: {shown}")
    return own


def _settle_rows(
    source: str,
    arrays: Sequence[NDArray[Any]],
    orientation: str,
    image_shape: tuple[int, int] | None,
) -> tuple[int, Sequence[str]]:
    """Return how long the lines of an image's pixels are, and which orientations are possible."""
    n_pixels = arrays[0].shape[1]
    if image_shape is None:
        return find_row_length(source, arrays[0]), BOTH
    height, width = image_shape
    if height * width != n_pixels:
        msg = f"{source}: images of {n_pixels} pixels are not {height}x{width}"
        raise DataError(msg)
    if height == width:
        return width, BOTH
    if orientation != "auto":
        return (width if orientation == "row-major" else height), BOTH
    sample = take_sample(arrays[0]).astype(np.float64)
    if measure_rows(sample, width) >= measure_rows(sample, height):
        return width, BOTH[:1]
    return height, BOTH[1:]


def _question(background: Background, names: str, scale: Scale) -> str | None:
    """Return why one may doubt that these are images of ink."""
    if background.is_photograph:
        return (
            f"{names} looks like photographs, or like pixels that were centred one by one: the images "
            f"share no dark or bright background ({background.share:.0%} of the border is alike)"
        )
    if background.likeness < ALIKE / 2:
        return f"pixels of {names} that lie beside each other are not alike, as in images they are"
    return None


def _settle_polarity(
    source: str,
    background: Background,
    requested: Polarity,
    known: Layout | None,
    warnings: list[str],
) -> tuple[str, str]:
    """Return whether the ink is bright or dark in the file, and what told."""
    if requested != "auto":
        return requested, "given"
    found = "dark" if background.is_bright else "bright"
    shown = f"{background.share:.0%} of the border is {'bright' if background.is_bright else 'dark'}"
    if known is not None and known.polarity != found:
        warnings.append(
            f"the ink of {source} is {found}, for {shown}; that of the run's data is {known.polarity}"
        )
    return found, shown
