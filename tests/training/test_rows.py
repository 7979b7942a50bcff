from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from mnistffn.errors import UsageError
from mnistffn.training.rows import TrainingRows, hold_out, hold_out_images


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


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), fraction=st.floats(0.05, 0.5))
def test_copies_of_an_image_are_on_one_side(seed: int, fraction: float) -> None:
    generator = np.random.default_rng(seed)
    X = generator.integers(0, 2, (60, 5)).astype(np.uint8)  # of 32 images
    targets = np.arange(60) % 3
    rows = np.repeat(np.arange(60), generator.integers(0, 4, 60))
    kinds = np.unique(np.column_stack([X, targets])[rows], axis=0)
    if np.bincount(kinds[:, -1], minlength=3).min() < 2:
        return
    found = TrainingRows(np.arange(3), targets, rows, None)
    train, valid = hold_out_images(X, found, fraction, seed % 100)
    assert sorted([*train, *valid]) == list(range(len(rows)))
    sides = [{(*X[row], targets[row]) for row in rows[places]} for places in (train, valid)]
    assert sides[0].isdisjoint(sides[1])
    assert len(sides[1]) == ceil(fraction * len(kinds))
    # Whether copies come by weight or stand in the data.
    spelled = TrainingRows(found.classes, targets[rows], np.arange(len(rows)), None)
    for places, theirs in zip(
        (train, valid), hold_out_images(X[rows], spelled, fraction, seed % 100), strict=True
    ):
        np.testing.assert_array_equal(places, theirs)


def test_without_copies_it_is_held_out_as_scikit_learn_does() -> None:
    X, targets = np.arange(40, dtype=np.float32)[:, None], np.arange(40) % 4
    found = TrainingRows(np.arange(4), targets, np.arange(40), None)
    for places, theirs in zip(
        hold_out_images(X, found, 0.2, 1), hold_out(targets, 0.2, 1), strict=True
    ):
        np.testing.assert_array_equal(places, theirs)
