"""Answering only when sure: what is left of the errors, and of the answers."""

from dataclasses import dataclass
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.metrics import wilson_interval

WANTED = 0.999  # accuracy among the images that are answered


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """The risk-coverage curve (El-Yaniv and Wiener, 2010).

    Attributes
    ----------
    threshold : ndarray of shape (k,), float64
        Every confidence that occurs, descending: answered are the images that reach it.
    answered, errors : ndarray of shape (k,), int64
        These images, and how many of them are classified wrongly.
    """

    threshold: NDArray[np.float64]
    answered: NDArray[np.int64]
    errors: NDArray[np.int64]

    @property
    def coverage(self) -> NDArray[np.float64]:
        """Part of the images that is answered, shape (k,)."""
        return np.asarray(self.answered / self.answered[-1])

    @property
    def risk(self) -> NDArray[np.float64]:
        """Part of the answers that is wrong, shape (k,)."""
        return np.asarray(self.errors / self.answered)


@dataclass(frozen=True)
class Threshold:
    """The lowest threshold that keeps an accuracy, on the images that it was chosen on.

    Attributes
    ----------
    wanted : float
        The accuracy.
    threshold : float
        Of the confidence.
    coverage : float
        Part of the images that is answered.
    answered, errors : int
        These images, and how many of them are classified wrongly.
    interval : (float, float)
        95% confidence interval of the accuracy among them (Wilson, 1927), as if the threshold had
        been chosen elsewhere.
    """

    wanted: float
    threshold: float
    coverage: float
    answered: int
    errors: int
    interval: tuple[float, float]

    @property
    def spelled(self) -> str:
        """The threshold as text, rounded down, with two digits after its nines.

        Examples
        --------
        >>> Threshold(0.999, 0.9999826, 1.0, 3, 0, (0.4, 1.0)).spelled
        '0.999982'
        """
        doubt = max(1 - self.threshold, 1e-10)
        n_digits = max(3, int(-log10(doubt)) + 2)
        return f"{floor(self.threshold * 10**n_digits) / 10**n_digits:.{n_digits}f}"


def measure_risk(confidences: NDArray[np.float64], correct: NDArray[np.bool_]) -> RiskCoverage:
    """Count answers and errors at every threshold.

    Parameters
    ----------
    confidences : ndarray of shape (n,), float64
    correct : ndarray of shape (n,), bool

    Examples
    --------
    >>> curve = measure_risk(np.array([0.5, 0.9, 0.9]), np.array([False, True, False]))
    >>> curve.threshold.tolist(), curve.answered.tolist(), curve.errors.tolist()
    ([0.9, 0.5], [2, 3], [1, 2])
    """
    order = np.argsort(-confidences, kind="stable")
    ranked, errors = confidences[order], np.cumsum(~correct[order], dtype=np.int64)
    last = np.flatnonzero(np.diff(ranked, append=-np.inf))  # images of one confidence go together
    return RiskCoverage(ranked[last], last + 1, errors[last])


def find_threshold(curve: RiskCoverage, wanted: float = WANTED) -> Threshold | None:
    """Return the threshold that answers most images with the accuracy wanted; None if none does."""
    # As whole errors: 1 - 0.999 is not exactly a thousandth.
    kept = np.flatnonzero(curve.errors <= np.floor((1 - wanted) * curve.answered + 1e-9))
    if not len(kept):
        return None
    place = kept[-1]
    answered, errors = int(curve.answered[place]), int(curve.errors[place])
    return Threshold(
        wanted,
        float(curve.threshold[place]),
        float(curve.coverage[place]),
        answered,
        errors,
        wilson_interval(answered - errors, answered),
    )
