"""NumPy's files: an array (.npy) or a zip archive of arrays (.npz). Nothing is ever unpickled."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from math import prod
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mnistffn.data.formats.damage import Budget, DamagedFileError, TooLargeError
from mnistffn.data.formats.unpack import BEST_RATIO
from mnistffn.data.formats.variable import Kind, Variable, describe, make_printable

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"
LONGEST_HEADER = 2000  # letters: those of an array that has no fields
MOST_AXES = 32
KINDS: dict[str, Kind] = {"b": "numbers", "u": "numbers", "i": "numbers", "f": "numbers", "U": "text", "S": "text", "c": "complex"}  # fmt: skip # noqa: E501


def read_npy(content: memoryview, name: str) -> Variable:
    """Return the array of a .npy file.

    Raises
    ------
    DamagedFileError
        It has not as many values as it claims, or its header is none.
    """
    with _as_damage():
        return _make(io.BytesIO(content[: 2 * LONGEST_HEADER]), len(content), name, lambda _: content)


def read_npz(content: memoryview, budget: Budget) -> list[Variable]:
    """Return the arrays of a .npz file; they are unpacked when they are read.

    Raises
    ------
    DamagedFileError
        It contradicts itself, or is a zip archive of something else.
    """
    with _as_damage():
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
        if not members or not all(member.filename.endswith(".npy") for member in members):
            found = ", ".join(make_printable(member.filename) for member in members[:3]) or "nothing"
            msg = f"a zip archive of {found}, not of arrays: unpack it"
            raise DamagedFileError(msg)
        return [_open(archive, member, budget) for member in members]


def _open(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: Budget) -> Variable:
    budget.visit()
    size = member.file_size
    name = make_printable(member.filename.removesuffix(".npy"))
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        msg = f"{name} is packed in a way that NumPy does not use"
        raise DamagedFileError(msg)
    if size > BEST_RATIO * (member.compress_size + 64):
        msg = f"{name}: {member.compress_size} bytes claim to unpack to {size}"
        raise DamagedFileError(msg)

    def unpack(n_bytes: int) -> memoryview:
        with _as_damage():
            budget.unpack(n_bytes)
            with archive.open(member) as file:
                found = file.read(n_bytes + 1)  # to the end, so that its checksum is looked at
        if len(found) != n_bytes:
            msg = f"{name} is not as long as it claims"
            raise DamagedFileError(msg)
        return memoryview(found)

    with archive.open(member) as file:
        return _make(file, size, name, unpack)


def _make(file: IO[bytes], size: int, name: str, load: Any) -> Variable:
    """Return the variable of an array: its header from a file, its ``size`` bytes from ``load``."""
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        msg = f"{name} is of version {version} of NumPy's format"
        raise DamagedFileError(msg)
    shape, is_fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    start = file.tell()
    kind = KINDS.get(dtype.kind, "object")
    if kind in ("object", "complex"):
        return describe(name, kind, shape)
    if len(shape) > MOST_AXES or min(shape, default=0) < 0:
        msg = f"{name} has the shape {shape}"
        raise DamagedFileError(msg)
    if size - start != prod(shape) * dtype.itemsize:
        msg = f"{name}: {size - start} bytes for {prod(shape)} values of {dtype.itemsize} bytes"
        raise DamagedFileError(msg)
    order: Literal["F", "C"] = "F" if is_fortran else "C"

    def load_values() -> NDArray[Any]:
        values = np.frombuffer(load(size)[start:], dtype).reshape(shape or (1,), order=order)
        return _as_plain(values)

    if kind == "text":
        shape = (prod(shape),)
    dtype_name = "logical" if dtype.kind == "b" else dtype.name
    return Variable(name, tuple(shape) or (1,), kind, dtype_name, cache(partial(load_values)))


def _as_plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers in the own byte order and in a type that MATLAB has, text as strings."""
    if values.dtype.kind in "US":
        words = values.ravel().tolist()
        texts = [word if isinstance(word, str) else word.decode("utf-8", "replace") for word in words]
        return np.array([make_printable(text) for text in texts] or [""])
    if values.dtype.kind == "b":
        return np.asarray(values.view(np.uint8) != 0).view(np.uint8)
    plain = {"f2": "f4", "f16": "f8"}.get(values.dtype.str[1:], values.dtype.str[1:])
    return values.astype(f"={plain}", copy=False)


@contextmanager
def _as_damage() -> Iterator[None]:
    """Turn what NumPy and zipfile raise over damaged files into DamagedFileError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that an old Python has written
            yield
    except (DamagedFileError, TooLargeError):
        raise
    except Exception as error:  # whatever the parsers of headers and archives make of damaged bytes
        msg = str(error).partition("\n")[0][:200] or type(error).__name__
        raise DamagedFileError(make_printable(msg)) from error
