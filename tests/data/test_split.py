import numpy as np
import pytest

from mnistffn.data import Dataset, builtin_digits, describe_balance, split_labels
from mnistffn.data.split import split_dataset
from mnistffn.errors import DataError


def make_dataset(labels: np.ndarray) -> Dataset:
    images = np.arange(len(labels) * 4, dtype=np.uint32).view(np.uint8).reshape(len(labels), 4, 4)
    return Dataset(images, labels, "labels", "", builtin_digits().layout, {"all": (0, len(labels))})


@pytest.mark.parametrize("seed", range(20))
def test_every_class_that_can_be_is_in_both_parts_in_proportion(seed: int) -> None:
    labels = np.repeat([0, 1, 2, 3, 4], [900, 95, 4, 2, 1])
    split = split_dataset(make_dataset(labels), "stratified", 0.1, seed)
    assert len(split.test) == 101
    assert sorted([*split.train, *split.test]) == list(range(len(labels)))
    counts = np.bincount(labels[split.test], minlength=5)
    assert counts.tolist()[2:] == [1, 1, 0], "a class of one image is trained on"
    assert abs(counts[0] - 89) <= 1
    assert abs(counts[1] - 9) <= 1
    problem = describe_balance(labels, split)[1]
    assert "classes [4] do not occur in both" in problem
    assert "the classes are unbalanced" in problem


@pytest.mark.parametrize("n", [2, 3, 7, 20, 1797])
def test_a_stratified_split_is_as_large_as_it_should_be(n: int) -> None:
    labels = np.arange(n) % min(n // 2 + 1, 10)
    split = split_dataset(make_dataset(labels), "stratified", 0.1, 0)
    assert len(split.test) >= np.ceil(0.1 * n) - 1
    assert len(split.test) <= max(np.ceil(0.1 * n), len(set(labels)))
    assert set(split.train).isdisjoint(split.test)


def test_a_split_holds_every_row_once_and_depends_on_the_seed() -> None:
    labels = np.arange(1005) % 10
    split = split_labels(labels, 0.1, seed=0)
    assert len(split.test) == 101
    assert sorted([*split.train, *split.test]) == list(range(1005))
    np.testing.assert_array_equal(split.test, split_labels(labels, 0.1, seed=0).test)
    assert set(split.test) != set(split_labels(labels, 0.1, seed=1).test)


def test_a_split_that_leaves_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="fewer than two classes"):
        split_labels(np.array([0, 1]), 0.5, seed=0)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.arange(1000) % 10, None),
        (np.arange(1000) % 10 % 3, None),
        (np.minimum(np.arange(1000) % 10, 4), "the largest is 6"),
        (np.where(np.arange(1000) == 0, 1, np.arange(1000) % 10 * 2), "do not occur in both"),
    ],
)
def test_classes_that_are_off_balance_are_told(labels: np.ndarray, problem: str | None) -> None:
    found = describe_balance(labels, split_labels(labels, 0.1, seed=0))[1]
    assert found is None if problem is None else problem in found
