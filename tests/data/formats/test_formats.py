"""The same images in every format are read as the same images, from a file and from a pipe."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import takes_long
from written import FORMATS

from mnistffn.data import builtin_digits, load_dataset

DIGITS = builtin_digits()


def sort_by_class(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(labels, kind="stable")
    return images[order], labels[order]


def choose(kind: str, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the images that are tried: h5py takes a millisecond to write a cell."""
    n = 500 if "cells" in kind else len(labels)
    return images[:n], labels[:n]


def check(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    found = load_dataset(path)
    if path.is_dir():  # by class
        images, labels = sort_by_class(images, labels)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.images.dtype == np.uint8
    assert found.labels.dtype == np.int64


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_digits_are_read_from_every_format(tmp_path: Path, kind: str) -> None:
    chosen = choose(kind, DIGITS.images, DIGITS.labels)
    check(FORMATS[kind](tmp_path, *chosen), *chosen)


@pytest.mark.parametrize(
    "kind",
    [kind if kind in ("v7.3", "CSV") else pytest.param(kind, marks=takes_long) for kind in FORMATS],
)
def test_2000_images_of_mnist_are_read_from_every_format(
    tmp_path: Path, kind: str, some_mnist: tuple[np.ndarray, np.ndarray]
) -> None:
    chosen = choose(kind, *some_mnist)
    check(FORMATS[kind](tmp_path, *chosen), *chosen)


@pytest.fixture(scope="session")
def some_mnist(mnist_path: Path) -> tuple[np.ndarray, np.ndarray]:
    dataset = load_dataset(mnist_path)
    return dataset.images[:2000], dataset.labels[:2000]


def pipe(path: Path, through: Path) -> Path:
    """Let a file come through a named pipe, once."""
    os.mkfifo(through)
    threading.Thread(target=lambda: through.write_bytes(path.read_bytes()), daemon=True).start()
    return through


@pytest.mark.parametrize("kind", ["v7", "v7.3", "npz", "CSV, gz, no header"])
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, kind: str) -> None:
    check(
        pipe(FORMATS[kind](tmp_path, DIGITS.images, DIGITS.labels), tmp_path / "p"),
        DIGITS.images,
        DIGITS.labels,
    )
