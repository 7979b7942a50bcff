"""Reading MATLAB files and finding the images and the labels in them."""

from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnistffn.errors import DataError


class NumericArray(NamedTuple):
    """A real numeric variable of a file; its ``str`` is its name and shape."""

    name: str
    values: NDArray[Any]

    def __str__(self) -> str:
        return f"{self.name} {self.values.shape}"


def read_variables(path: Path) -> dict[str, Any]:
    """Read every variable of a MATLAB file, by name.

    Raises
    ------
    DataError
        There is no such file, it is not a MATLAB file, or it ends too early.
    """
    from scipy.io import loadmat  # not needed for the built-in digits

    if not path.is_file():
        kind = "is a folder, not a data file" if path.is_dir() else "does not exist"
        msg = f"{path} {kind}: give the path of a .mat file"
        raise DataError(msg)
    try:
        variables: dict[str, Any] = loadmat(path)
    except NotImplementedError as error:
        msg = f"{path} is a MATLAB 7.3 file, which is HDF5: save it with -v7 and try again"
        raise DataError(msg) from error
    except PermissionError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataError(msg) from error
    except Exception as error:  # loadmat raises six types, whatever the bytes provoke
        reason = str(error).partition("\n")[0] or type(error).__name__
        msg = f"{path} is damaged or not a MATLAB file: {reason}"
        raise DataError(msg) from error
    return {name: value for name, value in variables.items() if not name.startswith("__")}


def choose_images_and_labels(
    path: Path, variables: Mapping[str, Any]
) -> tuple[NumericArray, NumericArray]:
    """Return the matrix of images, one a row, and the vector of labels.

    The images are the only matrix whose rows are square images, the labels the only vector of as many
    entries; where there are several, ``input_images`` and ``output_labels`` are preferred.

    Raises
    ------
    DataError
        There are none, several, or not as many labels as images.
    """
    arrays = [NumericArray(name, value) for name, value in variables.items() if _is_real(value)]
    matrices = [array for array in arrays if _is_image_matrix(array.values)]
    images = _only(path, "images", matrices, variables, "input_images")
    vectors = [array for array in arrays if array.values.size == max(array.values.shape) > 1]
    fitting = [array for array in vectors if array.values.size == len(images.values)]
    labels = _only(path, "labels", fitting or vectors, variables, "output_labels")
    if labels.values.size != len(images.values):
        msg = f"{path}: there are {labels.values.size} labels in {labels} for the images in {images}"
        raise DataError(msg)
    return images, labels


def _is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "buif" and value.size > 0


def _is_image_matrix(values: NDArray[Any]) -> bool:
    return (
        min(values.shape) > 1
        and values.ndim == 2
        and values.shape[1] >= 4
        and isqrt(values.shape[1]) ** 2 == values.shape[1]
    )


def _only(
    path: Path,
    what: str,
    candidates: list[NumericArray],
    variables: Mapping[str, Any],
    preferred: str,
) -> NumericArray:
    if len(candidates) > 1:
        candidates = [array for array in candidates if array.name == preferred] or candidates
    if len(candidates) == 1:
        return candidates[0]
    expected = {
        "images": "a matrix with a square image in every row, such as (60000, 784)",
        "labels": "a vector with a label for every image, such as (60000, 1)",
    }
    found = ", ".join(f"{name} {np.shape(value)}" for name, value in variables.items()) or "nothing"
    problem = f"no {what}" if not candidates else f"{len(candidates)} variables that could be {what}"
    msg = f"{path} holds {problem}; expected {expected[what]}, found {found}"
    raise DataError(msg)
