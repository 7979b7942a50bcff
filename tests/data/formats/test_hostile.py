"""Files that lie are refused in a line, in a moment, and without the memory that they claim."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import SLOW
from written import make_idx, write_v73

from mnistffn.data import builtin_digits, load_dataset
from mnistffn.data.formats import hdf5
from mnistffn.errors import DataError

DIGITS = builtin_digits()
N = 40
TESTS = Path(__file__).parents[2]


def write_cycle(path: Path) -> None:
    write_v73(path, {"I": [np.zeros((8, 8))] * 2})
    with h5py.File(path, "r+") as file:
        file["I"][0, 0] = file["I"].ref


def write_group_in_itself(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_group("a")["b"] = file["/"]


def write_claim(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10_000, 28, 28), "f8", chunks=(1, 28, 28))  # nothing is stored
        file["y"] = np.arange(10_000) % 10


def write_external(path: Path) -> None:
    path.with_name("secret").write_bytes(bytes(N * 64))
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (N, 64), "u1", external=[(str(path.with_name("secret")), 0, N * 64)])
        file["y"] = np.arange(N) % 10


def write_object(path: Path) -> None:
    np.savez(path, X=np.array([{}] * N, object), y=np.arange(N))


def write_zip_bomb(path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (4 * 10**6, 784)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as file:
            file.write(head.getvalue())
            for _ in range(4 * 784):
                file.write(bytes(10**6))
        archive.writestr("y.npy", b"")


def write_other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.csv", "1,2")


def write_lying_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(10**7))[:-4] + struct.pack("<I", 2000))


def write_two_gzips(path: Path) -> None:
    path.write_bytes(gzip.compress(b"1,2,3\n") + gzip.compress(b"4,5,6\n"))


def write_gzip_bomb(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(10**7))[:-4] + bytes(4 * 10**6) + struct.pack("<I", 3 * 10**9))


WRITE = {
    write_cycle: "not an HDF5 file: cells and groups that hold themselves",
    write_group_in_itself: "not an HDF5 file: cells and groups that hold themselves",
    write_claim: "bytes claim to be 62720000",
    write_external: "values that lie in another file",
    write_object: "holds no images, for X is object|holds no images",
    write_zip_bomb: "damaged or not an .npz file|unpacks to 3.1 GB",
    write_other_zip: "a zip archive of train.csv, not of arrays: unpack it",
    write_lying_gzip: "not a gzip file: what is packed claims 2000 bytes",
    write_two_gzips: "there is more behind what gzip has packed",
    write_gzip_bomb: "unpacks to 3.0 GB or more, but 1.0 GB are allowed: raise --max-size",
    lambda path: path.write_bytes(gzip.compress(gzip.compress(b"1"))): "packed with gzip twice",
    lambda path: path.write_bytes(make_idx(DIGITS.images)[:-9]): "not an IDX file: 114999 bytes for",
    lambda path: path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12): "not an IDX file: 0 bytes for",
    lambda path: path.write_bytes(make_idx(DIGITS.images)): "holds images and no labels",
    lambda path: path.write_bytes(b"\x93NUMPY\x01\x00" + b"\x10\x00" + b"(" * 16): "not a NumPy file",
}


@pytest.mark.parametrize("write", WRITE)
def test_files_that_lie_are_refused(tmp_path: Path, write) -> None:
    if write is write_zip_bomb and not SLOW:
        pytest.skip("packs 3 GB")
    path = tmp_path / "d-images"
    write(tmp_path / "d.npz" if write is write_object else path)
    path = tmp_path / "d.npz" if write is write_object else path
    with pytest.raises(DataError, match=WRITE[write]) as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"fails on it \(SIGSEGV\)"),
        ("import sys; sys.stdin.buffer.read(); print('12345678 and nothing')", "cannot read it"),
    ],
)
def test_a_crash_of_the_hdf5_library_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    (tmp_path / "child.py").write_text(script)
    monkeypatch.setattr(hdf5, "CHILD", tmp_path / "child.py")
    path = write_v73(tmp_path / "d.mat", {"X": DIGITS.flat, "y": DIGITS.labels})
    with pytest.raises(DataError, match=f"d.mat is damaged or not an HDF5 file: .*{message}"):
        load_dataset(path)


def test_the_bound_holds_for_hdf5(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "d.mat", {"X": DIGITS.flat * 1.0, "y": DIGITS.labels})
    with pytest.raises(DataError, match="but 0.1 MB are allowed: raise --max-size"):
        load_dataset(path, max_size=100_000)


def test_mutants_of_every_format_are_read_or_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(TESTS / "mutants.py"), str(2000 if SLOW else 100)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ
        | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == 8
    for kind, outcomes in told.items():
        assert set(outcomes) <= {
            "read",
            "refused",
            "slowest ms",
            "signals of the HDF5 library",
            "peak MB",
        }
        assert outcomes["refused"] > 10, kind
        assert outcomes["peak MB"] < 1024, kind
