"""Damaged data files: bytes changed at random, in the file or in what it packs.

``python tests/mutants.py 2000 0 HDF5 npz`` reads so many of each of these formats, or of all, and
prints what became of them.
"""

import gzip
import io
import json
import os
import shutil
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.io import savemat
from written import make_idx, write_csv, write_pictures, write_v73

from mnistffn.data import builtin_digits, load_dataset
from mnistffn.data.formats import hdf5, hdf5child
from mnistffn.errors import DataError

N = 24  # images of a file
SLOWEST = 5.0  # seconds of the processor
LARGEST = 1 << 30  # bytes


def make_mat_seeds() -> list[bytes]:
    """Return whole files of four layouts: packed and not, and of version 4."""
    digits = builtin_digits()
    images, labels = digits.images[:N], digits.labels[:N]
    rows = images.reshape(N, -1)
    cells = np.empty((1, N), object)
    cells[0, :] = list(images)
    words = np.empty((1, N), object)
    words[0, :] = [f"digit {label}" for label in labels]
    layouts: list[dict[str, object]] = [
        {"input_images": rows / 255, "output_labels": labels[:, None].astype(float)},
        {"dataset": {"train": {"images": rows, "labels": labels, "writers": labels % 3}}, "note": "some text"},  # noqa: E501
        {"I": cells, "labels": words},
        {"train_x": rows[:16], "train_y": np.eye(10)[labels[:16]], "test_x": rows[16:], "test_y": np.eye(10)[labels[16:]]},  # noqa: E501
    ]  # fmt: skip
    seeds = []
    for layout in layouts:
        for packed in (False, True):
            file = io.BytesIO()
            savemat(file, layout, do_compression=packed)
            seeds.append(file.getvalue())
    file = io.BytesIO()
    savemat(
        file, {"X": rows.astype(float), "y": labels[:, None].astype(float), "t": "text"}, format="4"
    )
    return [*seeds, file.getvalue()]


def mutate(content: bytes, generator: np.random.Generator) -> bytes:
    """Change some bytes of a file: anywhere, in its tags and heads, or in what it packs."""
    kind = generator.integers(4)
    if kind == 3 and len(content) > 136 and content[128:130] == b"\x0f\x00":
        return _mutate_packed(content, generator)
    changed = bytearray(content)
    head = min(len(changed), 400)
    for _ in range(generator.integers(1, 6)):
        place = int(generator.integers(head if kind == 1 else len(changed)))
        if kind == 2:  # a whole number of four bytes, where such may be
            place = place // 4 * 4
            number = int(generator.choice([0, 1, 2**31 - 1, 2**32 - 1, int(generator.integers(2**32))]))
            changed[place : place + 4] = struct.pack("<I", number)
        else:
            changed[place] = int(generator.integers(256))
    if generator.random() < 0.1:
        del changed[int(generator.integers(len(changed))) :]
    return bytes(changed)


def _mutate_packed(content: bytes, generator: np.random.Generator) -> bytes:
    """Unpack the variables, change one as if it were not packed, and pack all again."""
    parts, place = [], 128
    while place < len(content):
        _, length = struct.unpack_from("<II", content, place)
        parts.append(zlib.decompress(content[place + 8 : place + 8 + length]))
        place += 8 + length
    chosen = int(generator.integers(len(parts)))
    head = bytearray(parts[chosen])
    for _ in range(generator.integers(1, 6)):
        span = min(len(head), 200 if generator.random() < 0.7 else len(head))
        head[int(generator.integers(span))] = int(generator.integers(256))
    parts[chosen] = bytes(head)
    packed = (zlib.compress(part, 1) for part in parts)
    return content[:128] + b"".join(struct.pack("<II", 15, len(part)) + part for part in packed)


