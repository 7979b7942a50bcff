"""The one form in which everything downstream sees data."""

import hashlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.matfile import NumericArray, choose_images_and_labels, read_variables
from mnistffn.data.orientation import Orientation, recognise_orientation, unflatten
from mnistffn.errors import DataError

BUILTIN = "scikit-learn's digits"
CHUNK = 4096


@dataclass(frozen=True)
class Layout:
    """What was recognised in a data file.

    Attributes
    ----------
    images, labels : str
        Names of the variables, with their shapes.
    value_range : str
        Range of the stored pixels, and the value that is taken as white.
    orientation : {"row-major", "column-major"}
        How the pixels of an image lie in its row.
    evidence : str
        Why this orientation: what was compared, or who said so.
    """

    images: str
    labels: str
    value_range: str
    orientation: str
    evidence: str


@dataclass(frozen=True)
class Dataset:
    """Labelled images in the program's one convention.

    Attributes
    ----------
    images : ndarray of shape (n, height, width), uint8
        Upright, as a person reads them; 0 is background.
    labels : ndarray of shape (n,), int64
    source : str
        Path of the file, or the name of the built-in data.
    sha256 : str
        Hash of the file, in hexadecimal digits.
    layout : Layout
        What was recognised in the file.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    source: str
    sha256: str
    layout: Layout

    @property
    def flat(self) -> NDArray[np.uint8]:
        """The images as rows of pixels, shape (n, height * width)."""
        return self.images.reshape(len(self.images), -1)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The labels that occur, in ascending order."""
        return np.unique(self.labels)

    @property
    def is_builtin(self) -> bool:
        """Whether these are the built-in digits."""
        return self.source == BUILTIN


def load_dataset(
    path: str | PathLike[str] | None = None, *, orientation: Orientation = "auto"
) -> Dataset:
    """Read labelled images from a MATLAB file.

    Parameters
    ----------
    path : str or path-like, optional
        A .mat file (version 4 to 7.2) with a numeric matrix of one image a row and a vector of as many
        labels. Without it, scikit-learn's built-in 8 by 8 digits are returned.
    orientation : {"auto", "row-major", "column-major"}, default="auto"
        How the pixels of an image lie in its row; "auto" compares with digits that are upright.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        The file is not there, cannot be read, or does not hold labelled images. The message names
        the variables that were found, with their shapes.

    Examples
    --------
    >>> dataset = load_dataset()
    >>> dataset.images.shape, dataset.images.dtype, dataset.source
    ((1797, 8, 8), dtype('uint8'), "scikit-learn's digits")
    """
    if path is None:
        return builtin_digits()
    path = Path(path)
    images, labels = choose_images_and_labels(path, read_variables(path))
    checked_labels = _check_labels(path, labels)
    rows, value_range = _to_uint8(path, images)
    found, evidence = recognise_orientation(rows, checked_labels, orientation)
    layout = Layout(str(images), str(labels), value_range, found, evidence)
    return Dataset(unflatten(rows, found), checked_labels, str(path), hash_file(path), layout)


def builtin_digits() -> Dataset:
    """Return scikit-learn's 1,797 digits of 8 by 8 pixels (Alpaydin and Kaynak, 1998)."""
    from sklearn.datasets import load_digits  # takes half a second to import

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.int64)
    layout = Layout("images (1797, 8, 8)", "target (1797,)", "0 to 16 of 16", "row-major", "built in")
    return Dataset(images, labels, BUILTIN, hashlib.sha256(images.tobytes()).hexdigest(), layout)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_labels(path: Path, variable: NumericArray) -> NDArray[np.int64]:
    values: NDArray[Any] = variable.values.ravel()
    if not np.isfinite(values).all():
        msg = f"{path}: {variable} holds {np.sum(~np.isfinite(values))} labels that are not numbers"
        raise DataError(msg)
    labels = values.astype(np.int64)
    if not np.array_equal(labels, values):
        first = values[labels != values][0]
        msg = f"{path}: {variable} holds {first}, but labels must be whole numbers"
        raise DataError(msg)
    if len(np.unique(labels)) < 2:
        msg = f"{path}: {variable} holds the single class {labels[0]}: at least two are needed"
        raise DataError(msg)
    return labels


def _to_uint8(path: Path, variable: NumericArray) -> tuple[NDArray[np.uint8], str]:
    """Return the images as uint8, chunk by chunk: MNIST in float64 takes 376 MB as it is."""
    values = variable.values
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        broken = sum(int(np.sum(~np.isfinite(chunk))) for chunk in _chunks(values))
        msg = f"{path}: {variable} holds {broken} pixels that are NaN or infinite"
        raise DataError(msg)
    if low < 0 or high > 255 or high == low:
        msg = f"{path}: {variable} has values from {low:g} to {high:g}, expected [0, 1] or [0, 255]"
        raise DataError(msg)
    scale = 255 if high <= 1 else 1
    rows = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), CHUNK):
        rows[start : start + CHUNK] = np.rint(values[start : start + CHUNK] * float(scale))
    if not rows.any():
        msg = f"{path}: {variable} has values from {low:g} to {high:g}: all images are blank"
        raise DataError(msg)
    return rows, f"{low:g} to {high:g} of {255 // scale}"


def _chunks(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
