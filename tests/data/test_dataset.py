from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits

from mnistffn import load_dataset
from mnistffn.data import builtin_digits
from mnistffn.data.dataset import _read_digits
from mnistffn.errors import DataError


def test_the_builtin_digits_are_those_of_scikit_learn() -> None:
    digits, expected = builtin_digits(), load_digits()
    np.testing.assert_array_equal(digits.images, np.rint(expected.images * (255 / 16)))
    np.testing.assert_array_equal(digits.labels, expected.target)


def test_the_builtin_digits_are_there_whatever_becomes_of_their_file(monkeypatch) -> None:
    digits = builtin_digits()
    _read_digits.cache_clear()
    monkeypatch.setattr("mnistffn.data.dataset.find_spec", lambda name: None)
    assert builtin_digits().sha256 == digits.sha256
    np.testing.assert_array_equal(builtin_digits().labels, digits.labels)
    _read_digits.cache_clear()


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


def test_images_that_are_no_digits_are_not_guessed_at(write_mat: Callable[..., Path]) -> None:
    generator = np.random.default_rng(0)
    squares = np.kron(generator.random((500, 3, 3)) < 0.5, np.ones((1, 3, 3)))
    images = np.pad(squares, ((0, 0), (2, 2), (2, 2))).reshape(500, -1)
    for labels, reason in (
        (np.arange(500) % 10, "not recognised as digits"),
        (np.arange(500) % 12, "labels are not digits"),
    ):
        layout = load_dataset(write_mat(input_images=images, output_labels=labels)).layout
        assert layout.orientation == "row-major"
        assert reason in layout.evidence
        assert "could not be told" in layout.warnings[0]
        assert "--orientation" in layout.warnings[0]


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


def photographs() -> np.ndarray:
    """Clouds: neighbours are alike, but there is no background."""
    generator = np.random.default_rng(0)
    return gaussian_filter(generator.random((40, 28, 28)), (0, 4, 4), mode="wrap").reshape(40, -1)


def standardise(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)


