from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mnistffn import load_dataset
from mnistffn.data import builtin_digits, describe_balance, split_labels
from mnistffn.data.orientation import recognise_orientation
from mnistffn.errors import DataError


def test_without_a_path_the_built_in_digits_are_loaded() -> None:
    dataset = load_dataset()
    assert dataset.is_builtin
    assert dataset.images.shape == (1797, 8, 8)
    assert dataset.images.dtype == np.uint8
    assert dataset.images.max() == 255
    assert dataset.classes.tolist() == list(range(10))


def test_column_major_images_are_recognised_and_turned_upright(digits_mat: Path) -> None:
    dataset = load_dataset(digits_mat)
    assert dataset.layout.orientation == "column-major"
    np.testing.assert_array_equal(dataset.images, builtin_digits().images)
    np.testing.assert_array_equal(dataset.labels, builtin_digits().labels)


def test_row_major_images_are_left_as_they_are(tmp_path: Path) -> None:
    digits = builtin_digits()
    savemat(tmp_path / "d.mat", {"X": digits.flat, "y": digits.labels})
    dataset = load_dataset(tmp_path / "d.mat")
    assert dataset.layout.orientation == "row-major"
    assert dataset.layout.value_range == "0 to 255 of 255"
    np.testing.assert_array_equal(dataset.images, digits.images)


def test_labels_may_be_a_row_and_their_number_a_square(tmp_path: Path) -> None:
    digits = builtin_digits()
    savemat(tmp_path / "d.mat", {"X": digits.flat[:144], "y": digits.labels[:144]})
    np.testing.assert_array_equal(load_dataset(tmp_path / "d.mat").labels, digits.labels[:144])


def test_the_user_can_overrule_the_orientation(digits_mat: Path) -> None:
    dataset = load_dataset(digits_mat, orientation="row-major")
    assert dataset.layout.evidence == "given"
    np.testing.assert_array_equal(dataset.images, builtin_digits().images.mT)


def test_images_that_are_no_digits_are_not_guessed_at() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 64), dtype=np.uint8)
    orientation, evidence = recognise_orientation(noise, np.arange(500) % 10)
    assert orientation == "row-major"
    assert "not recognised as digits" in evidence
    assert "labels are not digits" in recognise_orientation(noise, np.arange(500) % 12)[1]


def test_real_mnist_is_recognised_as_column_major(mnist_path: Path) -> None:
    dataset = load_dataset(mnist_path)
    assert dataset.images.shape == (60000, 28, 28)
    assert dataset.layout.orientation == "column-major"
    assert np.bincount(dataset.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    # Upright ones are tall and narrow.
    ones = dataset.images[dataset.labels == 1].mean(axis=0) > 32
    assert np.ptp(np.flatnonzero(ones.any(axis=1))) > np.ptp(np.flatnonzero(ones.any(axis=0)))


def nan_images() -> np.ndarray:
    images = np.random.default_rng(0).random((40, 64))
    images[3, 5] = np.nan
    return images


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"input_images": None}, r"holds no images; expected .*, found output_labels \(40, 1\)"),
        ({"input_images": np.ones((40, 63))}, r"holds no images; .* input_images \(40, 63\)"),
        ({"output_labels": None}, r"holds no labels; .* found input_images \(40, 64\)"),
        ({"output_labels": np.arange(39)}, "there are 39 labels"),
        ({"input_images": nan_images()}, "1 pixels that are NaN or infinite"),
        ({"input_images": np.full((40, 64), 7.0)}, "values from 7 to 7"),
        ({"input_images": np.linspace(-1, 1, 40 * 64).reshape(40, 64)}, "values from -1 to 1"),
        ({"input_images": np.eye(40, 64) * 1e-7}, "all images are blank"),
        ({"output_labels": np.full(40, 3)}, "the single class 3"),
        ({"output_labels": np.full(40, np.nan)}, "40 labels that are not numbers"),
        ({"output_labels": np.arange(40) / 2}, "holds 0.5, but labels must be whole"),
        ({"more_images": np.eye(64)}, "single class|2 variables that could be images"),
        ({"input_images": "text", "output_labels": None}, "holds no images"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    write_mat: Callable[..., Path], variables: dict[str, object], message: str
) -> None:
    if "more_images" in variables:
        variables = {"first": np.eye(64), "second": np.eye(64), "input_images": None}
    with pytest.raises(DataError, match=message):
        load_dataset(write_mat(**variables))


def test_a_file_that_is_missing_damaged_or_of_another_kind_is_refused(
    tmp_path: Path, digits_mat: Path
) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_dataset(tmp_path / "none.mat")
    with pytest.raises(DataError, match="is a folder"):
        load_dataset(tmp_path)
    content = digits_mat.read_bytes()
    for broken in (b"", b"no MATLAB file", content[:100], content[:5000], content[: len(content) // 2]):
        digits_mat.write_bytes(broken)
        with pytest.raises(DataError, match="damaged or not a MATLAB file"):
            load_dataset(digits_mat)


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
