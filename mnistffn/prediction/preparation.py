"""A picture as the network takes it."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.frame import Frame
from mnistffn.data.laying import lay_out
from mnistffn.data.photograph import find_shape
from mnistffn.data.pixels import Polarity
from mnistffn.errors import DataError
from mnistffn.prediction.pictures import Picture

LONGEST = 300  # pixels of a page's longer side


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture, and what the network sees of it.

    Attributes
    ----------
    name : str
        The picture's.
    page : ndarray of shape (a, b), uint8
        The picture, reduced by leaving out rows and columns, for a page of many.
    size : (int, int)
        Height and width that it had.
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

    name: str
    page: NDArray[np.uint8]
    size: tuple[int, int]
    image: NDArray[np.uint8]
    box: tuple[float, float, float, float] | None = None
    n_shapes: int = 1
    touches: bool = False

    def list_doubts(self) -> list[str]:
        """Return why something else may have been read than what was meant."""
        doubts = []
        if self.n_shapes > 1:
            doubts.append(f"{self.name}: {self.n_shapes} separate shapes found; the largest is read")
        if self.touches:
            doubts.append(f"{self.name}: what is read reaches the picture's edge: is it all there?")
        return doubts


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
    DataError
        It cannot be read, there is no ink, or it is to be taken as it is and has another size.
    """
    pixels = picture.read()
    step = -(-max(pixels.shape) // LONGEST)
    made = partial(Prepared, picture.name, pixels[::step, ::step].copy(), pixels.shape)
    if picture.is_from_data:
        return made(pixels)
    if frame is None:
        if pixels.shape != shape:
            msg = (
                f"{picture.name} has {pixels.shape[0]} by {pixels.shape[1]} pixels, and the network "
                f"takes {shape[0]} by {shape[1]}: leave out --as-is to have it brought to that"
            )
            raise DataError(msg)
        return made(255 - pixels if polarity == "dark" else pixels)
    found = find_shape(pixels, polarity)
    if found is None:
        msg = f"{picture.name}: there is no ink on this page that stands out from the paper"
        raise DataError(msg)
    return made(lay_out(found.ink, frame), found.box, found.n_shapes, found.touches)
