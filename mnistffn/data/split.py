"""Holding out the test part."""

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Dataset, Layout
from mnistffn.data.repeats import find_first, hash_images
from mnistffn.errors import DataError
from mnistffn.wording import count

# The largest class of MNIST is 1.24 times its smallest; that is balanced.
IMBALANCE = 1.5

# How a test part is found: by a plain shuffle (in runs of earlier versions), every class in proportion,
# every group on one side, or as the file has it.
SplitKind = Literal["random", "stratified", "grouped", "given"]


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


def split_dataset(
    dataset: Dataset, kind: SplitKind, test_size: float, seed: int, *, unique: bool = False
) -> Split:
    """Hold out a part of a data set for testing.

    Parameters
    ----------
    dataset : Dataset
    kind : {"random", "stratified", "grouped", "given"}
    test_size : float in (0, 1)
        Part that is held out, rounded up to whole images; of no use where the test part is given.
    seed : int
    unique : bool
        Leave out images that occur a second time. Of a given test part none is left out because it
        occurs in the training part: there it is.

    Raises
    ------
    DataError
        There are too few images, or fewer than two classes are left to train on.
    """
    labels = dataset.labels
    if len(dataset.classes) == 1:
        msg = f"{dataset.source} holds the single class {labels[0]}: at least two are needed"
        raise DataError(msg)
    order = np.random.default_rng(seed).permutation(len(labels))
    hashes = hash_images(dataset.images) if unique else None
    if hashes is not None and kind != "given":
        order = order[np.isin(order, find_first(hashes, np.arange(len(labels))))]
    if kind == "given":
        test = dataset.test_rows
        if test is None:
            msg = f"{dataset.source} has no test part of its own"
            raise DataError(msg)
        order = order[~np.isin(order, test)]
        if hashes is not None:
            test = find_first(hashes, test)
            order = find_first(hashes, order)
            order = order[~np.isin(hashes[order], hashes[test])]
        split = Split(train=order, test=test)
    else:
        n_test = int(np.ceil(test_size * len(order)))
        is_test = np.zeros(len(labels), bool)
        if kind == "random":
            is_test[order[:n_test]] = True
        elif kind == "stratified":
            is_test[_take_of_each_class(labels, order, n_test)] = True
        else:
            is_test[_take_groups(dataset, order, n_test)] = True
        split = Split(train=order[~is_test[order]], test=order[is_test[order]])
    if len(np.unique(labels[split.train])) < 2:
        few = "leave fewer than two classes to train on"
        msg = f"{count(len(labels), 'image')} less {len(split.test)} for testing {few}"
        raise DataError(msg)
    return split


def split_labels(labels: NDArray[Any], test_size: float, seed: int) -> Split:
    """Hold out a part for testing by a plain shuffle under a seed, as runs of earlier versions did.

    Examples
    --------
    >>> split = split_labels(np.tile([3, 7], 10), test_size=0.1, seed=0)
    >>> len(split.train), len(split.test)
    (18, 2)
    """
    images = np.zeros((len(labels), 1, 1), np.uint8)
    dataset = Dataset(images, labels, "labels", "", Layout("", "", "", "row-major", ""))
    return split_dataset(dataset, "random", test_size, seed)


def _take_of_each_class(
    labels: NDArray[Any], order: NDArray[np.int64], n_test: int
) -> NDArray[np.int64]:
    """Return rows for testing, the classes in proportion: at least one of all that have two."""
    classes, counts = np.unique(labels[order], return_counts=True)
    exact = counts * n_test / len(order)
    quota = np.where(counts > 1, np.clip(np.floor(exact), 1, counts - 1), 0).astype(int)
    for place in np.argsort(quota - exact, kind="stable").tolist():
        if quota.sum() < n_test and 0 < quota[place] < counts[place] - 1:
            quota[place] += 1
    while quota.sum() > n_test and quota.max() > 1:
        quota[np.argmax(quota - exact + (quota <= 1) * -len(order))] -= 1
    taken = [order[labels[order] == c][:n] for c, n in zip(classes, quota, strict=True)]
    return np.concatenate(taken)


def _take_groups(dataset: Dataset, order: NDArray[np.int64], n_test: int) -> NDArray[np.int64]:
    """Return the rows of whole groups, as many as it takes for ``n_test``."""
    assert dataset.groups is not None
    groups = dataset.groups[order]
    names, first, counts = np.unique(groups, return_index=True, return_counts=True)
    if len(names) < 2:
        msg = f"all images of {dataset.source} are of one group: there is nothing to hold out"
        raise DataError(msg)
    shuffled = np.argsort(first)  # in the order in which they occur in the shuffle
    n_taken = int(np.searchsorted(np.cumsum(counts[shuffled]), n_test)) + 1
    return order[np.isin(groups, names[shuffled[: min(n_taken, len(names) - 1)]])]


def describe_balance(labels: NDArray[Any], split: Split) -> tuple[str, str | None]:
    """Describe how evenly the classes are filled, and what is wrong with it, if anything.

    Returns
    -------
    balance : str
        Size of the smallest and the largest class of the training part.
    problem : str or None
        Classes that are missing in one of the parts, or far larger than others.
    """
    classes, counts = np.unique(labels[split.train], return_counts=True)
    small, large = counts.argmin(), counts.argmax()
    balance = (
        f"{count(len(classes), 'class', 'classes')} of {counts[small]:,} (class {classes[small]}) "
        f"to {counts[large]:,} (class {classes[large]}) training images"
    )
    problems = []
    if missing := np.setxor1d(np.unique(labels[split.test]), classes).tolist():
        problems.append(f"classes {missing} do not occur in both the training and the test part")
    if counts[large] > IMBALANCE * counts[small]:
        ratio = counts[large] / counts[small]
        problems.append(f"the classes are unbalanced: the largest is {ratio:.1f} times the smallest")
    return balance, "; ".join(problems) or None


def hash_content(dataset: Dataset, hashes: NDArray[np.uint64], split: Split) -> str:
    """Return a hash of images, their shape, labels and split; other variables of a file give another.

    Parameters
    ----------
    dataset : Dataset
    hashes : ndarray of shape (n,)
        Of its images, by :func:`~mnistffn.data.repeats.hash_images`.
    split : Split
    """
    digest = hashlib.sha256(repr(tuple(dataset.image_shape)).encode())
    for array in (hashes, dataset.labels, split.train):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
