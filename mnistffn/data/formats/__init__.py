"""Data files of every format, as variables with names."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mnistffn.data.formats.arrays import NPY, ZIP, read_npy, read_npz
from mnistffn.data.formats.damage import Budget, DamagedFileError, TooLargeError
from mnistffn.data.formats.folder import is_of_pictures, list_arrays, read_arrays, read_pictures
from mnistffn.data.formats.hdf5 import is_hdf5, read_hdf5
from mnistffn.data.formats.idx import is_idx, read_idx
from mnistffn.data.formats.mat4 import is_mat4, read_mat4
from mnistffn.data.formats.mat5 import HEADER, Reader
from mnistffn.data.formats.source import Source
from mnistffn.data.formats.table import UTF16, is_table, read_table
from mnistffn.data.formats.unpack import GZIP, unpack_gzip
from mnistffn.data.formats.variable import Variable, make_printable
from mnistffn.errors import DataError

MAX_SIZE = 1_000_000_000
KNOWN = "MATLAB, NumPy, IDX, CSV, or a folder of pictures by class"
DAMAGE = (DamagedFileError, struct.error, zlib.error, ValueError, OverflowError)

# What lies where a data file belongs, by its first bytes.
FOREIGN = {
    b"version https://git-lfs": "a git-LFS pointer and not the file itself: run git lfs pull",
    b"\x89PNG": "a PNG image: give the folder with a folder of images for every class",
    b"\xff\xd8\xff": "a JPEG image: give the folder with a folder of images for every class",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "packed with gzip twice: unpack it",
    b"BZh": "packed with bzip2: unpack it",
    b"\xfd7zXZ": "packed with xz: unpack it",
    b"PAR1": "a Parquet file: save it as CSV",
    b"\x80\x05": "a Python pickle, which is never opened: save an .npz file",
    b"\x80\x04": "a Python pickle, which is never opened: save an .npz file",
    b"\x80\x03": "a Python pickle, which is never opened: save an .npz file",
    b"\x80\x02": "a Python pickle, which is never opened: save an .npz file",
    b"# Created by Octave": "in Octave's text format: save it with -v7",
    b"# name:": "in Octave's text format: save it with -v7",
    b"Octave-1-": "in Octave's binary format: save it with -v7",
}


class UnknownFormatError(Exception):
    """A file is of none of the formats that are read, or damaged; the message says what it is."""


def read_source(source: Source, warnings: list[str], *, with_labels: bool = True) -> list[Variable]:
    """Return the variables of a file, with those of the one that has its labels, or of a folder.

    Large ones are read when they are asked for.

    Parameters
    ----------
    source : Source
    warnings : list of str
        Is told what was passed over.
    with_labels : bool
        Whether images are of no use without labels, which may be in a file beside.

    Raises
    ------
    DataError
        It is not there, of a format that is not known, damaged, or too large.
    """
    budget = Budget(source.max_size)
    try:
        source.check()
        if source.is_folder:
            return _read_folder(source, budget, warnings)
        content = memoryview(source.read())
        found = read_content(content, source.name, budget)
        if with_labels and len(found) == 1 and source.labels is not None:
            beside = Source(source.labels, source.max_size)
            found += read_content(memoryview(beside.read()), beside.name, budget)
    except TooLargeError as error:
        raise DataError(_describe_size(source.path, error, source.max_size)) from error
    except UnknownFormatError as error:
        msg = f"{source} is {error}"
        raise DataError(msg) from error
    if with_labels and len(found) == 1 and found[0].is_stack:  # IDX
        expected = source.list_places_of_labels()
        where = f" beside it as {expected[0].name}" if expected else ""
        msg = f"{source} holds images and no labels: these are expected{where}"
        raise DataError(msg)
    return found


def read_content(
    content: memoryview, name: str, budget: Budget, *, is_unpacked: bool = False
) -> list[Variable]:
    """Return the variables that the bytes of a file hold, in whatever format.

    Parameters
    ----------
    content : memoryview
    name : str
        Of an array that has no name of its own.
    budget : Budget
    is_unpacked : bool
        Whether the bytes were packed with gzip.

    Raises
    ------
    UnknownFormatError
        It is of none of the formats that are read, or damaged.
    """
    head = bytes(content[:HEADER])
    order = _find_order(head)
    if head.startswith(GZIP) and not is_unpacked:
        with _naming("a gzip file"):
            unpacked = unpack_gzip(content, budget)
        return read_content(unpacked, name, budget, is_unpacked=True)
    if is_hdf5(content):
        with _naming("an HDF5 file"):
            return read_hdf5(content, budget)
    if order is not None or is_mat4(head):
        with _naming("a MATLAB file"):
            return list(
                Reader(content, order, budget).read_file() if order else read_mat4(content, budget)
            )
    if head.startswith(NPY):
        with _naming("a NumPy file"):
            return [read_npy(content, name)]
    if head.startswith(ZIP):
        with _naming("an .npz file"):
            return read_npz(content, budget)
    if is_idx(head):
        with _naming("an IDX file"):
            return [read_idx(content, name)]
    what = _name_format(content)
    if what is None and is_table(content):
        with _naming("a CSV file"):
            return read_table(content, name, budget)
    raise UnknownFormatError(what or "a text file without a table of numbers")


@contextmanager
def _naming(kind: str) -> Iterator[None]:
    """Let what is raised over a damaged file name the format that it seems to have."""
    try:
        yield
    except DAMAGE as error:
        msg = f"damaged or not {kind}: {error}"
        raise UnknownFormatError(msg) from error


def read_values(path: Path, variable: Variable, max_size: int) -> NDArray[Any]:
    """Return the values of a variable, with the same errors as :func:`read_source`."""
    try:
        return variable.read()
    except TooLargeError as error:
        raise DataError(_describe_size(path, error, max_size)) from error
    except DAMAGE as error:
        msg = f"{path} is damaged: {variable.name}: {error}"
        raise DataError(msg) from error


def _read_folder(source: Source, budget: Budget, warnings: list[str]) -> list[Variable]:
    files = source.list_files()
    if is_of_pictures(files):
        return read_pictures(str(source), files, budget, warnings)
    arrays = list_arrays(files)
    if not arrays:
        found = ", ".join(name for name, _ in files[:3]) or "nothing"
        msg = f"{source} holds neither pictures nor arrays; found {make_printable(found)}: give {KNOWN}"
        raise DataError(msg)

    def read(content: memoryview, name: str) -> list[Variable]:
        try:
            return read_content(content, Source(Path(name), 0).name, budget)
        except UnknownFormatError as error:
            msg = f"such a folder: {make_printable(name)} in it is {error}"
            raise UnknownFormatError(msg) from error

    return read_arrays(arrays, budget, read)


def _find_order(head: bytes) -> str | None:
    """Return the byte order of a MATLAB file of version 5, or None where it is no such file."""
    if len(head) < HEADER:
        return None
    marks = {b"IM": ("<", head[125]), b"MI": (">", head[124])}
    order, version = marks.get(head[126:128], (None, 0))
    return order if version == 1 else None


def _name_format(content: memoryview) -> str | None:
    """Return what a file is that cannot be read; None for text that may be a table."""
    first = bytes(content[:4096])
    start = first.lstrip()
    for mark, name in FOREIGN.items():
        if first.startswith(mark) or start.startswith(mark):
            return name
    if start[:14].lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page and not a data file: download the file itself"
    if not first:
        return "empty"
    if first[126:128] in (b"IM", b"MI") and 2 in first[124:126]:
        return "damaged: a MATLAB 7.3 file without its HDF5 part"
    if b"\0" in first and first[:2] not in UTF16:
        return f"damaged or of no format that is known: give {KNOWN}"
    return None


def _describe_size(path: Path, error: TooLargeError, max_size: int) -> str:
    needed, allowed = (
        f"{n / 1e9:.1f} GB" if n >= 1e8 else f"{n / 1e6:.1f} MB" for n in (int(error.args[0]), max_size)
    )
    return f"{path} unpacks to {needed} or more, but {allowed} are allowed: raise --max-size"
