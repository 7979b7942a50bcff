"""MATLAB files of version 4: matrices one after the other, each with a head of 20 bytes."""

import struct
from collections.abc import Iterator
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.formats.damage import Budget, DamagedFileError
from mnistffn.data.formats.variable import Variable, describe, hold, make_printable

PRECISIONS = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}
NAMES = {"f8": "double", "f4": "single", "i4": "int32", "i2": "int16", "u2": "uint16", "u1": "uint8"}
FULL, TEXT, SPARSE = 0, 1, 2
LONGEST_NAME = 256


def is_mat4(head: bytes) -> bool:
    """Return whether a file that begins like this may be of version 4."""
    return len(head) >= 20 and 0 in head[:4] and _read_order(head) is not None


def _read_order(head: bytes) -> str | None:
    """Return the byte order of a matrix's head, None where it is no such head."""
    for order in "<>":
        kind = struct.unpack_from(f"{order}i", head)[0]
        digits = [kind // 1000, kind // 100 % 10, kind // 10 % 10, kind % 10]
        machine, zero, precision, form = digits
        if machine == "<>".index(order) and not zero and precision in PRECISIONS and form <= SPARSE:
            return order
    return None


def read_mat4(content: memoryview, budget: Budget) -> Iterator[Variable]:
    """Yield the variables of a file of version 4."""
    place = 0
    while place < len(content):
        budget.visit()
        head = bytes(content[place : place + 20])
        order = _read_order(head) if len(head) == 20 else None
        if order is None:
            msg = "a matrix without a head"
            raise DamagedFileError(msg)
        kind, n_rows, n_columns, is_complex, length = struct.unpack(f"{order}5i", head)
        dtype = np.dtype(f"{order}{PRECISIONS[kind // 10 % 10]}")
        if min(n_rows, n_columns) < 0 or is_complex not in (0, 1) or not 0 < length <= LONGEST_NAME:
            msg = f"a matrix of shape {(n_rows, n_columns)} with a name of {length} letters"
            raise DamagedFileError(msg)
        start = place + 20 + length
        n_bytes = n_rows * n_columns * dtype.itemsize * (1 + is_complex)
        if start + n_bytes > len(content):
            msg = f"a matrix claims {n_bytes} bytes of {max(0, len(content) - start)}"
            raise DamagedFileError(msg)
        letters = bytes(content[place + 20 : start]).partition(b"\0")[0]
        name = make_printable(letters.decode("latin-1"))
        place = start + n_bytes
        if is_complex and kind % 10 != SPARSE:
            yield describe(name, "complex", (n_rows, n_columns))
            continue
        values = np.frombuffer(content[start:place], dtype).reshape(n_rows, n_columns, order="F")
        yield _make_variable(name, values, kind % 10, budget)


def _make_variable(name: str, values: NDArray[Any], form: int, budget: Budget) -> Variable:
    dtype = NAMES[values.dtype.str[1:]]
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    if form == TEXT:
        return hold(name, np.array([_spell(row) for row in values] or [""]), "char")
    if form == FULL:
        return hold(name, values, dtype)
    if values.shape[1] != 3 or not len(values):
        return describe(name, "complex", values.shape)
    return hold(name, _fill(values, budget), "sparse")


def _spell(codes: NDArray[Any]) -> str:
    return "".join(chr(int(c)) if isfinite(c) and 0 <= c < 0xD800 else "?" for c in codes).rstrip()


def _fill(triples: NDArray[Any], budget: Budget) -> NDArray[np.float64]:
    """Return the full matrix of rows of (row, column, value), the last of which has the shape."""
    places = triples[:, :2].astype(np.float64)
    if not (np.isfinite(places).all() and (places >= 0).all() and (places <= 2**31).all()):
        msg = "a sparse matrix with places that are no numbers"
        raise DamagedFileError(msg)
    n_rows, n_columns = (int(n) for n in places[-1])
    rows, columns = (places[:-1] - 1).astype(np.int64).T
    if len(rows) and not (
        min(rows.min(), columns.min()) >= 0 and rows.max() < n_rows and columns.max() < n_columns
    ):
        msg = "a sparse matrix with places beyond its shape"
        raise DamagedFileError(msg)
    budget.unpack(8 * n_rows * n_columns)
    full = np.zeros((n_rows, n_columns), order="F")
    full[rows, columns] = triples[:-1, 2]
    return full