DIGITS = builtin_digits().flat[:40]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"input_images": None}, r"holds no images; expected .*, found output_labels|found output_labels \(40, 1\): name them with --images"),  # noqa: E501
        ({"input_images": np.ones((40, 61))}, r"not as many labels as images: .* 40 labels .* input_images \(40, 61\)"),  # noqa: E501
        ({"output_labels": None}, r"holds no labels; .* found input_images \(40, 64\): name the labels with --labels"),  # noqa: E501
        ({"output_labels": np.arange(39)}, "there are 39 labels in output_labels .* for input_images"),
        ({"input_images": nan_images()}, "pixels that are NaN or infinite: 1 of them"),
        ({"input_images": np.full((40, 64), 7.0)}, "values from 7 to 7"),
        ({"input_images": np.linspace(-1, 1, 40 * 64)[::-1].reshape(64, 40).T}, "photographs|not alike"),  # noqa: E501
        ({"output_labels": np.full(40, np.nan)}, "labels that are not numbers: 40 of them"),
        ({"output_labels": np.arange(40) / 2}, "holds 0.5, but labels must be whole"),
        ({"first": DIGITS, "second": DIGITS[::-1], "input_images": None}, "several variables that could be images: first .*, second .*--images"),  # noqa: E501
        ({"a": np.arange(40) % 4, "b": np.arange(40) // 10, "output_labels": None}, "several variables that could be labels: a .*, b .*--labels"),  # noqa: E501
        ({"input_images": "text", "output_labels": None}, "holds no images"),
        ({"input_images": photographs()}, "looks like photographs"),
        ({"input_images": nan_images() + 1j}, "holds no images, for input_images .* is complex"),
        ({"input_images": np.random.default_rng(0).normal(size=(40, 25)), "output_labels": np.arange(40) % 4}, "not as many labels as images"),  # noqa: E501
        ({"input_images": None, "output_labels": None, "boxes": np.ones((40, 4)), "T": np.eye(4)[np.arange(40) % 4]}, "holds no images|no labels|not as many"),  # noqa: E501
        ({"input_images": np.random.default_rng(0).normal(size=(40, 64))}, "not alike"),
        ({"input_images": standardise(builtin_digits().flat / 255), "output_labels": builtin_digits().labels}, "standardised by itself"),  # noqa: E501
        ({"input_images": np.kron(DIGITS.reshape(-1, 8, 8), np.ones((1, 3, 2)))[:, :, :15].reshape(40, -1), "output_labels": np.arange(41)}, "41 labels"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(
    write_mat: Callable[..., Path], variables: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(write_mat(**variables))


def test_weights_of_a_network_are_no_images(write_mat: Callable[..., Path]) -> None:
    generator = np.random.default_rng(0)
    weights = {"Theta1": generator.normal(size=(25, 401)), "Theta2": generator.normal(size=(10, 26))}
    with pytest.raises(DataError, match="holds no labels"):
        load_dataset(write_mat(input_images=None, output_labels=None, **weights))


def test_a_name_that_is_not_there_is_refused_with_those_that_are(digits_mat: Path) -> None:
    with pytest.raises(DataError, match=r"no variable Z; found input_images .* give --images one"):
        load_dataset(digits_mat, images="Z")
    with pytest.raises(DataError, match="output_labels .* is a vector and no images"):
        load_dataset(digits_mat, images="output_labels")
    with pytest.raises(DataError, match="images of 64 pixels are not 9x8"):
        load_dataset(digits_mat, image_shape=(9, 8))
    with pytest.raises(DataError, match="labels 0 to 9 cannot be digit-plus-one"):
        load_dataset(digits_mat, labels_mean="digit-plus-one")


def test_named_photographs_are_read_and_questioned(write_mat: Callable[..., Path]) -> None:
    dataset = load_dataset(write_mat(input_images=photographs()), images="input_images")
    assert any("photographs" in warning for warning in dataset.layout.warnings)


def test_one_value_far_outside_is_told(digits_mat: Path, write_mat: Callable[..., Path]) -> None:
    rows = builtin_digits().flat / 255
    rows[7, 7] = 1000
    dataset = load_dataset(write_mat(input_images=rows, output_labels=builtin_digits().labels))
    assert any("1 pixels lie far outside" in warning for warning in dataset.layout.warnings)
    np.testing.assert_array_equal(dataset.flat[:7], builtin_digits().flat[:7])


FOREIGN = {
    "saved web page": (b"\n <!DOCTYPE html><html>", "a web page"),
    "git-lfs pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
        "a git-LFS pointer",
    ),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(200), "a PNG image"),
    "Octave": (b"# Created by Octave 6.1\n# name: X\n", "Octave's text format"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(200), "damaged or not an HDF5 file"),
    "v7.3": (
        b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600),
        "MATLAB 7.3 file without its HDF5 part",
    ),
    "IDX": (b"\x00\x00\x08\x03" + bytes(200), "damaged or not an IDX file"),
    "npz": (b"PK\x03\x04" + bytes(200), "damaged or not an .npz file"),
    "gzip": (b"\x1f\x8b" + bytes(200), "damaged or not a gzip file"),
    "pickle": (b"\x80\x04" + bytes(200), "never opened"),
    "nothing": (b"", "is empty"),
    "text": (b"Dear reader,\nthis is no table.\n", "a text file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_another_format_is_named(tmp_path: Path, kind: str) -> None:
    content, message = FOREIGN[kind]
    (tmp_path / "d.mat").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_dataset(tmp_path / "d.mat")


def test_a_file_that_is_missing_damaged_or_of_another_kind_is_refused(
    tmp_path: Path, digits_mat: Path
) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load_dataset(tmp_path / "none.mat")
    with pytest.raises(DataError, match="holds neither pictures nor arrays; found digits.mat"):
        load_dataset(tmp_path)
    content = digits_mat.read_bytes()
    for broken in (content[:5000], content[: len(content) // 2], content[:-3], content[:128] + b"12"):
        digits_mat.write_bytes(broken)
        with pytest.raises(DataError, match="damaged or not a MATLAB file"):
            load_dataset(digits_mat)
