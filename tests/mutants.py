"""Damaged MATLAB files: bytes changed at random, in the file or in what it packs.

``python tests/mutants.py 100000`` reads so many and prints what became of them.
"""

import io
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy.io import savemat

from mnistffn.data import builtin_digits, load_dataset
from mnistffn.errors import DataError

N = 24  # images of a file
SLOWEST = 5.0  # seconds
LARGEST = 1 << 30  # bytes


def make_seeds() -> list[bytes]:
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


def make_mutants(count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield damaged files, always the same."""
    generator, seeds = np.random.default_rng(seed), make_seeds()
    for number in range(count):
        yield mutate(seeds[number % len(seeds)], generator)


def try_mutants(count: int, seed: int, folder: Path) -> Counter[str]:
    """Read damaged files; raise whatever is no DataError, and for what takes too long."""
    outcomes: Counter[str] = Counter()
    path = folder / "mutant.mat"
    for mutant in make_mutants(count, seed):
        path.write_bytes(mutant)
        start = time.perf_counter()
        try:
            load_dataset(path)
            outcomes["read"] += 1
        except DataError as error:
            outcomes["refused" if "\n" not in str(error) else "told in several lines"] += 1
        seconds = time.perf_counter() - start
        assert seconds < SLOWEST, f"{seconds:.1f} s"
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes["peak MB"] = peak // 2**20
    return outcomes


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        n, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
        sys.stdout.write(
            f"{dict(try_mutants(n, seed, Path(folder)))} in {time.perf_counter() - start:.0f} s\n"
        )
