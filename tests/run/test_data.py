import shutil
from pathlib import Path

import numpy as np
import pytest

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.data import (
    DataOptions,
    RunData,
    check_fits,
    open_run_data,
    open_test_images,
)
from mnistffn.run.directory import RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def settle(run: RunDirectory, options: DataOptions = DataOptions(), seed: int | None = None) -> RunData:
    run_data = open_run_data(run, options, seed, Progress())
    with run.locked(), run.stage("train", command="train", options={}, data=run_data.record):
        pass
    return run_data


def test_what_was_recognised_is_told(run: RunDirectory, digits_mat: Path, recorder) -> None:
    open_run_data(run, DataOptions(digits_mat), None, recorder)
    told = "\n".join(recorder.notes)
    assert "input_images (1797, 64)" in told
    assert "column-major" in told
    assert "1,617 to train on, 180 for testing (seed 0)" in told
    assert "10 classes of" in told


def test_the_built_in_digits_are_named(run: RunDirectory, recorder) -> None:
    open_run_data(run, DataOptions(), None, recorder)
    assert "built-in digits" in recorder.notes[0]


def test_unbalanced_classes_are_warned_about(run: RunDirectory, write_mat, recorder) -> None:
    path = write_mat(output_labels=np.minimum(np.arange(40) % 8, 2))
    open_run_data(run, DataOptions(path, test_size=0.5), None, recorder)
    assert any(note.startswith("warning: the classes are unbalanced") for note in recorder.notes)


def test_later_commands_keep_the_data_and_the_split_whatever_their_seed(
    run: RunDirectory, digits_mat: Path
) -> None:
    first = settle(run, DataOptions(digits_mat), seed=3)
    later = open_run_data(run, DataOptions(), 8, Progress())
    assert later.record == first.record
    np.testing.assert_array_equal(later.split.test, first.split.test)
    assert set(later.split.train).isdisjoint(first.split.test)


def test_another_test_size_or_file_splits_anew(run: RunDirectory, digits_mat: Path) -> None:
    settle(run, seed=3)
    assert open_run_data(run, DataOptions(test_size=0.2), 8, Progress()).record.split_seed == 8
    assert open_run_data(run, DataOptions(digits_mat), 8, Progress()).record.split_seed == 8
    assert open_run_data(run, DataOptions(test_size=0.1), 8, Progress()).record.split_seed == 3
    assert open_run_data(run, DataOptions(test_size=0.2), None, Progress()).record.split_seed == 3


def test_a_given_orientation_is_kept(run: RunDirectory, digits_mat: Path) -> None:
    settle(run, DataOptions(digits_mat, "row-major"))
    assert open_run_data(run, DataOptions(), None, Progress()).record.orientation == "row-major"


def test_a_model_is_tested_on_its_own_test_part_or_on_all_of_another_file(
    run: RunDirectory, digits_mat: Path, write_mat, recorder
) -> None:
    first = settle(run, DataOptions(digits_mat))
    for options in (DataOptions(), DataOptions(digits_mat)):
        _, index, record = open_test_images(run, options, recorder)
        np.testing.assert_array_equal(index, first.split.test)
        assert record == first.record
    moved = shutil.copy(digits_mat, digits_mat.with_name("moved.mat"))
    assert open_test_images(run, DataOptions(Path(moved)), recorder)[2].sha256 == first.record.sha256
    dataset, index, record = open_test_images(run, DataOptions(write_mat("other.mat")), recorder)
    assert record is None
    assert len(index) == len(dataset.labels) == 40


def test_images_for_testing_must_be_told_from_those_for_training(
    run: RunDirectory, digits_mat: Path, recorder
) -> None:
    with pytest.raises(RunDirectoryError, match="does not tell what the model was trained on"):
        open_test_images(run, DataOptions(), recorder)
    settle(run, DataOptions(digits_mat))
    with digits_mat.open("r+b") as file:
        file.write(b"another header")
    with pytest.raises(RunDirectoryError, match="has changed since the model was trained"):
        open_test_images(run, DataOptions(digits_mat), recorder)


