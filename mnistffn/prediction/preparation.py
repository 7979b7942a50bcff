"""A picture as the network takes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.frame import Frame
from mnistffn.data.laying import lay_out
from mnistffn.data.photograph import find_shape
from mnistffn.data.pixels import Polarity
from mnistffn.errors import DataError
from mnistffn.prediction.pictures import Picture


class EmptyPageError(DataError):
    """Nothing is drawn in a picture."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture, and what the network sees of it.

    Attributes
    ----------
    picture : Picture
    image : ndarray of shape (height, width), uint8
        What the network sees: ink bright.
    box : (float, float, float, float) or None
        Top, left, height and width of what was read, in pixels of the picture; None for a picture
        that was read as it is.
    n_shapes : int
        How many shapes of about this size there are.
    touches : bool
        Whether it reaches the edge of the picture, so that a part of it may be missing.
    """

    picture: Picture
    image: NDArray[np.uint8]
    box: tuple[float, float, float, float] | None = None
    n_shapes: int = 1
    touches: bool = False


def prepare(
    picture: Picture, shape: tuple[int, int], frame: Frame | None, polarity: Polarity
) -> Prepared:
    """Bring a picture to the form of the training images.

    Parameters
    ----------
    picture : Picture
        One that comes from a data file is in this form.
    shape : (int, int)
        Height and width that the network takes.
    frame : Frame or None
        How the training images lie in theirs; None to take the picture as it is.
    polarity : {"auto", "bright", "dark"}
        Of the ink; where the picture is taken as it is, auto is bright.

    Raises
    ------
    EmptyPageError
        There is no ink.
    DataError
        It is to be taken as it is, and has another size.
    """
    pixels = picture.pixels
    if picture.is_from_data:
        return Prepared(picture, pixels)
    if frame is None:
        if pixels.shape != shape:
            msg = (
                f"{picture.name} has {pixels.shape[0]} by {pixels.shape[1]} pixels, and the network "
                f"takes {shape[0]} by {shape[1]}: leave out --as-is to have it brought to that"
            )
            raise DataError(msg)
        return Prepared(picture, 255 - pixels if polarity == "dark" else pixels)
    found = find_shape(pixels, polarity)
    if found is None:
        msg = f"{picture.name}: there is no ink on this page that stands out from the paper"
        raise EmptyPageError(msg)
    return Prepared(picture, lay_out(found.ink, frame), found.box, found.n_shapes, found.touches)
