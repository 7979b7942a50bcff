"""Holding out the test part."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistffn.errors import DataError

# The largest class of MNIST is 1.24 times its smallest; that is balanced.
IMBALANCE = 1.5


@dataclass(frozen=True)
class Split:
    """Rows of the data file that are for training and for testing.

    Attributes
    ----------
    train, test : ndarray of shape (n,), int64
        Indices into the file, in the order of the shuffle.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def split_labels(labels: NDArray[np.int64], test_size: float, seed: int) -> Split:
    """Hold out a part for testing by a shuffle under a seed.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
    test_size : float in (0, 1)
        Part that is held out, rounded up to whole images.
    seed : int

    Raises
    ------
    DataError
        There are too few images, or fewer than two classes are left to train on.

    Examples
    --------
    >>> split = split_labels(np.tile([3, 7], 10), test_size=0.1, seed=0)
    >>> len(split.train), len(split.test)
    (18, 2)
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    n_test = int(np.ceil(test_size * len(labels)))
    split = Split(train=order[n_test:], test=order[:n_test])
    if len(np.unique(labels[split.train])) < 2:
        msg = f"{len(labels)} images less {n_test} for testing leave fewer than two classes to train on"
        raise DataError(msg)
    return split


def describe_balance(labels: NDArray[np.int64], split: Split) -> tuple[str, str | None]:
    """Describe how evenly the classes are filled, and what is wrong with it, if anything.

    Returns
    -------
    balance : str
        Size of the smallest and the largest class of the training part.
    problem : str or None
        A class that is far larger than another, or missing in one of the parts.
    """
    classes, counts = np.unique(labels[split.train], return_counts=True)
    small, large = counts.argmin(), counts.argmax()
    balance = (
        f"{len(classes)} classes of {counts[small]:,} (class {classes[small]}) "
        f"to {counts[large]:,} (class {classes[large]}) training images"
    )
    if missing := np.setxor1d(np.unique(labels[split.test]), classes).tolist():
        return balance, f"classes {missing} do not occur in both the training and the test part"
    if counts[large] > IMBALANCE * counts[small]:
        ratio = counts[large] / counts[small]
        return balance, f"the classes are unbalanced: the largest is {ratio:.1f} times the smallest"
    return balance, None
