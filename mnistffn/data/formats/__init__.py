"""Data files of every format, as variables with names."""

import struct
import zlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnistffn.data.formats.damage import Budget, DamagedFileError, TooLargeError
from mnistffn.data.formats.mat4 import is_mat4, read_mat4
from mnistffn.data.formats.mat5 import HEADER, Reader
from mnistffn.data.formats.variable import Variable
from mnistffn.errors import DataError

MAX_SIZE = 1_000_000_000

# What lies where a data file belongs, by its first bytes.
FOREIGN = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file: save it from MATLAB with -v7",
    b"version https://git-lfs": "a git-LFS pointer and not the file itself: run git lfs pull",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive (or .npz): unpack it, or save a .mat file",
    b"\x1f\x8b": "packed with gzip: unpack it",
    b"\x93NUMPY": "a .npy file: save images and labels together as a .mat file",
    b"\x80\x04": "a Python pickle, which is never opened: save a .mat file",
    b"\x80\x03": "a Python pickle, which is never opened: save a .mat file",
    b"\x80\x02": "a Python pickle, which is never opened: save a .mat file",
    b"\x00\x00\x08\x03": "an IDX file of images: put images and labels into a .mat file",
    b"\x00\x00\x08\x01": "an IDX file of labels: put images and labels into a .mat file",
    b"# Created by Octave": "in Octave's text format: save it with -v7",
    b"# name:": "in Octave's text format: save it with -v7",
    b"Octave-1-": "in Octave's binary format: save it with -v7",
}


def read_content(path: Path, max_size: int) -> bytes:
    """Return the bytes of a data file.

    Raises
    ------
    DataError
        There is no such file, it cannot be read, or it is larger than ``max_size``.
    """
    if not path.is_file():
        kind = "is a folder, not a data file" if path.is_dir() else "does not exist"
        msg = f"{path} {kind}: give the path of a .mat file"
        raise DataError(msg)
    try:
        if (size := path.stat().st_size) > max_size:
            raise TooLargeError(size)
        return path.read_bytes()
    except TooLargeError as error:
        raise DataError(_describe_size(path, error, max_size)) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataError(msg) from error


def read_variables(path: Path, content: bytes, max_size: int) -> list[Variable]:
    """Return the variables of a MATLAB file of version 4 to 7.2; large ones are read when asked for.

    Parameters
    ----------
    path : Path
        For messages.
    content : bytes
        Of the file.
    max_size : int
        Bytes that it may unpack to.

    Raises
    ------
    DataError
        It is of another format, damaged, or too large.
    """
    budget, data = Budget(max_size), memoryview(content)
    order = _find_order(content)
    try:
        if order is not None:
            return list(Reader(data, order, budget).read_file())
        if is_mat4(content[:20]):
            return list(read_mat4(data, budget))
    except TooLargeError as error:
        raise DataError(_describe_size(path, error, max_size)) from error
    except (DamagedFileError, struct.error, zlib.error, ValueError, OverflowError) as error:
        msg = f"{path} is damaged or not a MATLAB file: {error}"
        raise DataError(msg) from error
    msg = f"{path} is {_name_format(content)}"
    raise DataError(msg)


def read_values(path: Path, variable: Variable, max_size: int) -> NDArray[Any]:
    """Return the values of a variable, with the same errors as :func:`read_variables`."""
    try:
        return variable.read()
    except TooLargeError as error:
        raise DataError(_describe_size(path, error, max_size)) from error
    except (DamagedFileError, struct.error, zlib.error, ValueError, OverflowError) as error:
        msg = f"{path} is damaged: {variable.name}: {error}"
        raise DataError(msg) from error


def _find_order(content: bytes) -> str | None:
    """Return the byte order of a MATLAB file of version 5, or None where it is no such file."""
    if len(content) < HEADER:
        return None
    marks = {b"IM": ("<", content[125]), b"MI": (">", content[124])}
    order, version = marks.get(content[126:128], (None, 0))
    return order if version == 1 else None


def _name_format(content: bytes) -> str:
    """Return what a file is that is no MATLAB file that can be read."""
    start = content[:4096].lstrip()
    for mark, name in FOREIGN.items():
        if content.startswith(mark) or start.startswith(mark):
            return name
    if content[126:128] in (b"IM", b"MI") and 2 in content[124:126]:
        return "a MATLAB 7.3 file, which is HDF5: save it with -v7"
    if start[:14].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page and not a data file: download the file itself"
    if not content:
        return "empty"
    if content[512:520] == b"\x89HDF\r\n\x1a\n":
        return "a MATLAB 7.3 file, which is HDF5: save it with -v7"
    if b"\0" not in content[:4096]:
        return "a text file: save images and labels as a .mat file"
    return "damaged or not a MATLAB file: its first bytes are those of no format that is known"


def _describe_size(path: Path, error: TooLargeError, max_size: int) -> str:
    needed, allowed = (
        f"{n / 1e9:.1f} GB" if n >= 1e8 else f"{n / 1e6:.1f} MB" for n in (int(error.args[0]), max_size)
    )
    return f"{path} unpacks to {needed} or more, but {allowed} are allowed: raise --max-size"
