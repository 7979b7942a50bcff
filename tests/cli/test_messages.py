"""What messages say to type next works as it stands, and what is lost is told of before."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke
from PIL import Image

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.data import open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import replace_file
from mnistffn.run.options import DataOptions
from mnistffn.search.options import SearchOptions
from mnistffn.training.weights import combine_weights, take_copies
from mnistffn.wording import spell_command


def read_next(stderr: str) -> list[list[str]]:
    """Return the commands that a message names, as a shell splits them, without the program's name."""
    [line] = [line for line in stderr.splitlines() if line.startswith("next: ")]
    return [shlex.split(command)[1:] for command in line.removeprefix("next: ").split(" or ")]


@pytest.mark.usefixtures("no_pictures")
def test_a_dry_run_names_the_search_that_it_foresaw(write_mat: Callable[..., Path]) -> None:
    path = write_mat("my data.mat", extra=np.random.default_rng(1).random((40, 64)))
    run = path.parent / "my run"
    small = ("-n", 1, "-k", 2, "--hidden", 4, 4, "--layers", 1, 1, "--epochs", 1, "-j", 1)
    reading = ("--images", "extra", "--tune", "lr=1e-3:1e-2")
    result = invoke("search", path, "-r", run, *small, *reading, "--dry-run")
    assert result.exit_code == 0, result.output
    [command] = read_next(result.stderr)
    assert "--dry-run" not in command
    assert invoke(*command).exit_code == 0
    data = RunDirectory(run).manifest().data
    assert data.path == str(path)
    assert data.requested == {"images": "extra"}
    assert read_next(invoke("status", "-r", run).stderr) == [["train", "--run-dir", str(run)]]


@pytest.mark.usefixtures("no_pictures")
def test_what_data_was_told_goes_on_to_the_search_and_to_the_training(
    write_mat: Callable[..., Path],
) -> None:
    path = write_mat("my data.mat", extra=np.random.default_rng(1).random((40, 64)))
    run = path.parent / "run"
    search, train = read_next(invoke("data", path, "--images", "extra", "-r", run).stderr)
    told = [str(path), "--images", "extra"]
    assert search == ["search", *told, "--run-dir", str(run)]
    assert train == ["train", *told, "--hidden", "360,187", "--run-dir", str(run)]
    assert read_next(invoke("status", "-r", run).stderr) == [search]


def test_the_digits_are_not_taken_for_the_file_that_data_looked_at(digits_mat: Path) -> None:
    run, other = digits_mat.parent / "run", digits_mat.parent / "other"
    assert invoke("data", digits_mat, "-r", run, "-q").exit_code == 0
    assert invoke("data", "-r", other, "-q").exit_code == 0
    training = ("train", "--hidden", "4", "--epochs", "1", "--recipe", "fast", "-r")
    warning = f"warning: these are the built-in digits, not {digits_mat}"
    assert warning in invoke(*training, run).stderr
    assert warning not in invoke(*training, run).stderr, "the run is about the digits now"
    assert warning not in invoke(*training, other).stderr


def test_a_training_without_a_search_names_the_search_of_its_file(digits_mat: Path) -> None:
    run = digits_mat.parent / "run"
    told = invoke("train", digits_mat, "--orientation", "column-major", "-r", run).stderr
    search = f"mnistffn search {digits_mat} --orientation column-major --run-dir {run} first"
    assert search in told


def test_a_command_names_the_run_directory_that_it_would_not_take_anyway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MNISTFFN_RUN_DIR", raising=False)
    assert spell_command("train", "run") == "mnistffn train"
    assert spell_command("train", "my run") == "mnistffn train --run-dir 'my run'"
    assert spell_command("compare a b --output c", "c") == "mnistffn compare a b --output c"
    monkeypatch.setenv("MNISTFFN_RUN_DIR", "other")
    assert spell_command("train", "run") == "mnistffn train --run-dir run"


def test_a_parameter_has_the_name_that_python_or_the_shell_gives_it() -> None:
    with pytest.raises(UsageError, match=r"^n_trials=0 must be at least 1$"):
        SearchOptions(n_trials=0)
    assert invoke("search", "-n", 0).stderr == "error: --trials 0 must be at least 1\n"
    assert invoke("train", "--threads", 0).stderr.startswith("error: --threads 0 must be")
    reading = invoke("data", "--images", "X").stderr
    assert reading.startswith("error: --images X says how a file is read")


