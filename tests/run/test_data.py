import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Recorder
from scipy.io import savemat

from mnistffn.data import builtin_digits
from mnistffn.errors import DataError, RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.data import (
    RunData,
    check_fits,
    open_run_data,
    open_test_images,
)
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions


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
        tested = open_test_images(run, options, recorder)
        np.testing.assert_array_equal(tested.index, first.split.test)
        assert tested.record == first.record
        assert tested.n_trained_on == 0
    moved = shutil.copy(digits_mat, digits_mat.with_name("moved.mat"))
    again = open_test_images(run, DataOptions(Path(moved)), recorder)
    assert again.record.sha256 == first.record.sha256
    other = open_test_images(run, DataOptions(write_mat("other.mat")), recorder)
    assert other.record is None
    assert len(other.index) == len(other.dataset.labels) == 40


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
    monkeypatch.setattr("mnistffn.run.data.read_dataset", None)  # a call would fail
    second = open_run_data(run, DataOptions(digits_mat), None, recorder)
    np.testing.assert_array_equal(second.dataset.images, first.dataset.images)
    np.testing.assert_array_equal(second.dataset.labels, first.dataset.labels)
    assert second.dataset.images.dtype == np.uint8
    assert second.record == first.record
    assert "column-major (" in recorder.notes[1]


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


def save(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    savemat(path, {"images": images.reshape(len(images), -1), "labels": labels})
    return path


def warnings_of(recorder) -> str:
    return "\n".join(note for note in recorder.notes if note.startswith("warning:"))


def test_a_second_file_is_read_as_the_runs_data_are(
    run: RunDirectory, tmp_path: Path, recorder
) -> None:
    digits = builtin_digits()
    sideways, labels = 255 - digits.images.mT, np.where(digits.labels == 0, 10, digits.labels)
    first = settle(run, DataOptions(save(tmp_path / "first.mat", sideways / 255 * 16, labels)))
    assert (first.record.orientation, first.record.layout["polarity"]) == ("column-major", "dark")
    few = np.flatnonzero(np.isin(digits.labels, (0, 4)))
    for rows in (few, few[:1], np.arange(5)):
        other = save(tmp_path / "other.mat", np.minimum(sideways[rows] / 255 * 16, 14), labels[rows])
        tested = open_test_images(run, DataOptions(other), recorder)
        seen = 255 - np.rint(np.minimum((255 - digits.images[rows]) / 255 * 16, 14) * 255 / 16)
        np.testing.assert_allclose(tested.dataset.images, seen, atol=1)
        np.testing.assert_array_equal(tested.dataset.labels, digits.labels[rows])
    assert "unlike" not in warnings_of(recorder)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda x, y: (x.mT, y), "looks column-major, the run's data are row-major"),
        (lambda x, y: (255 - x, y), "is dark, for .* that of the run's data is bright"),
        (lambda x, y: (x / 255, y), "are 0 to 1, those of the run's data 0 to 255"),
    ],
)
def test_a_second_file_that_contradicts_the_runs_data_is_told(
    run: RunDirectory, tmp_path: Path, recorder, change: Callable[..., tuple], warning: str
) -> None:
    digits = builtin_digits()
    settle(run, DataOptions(save(tmp_path / "first.mat", digits.images[:900], digits.labels[:900])))
    other = save(tmp_path / "other.mat", *change(digits.images[900:], digits.labels[900:]))
    dataset = open_test_images(run, DataOptions(other), recorder).dataset
    np.testing.assert_array_equal(dataset.images, digits.images[900:])
    assert re.search(warning, warnings_of(recorder))


def test_images_that_the_model_was_trained_on_are_counted(
    run: RunDirectory, digits_mat: Path, tmp_path: Path, recorder
) -> None:
    settle(run, DataOptions(digits_mat))
    digits = builtin_digits()
    copy = save(tmp_path / "copy.mat", digits.images, digits.labels)
    tested = open_test_images(run, DataOptions(copy), recorder)
    assert tested.n_trained_on == 1617
    assert "1,617 of the 1,797 images for testing are among those to train on" in warnings_of(recorder)
    assert "--unique" not in warnings_of(recorder), "evaluate has no such option"
    assert not any("has not seen them" in note for note in recorder.notes)
    digits_mat.unlink()
    run.cache.unlink(missing_ok=True)
    assert open_test_images(run, DataOptions(copy), recorder).n_trained_on is None


def test_repeated_images_are_counted_and_can_be_left_out(
    run: RunDirectory, tmp_path: Path, recorder
) -> None:
    digits = builtin_digits()
    six = np.repeat(digits.images[:300], 6, axis=0)
    path = save(tmp_path / "six.mat", six, np.random.default_rng(0).integers(0, 10, 1800))
    options = DataOptions(path, "row-major")
    assert open_run_data(run, options, None, recorder).record.n_trained_on > 150
    assert "are among those to train on as well" in warnings_of(recorder)
    unique = open_run_data(run, replace(options, unique=True), None, Progress())
    assert unique.record.n_trained_on == 0
    assert len(unique.split.train) + len(unique.split.test) == 300


