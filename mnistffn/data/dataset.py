"""The one form in which everything downstream sees data."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUILTIN = "scikit-learn's digits"


@dataclass(frozen=True)
class Layout:
    """What was recognised in a data file, and why.

    Attributes
    ----------
    images, labels : str
        Names of the variables, with their shapes.
    value_range : str
        Range of the stored pixels, and the value that is taken as white.
    orientation : {"row-major", "column-major"}
        How the pixels of an image lie in its row; of images with two axes, which of them is the rows.
    evidence : str
        Why this orientation: what was compared, or who said so.
    form : {"rows", "axes"}
        Whether an image is a row of pixels or has two axes.
    scale : (float, float)
        The values that became 0 and 255, before a dark ink was inverted.
    scale_evidence : str
    polarity : {"bright", "dark"}
        Of the ink in the file.
    polarity_evidence : str
    labels_mean : str
        One of :data:`~mnistffn.data.labels.MEANINGS`.
    labels_evidence : str
    unused : mapping of str to str
        Variables that nothing was read from, with their shapes.
    warnings : tuple of str
        What could not be told, or is not as it should be.
    """

    images: str
    labels: str
    value_range: str
    orientation: str
    evidence: str
    form: str = "rows"
    scale: tuple[float, float] = (0.0, 255.0)
    scale_evidence: str = ""
    polarity: str = "bright"
    polarity_evidence: str = ""
    labels_mean: str = "as-is"
    labels_evidence: str = ""
    unused: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Labelled images in the program's one convention.

    Attributes
    ----------
    images : ndarray of shape (n, height, width), uint8
        Upright, as a person reads them; 0 is background.
    labels : ndarray of shape (n,), int64 or str
    source : str
        Path of the file, or the name of the built-in data.
    sha256 : str
        Hash of the file, in hexadecimal digits.
    layout : Layout
        What was recognised in the file.
    parts : mapping of str to (int, int)
        The parts that the file itself has, ``train``, ``validation``, ``test`` or ``all``: first row,
        and the one behind the last.
    groups : ndarray of shape (n,) or None
        Whoever wrote each image, where a file tells and it was asked for.
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any]
    source: str
    sha256: str
    layout: Layout
    parts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    groups: NDArray[Any] | None = None

    @property
    def flat(self) -> NDArray[np.uint8]:
        """The images as rows of pixels, shape (n, height * width)."""
        return self.images.reshape(len(self.images), -1)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    @property
    def classes(self) -> NDArray[Any]:
        """The labels that occur, in ascending order."""
        return np.unique(self.labels)

    @property
    def is_builtin(self) -> bool:
        """Whether these are the built-in digits."""
        return self.source == BUILTIN

    @property
    def test_rows(self) -> NDArray[np.int64] | None:
        """The rows of the test part that the file has beside a training part, if it has one."""
        if "test" not in self.parts or len(self.parts) < 2:
            return None
        return np.arange(*self.parts["test"])


def builtin_digits() -> Dataset:
    """Return scikit-learn's 1,797 digits of 8 by 8 pixels (Alpaydin and Kaynak, 1998)."""
    table = _read_digits()
    images = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = table[:, -1].astype(np.int64)
    layout = Layout(
        "images (1797, 8, 8)", "target (1797,)", "0 to 16 of 16", "row-major", "built in",
        form="axes", scale=(0, 16),
    )  # fmt: skip
    sha256 = hashlib.sha256(images.tobytes()).hexdigest()
    return Dataset(images, labels, BUILTIN, sha256, layout, {"all": (0, len(labels))})


@cache
def _read_digits() -> NDArray[np.float64]:
    """Return the rows of the digits' table: 64 pixels of 0 to 16, and the label."""
    package = find_spec("sklearn")
    if package is not None and package.origin is not None:
        # The file that load_digits reads; to import that takes half a second.
        path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])
