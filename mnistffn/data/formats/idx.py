"""IDX files, in which MNIST was published: a magic number, the lengths of the axes, the values."""

from math import prod

import numpy as np

from mnistffn.data.formats.damage import DamagedFileError
from mnistffn.data.formats.variable import Variable, hold

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}
MOST_AXES = 4


def is_idx(head: bytes) -> bool:
    """Return whether a file that begins like this is an IDX file."""
    return len(head) >= 8 and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= MOST_AXES


def read_idx(content: memoryview, name: str) -> Variable:
    """Return the array of an IDX file. Its first axis counts the samples.

    Raises
    ------
    DamagedFileError
        It has not as many values as its axes claim.
    """
    dtype, n_axes = np.dtype(f">{TYPES[content[2]]}"), content[3]
    start = 4 + 4 * n_axes
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    if len(shape) < n_axes or len(content) - start != prod(shape) * dtype.itemsize:
        msg = f"{len(content) - start} bytes for an array of shape {shape}"
        raise DamagedFileError(msg)
    values = np.frombuffer(content[start:], dtype).reshape(shape)
    values = values if dtype.isnative else values.astype(dtype.newbyteorder("="))
    return hold(name, values, values.dtype.name, is_stack=n_axes > 2)
