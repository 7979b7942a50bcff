"""Images that occur more than once."""

import numpy as np
from numpy.typing import NDArray


def hash_images(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return a number for every image (n, height, width): equal for equal images, else different.

    Two different images share one with a probability of 2**-64.
    """
    flat = images.reshape(len(images), -1)
    padded = np.zeros((len(flat), -(-flat.shape[1] // 8) * 8), np.uint8)
    padded[:, : flat.shape[1]] = flat
    words = padded.view(np.uint64)
    factors = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * 2 + 1
    mixed = words ^ (words >> np.uint64(29))  # or else two flips of high bits would cancel
    return np.asarray((mixed * factors).sum(axis=1, dtype=np.uint64))


def find_first(hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of some rows whose image occurs in no earlier one of them, in their order."""
    _, first = np.unique(hashes[rows], return_index=True)
    return rows[np.sort(first)]


def count_shared(hashes: NDArray[np.uint64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> int:
    """Return how many of some rows hold an image that others hold too."""
    return int(np.isin(hashes[rows], hashes[others]).sum())
