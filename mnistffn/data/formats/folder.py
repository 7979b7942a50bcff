"""Folders: of pictures by class, as in ``7/0001.png``, or of files with an array each."""

import io
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import names
from mnistffn.data.formats.damage import Budget
from mnistffn.data.formats.picture import read_picture
from mnistffn.data.formats.source import read_file
from mnistffn.data.formats.variable import Variable, hold, make_printable
from mnistffn.errors import DataError

PICTURES = {".png", ".jpg", ".jpeg"}
ARRAYS = {".npy", ".npz", ".csv", ".idx", ".gz"}  # and IDX files, whose names end in -ubyte
STRAY = {"thumbs.db", "desktop.ini"}  # what systems leave in every folder
SHOWN = 3
Files = Sequence[tuple[str, Any]]


def read_pictures(source: str, files: Files, budget: Budget, warnings: list[str]) -> list[Variable]:
    """Return images and labels of a folder of pictures, for every part that it has.

    A picture's class is the folder that it lies in; folders above may be named after parts, as in
    ``train/7/0001.png``.

    Parameters
    ----------
    source : str
        The folder, for messages.
    files : sequence of (str, Path)
        Names from the folder on, and paths.
    budget : Budget
    warnings : list of str
        Is told what was passed over.

    Raises
    ------
    DataError
        Pictures have different sizes, one cannot be read, or nothing tells their classes.
    """
    parts: dict[str, list[tuple[str, Any]]] = {}
    passed_over = []
    for name, path in files:
        place = PurePosixPath(name)
        if place.suffix.lower() in PICTURES and len(place.parts) > 1:
            parts.setdefault("/".join(place.parts[:-2]), []).append((name, path))
        elif place.name.lower() not in STRAY:
            passed_over.append(name)
    if not parts:
        msg = (
            f"{source} holds pictures, but not by class: put them into a folder for every class, as in "
            f"7/0001.png"
        )
        raise DataError(msg)
    if passed_over:
        shown = ", ".join(make_printable(name) for name in passed_over[:SHOWN])
        more = f" and {len(passed_over) - SHOWN} more" if len(passed_over) > SHOWN else ""
        warnings.append(f"{shown}{more} in {source}: no pictures of a class, passed over")
    prefixes = _name_parts(source, parts)
    found, shape = [], None
    for part, members in parts.items():
        images, shape = _read_all(source, members, budget, shape)
        labels = _read_labels([PurePosixPath(name).parent.name for name, _ in members])
        prefix = prefixes[part]
        found.append(hold(f"{prefix}images", images, "uint8", is_stack=True, is_upright=True))
        found.append(hold(f"{prefix}labels", labels, str(labels.dtype)))
    return found


def is_of_pictures(files: Files) -> bool:
    """Return whether some of the files are called as pictures are."""
    return any(PurePosixPath(name).suffix.lower() in PICTURES for name, _ in files)


def list_arrays(files: Files) -> list[tuple[str, Any]]:
    """Return those files of a folder that may hold an array each; of packed and unpacked twins one."""
    own = {name: path for name, path in files if "/" not in name}
    return [
        (name, path)
        for name, path in own.items()
        if (PurePosixPath(name).suffix.lower() in ARRAYS or name.lower().endswith("ubyte"))
        and not (name.endswith(".gz") and name.removesuffix(".gz") in own)
    ]


def read_arrays(
    files: Files, budget: Budget, read: Callable[[memoryview, str], list[Variable]]
) -> list[Variable]:
    """Return the arrays of a folder's files, each by the name of its file."""
    found = []
    for name, path in files:
        content = memoryview(read_file(path, budget.n_bytes))
        budget.unpack(len(content))
        found += read(content, name)
    return found


def _name_parts(source: str, parts: dict[str, list[tuple[str, Any]]]) -> dict[str, str]:
    """Return what the variables of every part begin with: nothing where there is one only."""
    if len(parts) == 1:
        return dict.fromkeys(parts, "")
    meant = {part: names.find_part(part.replace("/", "."))[0] for part in parts}
    if None in meant.values() or len(set(meant.values())) < len(parts):
        shown = ", ".join(make_printable(part or ".") for part in list(parts)[:SHOWN])
        msg = f"{source} holds classes in several folders ({shown}): give one of them, or call them train and test"  # noqa: E501
        raise DataError(msg)
    return {part: f"{make_printable(part.replace('/', '.'))}." for part in parts}


def _read_all(
    source: str, members: Files, budget: Budget, shape: tuple[int, ...] | None
) -> tuple[NDArray[np.uint8], tuple[int, ...] | None]:
    images: NDArray[np.uint8] = np.empty((0, 0, 0), np.uint8)
    for place, (name, path) in enumerate(members):
        budget.visit()
        shown = f"{source}/{make_printable(name)}"
        image = read_picture(io.BytesIO(read_file(path, budget.n_bytes)), shown)
        shape = image.shape if shape is None else shape
        if image.shape != shape:
            found, before = (f"{height} by {width}" for height, width in (image.shape, shape))
            msg = f"{shown} is {found} pixels, those before it {before}: bring them to one size"
            raise DataError(msg)
        if not place:
            budget.unpack(len(members) * image.size)
            images = np.empty((len(members), *shape), np.uint8)
        images[place] = image
    return images, shape


def _read_labels(words: Sequence[str]) -> NDArray[Any]:
    """Return the names of folders as labels: whole numbers where all are."""
    if all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        return np.array([int(word) for word in words])
    return np.array([make_printable(word) for word in words])