def test_images_and_labels_that_a_model_does_not_know_are_refused(run: RunDirectory) -> None:
    dataset = settle(run).dataset
    check_fits(dataset, dataset.labels, 64, np.arange(10))
    with pytest.raises(RunDirectoryError, match="takes 784 pixels, but .* 8 by 8 = 64"):
        check_fits(dataset, dataset.labels, 784, np.arange(10))
    with pytest.raises(RunDirectoryError, match=r"labels \[8, 9\], which the model was not trained on"):
        check_fits(dataset, dataset.labels, 64, np.arange(8))
    check_fits(dataset, np.array([3]), 64, np.arange(8))


@pytest.mark.parametrize("test_size", [0, 1, -0.5, 3])
def test_a_test_size_out_of_range_is_refused(test_size: float) -> None:
    with pytest.raises(UsageError, match="test_size"):
        DataOptions(test_size=test_size)


def test_a_file_is_decoded_once_and_then_read_from_the_cache(
    run: RunDirectory, digits_mat: Path, recorder, monkeypatch
) -> None:
    run.path.mkdir()
    first = open_run_data(run, DataOptions(digits_mat), None, Progress())
    assert run.cache.is_file()
    monkeypatch.setattr("mnistffn.run.data.load_dataset", None)  # a call would fail
    second = open_run_data(run, DataOptions(digits_mat), None, recorder)
    np.testing.assert_array_equal(second.dataset.images, first.dataset.images)
    np.testing.assert_array_equal(second.dataset.labels, first.dataset.labels)
    assert second.dataset.images.dtype == np.uint8
    assert second.record == first.record
    assert "column-major (agreement with upright digits" in recorder.notes[1]


def test_a_cache_of_another_file_or_orientation_or_a_damaged_one_is_not_used(
    run: RunDirectory, digits_mat: Path, write_mat
) -> None:
    run.path.mkdir()
    expected = open_run_data(run, DataOptions(digits_mat), None, Progress()).dataset.images
    turned = open_run_data(run, DataOptions(digits_mat, orientation="row-major"), None, Progress())
    np.testing.assert_array_equal(turned.dataset.images, expected.mT)
    other = open_run_data(run, DataOptions(write_mat()), None, Progress())
    assert len(other.dataset.labels) == 40
    changed = write_mat(output_labels=np.arange(40) % 2)  # the same path, read the same way
    assert open_run_data(run, DataOptions(changed), None, Progress()).dataset.labels.max() == 1
    for damage in (b"", b"PK", run.cache.read_bytes()[:-20], b"no archive"):
        run.cache.write_bytes(damage)
        found = open_run_data(run, DataOptions(digits_mat), None, Progress())
        np.testing.assert_array_equal(found.dataset.images, expected)
    open_run_data(run, DataOptions(digits_mat), None, Progress())
    whole = bytearray(run.cache.read_bytes())
    whole[len(whole) // 2] ^= 1
    run.cache.write_bytes(whole)
    found = open_run_data(run, DataOptions(digits_mat), None, Progress())
    np.testing.assert_array_equal(found.dataset.images, expected)


def test_a_cache_that_cannot_be_written_is_done_without(run: RunDirectory, digits_mat: Path) -> None:
    run.cache.mkdir(parents=True)
    assert len(open_run_data(run, DataOptions(digits_mat), None, Progress()).dataset.labels) == 1797
    assert [path.name for path in run.path.iterdir()] == [run.cache.name]


def test_a_run_directory_that_nothing_came_of_is_removed_with_its_cache(
    run: RunDirectory, digits_mat: Path
) -> None:
    with run.locked():
        open_run_data(run, DataOptions(digits_mat), None, Progress())
        assert run.cache.is_file()
    assert not run.path.exists()