def make_seeds(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Return names and contents of whole files of every format."""
    digits = builtin_digits()
    images, labels = digits.images[:N], digits.labels[:N]
    rows = images.reshape(N, -1)
    write_v73(folder / "a", {"X": rows / 255, "y": labels[:, None] * 1.0, "t": "text"})
    cells = {"I": list(images), "d": {"L": [str(label) for label in labels]}}
    write_v73(folder / "b", cells)
    write_v73(folder / "c", {"X": np.tile(rows, (12, 1)) / 255, "y": np.tile(labels, 12)})
    np.savez(folder / "d.npz", X=rows, y=labels)
    np.savez_compressed(folder / "e.npz", X=images, y=labels.astype("U1"))
    np.save(folder / "f.npy", np.column_stack([labels, rows]))
    write_csv(folder / "g.csv", images, labels)
    write_csv(folder / "h.csv.gz", images, labels, header=False)
    write_pictures(folder / "i", images, labels)

    def read(*names: str) -> list[tuple[str, bytes]]:
        return [(f"m{Path(name).suffix}", (folder / name).read_bytes()) for name in names]

    return {
        "MATLAB": [("m.mat", content) for content in make_mat_seeds()],
        "HDF5": read("a", "b", "c"),
        "npz": read("d.npz", "e.npz"),
        "npy": read("f.npy"),
        "CSV": read("g.csv"),
        "gzip": [*read("h.csv.gz"), ("m.gz", gzip.compress((folder / "a").read_bytes()))],
        "IDX": [("m-images", make_idx(images)), ("m-labels", make_idx(labels))],
        "PNG": [("p/7/m.png", next((folder / "i").rglob("*.png")).read_bytes())],
    }


def ask_a_fork(content: bytes, allowed: int, path: str | None = None) -> object:
    """Do as ``hdf5.ask`` does, but in a fork of this process, which starts forty times as fast."""
    end, start = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(end)
        hdf5child.bound(len(content), allowed)
        with os.fdopen(start, "wb") as file:
            for part in hdf5child.answer(bytes(content), allowed, path):
                file.write(part)
        os._exit(0)
    os.close(start)
    try:
        with os.fdopen(end, "rb") as stream:
            return hdf5.take_answer(stream, allowed)
    finally:
        _, status, usage = os.wait4(pid, 0)
        SIGNALS[os.WTERMSIG(status)] += os.WIFSIGNALED(status)
        PEAKS.append(usage.ru_maxrss)


def _read_peak() -> int:
    """Return the most kilobytes that this program has had; getrusage adds those of who started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _read_processor_time() -> float:
    """Return the seconds that this program and the forks that have ended computed."""
    return sum(os.times()[:4])


SIGNALS: Counter[int] = Counter()
PEAKS: list[int] = []


def try_mutants(count: int, seed: int, folder: Path, kinds: list[str]) -> dict[str, Counter[str]]:
    """Read damaged files; raise whatever is no DataError, and for what takes too long."""
    hdf5.ask = ask_a_fork
    (folder / "seeds").mkdir()
    told: dict[str, Counter[str]] = {}
    for kind, seeds in make_seeds(folder / "seeds").items():
        if kinds and kind not in kinds:
            continue
        place = folder / kind
        place.mkdir()
        for name, content in seeds:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        if kind == "PNG":
            shutil.copytree(folder / "seeds" / "i", place / "p", dirs_exist_ok=True)
        generator = np.random.default_rng(seed)
        outcomes = told[kind] = Counter()
        for number in range(count):
            name, content = seeds[number % len(seeds)]
            (place / name).write_bytes(mutate(content, generator))
            start = _read_processor_time()
            try:
                load_dataset(place / {"PNG": "p", "IDX": "m-images"}.get(kind, name))
                outcomes["read"] += 1
            except DataError as error:
                outcomes["refused" if "\n" not in str(error) else "told in several lines"] += 1
            except BaseException:
                shutil.copy(place / name, "/tmp/mutant")
                raise
            seconds = _read_processor_time() - start
            outcomes["slowest ms"] = max(outcomes["slowest ms"], int(1000 * seconds))
            if seconds >= SLOWEST:
                shutil.copy(place / name, "/tmp/mutant")
            assert seconds < SLOWEST, f"{kind}: {seconds:.1f} s"
            (place / name).write_bytes(content)
        outcomes["signals of the HDF5 library"] = sum(SIGNALS.values())
        outcomes["peak MB"] = max([_read_peak(), *PEAKS]) // 1024
    return told


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        n, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
        sys.stdout.write(json.dumps(try_mutants(n, seed, Path(folder), sys.argv[3:])) + "\n")
