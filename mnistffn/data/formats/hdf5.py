"""HDF5 files: what MATLAB has written since version 7.3, and others.

A process of its own reads them (:mod:`~mnistffn.data.formats.hdf5child`), its time and memory bounded:
the HDF5 library may end the process on a damaged file, loop, or reserve whatever memory it claims.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, partial
from math import prod
from pathlib import Path
from signal import Signals
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.formats.damage import Budget, DamagedFileError, TooLargeError
from mnistffn.data.formats.variable import Variable, describe, gather, hold, make_printable

SIGNATURE = b"\x89HDF\r\n\x1a\n"
PLACES = (0, 512, 1024, 2048)  # MATLAB has 512 bytes of its own before it
CHILD = Path(__file__).with_name("hdf5child.py")
LONGEST_HEAD = 1 << 28

Node = dict[str, Any]


def is_hdf5(content: memoryview) -> bool:
    """Return whether the bytes are those of an HDF5 file."""
    return any(content[place : place + 8] == SIGNATURE for place in PLACES)


def read_hdf5(content: memoryview, budget: Budget) -> list[Variable]:
    """Return the variables of an HDF5 file, those inside of groups and cells with the way to them.

    Axes are in MATLAB's order where the file says that MATLAB wrote them, or else as they are stored.

    Raises
    ------
    DamagedFileError
        The HDF5 library cannot read it.
    TooLargeError
        It would take more memory than is left.
    """
    head, blob = ask(content, budget.n_bytes)
    budget.unpack(len(blob))
    tree = _Tree(content, blob, budget)
    return [
        part for node in head["variables"] for part in tree.make(node, make_printable(node["name"]))
    ]


def ask(content: memoryview, allowed: int, path: str | None = None) -> tuple[Node, memoryview]:
    """Let a child list the variables of a file, or read the one at a path."""
    arguments = [str(allowed), *([] if path is None else [path])]
    with subprocess.Popen(
        [sys.executable, "-I", str(CHILD), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PATH": "/dev/null"},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):  # it tells by its end
            child.stdin.write(content)
            child.stdin.close()
        try:
            return take_answer(child.stdout, allowed)
        except DamagedFileError as error:
            if str(error):
                raise
            child.stdout.close()
            msg = f"the HDF5 library {_name_end(child)}"
            raise DamagedFileError(msg) from error
        finally:
            child.kill()


def _name_end(child: subprocess.Popen[bytes]) -> str:
    """Return how a child has ended that did not answer."""
    with suppress(subprocess.TimeoutExpired):
        if (code := child.wait(timeout=5)) < 0:
            return f"fails on it ({Signals(-code).name})"
    return "cannot read it"


def take_answer(stream: IO[bytes], allowed: int) -> tuple[Node, memoryview]:
    """Return what a child answers: the head, and the bytes that it speaks of.

    Raises
    ------
    DamagedFileError
        As the child says; without a message where it says nothing.
    TooLargeError
    """
    length = int.from_bytes(stream.read(8), "little")
    text = stream.read(length) if 0 < length < LONGEST_HEAD else b""
    if not text or len(text) < length:
        raise DamagedFileError
    head: Node = json.loads(text)
    if "damaged" in head:
        raise DamagedFileError(make_printable(head["damaged"]))
    if "too_large" in head:
        raise TooLargeError(head["too_large"])
    blob = np.empty(min(head["n_bytes"], allowed), np.uint8)
    filled = 0
    while filled < len(blob):
        n = stream.readinto(blob[filled:].data)  # type: ignore[attr-defined]
        if not n:
            raise DamagedFileError
        filled += n
    return head, blob.data


class _Tree:
    """Turns what the child tells into variables."""

    def __init__(self, content: memoryview, blob: memoryview, budget: Budget) -> None:
        self.content, self.blob, self.budget = content, blob, budget

    def make(self, node: Node, name: str) -> list[Variable]:
        """Return the variables that a node amounts to."""
        self.budget.visit()
        kind, shape = node["kind"], tuple(node.get("shape", ()))
        if kind == "struct":
            fields = ((f"{name}.{make_printable(part['name'])}", part) for part in node["fields"])
            return [variable for path, part in fields for variable in self.make(part, path)]
        if kind == "cell":
            return gather(name, shape, [self.make(item, "") for item in node["items"]])
        if kind == "text":
            words = [make_printable(word) for word in node["words"]]
            return [hold(name, np.array(words or [""]), "char")]
        if kind == "sparse":
            parts = [self._take(part) for part in node["parts"]]
            if parts[0].dtype.kind == "V":
                return [describe(name, "complex", shape)]
            return [hold(name, self._fill(shape, *parts), node["dtype"])]
        if kind != "numbers":
            return [describe(name, kind, shape)]
        if "values" in node:
            values = self._take(node["values"]).reshape(shape, order=node.get("order", "C"))
            return [hold(name, _as_numbers(values, node["dtype"]), node["dtype"])]
        read = cache(partial(self._read, node, shape))
        return [Variable(name, shape, "numbers", node["dtype"], read)]

    def _read(self, node: Node, shape: Sequence[int]) -> NDArray[Any]:
        self.budget.unpack(prod(shape) * np.dtype(node["stored"]).itemsize)
        head, blob = ask(self.content, self.budget.n_bytes + prod(shape) * 8, node["path"])
        values = _view(blob, head["values"]).reshape(shape, order=node["order"])
        return _as_numbers(values, node["dtype"])

    def _take(self, place: Sequence[Any]) -> NDArray[Any]:
        return _view(self.blob, place)

    def _fill(
        self, shape: tuple[int, ...], values: NDArray[Any], rows: NDArray[Any], ends: NDArray[Any]
    ) -> NDArray[Any]:
        """Return a sparse matrix, stored by columns, as a full one."""
        n_rows, n_columns = shape
        rows, counts = rows.astype(np.int64), np.diff(ends.astype(np.int64)).astype(np.int64)
        fits = len(values) == len(rows) == counts.sum() and counts.min(initial=0) >= 0
        if not fits or n_rows < 0 or (len(rows) and not 0 <= rows.min() <= rows.max() < n_rows):
            msg = "a sparse matrix whose rows do not fit"
            raise DamagedFileError(msg)
        self.budget.unpack(values.itemsize * n_rows * n_columns)
        full = np.zeros(shape, values.dtype, order="F")
        full[rows, np.repeat(np.arange(n_columns), counts)] = values
        return full


def _view(blob: memoryview, place: Sequence[Any]) -> NDArray[Any]:
    dtype, start, n_bytes = place
    return np.frombuffer(blob[start : start + n_bytes], np.dtype(dtype))


def _as_numbers(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    return (values != 0).view("u1") if dtype in ("logical", "bool") else values
