"""Whether two networks differ by more than chance, from the images that only one reads right."""

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.metrics import Z95

LEVEL = 0.05  # of p, below which a difference is called more than chance


@dataclass(frozen=True)
class PairedTest:
    """McNemar's exact test of two networks on the same images.

    Attributes
    ----------
    first, second : int
        Which networks.
    both, only_first, only_second, neither : int
        Images by who reads them right.
    difference : float
        Accuracy of the first less that of the second.
    interval : (float, float)
        95% confidence interval of the difference between paired proportions (Bonett and Price, 2012).
        It does not come from the same test as ``p``: near 0.05 one may take in no difference and the
        other not.
    p : float
        Of the hypothesis that such an image is as likely the first's as the second's, two-sided
        (McNemar, 1947; exact, by the binomial distribution).
    p_corrected : float
        For the number of pairs that are tested (Holm, 1979); ``p`` itself where there is one pair.
    """

    first: int
    second: int
    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    interval: tuple[float, float]
    p: float
    p_corrected: float

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the corrected p is below 0.05."""
        return self.p_corrected < LEVEL


def compare_pairs(correct: NDArray[np.bool_]) -> list[PairedTest]:
    """Test every pair of networks, and correct for the number of pairs.

    Parameters
    ----------
    correct : ndarray of shape (networks, n), bool
        Which images each reads right.

    Examples
    --------
    >>> correct = np.array([[True] * 9 + [False], [False] * 6 + [True] * 4])
    >>> [test] = compare_pairs(correct)
    >>> test.only_first, test.only_second, test.p
    (6, 1, 0.125)
    """
    pairs = combinations(range(len(correct)), 2)
    tests = [_compare(correct, first, second) for first, second in pairs]
    corrected = correct_by_holm([test.p for test in tests])
    return [replace(test, p_corrected=p) for test, p in zip(tests, corrected, strict=True)]


def correct_by_holm(p_values: list[float]) -> list[float]:
    """Return p values corrected for their number by Holm's step-down method (1979).

    Examples
    --------
    >>> correct_by_holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    corrected, reached = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = reached
    return corrected


def _compare(correct: NDArray[np.bool_], first: int, second: int) -> PairedTest:
    one, other = correct[first], correct[second]
    n = len(one)
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    p = _test_by_binomial(only_first, only_first + only_second)
    both = int((one & other).sum())
    neither = n - both - only_first - only_second
    difference = (only_first - only_second) / n
    interval = _bound_difference(only_first, only_second, n)
    return PairedTest(first, second, both, only_first, only_second, neither, difference, interval, p, p)


def _test_by_binomial(k: int, n: int) -> float:
    """Return the two-sided p of ``k`` in ``n`` by even chance."""
    from scipy.special import bdtr  # a quarter of what scipy.stats takes to import

    return min(1.0, 2 * float(bdtr(min(k, n - k), n, 0.5))) if n else 1.0


def _bound_difference(only_first: int, only_second: int, n: int) -> tuple[float, float]:
    """Return the adjusted Wald interval of (only_first - only_second) / n: one more of each kind."""
    first, second = ((count + 1) / (n + 2) for count in (only_first, only_second))
    middle = first - second
    width = Z95 * math.sqrt((first + second - middle**2) / (n + 2))
    return max(-1.0, middle - width), min(1.0, middle + width)
