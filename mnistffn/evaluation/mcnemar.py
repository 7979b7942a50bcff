"""Whether two networks differ by more than chance, from the images that only one reads right."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

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
    interval : (float, float) or None
        95% confidence interval of the difference, given how many images only one reads right (Clopper
        and Pearson, 1934); it leaves out 0 where ``p`` is below 0.05. None where there are no such
        images.
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
    interval: tuple[float, float] | None
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
    n_different = only_first + only_second
    p, interval = 1.0, None
    if n_different:
        p, shares = _test_by_binomial(only_first, n_different)
        low, high = ((2 * share - 1) * n_different / n for share in shares)
        interval = low, high
    both = int((one & other).sum())
    neither = n - both - n_different
    difference = (only_first - only_second) / n
    return PairedTest(first, second, both, only_first, only_second, neither, difference, interval, p, p)


def _test_by_binomial(k: int, n: int) -> tuple[float, tuple[float, float]]:
    """Return the two-sided p of ``k`` in ``n`` by even chance, and the 95% interval of the chance."""
    from scipy.special import bdtr, betaincinv  # a quarter of what scipy.stats takes to import

    p = min(1.0, 2 * float(bdtr(min(k, n - k), n, 0.5)))
    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return p, (low, high)