def settle_on(run: RunDirectory, path: Path, progress: Progress) -> None:
    with run.locked():
        data = open_run_data(run, DataOptions(path), None, progress)
        with run.stage("search", command="search", options={}, data=data.record):
            pass


def test_other_data_are_told_of_before_they_replace_a_runs(
    trained_run: Path, write_mat: Callable[..., Path], recorder
) -> None:
    path = write_mat()
    settle_on(RunDirectory(trained_run), path, recorder)
    [told] = [note for note in recorder.notes if "takes its place" in note]
    assert told.startswith("warning: this run is about the built-in digits so far, and")
    assert str(path) in told
    assert "train will be out of date" in told
    recorder.notes.clear()
    settle_on(RunDirectory(trained_run), path, recorder)
    assert not [note for note in recorder.notes if "takes its place" in note]


def test_predict_refuses_a_network_that_the_runs_data_do_not_fit(
    trained_run: Path, write_mat: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_mat(input_images=np.random.default_rng(0).random((40, 100)))
    settle_on(RunDirectory(trained_run), path, Progress())
    Image.new("L", (8, 8), 90).save(tmp_path / "mine.png")
    result = invoke("predict", tmp_path / "mine.png", "-r", trained_run)
    assert result.exit_code == 5
    assert "the model takes 64 pixels, but the images of" in result.stderr


def test_an_output_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    for name in ("old.json", "new.json"):  # the second one's target is not there yet
        (run.path / name).symlink_to(f"../elsewhere/{name}")
    (tmp_path / "elsewhere" / "old.json").write_text("before")
    left = tmp_path / "elsewhere" / ".old.json.1.tmp"
    left.write_text("by a process that was killed")
    with run.locked():
        assert not left.exists()
        with run.stage("train", command="train", options={}) as stage:
            stage.write("old.json", lambda file: file.write(b"1"))
            stage.write("new.json", lambda file: file.write(b"2"))
    for name, content in (("old.json", b"1"), ("new.json", b"2")):
        assert (run.path / name).is_symlink()
        assert (tmp_path / "elsewhere" / name).read_bytes() == content
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2, "nothing temporary is left"


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "far.json").symlink_to("/nowhere/at/all.json")
    with pytest.raises(RunDirectoryError, match=r"a link to /nowhere/at/all.json, cannot be written"):
        replace_file(tmp_path / "far.json", lambda file: file.write(b"1"))
    (tmp_path / "round.json").symlink_to("round.json")
    with pytest.raises(RunDirectoryError, match="leads back to itself"):
        replace_file(tmp_path / "round.json", lambda file: file.write(b"1"))
    assert (tmp_path / "round.json").is_symlink()


def test_a_command_that_fails_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    result = invoke("evaluate", "-r", tmp_path / "there" / "new" / "run")
    assert result.exit_code == 5
    assert os.listdir(tmp_path) == ["there"]
    assert not os.listdir(tmp_path / "there")


def test_more_copies_than_fit_are_told_before_they_are_made() -> None:
    rows, labels = np.arange(2), np.array([0, 1])
    weights = combine_weights([1e18, 2e18], None, labels, rows)
    with pytest.raises(ValueError, match=r"make 3e\+18 of them: divide them by 2e\+18"):
        take_copies(rows, weights)
    with pytest.raises(ValueError, match=r"has shape \(3,\), but there are 2 samples"):
        combine_weights([1, 2, 3], None, labels, rows)


def test_a_model_whose_data_file_has_changed_asks_for_a_training_with_it(
    trained_run: Path, write_mat: Callable[..., Path]
) -> None:
    path = write_mat("my data.mat")
    settle_on(RunDirectory(trained_run), path, Progress())
    write_mat("my data.mat", input_images=np.random.default_rng(1).random((40, 64)))
    stderr = invoke("fields", "-r", trained_run, "-q").stderr
    assert f"go on with the new file, run mnistffn train '{path}' --run-dir {trained_run}" in stderr
