"""Images of a data file that has no labels, or whose labels do not matter."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Layout
from mnistffn.data.formats import MAX_SIZE, read_source, read_values
from mnistffn.data.formats.folder import ARRAYS
from mnistffn.data.formats.source import Source
from mnistffn.data.formats.variable import Variable
from mnistffn.data.images import read_images
from mnistffn.data.labels import RawLabels
from mnistffn.data.orientation import turn
from mnistffn.data.pair import WHOLE, Pair
from mnistffn.data.pixels import Polarity
from mnistffn.errors import DataError

MATLAB = ".mat"
ENDINGS = {MATLAB, ".h5", ".hdf5"} | ARRAYS


def is_array_file(path: Path) -> bool:
    """Return whether a file is called as files with arrays are."""
    return path.suffix.lower() in ENDINGS or path.name.lower().endswith("ubyte")


def read_unlabelled(
    path: Path, shape: tuple[int, int], known: Layout | None, polarity: Polarity
) -> NDArray[np.uint8]:
    """Read the images of a size that a data file holds.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Height and width that an image must have.
    known : Layout or None
        How the data of the run were read: rows of pixels in a MATLAB file lie as those did, in others
        one line of an image after the other.
    polarity : {"auto", "bright", "dark"}
        Of the ink in the file.

    Returns
    -------
    ndarray of shape (n, height, width), uint8
        Upright, ink bright.

    Raises
    ------
    DataError
        The file cannot be read, or not one array of images of this size is in it.
    """
    variables = read_source(Source(path, MAX_SIZE), [], with_labels=False)
    found = {
        variable: axis for variable in variables if (axis := _find_axis(variable, shape)) is not None
    }
    if len(found) != 1:
        raise DataError(_refuse(path, variables, list(found), shape))
    [(variable, axis)] = found.items()
    values = read_values(path, variable, MAX_SIZE)
    values = _put_first(values, axis, shape)
    raw = RawLabels(variable, len(values), "", lambda: np.zeros(len(values), np.int64))
    form = "rows" if values.ndim == 2 else "axes"
    is_alike = known is not None and known.form == form and path.suffix.lower() == MATLAB
    orientation = known.orientation if known is not None and is_alike else "row-major"
    images = read_images(
        str(path),
        [Pair(WHOLE, str(variable), values, raw)],
        orientation=orientation,
        polarity=polarity,
        image_shape=shape,
        is_named=True,
        known=known,
    )
    return turn(images.values, orientation)


def _find_axis(variable: Variable, shape: tuple[int, int]) -> int | None:
    """Return the axis of an array that counts images of a size; -1 for a single image."""
    sides = tuple(length for length in variable.shape if length > 1)
    pixels = shape[0] * shape[1]
    if variable.kind != "numbers":
        return None
    if sides in (shape, (pixels,)):
        return -1
    if sides[1:] in (shape, (pixels,)):
        return 0
    return len(sides) - 1 if sides[:-1] in (shape, (pixels,)) else None


def _put_first(values: NDArray[Any], axis: int, shape: tuple[int, int]) -> NDArray[Any]:
    """Return images (n, height, width), or rows of pixels (n, pixels)."""
    squeezed = np.squeeze(values)
    if axis == -1:
        return squeezed[None]
    return np.ascontiguousarray(np.moveaxis(squeezed, axis, 0))


def _refuse(
    path: Path, variables: list[Variable], found: list[Variable], shape: tuple[int, int]
) -> str:
    size = f"{shape[0]} by {shape[1]} pixels, as the network takes them"
    if found:
        several = ", ".join(map(str, found))
        return f"{path} has several arrays of images ({several}): save the one that is meant alone"
    names = ", ".join(map(str, variables[:12])) or "nothing"
    return f"{path} has no images of {size}; found {names}"
