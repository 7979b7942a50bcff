"""The pictures that are to be read: from files, folders, data files and standard input."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Layout
from mnistffn.data.formats.picture import read_picture
from mnistffn.data.pixels import Polarity
from mnistffn.data.unlabelled import is_array_file, read_unlabelled
from mnistffn.errors import UsageError

STDIN = "-"
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
MOST = 10_000  # pictures


@dataclass(frozen=True)
class Picture:
    """A picture that is to be read.

    Attributes
    ----------
    name : str
        Its path, or a data file's with the row, as in ``mine.npz[3]``.
    pixels : ndarray of shape (height, width), uint8
    is_from_data : bool
        Whether it came from a data file, in which ink is bright already.
    """

    name: str
    pixels: NDArray[np.uint8]
    is_from_data: bool = False


def read_pictures(
    paths: Sequence[Path], shape: tuple[int, int], known: Layout | None, polarity: Polarity
) -> list[Picture]:
    """Read all pictures.

    Parameters
    ----------
    paths : sequence of Path
        ``-`` is standard input.
    shape : (int, int)
        Height and width of the images that a data file must hold.
    known : Layout or None
        How the data of the run were read: rows of pixels in a data file lie as those did.
    polarity : {"auto", "bright", "dark"}
        Of the ink in data files.

    Raises
    ------
    DataError
        One of them cannot be read.
    UsageError
        There are none, or too many.
    """
    if sum(str(path) == STDIN for path in paths) > 1:
        msg = "- stands for standard input, which can be read once: name it once"
        raise UsageError(msg)
    found: list[Picture] = []
    for path in paths:
        for picture in _read(path, shape, known, polarity):
            found.append(picture)
            if len(found) > MOST:
                msg = f"there are more than {MOST:,} pictures: name fewer"
                raise UsageError(msg)
    return found


def _read(
    path: Path, shape: tuple[int, int], known: Layout | None, polarity: Polarity
) -> Iterator[Picture]:
    if str(path) == STDIN:
        yield Picture("standard input", read_picture(sys.stdin.buffer))
    elif path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        if not files:
            msg = f"{path} holds no pictures: give a folder with PNG or JPEG files"
            raise UsageError(msg)
        yield from (Picture(str(file), read_picture(file)) for file in files)
    elif is_array_file(path):
        images = read_unlabelled(path, shape, known, polarity)
        names = [str(path)] if len(images) == 1 else [f"{path}[{row}]" for row in range(len(images))]
        yield from (Picture(*pair, is_from_data=True) for pair in zip(names, images, strict=True))
    else:
        yield Picture(str(path), read_picture(path))
