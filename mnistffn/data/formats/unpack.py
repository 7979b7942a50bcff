"""Unpacking what zlib and gzip have packed, never more than was claimed."""

import zlib
from typing import Any

import numpy as np

from mnistffn.data.formats.damage import Budget, DamagedFileError

PIECE = 1 << 20
LARGEST_PIECE = 1 << 24
# zlib cannot pack better than 1032 to 1: whoever claims more lies.
BEST_RATIO = 1032
GZIP = b"\x1f\x8b"
ZLIB_WINDOW, GZIP_WINDOW = 15, 31  # what zlib calls wbits


def unpack_gzip(packed: memoryview, budget: Budget) -> memoryview:
    """Return what gzip has packed: its last four bytes tell how much that is.

    Raises
    ------
    DamagedFileError
        It is something else, or several files one after the other.
    TooLargeError
        It claims more than may be unpacked.
    """
    length = int.from_bytes(packed[-4:], "little")
    if length > BEST_RATIO * len(packed):
        msg = f"{len(packed)} bytes claim to unpack to {length}"
        raise DamagedFileError(msg)
    budget.unpack(length)
    return unpack(packed, length, window=GZIP_WINDOW)


def unpack(
    packed: memoryview, length: int, *, whole: bool = True, window: int = ZLIB_WINDOW
) -> memoryview:
    """Return the first ``length`` bytes that a stream unpacks to, or all if it is shorter.

    Piece by piece into memory of the right size: no more is ever unpacked than was claimed.
    """
    unpacked = np.empty(length, np.uint8)
    stream, filled, place = zlib.decompressobj(window), 0, 0
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
        msg = f"what is packed cannot be unpacked ({error})"
        raise DamagedFileError(msg) from error
    if whole:
        _check_end(stream, packed, place, filled, length)
        if window == GZIP_WINDOW and (stream.unused_data or place < len(packed)):
            msg = "there is more behind what gzip has packed"
            raise DamagedFileError(msg)
    return unpacked[:filled].data


def _check_end(stream: Any, packed: memoryview, place: int, filled: int, length: int) -> None:
    """Raise DamagedFileError unless a stream ended where it claimed, its checksum being right."""
    try:
        rest = stream.unconsumed_tail + bytes(packed[place:])
        surplus = b"" if stream.eof else stream.decompress(rest, 8)
    except zlib.error as error:
        msg = f"what is packed is not what it was ({error})"
        raise DamagedFileError(msg) from error
    if filled < length or surplus or not stream.eof:
        msg = f"what is packed claims {length} bytes, and unpacks to another number"
        raise DamagedFileError(msg)
