"""The pictures that are to be read: from files, folders, data files and standard input."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Layout
from mnistffn.data.formats.picture import read_picture
from mnistffn.data.pixels import Polarity
from mnistffn.data.unlabelled import is_array_file, read_unlabelled
from mnistffn.errors import DataError, UsageError
from mnistffn.progress import Progress

STDIN = "-"
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
MOST = 10_000  # pictures


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that is to be read.

    Attributes
    ----------
    name : str
        Its path, or a data file's with the row, as in ``mine.mat[3]``.
    read : callable
        Returns its pixels, ndarray of shape (height, width), uint8; may raise DataError.
    is_from_data : bool
        Whether it comes from a data file: then it has the network's size, and its ink is bright.
    """

    name: str
    read: Callable[[], NDArray[np.uint8]]
    is_from_data: bool = False


def list_pictures(
    paths: Sequence[Path],
    shape: tuple[int, int],
    known: Layout,
    polarity: Polarity,
    progress: Progress,
) -> list[Picture]:
    """Return all pictures; of data files they are read at once, of others later, one by one.

    Parameters
    ----------
    paths : sequence of Path
        ``-`` is standard input.
    shape : (int, int)
        Height and width of the images that a data file must hold.
    known : Layout
        How the data of the run were read: rows of pixels in a data file lie as those did.
    polarity : {"auto", "bright", "dark"}
        Of the ink in data files.
    progress : Progress
        Is told which files of a folder are passed over.

    Raises
    ------
    DataError
        A data file cannot be read, or a folder holds no pictures.
    UsageError
        There are too many pictures, or standard input is named twice.
    """
    if sum(str(path) == STDIN for path in paths) > 1:
        msg = "- stands for standard input, which can be read once: name it once"
        raise UsageError(msg)
    found: list[Picture] = []
    for path in paths:
        if str(path) == STDIN:
            found.append(Picture("standard input", partial(read_picture, sys.stdin.buffer)))
        elif path.is_dir():
            found += [Picture(str(file), partial(read_picture, file)) for file in _list(path, progress)]
        elif is_array_file(path):
            images = read_unlabelled(path, shape, known, polarity)
            found += _name_rows(path, images)
        else:
            found.append(Picture(str(path), partial(read_picture, path)))
    if len(found) > MOST:
        msg = f"there are {len(found):,} pictures: name {MOST:,} at the most"
        raise UsageError(msg)
    return found


def _list(folder: Path, progress: Progress) -> list[Path]:
    """Return the pictures in a folder, by name."""
    try:
        files = sorted(
            file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")
        )
    except OSError as error:
        msg = f"{folder} cannot be read: {error.strerror}"
        raise DataError(msg) from error
    found = [file for file in files if file.suffix.lower() in ENDINGS]
    others = [file.name for file in files if file.suffix.lower() not in ENDINGS]
    if not found:
        msg = f"{folder} holds no pictures: give a folder with PNG or JPEG files"
        raise DataError(msg)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        progress.note(f"warning: {folder}: passed over, as no picture: {', '.join(others[:3])}{more}")
    return found


def _name_rows(path: Path, images: NDArray[np.uint8]) -> list[Picture]:
    names = [str(path)] if len(images) == 1 else [f"{path}[{row}]" for row in range(len(images))]
    pairs = zip(names, images, strict=True)
    return [Picture(name, partial(np.asarray, image), is_from_data=True) for name, image in pairs]
