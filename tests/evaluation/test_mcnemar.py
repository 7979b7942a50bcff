from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from scipy.stats import binomtest

from mnistffn.evaluation.mcnemar import compare_pairs, correct_by_holm
from mnistffn.evaluation.verdict import describe_pairs


def read(both: int, only_first: int, only_second: int, neither: int) -> np.ndarray:
    """Two networks that read so many images right."""
    counts = both, only_first, only_second, neither
    return np.repeat([[True, True, False, False], [True, False, True, False]], counts, axis=1)


def tail(k: int, n: int) -> float:
    """The exact two-sided p of k of n coins, in whole numbers."""
    k = min(k, n - k)
    ways = sum(comb(n, j) for j in range(k + 1))
    return float(min(Fraction(1), Fraction(2 * ways, 2**n)))


def test_p_is_exact() -> None:
    # The table that statsmodels tests its McNemar's test with.
    [test] = compare_pairs(read(101, 121, 59, 33))
    assert (test.both, test.only_first, test.only_second, test.neither) == (101, 121, 59, 33)
    assert test.difference == pytest.approx((121 - 59) / 314, abs=1e-15)
    assert test.p == pytest.approx(tail(59, 180), rel=1e-9)
    assert test.p == pytest.approx(4.434e-6, rel=1e-3)
    for only_first, only_second in product(range(12), range(12)):
        [test] = compare_pairs(read(3, only_first, only_second, 2))
        assert test.p == pytest.approx(tail(only_first, only_first + only_second), abs=1e-12)


def test_p_is_scipys() -> None:
    for only_first, only_second in ((1, 0), (12, 30), (37, 295), (700, 655)):
        [test] = compare_pairs(read(5000, only_first, only_second, 40))
        expected = binomtest(only_first, only_first + only_second)
        assert test.p == pytest.approx(expected.pvalue, abs=1e-12)


def test_the_interval_holds_the_difference_and_shrinks_with_images() -> None:
    widths = []
    for times in (1, 10, 100):
        [test] = compare_pairs(read(20 * times, 8 * times, 3 * times, times))
        low, high = test.interval
        assert -1 <= low < test.difference < high <= 1
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(10**0.5, rel=0.1)
    assert widths[1] / widths[2] == pytest.approx(10**0.5, rel=0.02)
    [same] = compare_pairs(read(20, 0, 0, 1))
    assert same.p == 1
    assert same.interval[0] == -same.interval[1] < 0, "that none of 21 differs is no proof"


@pytest.mark.parametrize(
    "parts", [(0.85, 0.14, 0.0, 0.01), (0.97, 0.02, 0.005, 0.005), (0.8, 0.1, 0.08, 0.02)]
)
def test_95_of_100_intervals_hold_the_true_difference(parts: tuple[float, ...]) -> None:
    # Also where one network reads all that the other does: how many differ is chance as well.
    rng = np.random.default_rng(0)
    truth = parts[1] - parts[2]
    tests = [compare_pairs(read(*counts))[0] for counts in rng.multinomial(400, parts, 2000)]
    held = np.mean([test.interval[0] <= truth <= test.interval[1] for test in tests])
    assert 0.94 <= held <= 0.97


def test_holm_is_as_r_has_it() -> None:
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")
    assert correct_by_holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(
        [0.05, 0.08, 0.09, 0.09, 0.09], abs=1e-12
    )
    assert correct_by_holm([0.5, 0.9, 0.001]) == pytest.approx([1, 1, 0.003])
    assert correct_by_holm([0.2]) == [0.2]


def test_every_pair_is_tested_and_corrected() -> None:
    one, other = read(10, 12, 1, 0)
    tests = compare_pairs(np.stack([one, other, one]))
    assert [(test.first, test.second) for test in tests] == [(0, 1), (0, 2), (1, 2)]
    assert [test.p_corrected for test in tests] == correct_by_holm([test.p for test in tests])
    assert tests[0].p_corrected == pytest.approx(3 * tail(1, 13))
    assert tests[2].difference == -tests[0].difference


def test_the_sentence_says_who_is_better_and_whether_that_may_be_chance() -> None:
    names = ["A", "B"]
    pairs = compare_pairs(read(5942, 17, 41, 0))
    assert describe_pairs(names, pairs, 6000) == (
        "A reads 17 of 6,000 images right that B does not, B 41 that A does not: p = 0.0022, so B is "
        "better by more than chance."
    )
    assert describe_pairs(names, compare_pairs(read(9, 3, 2, 0)), 14).endswith(
        "A does not: p = 1, which may be chance."
    )
    assert "nothing tells them apart" in describe_pairs(names, compare_pairs(read(9, 0, 0, 5)), 14)
    one, other = read(10, 12, 1, 0)
    many = compare_pairs(np.stack([one, other, one]))
    assert describe_pairs(["A", "B", "C"], many, 23) == (
        "By more than chance, after Holm's correction: A is better than B (p = 0.01); C is better than "
        "B (p = 0.01). What the other pair differs by may be chance."
    )
    assert describe_pairs(["A", "B", "C"], compare_pairs(np.stack([one] * 3)), 23) == (
        "None of the 3 pairs differs by more than chance, after Holm's correction."
    )