def test_a_given_test_part_is_the_test_part_unless_it_is_split_anew(
    run: RunDirectory, tmp_path: Path
) -> None:
    digits = builtin_digits()
    path = tmp_path / "parts.mat"
    savemat(path, {
        "Xtrain": digits.flat[:1000], "ytrain": digits.labels[:1000], "Xval": digits.flat[1000:1200],
        "yval": digits.labels[1000:1200], "Xtest": digits.flat[1200:], "ytest": digits.labels[1200:],
    })  # fmt: skip
    given = open_run_data(run, DataOptions(path), None, Progress())
    assert given.split.test.tolist() == list(range(1200, 1797))
    assert sorted(given.split.train) == list(range(1200))
    assert given.record.split == "given"
    anew = open_run_data(run, DataOptions(path, resplit=True), None, Progress())
    assert (anew.record.split, len(anew.split.test)) == ("stratified", 180)


def test_groups_stay_on_one_side(run: RunDirectory, tmp_path: Path) -> None:
    digits = builtin_digits()
    writers = np.random.default_rng(0).integers(0, 40, 1797)
    path = tmp_path / "groups.mat"
    savemat(path, {"X": digits.flat, "y": digits.labels, "writers": writers})
    data = open_run_data(run, DataOptions(path, groups="writers"), None, Progress())
    assert set(writers[data.split.train]).isdisjoint(writers[data.split.test])
    assert 180 <= len(data.split.test) <= 180 + max(np.bincount(writers))
    with pytest.raises(DataError, match="no variable pens; found X"):
        open_run_data(run, DataOptions(path, groups="pens"), None, Progress())


def test_other_variables_of_the_same_file_are_other_data(
    run: RunDirectory, tmp_path: Path, recorder
) -> None:
    digits = builtin_digits()
    path, writers = tmp_path / "both.npz", np.random.default_rng(0).integers(0, 40, (2, 1797))
    content = {"X": digits.flat, "low": digits.labels % 5, "digit": digits.labels}
    np.savez(path, **content, session=writers[0], writer=writers[1])
    first = settle(run, DataOptions(path, labels="digit", groups="writer"))
    again = open_run_data(run, DataOptions(), None, recorder)
    assert again.record.fingerprint == first.record.fingerprint
    assert "out of date" not in warnings_of(recorder)
    for reading in ({"labels": "low"}, {"groups": "session"}, {"image_shape": (4, 16)}):
        told = Recorder()
        other = open_run_data(run, DataOptions(path, **reading), None, told)
        assert other.record.fingerprint != first.record.fingerprint
        assert "train will be out of date" in warnings_of(told)


def test_a_run_of_an_earlier_version_keeps_its_split_and_its_reading(
    run: RunDirectory, digits_mat: Path
) -> None:
    data = settle(run, DataOptions(digits_mat))
    manifest = json.loads((run.path / "run.json").read_text())
    old = manifest["data"]
    for name in ("relative_path", "split", "unique", "requested", "n_trained_on", "content"):
        del old[name]
    names = ("images", "labels", "value_range", "orientation", "evidence")
    old["layout"] = {name: old["layout"][name] for name in names}
    (run.path / "run.json").write_text(json.dumps(manifest))
    later = open_run_data(run, DataOptions(), None, Progress())
    order = np.random.default_rng(0).permutation(1797)
    np.testing.assert_array_equal(later.split.test, order[:180])
    assert later.record.split == "random"
    assert later.record.fingerprint != data.record.fingerprint
    assert later.record.fingerprint == run.manifest().data.fingerprint


def test_a_file_that_was_replaced_is_not_taken_for_the_one_before(
    run: RunDirectory, digits_mat: Path, write_mat
) -> None:
    settle(run, DataOptions(digits_mat))
    digits_mat.write_bytes(write_mat().read_bytes())
    for options in ({}, {"may_settle": False}):
        with pytest.raises(RunDirectoryError, match="has changed since the run began"):
            open_run_data(run, DataOptions(), None, Progress(), **options)
    with pytest.raises(RunDirectoryError, match="is not the file that the model was trained on"):
        open_run_data(run, DataOptions(digits_mat), None, Progress(), may_settle=False)
    assert len(open_run_data(run, DataOptions(digits_mat), None, Progress()).dataset.labels) == 40


def test_a_run_that_was_moved_with_its_data_finds_them(tmp_path: Path, digits_mat: Path) -> None:
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    digits_mat.rename(home / "data" / "d.mat")
    first = settle(RunDirectory(home / "run"), DataOptions(home / "data" / "d.mat"))
    home.rename(tmp_path / "elsewhere")
    moved = RunDirectory(tmp_path / "elsewhere" / "run")
    assert open_run_data(moved, DataOptions(), None, Progress()).record.sha256 == first.record.sha256
    (tmp_path / "elsewhere" / "data" / "d.mat").rename(tmp_path / "far.mat")
    with pytest.raises(DataError, match="the run's data file, does not exist: give it as DATA"):
        open_run_data(moved, DataOptions(), None, Progress(), may_settle=False)
    found = open_run_data(moved, DataOptions(tmp_path / "far.mat"), None, Progress(), may_settle=False)
    np.testing.assert_array_equal(found.split.test, first.split.test)


def test_one_class_cannot_be_trained_but_evaluated(
    run: RunDirectory, digits_mat: Path, tmp_path: Path, recorder
) -> None:
    digits = builtin_digits()
    sevens = digits.labels == 7
    path = save(tmp_path / "sevens.mat", digits.images[sevens], digits.labels[sevens])
    with pytest.raises(DataError, match="the single class 7: at least two are needed"):
        open_run_data(run, DataOptions(path), None, Progress())
    settle(run, DataOptions(digits_mat))
    assert len(open_test_images(run, DataOptions(path), recorder).index) == sevens.sum()
