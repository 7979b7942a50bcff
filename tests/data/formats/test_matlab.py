"""Files that contradict themselves are refused in a moment, and whole ones read as SciPy reads them."""

import resource
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy
from mutants import LARGEST
from scipy.io import loadmat
from scipy.sparse import issparse

from mnistffn.data import load_dataset
from mnistffn.data.formats import MAX_SIZE, read_content
from mnistffn.data.formats.damage import Budget
from mnistffn.errors import DataError

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
SCIPYS = Path(scipy.__file__).parent / "io" / "matlab" / "tests" / "data"


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], rest: bytes, name: str = "X", flags: int = 0) -> bytes:
    head = element(6, struct.pack("<II", kind | flags, 0)) + element(
        5, struct.pack(f"<{len(shape)}i", *shape)
    )
    return element(14, head + element(1, name.encode()) + rest)


def pack(content: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    return struct.pack("<II", 15, len(packed)) + packed


def nest(depth: int) -> bytes:
    inner = matrix(6, (1, 1), element(9, bytes(8)), "")
    for _ in range(depth):
        inner = matrix(1, (1, 1), inner, "")
    return inner


def make_bomb(size: int, name: str = "X") -> bytes:
    """Zeros that pack two hundred to one."""
    head = matrix(9, (size // 784, 784), b"", name)[8:] + struct.pack("<II", 2, size // 784 * 784)
    packer = zlib.compressobj(1)
    packed = packer.compress(struct.pack("<II", 14, len(head) + size // 784 * 784) + head)
    zeros = bytes(1 << 24)
    left = size // 784 * 784
    while left > 0:
        packed += packer.compress(zeros[: min(left, len(zeros))])
        left -= len(zeros)
    packed += packer.flush()
    return struct.pack("<II", 15, len(packed)) + packed


EMPTY = struct.pack("<II", 14, 0)
DAMAGED = {
    "a cell of 2**28": matrix(1, (16384, 16384), b""),
    "a cell that says it has more": matrix(1, (1, 3), EMPTY),
    "a struct of 100,000 fields": matrix(
        2, (1, 1), element(5, struct.pack("<i", 8)) + element(1, b"f\0\0\0\0\0\0\0" * 100_000)
    ),
    "a struct of 2**28 structs": matrix(
        2, (16384, 16384), element(5, struct.pack("<i", 8)) + element(1, b"f\0\0\0\0\0\0\0")
    ),
    "fields without a length": matrix(2, (1, 1), element(5, struct.pack("<i", 0)) + element(1, b"f")),
    "cells nested 5,000 deep": nest(5000),
    "characters without a shape": element(
        14, element(6, struct.pack("<II", 4, 0)) + element(5, b"") + element(1, b"X") + element(16, b"abc")  # noqa: E501
    ),
    "sparse over dense data": matrix(5, (40, 64), element(9, bytes(8 * 40 * 64))),
    "sparse with rows beyond its shape": matrix(
        5, (2, 1), element(5, struct.pack("<i", 7)) + element(5, struct.pack("<2i", 0, 1)) + element(9, bytes(8))  # noqa: E501
    ),
    "sparse of 2**30 by 2**30": matrix(
        5, (2**30, 2**30), element(5, b"") + element(5, struct.pack("<i", 0)) + element(9, b"")
    ),
    "a negative shape": matrix(6, (-40, -64), element(9, bytes(8))),
    "numbers that are not there": matrix(6, (40, 64), element(9, bytes(8))),
    "a shape of 2**31 by 2**31": matrix(9, (2**31 - 1, 2**31 - 1), element(2, bytes(8))),
    "no data": matrix(6, (40, 64), b""),
    "a compressed text": pack(element(16, b"text")),
    "a compressed variable within another": pack(pack(matrix(6, (1, 1), element(9, bytes(8))))),
    "a stream that ends": pack(matrix(6, (40, 64), element(9, bytes(8 * 40 * 64))))[:60] + bytes(20),
    "a claim of 4 GB": pack(struct.pack("<II", 14, 2**32 - 8) + matrix(9, (40, 64), element(2, bytes(2560)))[8:]),  # noqa: E501
    "a name that claims 3,839 letters": element(
        14,
        element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<2i", 1, 1)) + struct.pack("<II", 1, 3839),  # noqa: E501
    ),
    **{f"type {kind}": matrix(6, (4, 8), element(kind, bytes(256))) for kind in (0, 8, 10, 11, 14, 15, 19, 20, 99)},  # noqa: E501
    **{f"class {kind}": matrix(kind, (4, 8), element(9, bytes(256))) for kind in (0, 18, 99, 255)},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_contradicts_itself_is_refused_at_once(tmp_path: Path, damage: str) -> None:
    for content in (DAMAGED[damage], pack(DAMAGED[damage])):
        (tmp_path / "d.mat").write_bytes(HEADER + content)
        start = time.process_time()
        with pytest.raises(DataError, match="damaged|holds no|unpacks to"):
            load_dataset(tmp_path / "d.mat")
        assert time.process_time() - start < 2


@pytest.mark.parametrize("kind", [3, 16, 17])
def test_objects_and_functions_are_passed_over(tmp_path: Path, kind: int) -> None:
    odd = matrix(kind, (1, 1), element(1, b"name"), "odd")
    if kind == 17:  # without a shape
        odd = element(
            14, element(6, struct.pack("<II", 17, 0)) + element(1, b"odd") + element(1, b"MCOS")
        )
    (tmp_path / "d.mat").write_bytes(HEADER + odd)
    with pytest.raises(DataError, match="holds no images"):
        load_dataset(tmp_path / "d.mat")


def test_complex_numbers_are_named(tmp_path: Path) -> None:
    odd = matrix(6, (40, 64), element(9, bytes(8 * 2560)) * 2, "Z", flags=0x800)
    (tmp_path / "d.mat").write_bytes(HEADER + odd)
    with pytest.raises(DataError, match=r"holds no images, for Z \(40, 64\) is complex|Z is complex"):
        load_dataset(tmp_path / "d.mat")


REFUSE = """
import sys, resource
from pathlib import Path
from mnistffn.data import load_dataset
from mnistffn.errors import DataError
try:
    load_dataset(sys.argv[1])
except DataError as error:
    used = resource.getrusage(resource.RUSAGE_SELF)  # its peak would be that of the parent
    [peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(int(peak.split()[1]) * 1024, used.ru_utime + used.ru_stime, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux tells it")
@pytest.mark.parametrize(
    "sizes", [[10**10], [3 * 10**9], [8 * 10**8] * 2], ids=["10 GB", "3 GB", "2 of 0.8 GB"]
)
def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, sizes: list[int]) -> None:
    content = HEADER
    for number, size in enumerate(sizes):
        if size < 10**9:
            bomb = make_bomb(size, f"X{number}")
        else:  # the claim alone, for packing it would take long
            head = matrix(9, (size // 10**4, 784), b"")[8:] + struct.pack("<II", 2, 2**31 - 1)
            packed = zlib.compress(struct.pack("<II", 14, 2**31 - 1) + head + bytes(3 << 21))
            bomb = struct.pack("<II", 15, len(packed)) + packed + bytes(3 * 10**6)
        content += bomb
    content += matrix(6, (1, 1), element(9, bytes(8)), "y")
    (tmp_path / "d.mat").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, str(tmp_path / "d.mat")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout, "it must be refused"
    memory, seconds = done.stdout.split()[:2]
    assert int(memory) < LARGEST
    assert float(seconds) < 5


def test_what_nobody_asks_for_is_not_unpacked(tmp_path: Path, digits_mat: Path) -> None:
    (tmp_path / "d.mat").write_bytes(digits_mat.read_bytes() + make_bomb(9 * 10**8, "junk"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(load_dataset(tmp_path / "d.mat").labels) == 1797
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_the_bound_can_be_raised_and_lowered(digits_mat: Path) -> None:
    with pytest.raises(
        DataError, match="unpacks to .* MB or more, but 0.1 MB are allowed: raise --max-size"
    ):
        load_dataset(digits_mat, max_size=100_000)
    assert len(load_dataset(digits_mat, max_size=2_000_000).labels) == 1797


@pytest.mark.skipif(not SCIPYS.is_dir(), reason="SciPy came without its tests' files")
def test_scipys_own_files_are_read_as_scipy_reads_them() -> None:
    compared = 0
    for path in sorted(SCIPYS.glob("*.mat")):
        try:
            expected = loadmat(path)
            found = {
                v.name: v for v in read_content(memoryview(path.read_bytes()), "x", Budget(MAX_SIZE))
            }
        except Exception:  # one of the two refuses it: many of these files are damaged
            continue
        for name, values in expected.items():
            full = values.toarray() if issparse(values) else values
            if (
                name in found
                and found[name].kind == "numbers"
                and getattr(full, "dtype", np.dtype("O")).kind in "biuf"
            ):
                np.testing.assert_array_equal(found[name].read().reshape(full.shape), full)
                compared += 1
    assert compared > 40
