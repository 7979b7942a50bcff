"""Which rows of the data a training takes, and which of them it holds out for validation.

Whoever looks at a trained network asks for the latter again, and does without scikit-learn, which takes
longer to import than that.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from mnistffn.data.repeats import hash_images
from mnistffn.errors import ParameterError
from mnistffn.training.batching import choose_batch_size
from mnistffn.training.weights import combine_weights, take_copies

Rows = NDArray[np.int64]

HASHED = 4096  # rows at a time: copies of all of them would take as much memory as the data
ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads the few class indices over 64 bits


class TrainingRows(NamedTuple):
    """What is trained on and validated with.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The labels of these rows, in ascending order.
    targets : ndarray of shape (n,), int64
        Class indices of all rows of the data, 0 for those that are not taken.
    rows : ndarray of shape (n_rows,), int64
        A row stands here as often as it is trained on.
    weights : ndarray of shape (n_rows,), float64, or None
        None where they are alike.
    """

    classes: NDArray[Any]
    targets: Rows
    rows: Rows
    weights: NDArray[np.float64] | None


def choose_rows(
    X: NDArray[Any],
    labels: NDArray[Any],
    rows: Rows | None,
    sample_weight: ArrayLike | None,
    parameters: Mapping[str, Any],
) -> TrainingRows:
    """Return the rows to train on.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    labels : ndarray of shape (n,)
    rows : ndarray of shape (n_rows,), int64, or None
        None for all.
    sample_weight : array-like of shape (n,) or None
    parameters : mapping of str to object
        The classifier's.

    Raises
    ------
    ValueError
        There are fewer than two classes, or the weights are not fit for training.
    """
    rows = np.arange(len(labels)) if rows is None else rows
    weights = combine_weights(sample_weight, parameters["class_weight"], labels, rows)
    if weights is not None:
        rows, weights = take_copies(rows, weights)
    classes = np.unique(labels[rows])
    if len(classes) < 2:
        msg = f"training needs at least two classes, but y holds one class: {classes[0]!r}"
        raise ValueError(msg)
    targets = np.zeros(len(labels), np.int64)
    targets[rows] = np.searchsorted(classes, labels[rows])
    if weights is None and len(rows) <= choose_batch_size(parameters["batch_size"], len(rows)):
        # One batch holds them all: their order must not count, nor whether copies are together.
        rows = np.array(sorted(rows, key=lambda row: (targets[row], X[row].tobytes())))
    return TrainingRows(classes, targets, rows, weights)


def find_validation_rows(
    X: NDArray[Any], labels: NDArray[Any], rows: Rows | None, parameters: Mapping[str, Any]
) -> Rows:
    """Return the rows that a training without weights of single rows held out, in ascending order.

    Parameters
    ----------
    X, labels, rows, parameters
        As :func:`choose_rows` takes them.

    Raises
    ------
    ParameterError
        ``random_state`` is no number: nothing says which rows they were.
    """
    seed = parameters["random_state"]
    if isinstance(seed, RandomState) or seed is None:
        problem = "does not say which rows were held out"
        raise ParameterError(problem, random_state=seed)
    found = choose_rows(X, labels, rows, None, parameters)
    fraction, drawn = parameters["validation_fraction"], draw_seed(RandomState(seed))
    train, valid = hold_out_images(X, found, fraction, drawn)
    # Copies of a row can be on both sides, where a class has a single image.
    return np.setdiff1d(found.rows[[] if valid is None else valid], found.rows[train])


def draw_seed(generator: RandomState) -> int:
    """Return the seed of a whole training."""
    return int(generator.randint(2**31 - 1))


def hold_out_images(
    X: NDArray[Any], found: TrainingRows, fraction: float, seed: int
) -> tuple[Rows, Rows | None]:
    """Hold out a part of the images, all copies of an image on one side.

    Where copies were on both, the validation part would measure what was learned by heart. An image
    that occurs several times, in the data or by its weight, counts once. Only where a class has a
    single image are they held out one by one.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    found : TrainingRows
    fraction, seed
        As :func:`hold_out` takes them.

    Returns
    -------
    train, valid : ndarray of int64
        Places among ``found.rows``.
    """
    targets = found.targets[found.rows]
    if not fraction:
        return hold_out(targets, fraction, seed)
    keys = _hash_rows(X, found.rows) ^ (targets.astype(np.uint64) * ODD)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    some = targets[np.sort(first)]
    if len(first) == len(keys) or np.bincount(some).min() < 2:
        return hold_out(targets, fraction, seed)
    group = np.argsort(np.argsort(first))[inverse]  # in the order in which they occur
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    train, valid = hold_out(some, fraction, seed)
    assert valid is not None
    return tuple(np.concatenate([members[image] for image in part]) for part in (train, valid))  # type: ignore[return-value]


def _hash_rows(X: NDArray[Any], rows: Rows) -> NDArray[np.uint64]:
    """Return a number for each of some rows of X, equal for equal rows."""
    own, inverse = np.unique(rows, return_inverse=True)
    parts = [
        hash_images(np.ascontiguousarray(X[own[start : start + HASHED]]).view(np.uint8))
        for start in range(0, len(own), HASHED)
    ]
    return np.concatenate(parts)[inverse]


def hold_out(targets: Rows, fraction: float, seed: int) -> tuple[Rows, Rows | None]:
    """Return the places to train on and, if there is one, of the validation part.

    They are those of scikit-learn's ``train_test_split``: every class in proportion, where that can be.

    Parameters
    ----------
    targets : ndarray of shape (n,), int64
        Class indices, of which each occurs.
    fraction : float in [0, 1)
        Of the validation part, which is rounded up.
    seed : int

    Raises
    ------
    ParameterError
        Fewer than two places are left to train on.
    """
    n = len(targets)
    if not fraction:
        return np.arange(n), None
    n_valid = math.ceil(fraction * n)
    if n - n_valid < 2:
        problem = f"of n_samples={n} leaves {n - n_valid} to train on: at least 2 are needed"
        raise ParameterError(problem, validation_fraction=fraction)
    generator, counts = RandomState(seed), np.bincount(targets)
    if counts.min() < 2 or min(n_valid, n - n_valid) < len(counts):
        order = generator.permutation(n)
        return order[n_valid:], order[:n_valid]
    n_train_of = _apportion(counts, n - n_valid, generator)
    n_valid_of = _apportion(counts - n_train_of, n_valid, generator)
    train, valid = [], []
    for target, (first, others) in enumerate(zip(n_train_of, n_valid_of, strict=True)):
        places = generator.permutation(np.flatnonzero(targets == target))
        train.append(places[:first])
        valid.append(places[first : first + others])
    return generator.permutation(np.concatenate(train)), generator.permutation(np.concatenate(valid))


def _apportion(counts: Rows, n: int, generator: RandomState) -> Rows:
    """Return how many of each class make up ``n``: by largest remainders, of equal ones by lot."""
    exact = counts / counts.sum() * n
    taken = np.floor(exact)
    remainders = exact - taken
    lacking = int(n - taken.sum())
    for remainder in np.unique(remainders)[::-1]:
        if not lacking:
            break
        alike = np.flatnonzero(remainders == remainder)
        chosen = generator.choice(alike, min(len(alike), lacking), replace=False)
        taken[chosen] += 1
        lacking -= len(chosen)
    return np.asarray(taken, np.int64)
