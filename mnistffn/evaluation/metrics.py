"""What probabilities and labels say of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054  # of the normal distribution, for 95% on both sides
TINY = float(np.finfo(np.float64).eps)  # the least probability that a logarithm is taken of


@dataclass(frozen=True)
class ClassMetrics:
    """How one class did: precision, recall, F1, and the number of its images.

    None is what is not defined: the precision of a class that is never predicted, the recall of one
    without images, the F1 of one that is neither.
    """

    label: int | str
    precision: float | None
    recall: float | None
    f1: float | None
    n: int


@dataclass(frozen=True)
class Metrics:
    """What a network came to on a test part.

    Attributes
    ----------
    accuracy : float
        Part of the images whose most probable class is their label.
    interval : (float, float)
        95% confidence interval of the accuracy (Wilson, 1927).
    n, errors : int
        Images, and how many of them are classified wrongly.
    balanced_accuracy : float
        Mean recall of the classes that have images.
    macro_f1 : float
        Mean F1 of the classes that have one.
    top2_accuracy : float
        Part of the images whose label is among the two most probable classes.
    log_loss : float
        Mean negative log-likelihood of the label, in nats.
    brier : float
        Mean over the images of the sum over the classes of the squared differences between the
        probability and what is true, 1 for the label and 0 for others (Brier, 1950): from 0 to 2.
    per_class : list of ClassMetrics
    confusion : list of list of int
        Row: label; column: prediction; in the order of ``per_class``.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int
    errors: int
    balanced_accuracy: float
    macro_f1: float
    top2_accuracy: float
    log_loss: float
    brier: float
    per_class: list[ClassMetrics]
    confusion: list[list[int]]


def measure(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: NDArray[np.int64]
) -> Metrics:
    """Compare probabilities with labels.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    labels : ndarray of shape (n,), int64
    classes : ndarray of shape (n_classes,), int64
        Label of every column of ``probabilities``, ascending.

    Examples
    --------
    >>> metrics = measure(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([3, 7]), np.array([3, 7]))
    >>> metrics.accuracy, metrics.errors, metrics.confusion
    (0.5, 1, [[1, 0], [1, 0]])
    """
    targets, predicted = np.searchsorted(classes, labels), probabilities.argmax(axis=1)
    n, n_classes = len(labels), len(classes)
    cells = np.bincount(targets * n_classes + predicted, minlength=n_classes**2)
    confusion = cells.reshape(n_classes, n_classes)
    right, support, read = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    correct = int(right.sum())
    precision, recall, f1 = (
        _divide(right, read),
        _divide(right, support),
        _divide(2 * right, support + read),
    )
    columns = zip(
        classes.tolist(), *map(_define, (precision, recall, f1)), support.tolist(), strict=True
    )
    return Metrics(
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        n=n,
        errors=n - correct,
        balanced_accuracy=float(np.nanmean(recall)),
        macro_f1=float(np.nanmean(f1)),
        top2_accuracy=float(np.mean(_rank(probabilities, targets) < 2)),
        log_loss=log_loss(probabilities, targets),
        brier=brier_score(probabilities, targets),
        per_class=[ClassMetrics(*column) for column in columns],
        confusion=confusion.tolist(),
    )


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95% confidence interval of an accuracy (Wilson, 1927).

    Examples
    --------
    >>> low, high = wilson_interval(90, 100)
    >>> round(low, 4), round(high, 4)
    (0.8256, 0.9448)
    """
    part, square = correct / n, Z95**2
    middle = (2 * n * part + square) / (2 * (n + square))
    reach = Z95 / (2 * (n + square)) * sqrt(4 * n * part * (1 - part) + square)
    return (middle - reach if correct else 0.0), (middle + reach if correct < n else 1.0)


def log_loss(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Return the mean negative log-likelihood in nats, of probabilities of at least 2e-16.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    targets : ndarray of shape (n,), int64
        Class indices.

    Examples
    --------
    >>> round(log_loss(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([0, 0])), 6)
    0.346574
    """
    own = probabilities[np.arange(len(targets)), targets]
    return float(np.mean(-np.log(own.clip(TINY, 1 - TINY))))


def brier_score(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Return the mean of the summed squares (Brier, 1950), from 0 to 2.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    targets : ndarray of shape (n,), int64
        Class indices.

    Examples
    --------
    >>> round(brier_score(np.array([[0.8, 0.1, 0.1]]), np.array([0])), 6)
    0.06
    """
    missed = probabilities.copy()
    missed[np.arange(len(targets)), targets] -= 1
    return float(np.mean(np.sum(missed**2, axis=1)))


def _rank(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many classes come before the label: of equally probable ones the first, as argmax."""
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)
    is_first = np.arange(probabilities.shape[1]) < targets[:, None]
    return np.asarray(((probabilities > own) | ((probabilities == own) & is_first)).sum(axis=1))


def _divide(counts: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ratios, NaN where there is nothing to divide by."""
    ratios: NDArray[np.float64] = np.divide(counts, of, out=np.full(len(of), np.nan), where=of > 0)
    return ratios


def _define(values: NDArray[np.float64]) -> Sequence[float | None]:
    """Return numbers, and None for NaN, which JSON does not have."""
    return [None if np.isnan(value) else float(value) for value in values]
