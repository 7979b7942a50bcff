"""What reads HDF5 files: a process of its own, for the HDF5 library may end it on damaged ones.

It is run as a script and imports nothing of the package. The file comes on standard input; the answer
goes to standard output: the length of a JSON object, the object, and the numbers that it speaks of.

``list`` answers with a tree of all variables, the small ones with their values; ``read PATH`` with the
values of one.
"""

import json
import resource
import signal
import sys
from math import prod
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

BEST_RATIO = 1032  # of deflate: what claims more was never written
DEEPEST = 24
MOST_NODES = 500_000
SMALL = 128 * 128  # elements that are sent at once
MEMORY = 1 << 30  # for the interpreter and its libraries
CLASSES = {
    "double", "single", "logical", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
    "uint64",
}  # fmt: skip
Node = dict[str, Any]


class Damaged(Exception):
    """The file contradicts itself."""


class TooLarge(Exception):
    """The values take more bytes than are allowed."""


class Walker:
    """Walks through a file that lies in memory.

    Parameters
    ----------
    content : bytes
    allowed : int
        Bytes that the values may take.
    """

    def __init__(self, content: bytes, allowed: int) -> None:
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_fapl_core(backing_store=False)
        access.set_file_image(content)
        self.file = h5py.File(h5py.h5f.open(b"data", h5py.h5f.ACC_RDONLY, fapl=access))
        self.allowed, self.nodes = allowed, 0
        self.above: list[int] = []
        self.blob: list[bytes] = []
        self.filled = 0

    def list_all(self) -> list[Node]:
        """Return the variables of the file, those of a struct or a cell within it."""
        return self.list_members(self.file)

    def list_members(self, group: h5py.Group) -> list[Node]:
        """Return what a group holds; links to other files are not followed."""
        found = []
        for name in group:
            # A leading # is MATLAB's: what references lead to, and objects.
            if name.startswith("#") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            found.append(self.describe(group[name]) | {"name": name})
        return found

    def describe(self, item: Any) -> Node:
        """Return what a group or a dataset is."""
        self.nodes += 1
        address = h5py.h5o.get_info(item.id).addr
        if self.nodes > MOST_NODES or len(self.above) > DEEPEST or address in self.above:
            msg = "cells and groups that hold themselves, or are nested too deep"
            raise Damaged(msg)
        self.above.append(address)
        node = (
            self.describe_group(item) if isinstance(item, h5py.Group) else self.describe_dataset(item)
        )
        self.above.pop()
        return node

    def describe_group(self, group: h5py.Group) -> Node:
        if "MATLAB_sparse" in group.attrs:
            rows = int(np.ravel(group.attrs["MATLAB_sparse"])[0])
            # An empty one has neither values nor rows.
            values, places = (
                self.read(group[name]) if name in group else np.empty(0) for name in ("data", "ir")
            )
            ends = self.read(group["jc"])
            shape = [rows, max(0, ends.size - 1)]
            parts = [self.send(part) for part in (values, places, ends)]
            dtype = "logical" if find_class(group) == "logical" else "sparse"
            return {"kind": "sparse", "dtype": dtype, "shape": shape, "parts": parts}
        if find_class(group) not in ("", "struct"):
            return {"kind": "object", "shape": []}
        return {"kind": "struct", "fields": self.list_members(group)}

    def describe_dataset(self, dataset: h5py.Dataset) -> Node:
        kind, is_matlab = find_class(dataset), "MATLAB_class" in dataset.attrs
        dtype = dataset.dtype
        if h5py.check_ref_dtype(dtype) is h5py.Reference:
            return self.describe_cell(dataset)
        if dataset.shape is None:
            return {"kind": "object", "shape": []}
        shape = list(dataset.shape) or [1]
        if "MATLAB_empty" in dataset.attrs and np.any(dataset.attrs["MATLAB_empty"]):
            return self.describe_empty(kind, self.read(dataset).ravel().tolist())
        if is_matlab and kind == "char":
            return self.describe_text(dataset)
        if h5py.check_string_dtype(dtype) is not None and len(shape) <= 2:
            return self.describe_words(dataset)
        if dtype.names == ("real", "imag") or dtype.kind == "c":
            return {"kind": "complex", "shape": shape[::-1]}
        if dtype.kind not in "biuf" or (kind and kind not in CLASSES):
            return {"kind": "function" if kind == "function_handle" else "object", "shape": []}
        order = "F" if is_matlab else "C"
        node = {"kind": "numbers", "shape": shape[::-1] if is_matlab else shape, "order": order}
        node |= {"dtype": kind or dtype.name, "stored": self.name_stored(dtype)}
        if dataset.size is not None and dataset.size <= SMALL:
            return node | {"values": self.send(self.read(dataset))}
        self.check_claim(dataset)
        return node | {"path": dataset.name}

    def describe_empty(self, kind: str, shape: list[int]) -> Node:
        """Return what has no elements: MATLAB keeps its shape in their place."""
        if kind == "char":
            return {"kind": "text", "words": []}
        if kind not in CLASSES or all(shape):
            return {"kind": "cell", "shape": [0, 0], "items": []}
        shape = [int(length) for length in shape]
        return {"kind": "numbers", "shape": shape, "dtype": kind, "values": self.send(np.empty(0))}

    def describe_cell(self, dataset: h5py.Dataset) -> Node:
        references = self.read(dataset)
        items = []
        for reference in references.ravel():
            if not reference:
                items.append({"kind": "object", "shape": []})
                continue
            items.append(self.describe(self.file[reference]))
        return {"kind": "cell", "shape": list(references.shape[::-1]), "items": items}

    def describe_text(self, dataset: h5py.Dataset) -> Node:
        codes = np.atleast_2d(self.read(dataset).astype(np.uint32))
        if codes.ndim > 2:
            return {"kind": "object", "shape": []}
        letters = np.where((codes < 0xD800) & (codes > 0), codes, ord("?")).T.tolist()
        return {"kind": "text", "words": ["".join(map(chr, row)).rstrip() for row in letters]}

    def describe_words(self, dataset: h5py.Dataset) -> Node:
        self.check_claim(dataset)
        words = np.atleast_1d(dataset.asstr(errors="replace")[()]).ravel().tolist()
        return {"kind": "text", "words": [str(word) for word in words]}

    def read(self, dataset: h5py.Dataset) -> NDArray[Any]:
        """Return the values of a dataset, once it is clear that they are there."""
        self.check_claim(dataset)
        values = np.asarray(dataset[()])
        return values.astype(self.name_stored(values.dtype)) if values.dtype.kind in "biuf" else values

    @staticmethod
    def name_stored(dtype: np.dtype[Any]) -> str:
        """Return the type in which values are sent: the computer's own byte order, at least 32 bits."""
        if dtype.kind == "b":
            return "u1"
        return {"f2": "f4", "f16": "f8"}.get(dtype.str[1:], dtype.str[1:])

    def check_claim(self, dataset: h5py.Dataset) -> None:
        """Raise Damaged unless a dataset may be as large as it says."""
        if dataset.is_virtual or dataset.external:
            msg = "values that lie in another file"
            raise Damaged(msg)
        size = prod(dataset.shape or ()) * dataset.dtype.itemsize
        if size > self.allowed:
            raise TooLarge(size)
        if size > BEST_RATIO * (dataset.id.get_storage_size() + 64):
            msg = f"{dataset.id.get_storage_size()} bytes claim to be {size}"
            raise Damaged(msg)

    def send(self, values: NDArray[Any]) -> list[Any]:
        """Put values into the answer; return the type, the place and the number of bytes."""
        content = np.ascontiguousarray(values).tobytes()
        self.allowed -= len(content)
        if self.allowed < 0:
            raise TooLarge(len(content))
        self.blob.append(content)
        self.filled += len(content)
        return [values.dtype.str, self.filled - len(content), len(content)]


