"""MATLAB files of version 5 to 7.2.

After MathWorks' "MAT-File Format". ``scipy.io.loadmat`` ends the process on some damaged files, and
unpacks whatever it meets; here every length is checked before it is believed, and only what is asked
for is unpacked.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.formats.damage import Budget, DamagedFileError
from mnistffn.data.formats.unpack import BEST_RATIO, unpack
from mnistffn.data.formats.variable import Variable, describe, gather, hold, make_printable

HEADER = 128
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CHARACTERS = {1: "u1", 2: "u1", 4: "u2", 16: "utf-8", 17: "u2", 18: "u4"}
CLASSES = {
    6: "double", 7: "single", 8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32",
    13: "uint32", 14: "int64", 15: "uint64",
}  # fmt: skip
CELL, STRUCT, OBJECT, TEXT, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
IS_COMPLEX, IS_LOGICAL = 0x800, 0x200
DEEPEST = 24  # nested cells and structs
MOST_AXES = 32
HEAD = 4096  # bytes that hold the head of any matrix: flags, shape and name


@dataclass
class Element:
    """A data element: its type and the bytes that it claims, which are there."""

    kind: int
    data: memoryview


class Reader:
    """Walks through the elements of a file that lies in memory.

    Parameters
    ----------
    content : memoryview
    order : {"<", ">"}
        Byte order.
    budget : Budget
        Of bytes that may be unpacked, and of elements that may be visited.
    """

    def __init__(self, content: memoryview, order: str, budget: Budget) -> None:
        self.content, self.order, self.budget = content, order, budget

    def read_file(self) -> Iterator[Variable]:
        """Yield all variables, those inside of structs and cells with the way to them."""
        for element in self._split(self.content[HEADER:], pad_compressed=False):
            if element.kind == COMPRESSED:
                yield from _with_names(self._read_packed(element.data))
            elif element.kind == MATRIX:
                yield from _with_names(self._read_matrix(element.data, 0))
            else:
                msg = f"an element of type {element.kind} where a variable belongs"
                raise DamagedFileError(msg)

    def _split(self, data: memoryview, *, pad_compressed: bool = True) -> Iterator[Element]:
        """Yield the elements that lie one after the other in ``data``."""
        place = 0
        while place < len(data):
            self.budget.visit()
            if len(data) - place < 8:
                msg = f"{len(data) - place} bytes where an element begins"
                raise DamagedFileError(msg)
            kind, length = struct.unpack_from(f"{self.order}II", data, place)
            if kind >> 16:  # a small element has its data within the tag
                start, length, kind = place + 4, kind >> 16, kind & 0xFFFF
                place += 8
                if length > 4:
                    msg = f"a small element of {length} bytes"
                    raise DamagedFileError(msg)
            else:
                start = place + 8
                place = start + length
                if kind != COMPRESSED or pad_compressed:
                    place += -length % 8
            if start + length > len(data):
                msg = f"an element claims {length} bytes of {len(data) - start}"
                raise DamagedFileError(msg)
            yield Element(kind, data[start : start + length])

    def _read_packed(self, packed: memoryview) -> Iterator[Variable]:
        """Yield what a compressed element holds; numbers are unpacked when they are read."""
        head = unpack(packed, HEAD, whole=False)
        kind, length = struct.unpack_from(f"{self.order}II", _at_least(head, 8))
        if kind != MATRIX:
            msg = f"a compressed element of type {kind}"
            raise DamagedFileError(msg)
        if length > BEST_RATIO * (len(packed) + 64):
            msg = f"{len(packed)} bytes claim to unpack to {length}"
            raise DamagedFileError(msg)
        flags = struct.unpack_from(f"{self.order}I", _at_least(head, 24), 16)[0]
        if flags & 0xFF in {*CLASSES, SPARSE} and not flags & IS_COMPLEX:
            of_shape, of_name = self._split_head(head[8:])
            shape, name = self._read_shape(of_shape), self._read_name(of_name)
            dtype = "logical" if flags & IS_LOGICAL else CLASSES.get(flags & 0xFF, "sparse")
            read = cache(partial(self._unpack_numbers, packed, length))
            yield Variable(name, shape, "numbers", dtype, read)
        else:
            self.budget.unpack(length)
            yield from self._read_matrix(unpack(packed, 8 + length)[8:], 0)

    def _split_head(self, data: memoryview) -> tuple[Element, Element]:
        """Return the shape and the name of a variable of which the first bytes are there."""
        elements = list(islice(self._split(data), 3))
        if len(elements) < 3 or elements[0].kind != 6:
            msg = "a variable without flags, shape and name"
            raise DamagedFileError(msg)
        return elements[1], elements[2]

    def _unpack_numbers(self, packed: memoryview, length: int) -> NDArray[Any]:
        self.budget.unpack(length)
        [variable] = self._read_matrix(unpack(packed, 8 + length)[8:], 0)
        return variable.read()

    def _read_matrix(self, data: memoryview, depth: int) -> list[Variable]:
        """Return the variables that a matrix element amounts to."""
        if depth > DEEPEST:
            msg = f"cells and structs nested more than {DEEPEST} deep"
            raise DamagedFileError(msg)
        if not len(data):  # an empty cell
            return [hold("", np.empty((0, 0)), "double")]
        elements = self._split(data)
        try:
            head = next(elements)
            if head.kind != 6 or len(head.data) < 8:
                msg = "a variable without flags"
                raise DamagedFileError(msg)
            flags = struct.unpack_from(f"{self.order}I", head.data)[0]
            kind = flags & 0xFF
            if kind == OPAQUE:
                return [describe(self._read_name(next(elements)), "object")]
            shape, name = self._read_shape(next(elements)), self._read_name(next(elements))
            if kind in (OBJECT, FUNCTION):
                return [describe(name, "object" if kind == OBJECT else "function", shape)]
            if kind == CELL:
                return self._read_cell(name, shape, elements, depth)
            if kind == STRUCT:
                return self._read_struct(name, shape, elements, depth)
            if kind not in {*CLASSES, TEXT, SPARSE}:
                msg = f"{name or 'a variable'} is of the unknown class {kind}"
                raise DamagedFileError(msg)
            if flags & IS_COMPLEX:
                return [describe(name, "complex", shape)]
            if kind == TEXT:
                return [self._read_text(name, shape, next(elements))]
            dtype = "logical" if flags & IS_LOGICAL else CLASSES.get(kind, "sparse")
            if kind == SPARSE:
                values = self._read_sparse(shape, [next(elements) for _ in range(3)])
            else:
                values = self._read_numbers(next(elements), prod(shape)).reshape(shape, order="F")
            return [hold(name, (values != 0).view("u1") if dtype == "logical" else values, dtype)]
        except StopIteration:
            msg = "a variable ends too early"
            raise DamagedFileError(msg) from None

    def _read_shape(self, element: Element) -> tuple[int, ...]:
        if (
            element.kind not in (5, 6)
            or len(element.data) % 4
            or not 8 <= len(element.data) <= 4 * MOST_AXES
        ):
            msg = "a variable without a shape"
            raise DamagedFileError(msg)
        shape = tuple(np.frombuffer(element.data, f"{self.order}i4").tolist())
        if min(shape) < 0:
            msg = f"a variable of shape {shape}"
            raise DamagedFileError(msg)
        return shape

    def _read_name(self, element: Element) -> str:
        if element.kind not in (1, 2, 16) or len(element.data) > 1024:
            msg = "a variable without a name"
            raise DamagedFileError(msg)
        return make_printable(bytes(element.data).decode("utf-8", "replace").rstrip("\0"))

    def _read_numbers(self, element: Element, count: int) -> NDArray[Any]:
        if element.kind not in NUMBERS:
            msg = f"numbers of type {element.kind}"
            raise DamagedFileError(msg)
        dtype = np.dtype(f"{self.order}{NUMBERS[element.kind]}")
        if count * dtype.itemsize != len(element.data):
            msg = f"{len(element.data)} bytes for {count} numbers of {dtype.itemsize} bytes"
            raise DamagedFileError(msg)
        values = np.frombuffer(element.data, dtype)
        return values if dtype.isnative else values.astype(dtype.newbyteorder("="))

    def _read_sparse(self, shape: tuple[int, ...], elements: list[Element]) -> NDArray[Any]:
        """Return a sparse matrix, stored by columns, as a full one."""
        if len(shape) != 2:
            msg = f"a sparse matrix of shape {shape}"
            raise DamagedFileError(msg)
        n_rows, n_columns = shape
        self.budget.unpack(8 * n_rows * n_columns)
        if elements[1].kind not in (5, 6) or len(elements[1].data) != 4 * (n_columns + 1):
            msg = "a sparse matrix without its columns"
            raise DamagedFileError(msg)
        ends = self._read_numbers(elements[1], n_columns + 1).astype(np.int64)
        counts, n_values = np.diff(ends), int(ends[-1])
        rows = self._read_numbers(elements[0], len(elements[0].data) // 4).astype(np.int64)[:n_values]
        if len(elements[2].data) == n_values:  # logical: a byte each, although the tag says double
            elements[2] = Element(2, elements[2].data)
        itemsize = np.dtype(NUMBERS.get(elements[2].kind, "u1")).itemsize
        values = self._read_numbers(elements[2], len(elements[2].data) // itemsize)[:n_values]
        fits = len(rows) == len(values) == n_values and ends[0] == 0 and counts.min(initial=0) >= 0
        if not fits or (n_values and not 0 <= rows.min() <= rows.max() < n_rows):
            msg = "a sparse matrix whose rows do not fit"
            raise DamagedFileError(msg)
        full = np.zeros(shape, values.dtype, order="F")
        full[rows, np.repeat(np.arange(n_columns), counts)] = values
        return full

    def _read_text(self, name: str, shape: tuple[int, ...], element: Element) -> Variable:
        """Return the rows of a matrix of characters as strings."""
        kind = CHARACTERS.get(element.kind)
        if kind is None:
            msg = f"characters of type {element.kind}"
            raise DamagedFileError(msg)
        if kind == "utf-8":
            letters = list(bytes(element.data).decode("utf-8", "replace"))
        else:
            itemsize = int(kind[1])
            codes = np.frombuffer(
                element.data[: len(element.data) // itemsize * itemsize], self.order + kind
            )
            letters = [chr(code) if code < 0xD800 else "\ufffd" for code in codes.tolist()]
        if len(letters) != prod(shape):  # some programs write such
            return describe(name, "object", shape)
        if not letters:
            return hold(name, np.array([""]), "char")
        grid = np.array(letters).reshape(shape[0], -1, order="F")
        return hold(name, np.array(["".join(row).rstrip() for row in grid]), "char")

    def _read_cell(
        self, name: str, shape: tuple[int, ...], elements: Iterator[Element], depth: int
    ) -> list[Variable]:
        items = [self._read_matrix(_matrix(element), depth + 1) for element in elements]
        if len(items) != prod(shape):
            msg = f"{len(items)} cells for the shape {shape}"
            raise DamagedFileError(msg)
        return gather(name, shape, items)

    def _read_struct(
        self, name: str, shape: tuple[int, ...], elements: Iterator[Element], depth: int
    ) -> list[Variable]:
        width = self._read_numbers(next(elements), 1).astype(np.int64)[0]
        letters = bytes(next(elements).data)
        if not 1 <= width <= 1024 or len(letters) % width:
            msg = f"field names of {width} letters in {len(letters)}"
            raise DamagedFileError(msg)
        starts = range(0, len(letters), int(width))
        words = [letters[start : start + width].partition(b"\0")[0] for start in starts]
        fields = [make_printable(word.decode("utf-8", "replace")) for word in words]
        items = [self._read_matrix(_matrix(element), depth + 1) for element in elements]
        n = prod(shape)
        if len(items) != n * len(fields):
            msg = f"{len(items)} values for {n} structs of {len(fields)} fields"
            raise DamagedFileError(msg)
        found = []
        for place, field in enumerate(fields):
            values, path = items[place :: len(fields)], f"{name}.{field}"
            if n == 1:
                found += [variable.rename(f"{path}{variable.name}") for variable in values[0]]
            elif n:
                found += gather(path, shape, values)
        return found


def _with_names(variables: Iterable[Variable]) -> Iterator[Variable]:
    """Leave out what has no name: the workspace of functions, which MATLAB keeps for itself."""
    return (variable for variable in variables if variable.name)


def _matrix(element: Element) -> memoryview:
    if element.kind != MATRIX:
        msg = f"an element of type {element.kind} in a cell or a struct"
        raise DamagedFileError(msg)
    return element.data


def _at_least(data: memoryview, length: int) -> memoryview:
    if len(data) < length:
        msg = "a compressed variable ends too early"
        raise DamagedFileError(msg)
    return data
