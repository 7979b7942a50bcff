"""Whether a network's probabilities can be believed, and one temperature that mends them."""

from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.metrics import brier_score, log_loss, wilson_interval

MOST_BINS = 15
FEWEST_IN_BIN = 20  # images, on average
FEWEST_TO_FIT = 20  # images that a temperature is fitted on
TEMPERATURES = (0.01, 100.0)
PRECISION = 1e-8  # of a temperature's logarithm

Logits = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence (the probability of the prediction) against accuracy, in bins of as many images each.

    Attributes
    ----------
    confidence, accuracy : ndarray of shape (bins,), float64
        Means of a bin, by ascending confidence.
    low, high : ndarray of shape (bins,), float64
        95% confidence interval of the accuracy (Wilson, 1927).
    n : ndarray of shape (bins,), int64
        Images.
    """

    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean difference of the two, weighted by the images.

        Naeini and others (2015), over bins of equal mass (Nguyen and O'Connor, 2015).
        """
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.n))


def measure_reliability(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> Reliability:
    """Compare confidence with accuracy.

    Parameters
    ----------
    confidences : ndarray of shape (n,), float64
    correct : ndarray of shape (n,), bool

    Returns
    -------
    Reliability
        Of 15 bins, or fewer so that they hold 20 images each. Images of the same confidence are in
        the same bin, so that their order does not count.

    Examples
    --------
    >>> measure_reliability(np.full(40, 0.9), np.arange(40) < 30).error.__round__(6)
    0.15
    """
    n = len(confidences)
    order = np.argsort(confidences, kind="stable")
    ranked, right = confidences[order], correct[order].astype(float)
    n_bins = min(MOST_BINS, max(1, n // FEWEST_IN_BIN))
    first = np.unique(np.searchsorted(ranked, ranked[np.arange(n_bins) * n // n_bins]))
    sizes = np.diff(first, append=n)
    n_right = np.add.reduceat(right, first)
    intervals = [wilson_interval(int(k), int(size)) for k, size in zip(n_right, sizes, strict=True)]
    low, high = np.array(intervals).T
    return Reliability(np.add.reduceat(ranked, first) / sizes, n_right / sizes, low, high, sizes)


@dataclass(frozen=True)
class Scores:
    """How far probabilities are from the truth: see :class:`~mnistffn.evaluation.metrics.Metrics`."""

    log_loss: float
    brier: float
    calibration_error: float


@dataclass(frozen=True)
class Scaling:
    """What temperature scaling came to.

    Attributes
    ----------
    temperature : float
        Above 1 where the network is too sure. Of two, their geometric mean.
    temperatures : tuple of float
        As they were fitted.
    fitted_on : str
    n_fitted_on : int
        Images.
    before, after : Scores
        On the images that are tested.
    """

    temperature: float
    temperatures: tuple[float, ...]
    fitted_on: str
    n_fitted_on: int
    before: Scores
    after: Scores


@dataclass(frozen=True, eq=False)
class Scored:
    """A network's log-probabilities, shape (n, n_classes), and the class indices of the labels (n,)."""

    logits: Logits
    targets: NDArray[np.int64]

    @property
    def may_be_fitted_on(self) -> bool:
        """Whether there is a best temperature: without an error, the lower the better."""
        is_wrong = self.logits.argmax(axis=1) != self.targets
        return len(self.targets) >= FEWEST_TO_FIT and bool(is_wrong.any())

    def take(self, rows: NDArray[np.int64]) -> "Scored":
        """Return some of the rows."""
        return Scored(self.logits[rows], self.targets[rows])


def fit_temperature(scored: Scored) -> float:
    """Return the temperature that minimises the negative log-likelihood (Guo and others, 2017).

    This is convex in the inverse of the temperature, and its derivative by it is the mean difference
    between the logit that is expected and the label's: halving an interval finds where that is 0.

    Examples
    --------
    >>> sure = Scored(np.log(np.tile([0.99, 0.01], (40, 1))), np.arange(40) % 4 // 3)
    >>> temperature = fit_temperature(sure)
    >>> scale(sure.logits, temperature)[0].round(3)
    array([0.75, 0.25])
    """
    own = float(np.mean(scored.logits[np.arange(len(scored.targets)), scored.targets]))
    low, high = log(TEMPERATURES[0]), log(TEMPERATURES[1])
    while high - low > PRECISION:
        middle = (low + high) / 2
        expected = np.sum(scale(scored.logits, exp(middle)) * scored.logits, axis=1)
        if np.mean(expected) > own:  # too sure
            low = middle
        else:
            high = middle
    return exp((low + high) / 2)


def scale(logits: Logits, temperature: float) -> NDArray[np.float64]:
    """Return the probabilities (n, n_classes) of logits, or log-probabilities, at a temperature."""
    scaled = logits / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def score(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> Scores:
    """Return how far probabilities (n, n_classes) are from the class indices of the labels (n,)."""
    correct = probabilities.argmax(axis=1) == targets
    return Scores(
        log_loss(probabilities, targets),
        brier_score(probabilities, targets),
        measure_reliability(probabilities.max(axis=1), correct).error,
    )


def scale_temperature(
    tested: Scored, held_out: Scored | None
) -> tuple[Scaling, NDArray[np.float64]] | None:
    """Fit a temperature, and measure what it makes of the images that are tested.

    Parameters
    ----------
    tested : Scored
    held_out : Scored or None
        Images that were neither trained on nor are tested: the temperature is fitted on them. Where
        there are none, or no error among them, that of each half of the tested images is fitted on
        the other half.

    Returns
    -------
    Scaling
    probabilities : ndarray of shape (n, n_classes), float64
        Of the images that are tested, scaled.

    None where there are too few images, or no errors, to fit a temperature on, or where none within
    the bounds is the best.
    """
    if held_out is not None and held_out.may_be_fitted_on:
        temperatures: tuple[float, ...] = (fit_temperature(held_out),)
        scaled = scale(tested.logits, temperatures[0])
        fitted_on, n = "validation part", len(held_out.targets)
    else:
        halves = _halve(tested.targets)
        parts = [tested.take(half) for half in halves]
        if not all(part.may_be_fitted_on for part in parts):
            return None
        temperatures = fit_temperature(parts[1]), fit_temperature(parts[0])
        scaled = np.empty_like(tested.logits)
        for half, part, temperature in zip(halves, parts, temperatures, strict=True):
            scaled[half] = scale(part.logits, temperature)
        fitted_on, n = "tested images, each half by the other", len(tested.targets)
    if not all(TEMPERATURES[0] < 0.999 * t and 1.001 * t < TEMPERATURES[1] for t in temperatures):
        return None
    middle = exp(np.mean(np.log(temperatures)))
    before, after = (score(p, tested.targets) for p in (scale(tested.logits, 1), scaled))
    return Scaling(middle, temperatures, fitted_on, n, before, after), scaled


def _halve(targets: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return two halves of the rows, the classes in proportion."""
    order = np.random.default_rng(0).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    return [order[::2], order[1::2]]
