"""The data sets that are fetched in their original files: where these lie, and what is in them."""

import bz2
import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.formats import idx
from mnistffn.data.formats.damage import DamagedFileError
from mnistffn.errors import DataError

KINDS = ("images-idx3", "labels-idx1")  # files of MNIST
USPS_SIDE = 16
LETTERS = 26


class Part(NamedTuple):
    """Images of the training or of the test part.

    Attributes
    ----------
    images : ndarray of shape (n, height, width)
        Upright, ink bright: uint8, or float64 in [-1, 1].
    labels : ndarray of shape (n,), int64
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Original:
    """A data set as it was published.

    Attributes
    ----------
    stem : str
        Of the name of the .mat file that is made of it.
    folders : tuple of str
        URLs of folders that hold its files, in the order in which they are tried.
    sha256 : mapping of str to str
        Its files, with their hashes in hexadecimal digits.
    read : callable
        Takes the folder with the files and returns the training part and the test part.
    has_letters : bool
        Whether labels 1 to 26 stand for letters.
    """

    stem: str
    folders: tuple[str, ...]
    sha256: Mapping[str, str]
    read: Callable[[Path], tuple[Part, Part]]
    has_letters: bool = False


def read_idx(content: bytes) -> NDArray[Any]:
    """Return the array of an original file in IDX's format.

    Raises
    ------
    DataError
        It is no such file, or not as long as it says.

    Examples
    --------
    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]))
    array([5, 7], dtype=uint8)
    """
    try:
        if not idx.is_idx(content[:8]):
            raise DamagedFileError
        return idx.read_idx(memoryview(content), "IDX").read()
    except DamagedFileError as error:
        msg = f"{len(content)} bytes that begin with {content[:4]!r} are no whole IDX file"
        raise DataError(msg) from error


def _read_mnist(folder: Path) -> tuple[Part, Part]:
    def read(part: str) -> Part:
        images, labels = (
            read_idx(gzip.decompress((folder / f"{part}-{what}-ubyte.gz").read_bytes()))
            for what in KINDS
        )
        return Part(images, labels.astype(np.int64))

    return read("train"), read("t10k")


def _read_emnist_letters(folder: Path) -> tuple[Part, Part]:
    """Read the letters, whose images lie transposed."""
    with ZipFile(folder / "gzip.zip") as archive:

        def read(part: str) -> Part:
            images, labels = (
                read_idx(gzip.decompress(archive.read(f"gzip/emnist-letters-{part}-{what}-ubyte.gz")))
                for what in KINDS
            )
            return Part(images.mT, labels.astype(np.int64))

        return read("train"), read("test")


def _read_usps(folder: Path) -> tuple[Part, Part]:
    """Read the text of LIBSVM, whose label 1 is the digit 0."""
    from sklearn.datasets import load_svmlight_files

    texts = [
        io.BytesIO(bz2.decompress((folder / name).read_bytes())) for name in ("usps.bz2", "usps.t.bz2")
    ]
    X, y, X_test, y_test = load_svmlight_files(texts, n_features=USPS_SIDE**2)
    parts = [
        Part(rows.toarray().reshape(-1, USPS_SIDE, USPS_SIDE), labels.astype(np.int64) - 1)
        for rows, labels in ((X, y), (X_test, y_test))
    ]
    return parts[0], parts[1]


def _name_files(*sha256: str) -> dict[str, str]:
    """Return the files of MNIST, and of data sets made like it, with their hashes."""
    names = (f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in KINDS)
    return dict(zip(names, sha256, strict=True))


# Every SHA-256 is published by two projects at least: those of the first four data sets by TensorFlow
# Datasets (url_checksums), of the first three and of USPS by torchvision (prototype/datasets/_builtin),
# of EMNIST's archive by MLDatasets.jl. Of USPS, torchvision has the MD5 as well (datasets/usps.py).
ORIGINALS = {
    "mnist": Original(
        "MNIST",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        _name_files(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        _read_mnist,
    ),
    "fashion": Original(
        "FASHION",
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        _name_files(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        _read_mnist,
    ),
    "kmnist": Original(
        "KMNIST",
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        _name_files(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        _read_mnist,
    ),
    "emnist-letters": Original(
        "EMNIST-LETTERS",
        ("https://biometrics.nist.gov/cs_links/EMNIST/",),
        {"gzip.zip": "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"},
        _read_emnist_letters,
        has_letters=True,
    ),
    "usps": Original(
        "USPS",
        ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",),
        {
            "usps.bz2": "3771e9dd6ba685185f89867b6e249233dd74652389f263963b3b741e994b034f",
            "usps.t.bz2": "a9c0164e797d60142a50604917f0baa604f326e9a689698763793fa5d12ffc4e",
        },
        _read_usps,
    ),
}
