"""Every layout that people keep such images in, made of the same images, gives the same data."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from mnistffn.data import Dataset, builtin_digits, load_dataset

N = 500
DIGITS = builtin_digits()
I = DIGITS.images[:N]  # noqa: E741  # images as MATLAB users call them
Y = DIGITS.labels[:N]
ROWS, COLUMNS = I.reshape(N, -1), I.mT.reshape(N, -1)
EYE = np.eye(10)[Y]
PARTS = {"train": slice(0, 350), "validation": slice(350, 400), "test": slice(400, N)}
TRAIN, VALID, TEST = PARTS.values()


def cell(items: list[object]) -> np.ndarray:
    found = np.empty((1, len(items)), object)
    found[0, :] = items
    return found


def by_class(stem: str, rows: slice = slice(None), first: int = 0) -> dict[str, np.ndarray]:
    return {f"{stem}{k + first}": ROWS[rows][Y[rows] == k] for k in range(10)}


WHOLE: dict[str, dict[str, object]] = {
    "rows of the document": {"input_images": COLUMNS / 255, "output_labels": Y[:, None].astype(float)},
    "row-major": {"X": ROWS, "y": Y},
    "pixels by samples": {"X": ROWS.T, "y": Y},
    "height, width, samples": {"images": np.moveaxis(I, 0, 2), "labels": Y},
    "transposed axes": {"images": np.moveaxis(I.mT, 0, 2), "labels": Y},
    "samples, height, width": {"images": I, "labels": Y[:, None]},
    "height, width, 1, samples": {"data": np.moveaxis(I, 0, 2)[:, :, None], "labels": Y},
    "samples, height, width, 1": {"data": I[..., None], "labels": Y},
    "samples, 1, height, width": {"data": I[:, None], "labels": Y},
    "three colours": {"data": np.repeat(I[..., None], 3, axis=3), "labels": Y},
    "few samples of many": {"X": ROWS.T, "y": Y, "notes": "a note", "rate": 0.5},
    "one-hot": {"X": ROWS, "T": EYE},
    "one-hot, a class in every row": {"X": ROWS, "T": EYE.T.astype(np.uint8)},
    "one-hot of plus and minus 1": {"X": ROWS, "T": 2 * EYE - 1},
    "one-hot beside writers": {"X": ROWS, "labels": EYE, "writers": np.arange(N) % 7},
    "one-hot beside the same labels": {"X": ROWS, "y": Y, "Y": EYE},
    "last column": {"usps": np.hstack([ROWS, Y[:, None]])},
    "first column": {"D": np.hstack([Y[:, None], ROWS])},
    "last row": {"D": np.hstack([ROWS, Y[:, None]]).T},
    "ten columns of one-hot": {"semeion": np.hstack([ROWS / 255, EYE])},
    "characters": {"X": ROWS, "labels": "".join(map(str, Y))},
    "a cell of text": {"X": ROWS, "labels": cell([str(label) for label in Y])},
    "10 for 0": {"X": ROWS, "y": np.where(Y == 0, 10, Y)},
    "digit + 1": {"X": ROWS, "y": Y + 1},
    "a cell of images": {"I": cell(list(I)), "labels": Y},
    "a struct": {"digits": {"images": I, "labels": Y, "count": float(N), "width": 8.0}},
    "structs in a cell": {"C": cell([{"image": image, "label": float(y)} for image, y in zip(I, Y, strict=True)])},  # noqa: E501
    "sparse": {"X": csc_matrix(ROWS / 255), "y": Y},
    "float of 255": {"X": ROWS.astype(float), "y": Y},
    "0 to 16": {"X": ROWS / 255 * 16, "y": Y},
    "0 to 2": {"X": ROWS / 255 * 2, "y": Y},
    "-1 to 1": {"X": ROWS / 127.5 - 1, "y": Y},
    "standardised": {"X": (ROWS / 255 - 0.1307) / 0.3081, "y": Y},
    "divided once too often": {"X": ROWS / 255 / 28, "y": Y},
    "0 to 1.02": {"X": ROWS / 255 * 1.02, "y": Y},
    "16 bits": {"X": ROWS.astype(np.uint16) * 257, "y": Y},
    "int32": {"X": ROWS.astype(np.int32), "y": Y.astype(np.int16)},
    "16 bits of one order": {"X": ROWS.astype(">u2") * 257, "y": Y},
    "dark ink": {"X": 255 - ROWS, "y": Y},
    "dark ink of 1": {"X": 1 - ROWS / 255, "y": Y},
    "a name for every class": {
        "dataset": {"images": COLUMNS, "labels": Y, "mapping": np.stack([np.arange(10), np.arange(48, 58)], 1)},  # noqa: E501
    },
}  # fmt: skip

IN_PARTS: dict[str, dict[str, object]] = {
    "Xtrain": {
        "Xtrain": ROWS[TRAIN], "ytrain": Y[TRAIN], "Xval": ROWS[VALID], "yval": Y[VALID],
        "Xtest": ROWS[TEST], "ytest": Y[TEST],
    },
    "train_x, one-hot": {
        "train_x": ROWS[TRAIN], "train_y": EYE[TRAIN], "valid_x": ROWS[VALID], "valid_y": EYE[VALID],
        "test_x": ROWS[TEST], "test_y": EYE[TEST],
    },
    "traindata and traingnd": {
        "traindata": ROWS[TRAIN], "traingnd": Y[TRAIN], "valdata": ROWS[VALID], "valgnd": Y[VALID],
        "testdata": ROWS[TEST], "testgnd": Y[TEST],
    },
    "X beside Xval and Xtest": {
        "X": ROWS[TRAIN], "y": Y[TRAIN], "Xval": ROWS[VALID], "yval": Y[VALID], "Xtest": ROWS[TEST],
        "ytest": Y[TEST],
    },
    "cells of xTrainImages": {
        "xTrainImages": cell(list(I[TRAIN])), "tTrain": EYE[TRAIN].T,
        "xValImages": cell(list(I[VALID])), "tVal": EYE[VALID].T,
        "xTestImages": cell(list(I[TEST])), "tTest": EYE[TEST].T,
    },
    "nested structs": {
        "dataset": {
            "train": {"images": COLUMNS[TRAIN], "labels": Y[TRAIN], "writers": np.arange(350) % 9},
            "validation": {"images": COLUMNS[VALID], "labels": Y[VALID], "writers": np.arange(50) % 9},
            "test": {"images": COLUMNS[TEST], "labels": Y[TEST], "writers": np.arange(100) % 9},
        },
    },
    "a set vector": {
        "images": {
            "data": np.moveaxis(I, 0, 2)[:, :, None].astype(np.float32), "labels": Y[None] + 1.0,
            "set": np.repeat([1.0, 2.0, 3.0], [350, 50, 100])[None],
        },
        "meta": {"sets": cell(["train", "val", "test"])},
    },
    "a set vector and a mean": {
        "images": {
            "data": np.moveaxis(I.astype(np.float32) - I.mean(axis=0, dtype=np.float32), 0, 2)[:, :, None],  # noqa: E501
            "data_mean": I.mean(axis=0, dtype=np.float32), "labels": Y[None] + 1.0,
            "set": np.repeat([1, 2, 3], [350, 50, 100]),
        },
    },
}  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def save_and_load(variables: dict[str, object], **options: object) -> Dataset:
        savemat(tmp_path / "d.mat", variables, do_compression=True, oned_as="column")
        return load_dataset(tmp_path / "d.mat", **options)

    return save_and_load


@pytest.mark.parametrize("layout", WHOLE)
def test_every_layout_gives_the_same_images_and_labels(read, layout: str) -> None:
    dataset = read(WHOLE[layout])
    np.testing.assert_array_equal(dataset.labels, Y)
    np.testing.assert_allclose(dataset.images.astype(int), I, atol=int("1.02" in layout) * 6)
    assert not dataset.layout.warnings
    assert dataset.parts == {"all": (0, N)}


@pytest.mark.parametrize("layout", IN_PARTS)
def test_the_parts_of_a_file_are_kept_apart(read, layout: str) -> None:
    dataset = read(IN_PARTS[layout])
    np.testing.assert_array_equal(dataset.labels, Y)
    np.testing.assert_array_equal(dataset.images, I)
    assert dataset.parts == {name: (part.start, part.stop) for name, part in PARTS.items()}
    np.testing.assert_array_equal(dataset.test_rows, np.arange(400, N))


def test_an_array_for_each_class_is_read(read) -> None:
    order = np.argsort(Y, kind="stable")
    dataset = read(by_class("digit"))
    np.testing.assert_array_equal(dataset.images, I[order])
    np.testing.assert_array_equal(dataset.labels, Y[order])
    parts = read(by_class("train", slice(0, 400)) | by_class("test", slice(400, N)))
    assert parts.parts == {"train": (0, 400), "test": (400, N)}
    np.testing.assert_array_equal(parts.labels[400:], np.sort(Y[400:]))
    from_one = read(
        {f"d{(k - 1) % 10 + 1}": v for k, v in by_class("", first=1).items() for k in [int(k)]}
    )
    np.testing.assert_array_equal(from_one.labels, np.sort(Y))


def test_an_axis_that_counts_the_classes_is_read(read) -> None:
    n = min(np.bincount(Y))
    stack = np.stack([ROWS[k == Y][:n].T for k in [*range(1, 10), 0]], axis=2)
    dataset = read({"data": stack})
    np.testing.assert_array_equal(dataset.labels, np.repeat([*range(1, 10), 0], n))
    np.testing.assert_array_equal(dataset.images[:n], I[Y == 1][:n])


def test_a_grid_of_cells_with_a_row_for_each_class_is_read(read) -> None:
    grid = np.empty((3, 30), object)
    for row, k in enumerate((3, 4, 7)):
        for column in range(30):
            grid[row, column] = np.pad(I[k == Y][column], ((2, 2), (0, 0)))
    dataset = read({"dat": grid, "classlabels": cell(["A", "B", "C"])})
    assert dataset.labels.tolist() == ["A", "B", "C"] * 30
    assert dataset.image_shape == (12, 8)


@pytest.mark.parametrize(("n", "side"), [(60, 28), (200, 28), (300, 16), (784, 28), (28, 28)])
def test_labels_tell_which_axis_counts_the_samples(read, n: int, side: int) -> None:
    big = np.kron(DIGITS.images[:n], np.ones((1, 4, 4), np.uint8))[:, 2 : 2 + side, 2 : 2 + side]
    rows = big.reshape(n, -1)
    for values in (rows, rows.T, np.moveaxis(big, 0, 2), big):
        dataset = read({"X": values, "y": DIGITS.labels[:n]}, orientation="row-major")
        np.testing.assert_array_equal(dataset.images, big)


@pytest.mark.parametrize(("height", "width"), [(30, 20), (20, 16), (12, 8)])
def test_images_that_are_not_square_are_told_by_their_neighbours(read, height: int, width: int) -> None:
    down, across = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    tall = I[:, down][:, :, across]
    for rows in (tall.reshape(N, -1), tall.mT.reshape(N, -1)):
        for values in (rows, rows.T):
            dataset = read({"X": values, "y": Y})
            np.testing.assert_array_equal(dataset.images, tall)
            assert read({"X": values, "y": Y}, image_shape=(height, width)).image_shape == (
                height,
                width,
            )


def test_labels_of_other_classes_keep_their_names(read) -> None:
    letters = np.array(list("ABCDEFGHIJ"))[Y]
    for labels in ("".join(letters), cell(list(letters))):
        for rows, orientation in ((ROWS, "row-major"), (COLUMNS, "column-major")):
            dataset = read({"X": rows, "y": labels})
            np.testing.assert_array_equal(dataset.labels, letters)
            np.testing.assert_array_equal(dataset.images, I)
            assert dataset.layout.orientation == orientation
            assert "was told by their shape alone" in dataset.layout.warnings[0]
    few = read({"X": ROWS[:60], "y": "".join(letters[:60])})
    assert "could not be told, as the labels are not digits" in few.layout.warnings[0]
    mapping = np.stack([np.arange(1, 11), np.arange(65, 75), np.arange(97, 107)], axis=1)
    dataset = read({"dataset": {"images": ROWS, "labels": Y + 1, "mapping": mapping}})
    np.testing.assert_array_equal(dataset.labels, letters)
    assert dataset.layout.labels_evidence == "named by dataset.mapping"
    words = cell([f"word{k}" for k in range(10)])
    assert read({"X": ROWS, "y": Y, "class_names": words}).labels[0] == "word0"
    assert read({"X": ROWS, "y": Y + 20}).labels.tolist() == (Y + 20).tolist()


@pytest.mark.parametrize("kept", [(0, 1, 2, 3, 4), (1, 2, 3, 4), (3, 5, 7)])
def test_some_of_the_digits_are_recognised(read, kept: tuple[int, ...]) -> None:
    rows = np.isin(DIGITS.labels, kept)
    images, digits = DIGITS.flat[rows], DIGITS.labels[rows]
    for labels in (digits, digits + 1):
        np.testing.assert_array_equal(read({"X": images, "y": labels}).labels, digits)


def test_upside_down_meanings_and_orientations_can_be_given(read) -> None:
    assert (
        read({"X": ROWS, "y": Y + 1}, labels_mean="ten-is-zero").labels.tolist()
        == ((Y + 1) % 10).tolist()
    )
    np.testing.assert_array_equal(read({"X": ROWS, "y": Y}, orientation="column-major").images, I.mT)
    np.testing.assert_array_equal(read({"X": ROWS, "y": Y}, polarity="dark").images, 255 - I)


def test_a_variable_can_be_named_with_the_way_to_it(read) -> None:
    variables = {
        "a": {"clean": ROWS, "noisy": np.minimum(ROWS, 250)}, "y": Y, "z": (Y + 1) % 10,
        "C": cell([ROWS[:200], ROWS[200:]]),
    }  # fmt: skip
    dataset = read(variables, images="a.clean", labels="y")
    np.testing.assert_array_equal(dataset.images, I)
    np.testing.assert_array_equal(dataset.labels, Y)
    dataset = read(variables | {"y2": Y[200:]}, images="C{2}", labels="y2")
    np.testing.assert_array_equal(dataset.images, I[200:])
    both = np.hstack([Y[:, None], ROWS, (9 - Y)[:, None]])[:, :-1]
    np.testing.assert_array_equal(read({"D": both}, labels="D(:,1)").labels, Y)


def test_a_binary_column_of_labels_is_told_from_binary_pixels(read) -> None:
    rows = np.isin(DIGITS.labels, (3, 8))
    pixels, labels = (DIGITS.flat[rows] > 127).astype(float), (DIGITS.labels[rows] == 8).astype(float)
    for matrix in (np.hstack([pixels, labels[:, None]]), np.hstack([labels[:, None], pixels])):
        dataset = read({"D": matrix}, orientation="row-major")
        np.testing.assert_array_equal(dataset.labels, labels)
        np.testing.assert_array_equal(dataset.flat, pixels * 255)


def test_one_pixel_above_1_does_not_change_the_scale(read) -> None:
    rows = ROWS / 255
    rows[3, 5] = 1 + 1e-7
    np.testing.assert_array_equal(
        np.delete(read({"X": rows, "y": Y}).flat, 3, 0), np.delete(ROWS, 3, 0)
    )


def test_resized_images_are_cut_off_at_0_and_1(read) -> None:
    rows = ROWS / 255
    rows[(ROWS == 0) & (np.random.default_rng(0).random(ROWS.shape) < 0.2)] = -0.13
    rows[(ROWS == 255) & (np.random.default_rng(0).random(ROWS.shape) < 0.2)] = 1.13
    dataset = read({"X": rows, "y": Y})
    np.testing.assert_array_equal(dataset.flat, ROWS)
    assert dataset.layout.scale == (0, 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_version_4_and_either_byte_order_are_read(tmp_path: Path, order: str) -> None:
    savemat(tmp_path / "d.mat", {"X": ROWS.astype(float), "y": Y[:, None].astype(float)}, format="4")
    content = bytearray((tmp_path / "d.mat").read_bytes())
    if order == ">":
        content = bytearray()
        for name, values in (("X", ROWS), ("y", Y[:, None])):
            head = np.array([1000, *values.shape, 0, len(name) + 1], ">i4")
            content += head.tobytes() + f"{name}\0".encode() + values.T.astype(">f8").tobytes()
    (tmp_path / "d.mat").write_bytes(content)
    np.testing.assert_array_equal(load_dataset(tmp_path / "d.mat").images, I)


@pytest.mark.parametrize("kind", [bool, np.uint8, float])
def test_binary_images_are_black_and_white(read, kind: type) -> None:
    np.testing.assert_array_equal(
        read({"X": (ROWS > 127).astype(kind), "y": Y}).flat, 255 * (ROWS > 127)
    )
