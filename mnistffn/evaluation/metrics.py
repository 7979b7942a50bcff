"""What probabilities and labels say of a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXAMPLES_PER_KIND = 4


@dataclass(frozen=True)
class ClassMetrics:
    """How one class did: precision, recall, and the number of its images."""

    label: int | str
    precision: float
    recall: float
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
    log_loss : float
        Mean negative log-likelihood of the label, in nats.
    per_class : list of ClassMetrics
    confusion : list of list of int
        Row: label; column: prediction; in the order of ``per_class``.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int
    errors: int
    log_loss: float
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
        Label of every column of ``probabilities``.

    Examples
    --------
    >>> metrics = measure(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([3, 7]), np.array([3, 7]))
    >>> metrics.accuracy, metrics.errors, metrics.confusion
    (0.5, 1, [[1, 0], [1, 0]])
    """
    # A second to import, which the explanations, who only choose examples, do without.
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    predictions = classes[probabilities.argmax(axis=1)]
    correct = int((predictions == labels).sum())
    precision, recall, _, support = precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=0
    )
    return Metrics(
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        n=len(labels),
        errors=len(labels) - correct,
        log_loss=float(log_loss(labels, probabilities, labels=classes)),
        per_class=[
            ClassMetrics(label, float(precision[i]), float(recall[i]), int(support[i]))
            for i, label in enumerate(classes.tolist())
        ],
        confusion=confusion_matrix(labels, predictions, labels=classes).tolist(),
    )


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Return the 95% confidence interval of an accuracy (Wilson, 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def choose_examples(
    probabilities: NDArray[np.floating], correct: NDArray[np.bool_], count: int = EXAMPLES_PER_KIND
) -> dict[str, NDArray[np.int64]]:
    """Choose the rows that show best how sure a network is, and how rightly.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), floating
    correct : ndarray of shape (n,), bool
    count : int
        Rows of every kind, at the most.

    Returns
    -------
    dict of str to ndarray of int64
        Rows that are sure and right, unsure and right, sure and wrong (all by the probability of the
        prediction), and those whose probabilities are most spread out (by their entropy).
    """
    top = probabilities.max(axis=1)
    entropy = -(probabilities * np.log(np.clip(probabilities, 1e-300, None))).sum(axis=1)
    right, wrong = np.flatnonzero(correct), np.flatnonzero(~correct)
    return {
        "sure and right": right[np.argsort(-top[right], kind="stable")][:count],
        "unsure and right": right[np.argsort(top[right], kind="stable")][:count],
        "sure and wrong": wrong[np.argsort(-top[wrong], kind="stable")][:count],
        "most spread out": np.argsort(-entropy, kind="stable")[:count],
    }
