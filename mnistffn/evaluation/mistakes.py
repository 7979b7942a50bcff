"""Which images a network errs on: examples, pairs of classes that it confuses, doubtful labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXAMPLES_PER_KIND = 4
MOST_PAIRS = 5


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes of which one is taken for the other.

    Attributes
    ----------
    labels : (label, label)
        The one that is mistaken more often first.
    counts : (int, int)
        Images of the first that are read as the second, and the other way round.
    """

    labels: tuple[int | str, int | str]
    counts: tuple[int, int]

    @property
    def errors(self) -> int:
        """Both ways round."""
        return sum(self.counts)


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
        Rows that are sure and right (of different classes, as far as there are), unsure and right,
        sure and wrong (all by the probability of the prediction), and those whose probabilities are
        most spread out (by their entropy).
    """
    top = probabilities.max(axis=1)
    entropy = -(probabilities * np.log(np.clip(probabilities, 1e-300, None))).sum(axis=1)
    right, wrong = np.flatnonzero(correct), np.flatnonzero(~correct)
    surest = right[np.argsort(-top[right], kind="stable")]
    return {
        "sure and right": _vary(surest, probabilities.argmax(axis=1))[:count],
        "unsure and right": right[np.argsort(top[right], kind="stable")][:count],
        "sure and wrong": wrong[np.argsort(-top[wrong], kind="stable")][:count],
        "most spread out": np.argsort(-entropy, kind="stable")[:count],
    }


def _vary(rows: NDArray[np.int64], predictions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows with the first one of every class in front, in their order otherwise."""
    _, first = np.unique(predictions[rows], return_index=True)
    first = np.sort(first)
    return np.concatenate([rows[first], np.delete(rows, first)])


def find_confused_pairs(
    confusion: NDArray[np.int64], classes: NDArray[np.int64], count: int = MOST_PAIRS
) -> list[ConfusedPair]:
    """Return the pairs of classes that are confused most often, the worst first.

    Parameters
    ----------
    confusion : ndarray of shape (n_classes, n_classes), int64
        Row: label; column: prediction.
    classes : ndarray of shape (n_classes,)
    count : int
        Pairs, at the most.

    Examples
    --------
    >>> find_confused_pairs(np.array([[9, 1, 0], [3, 5, 0], [0, 0, 9]]), np.array([4, 7, 9]))
    [ConfusedPair(labels=(7, 4), counts=(3, 1))]
    """
    both = np.triu(confusion + confusion.T, k=1)
    rows, columns = np.nonzero(both)
    pairs = []
    for place in np.argsort(-both[rows, columns], kind="stable")[:count]:
        first, second = int(rows[place]), int(columns[place])
        if confusion[second, first] > confusion[first, second]:
            first, second = second, first
        labels = classes[[first, second]].tolist()
        counts = int(confusion[first, second]), int(confusion[second, first])
        pairs.append(ConfusedPair((labels[0], labels[1]), counts))
    return pairs


def choose_confused(
    pair: ConfusedPair,
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
    count: int = EXAMPLES_PER_KIND,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of a pair, the surest first: of its first label, and of its second."""
    predictions, top = classes[probabilities.argmax(axis=1)], probabilities.max(axis=1)
    first, second = pair.labels
    ways = []
    for label, read in ((first, second), (second, first)):
        rows = np.flatnonzero((labels == label) & (predictions == read))
        ways.append(rows[np.argsort(-top[rows], kind="stable")][:count])
    return ways[0], ways[1]


def find_doubtful_labels(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find labels that are probably wrong, by confident learning (Northcutt and others, 2021).

    The network must not have been trained on the images. A class's self-confidence is the mean of its
    probability over the images that have it as their label. A label is doubtful where its probability
    is below its class's self-confidence, while another class's is at or above that class's own.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    targets : ndarray of shape (n,), int64
        Class indices of the labels.

    Returns
    -------
    rows : ndarray of shape (m,), int64
        By the difference of the two probabilities, the largest first.
    suggested : ndarray of shape (m,), int64
        Index of the other class.
    """
    own = probabilities[np.arange(len(targets)), targets]
    n_classes = probabilities.shape[1]
    sizes = np.bincount(targets, minlength=n_classes)
    sums = np.bincount(targets, own, n_classes)
    # A class without images has no self-confidence to reach; a label below its own is no candidate.
    confidence = np.divide(sums, sizes, out=np.full(n_classes, np.inf), where=sizes > 0)
    others = np.where(probabilities >= confidence, probabilities, -1.0)
    suggested, highest = others.argmax(axis=1), others.max(axis=1)
    rows = np.flatnonzero((own < confidence[targets]) & (highest >= 0))
    rows = rows[np.argsort(own[rows] - highest[rows], kind="stable")]
    return rows, suggested[rows]
