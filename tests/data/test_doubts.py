"""What looks right at first sight and is not: it is refused, or told."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mnistffn.data import Dataset, builtin_digits, load_dataset
from mnistffn.errors import DataError

N = 500
DIGITS = builtin_digits()
I, Y = DIGITS.images[:N], DIGITS.labels[:N]  # noqa: E741
ROWS, COLUMNS = I.reshape(N, -1), I.mT.reshape(N, -1)
A, B = slice(0, 350), slice(350, N)
MEAN = I.mean(axis=0).reshape(1, -1)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def save_and_load(**variables: object) -> Dataset:
        savemat(tmp_path / "d.mat", variables, oned_as="column")
        return load_dataset(tmp_path / "d.mat")

    return save_and_load


def in_parts(train: tuple, test: tuple) -> dict[str, object]:
    names = ("Xtrain", "ytrain", "Xtest", "ytest")
    return dict(zip(names, (*train, *test), strict=True))


@pytest.mark.parametrize("scales", [(1, 255), (255, 1)])
def test_parts_of_different_scales_are_read_each_by_its_own(read, scales: tuple[int, int]) -> None:
    first, second = (np.uint8 if scale == 1 else float for scale in scales)
    parts = in_parts(
        ((ROWS[A] / scales[0]).astype(first), Y[A]), ((ROWS[B] / scales[1]).astype(second), Y[B])
    )
    dataset = read(**parts)
    np.testing.assert_array_equal(dataset.images, I)
    assert "different scales" in dataset.layout.warnings[0]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((255 - ROWS[B], Y[B]), "in some parts .* ink is bright, in others dark"),
        ((COLUMNS[B], Y[B]), "the part test looks column-major"),
        (
            (ROWS[B], np.eye(10)[(Y[B] - 1) % 10]),
            "the part test looks row-major with labels last-is-zero",
        ),
        ((ROWS[B], (Y[B] - 1) % 10), "the part test looks row-major with labels last-is-zero"),
        ((ROWS[B], Y[B][:-1]), "not as many labels as images"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(read, test: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(**in_parts((ROWS[A], Y[A]), test))


def test_labels_of_1_to_10_in_one_part_and_0_to_9_in_another_are_refused(read) -> None:
    with pytest.raises(DataError, match="the part test|labels"):
        read(**in_parts((ROWS[A], Y[A]), (ROWS[B], Y[B] + 1)))


@pytest.mark.parametrize(
    "variables",
    [
        {"X": ROWS / 255 - 0.05 * (ROWS == 0), "mean_image": MEAN / 255},
        {"X": ROWS / 127.5 - 1, "mean_image": MEAN / 127.5 - 1},
        {"X": (ROWS - 33.3) / 78.6, "mean": np.full((1, 64), 33.3)},
    ],
)
def test_a_mean_that_was_not_taken_away_is_not_added(read, variables: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(read(**variables, y=Y).flat.astype(int), ROWS, atol=1)


@pytest.mark.parametrize(
    "turn",
    [
        lambda x: x[:, ::-1],
        lambda x: x[:, :, ::-1],
        lambda x: x[:, ::-1, ::-1],
        lambda x: x.mT[:, ::-1],
    ],
)
def test_images_that_are_mirrored_or_rotated_are_refused(read, turn: Callable) -> None:
    with pytest.raises(DataError, match="the images lie .*: turn them upright"):
        read(X=turn(I).reshape(N, -1), y=Y)


def test_some_digits_with_the_numbers_of_others_are_told(read) -> None:
    rows = np.isin(Y, (0, 1, 8))
    dataset = read(X=ROWS[rows], y=np.searchsorted([0, 1, 8], Y[rows]) + 1)
    assert set(dataset.labels.tolist()) == {1, 2, 3}
    assert any("could not be told" in warning for warning in dataset.layout.warnings)


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"xt": ROWS[:150][::-1], "yt": Y[:150][::-1]}, "is read for its name, and not xt"),
        ({"split": np.arange(N) % 3 + 1}, "split .* may say which images are for testing"),
        ({"istrain": (np.arange(N) < 350)}, "istrain .* may say which images are for"),
        ({"testIdx": np.arange(150) + 351.0}, "testIdx .* may say which images are for test"),
    ],
)
def test_what_may_be_more_data_is_told(read, others: dict[str, np.ndarray], message: str) -> None:
    dataset = read(X=ROWS, y=Y, **others)
    assert len(dataset.labels) == N
    assert any(re.search(message, warning) for warning in dataset.layout.warnings)


@pytest.mark.parametrize(
    "others",
    [
        {"predicted_label": (Y + 1) % 10},
        {"writer": np.arange(N) % 9, "fold": np.arange(N) % 5},
        {"weights_of_images": np.random.default_rng(0).random(N)},
        {"mu": ROWS.mean(axis=0)},
        {"K": np.corrcoef(ROWS + 1.0 * np.eye(N, 64))},
    ],
)
def test_what_is_no_label_is_not_taken_for_one(read, others: dict[str, np.ndarray]) -> None:
    for name in ("labels", "etiquetas"):
        np.testing.assert_array_equal(read(X=ROWS, **{name: Y}, **others).labels, Y)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"X": ROWS, "perm": np.random.default_rng(0).permutation(N)}, "holds no labels but perm"),
        ({"X": ROWS, "writer": np.arange(N) % 9}, "holds no labels but writer"),
        ({"X": ROWS, "number_of_image": np.arange(N)}, "holds no labels but|no two entries are equal"),
        ({"X": ROWS, "a": Y, "d": np.arange(N) % 9}, "several variables that could be labels"),
        ({f"batch{k}": ROWS[200 * k - 200 : 200 * k] for k in range(1, 6)} | {"labels": Y}, "not as many labels"),  # noqa: E501
        ({f"batch{k}": ROWS[200 * k - 200 : 200 * k] for k in range(1, 6)}, "holds no labels"),
        ({"X": ROWS[:64][np.argsort(Y[:64])], "y": np.sort(Y[:64])}, "several axes"),
        ({"X": ROWS[[0, 9, 2, 5, 7, 1, 3, 4, 6, 8]].T, "y": np.eye(10)[[3, 0, 1, 2, 4, 5, 6, 7, 9, 8]]}, "several"),  # noqa: E501
    ],
)  # fmt: skip
def test_doubtful_labels_are_refused(read, variables: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(**variables)


def test_names_of_other_things_do_not_name_the_classes(read) -> None:
    pixels = np.array([f"pixel{k}" for k in range(64)], object)
    files = np.array([f"img_{k}.png" for k in range(N)], object)
    np.testing.assert_array_equal(read(data=ROWS, target=Y, feature_names=pixels).labels, Y)
    np.testing.assert_array_equal(read(images=ROWS, labels=Y, names=files).labels, Y)
    some = np.isin(Y, (3, 5, 8))
    digits = np.array([str(k) for k in range(10)], object)
    np.testing.assert_array_equal(read(X=ROWS[some], y=Y[some], classes=digits).labels, Y[some])


def test_stray_values_do_not_set_the_scale(read) -> None:
    binary = (ROWS > 127).astype(np.uint8)
    for value in (2, 16, 255):
        binary[0, 5] = value
        np.testing.assert_array_equal(read(X=binary, y=Y).flat[1:], 255 * binary[1:])
    rows = ROWS / 127.5 - 1
    rows[0, 5] = -100
    dataset = read(X=rows, y=Y)
    np.testing.assert_array_equal(dataset.flat[1:], ROWS[1:])
    assert any("cut off" in warning for warning in dataset.layout.warnings)


def test_a_column_of_labels_beside_a_vector_of_writers_is_found(read) -> None:
    matrix = np.hstack([ROWS, Y[:, None]])
    for others in ({"writer": np.arange(N) % 9}, {"labels": Y}):
        np.testing.assert_array_equal(read(D=matrix, **others).labels, Y)
    with pytest.raises(DataError, match="has labels in labels .* and others in last column of D"):
        read(D=matrix, labels=(Y + 1) % 10 * (Y > 3))


def test_the_same_images_twice_are_read_once(read) -> None:
    for copy in ({"images": I, "data": ROWS}, {"X": ROWS, "X_scaled": ROWS / 255}):
        np.testing.assert_array_equal(read(**copy, y=Y).images, I)


def test_three_colours_in_a_row_are_made_grey(read) -> None:
    for rows in (np.hstack([ROWS] * 3), np.repeat(ROWS, 3, axis=1)):
        np.testing.assert_array_equal(read(X=rows, y=Y).images, I)


def test_few_images_are_read_as_they_are_and_told(read) -> None:
    for n in (1, 3, 10):
        dataset = read(X=ROWS[1 : 1 + n], label=Y[1 : 1 + n].astype(float))
        np.testing.assert_array_equal(dataset.labels, Y[1 : 1 + n])
        assert any("could not be told" in warning for warning in dataset.layout.warnings)


def test_a_frame_is_told(read) -> None:
    framed = np.pad(np.kron(I, np.ones((1, 2, 2), np.uint8)), ((0, 0), (3, 3), (3, 3)))
    framed[:, [0, -1]] = framed[:, :, [0, -1]] = 255
    assert any("which is the background" in w for w in read(X=framed, y=Y).layout.warnings)


@pytest.mark.parametrize("kept", [(1,), (0, 1), (0, 8), (1, 7)])
def test_digits_that_look_the_same_mirrored_are_not_refused(read, kept: tuple[int, ...]) -> None:
    rows = np.isin(DIGITS.labels, kept)
    dataset = read(X=DIGITS.flat[rows], y=DIGITS.labels[rows])
    np.testing.assert_array_equal(dataset.labels, DIGITS.labels[rows])


def test_letters_that_fill_their_box_are_no_photographs(read) -> None:
    tight = np.kron(I, np.ones((1, 3, 3), np.uint8))[:, 1:-1, 3:-3]
    assert read(X=tight, y=Y).image_shape == tight.shape[1:]


@pytest.mark.parametrize(
    "matrix", [np.hstack([np.ones((N, 1)), ROWS]), np.hstack([ROWS, np.ones((N, 1))])]
)
def test_a_column_of_ones_is_a_bias_and_no_pixel(read, matrix: np.ndarray) -> None:
    for values in (matrix, matrix.T):
        np.testing.assert_array_equal(read(X=values, y=Y).images, I)


def test_a_test_part_without_labels_is_left_out_and_told(read) -> None:
    dataset = read(X=ROWS[:250], y=Y[:250], Xtest=ROWS[250:])
    np.testing.assert_array_equal(dataset.images, I[:250])
    assert any("Xtest (250, 64) may be images too" in warning for warning in dataset.layout.warnings)
