from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from mnistffn.errors import UsageError
from mnistffn.training.rows import hold_out


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=12),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 2**31 - 1),
)
def test_what_is_held_out_is_what_scikit_learn_holds_out(counts, fraction, seed) -> None:
    targets = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(targets)
    n_valid = ceil(fraction * n)
    if n - n_valid < 2:
        with pytest.raises(UsageError, match="at least 2 are needed"):
            hold_out(targets, fraction, seed)
        return
    rare = min(counts) < 2 or min(n_valid, n - n_valid) < len(counts)
    expected = train_test_split(
        np.arange(n), test_size=n_valid, stratify=None if rare else targets, random_state=seed
    )
    for places, theirs in zip(hold_out(targets, fraction, seed), expected, strict=True):
        np.testing.assert_array_equal(places, theirs)


def test_without_a_fraction_all_is_trained_on() -> None:
    train, valid = hold_out(np.array([0, 1, 1]), 0, 0)
    assert train.tolist() == [0, 1, 2]
    assert valid is None