def find_class(item: Any) -> str:
    """Return what MATLAB calls the class of an item, nothing where it does not say."""
    name = item.attrs.get("MATLAB_class", b"")
    return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)


def answer(content: bytes, allowed: int, path: str | None) -> list[bytes]:
    """Return the answer to a question: the head, and the numbers."""
    head: Node
    walker = None
    try:
        walker = Walker(content, allowed)
        if path is None:
            head = {"variables": walker.list_all()}
        else:
            head = {"values": walker.send(walker.read(walker.file[path]))}
    except TooLarge as error:
        head = {"too_large": int(error.args[0])}
    except Damaged as error:
        head = {"damaged": str(error)}
    except Exception as error:  # whatever h5py makes of a damaged file
        head = {"damaged": f"{type(error).__name__}: {error}".partition("\n")[0]}
    blob = walker.blob if walker and not {"damaged", "too_large"} & set(head) else []
    text = json.dumps(head | {"n_bytes": sum(map(len, blob))}).encode()
    return [len(text).to_bytes(8, "little"), text, *blob]


def bound(n_bytes: int, allowed: int) -> None:
    """Bound the processor time and the memory of this process by what a whole file would take."""
    seconds = 4 + 2 * n_bytes // 10**6 + allowed // 10**8
    memory = MEMORY + 3 * n_bytes + 3 * allowed
    wanted = {"RLIMIT_CPU": seconds, "RLIMIT_AS": memory, "RLIMIT_CORE": 0}
    for name, most in wanted.items():
        try:
            which = getattr(resource, name)
            hardest = resource.getrlimit(which)[1]
            limit = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
            resource.setrlimit(which, (limit, hardest))
        except (AttributeError, ValueError, OSError):  # not on this system
            continue


def main() -> None:
    """Read a file from standard input and answer."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    content = sys.stdin.buffer.read()
    allowed = int(sys.argv[1])
    bound(len(content), allowed)
    for part in answer(content, allowed, sys.argv[2] if len(sys.argv) > 2 else None):
        sys.stdout.buffer.write(part)


if __name__ == "__main__":
    main()
