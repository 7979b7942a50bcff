"""Unpacking what zlib has packed, never more than was claimed."""

import zlib
from typing import Any

import numpy as np

from mnistffn.data.formats.damage import DamagedFileError

PIECE = 1 << 20
LARGEST_PIECE = 1 << 24
# zlib cannot pack better than 1032 to 1: whoever claims more lies.
BEST_RATIO = 1032


def unpack(packed: memoryview, length: int, *, whole: bool = True) -> memoryview:
    """Return the first ``length`` bytes that a zlib stream unpacks to, or all if it is shorter.

    Piece by piece into memory of the right size: no more is ever unpacked than was claimed.
    """
    unpacked = np.empty(length, np.uint8)
    stream, filled, place = zlib.decompressobj(), 0, 0
    try:
        while filled < length and not stream.eof:
            piece = stream.unconsumed_tail
            if not piece:
                piece = bytes(packed[place : place + PIECE])
                place += PIECE
            if not piece:
                break
            found = stream.decompress(piece, min(length - filled, LARGEST_PIECE))
            unpacked[filled : filled + len(found)] = np.frombuffer(found, np.uint8)
            filled += len(found)
    except zlib.error as error:
        msg = f"a compressed variable cannot be unpacked ({error})"
        raise DamagedFileError(msg) from error
    if whole:
        _check_end(stream, packed, place, filled, length)
    return unpacked[:filled].data


def _check_end(stream: Any, packed: memoryview, place: int, filled: int, length: int) -> None:
    """Raise DamagedFileError unless a stream ended where it claimed, its checksum being right."""
    try:
        rest = stream.unconsumed_tail + bytes(packed[place:])
        surplus = b"" if stream.eof else stream.decompress(rest, 8)
    except zlib.error as error:
        msg = f"a compressed variable is not what was packed ({error})"
        raise DamagedFileError(msg) from error
    if filled < length or surplus or not stream.eof:
        msg = f"a compressed variable claims {length} bytes, and unpacks to another number"
        raise DamagedFileError(msg)
