"""Runs on data that are no single file: a folder, two files, a pipe."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers import Recorder, invoke
from written import FORMATS, write_pictures

from mnistffn.data import builtin_digits
from mnistffn.errors import DataError, RunDirectoryError
from mnistffn.run.data import RunData, open_run_data, open_test_images
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions

DIGITS = builtin_digits()


def settle(run: RunDirectory, path: Path, recorder: Recorder) -> RunData:
    with run.locked():
        data = open_run_data(run, DataOptions(path), None, recorder)
        with run.stage("train", command="train", options={}, data=data.record):
            pass
    return data


def pipe(path: Path, through: Path) -> Path:
    os.mkfifo(through)
    threading.Thread(target=lambda: through.write_bytes(path.read_bytes()), daemon=True).start()
    return through


def test_a_folder_is_known_again_and_a_change_in_it_is_seen(tmp_path: Path, recorder: Recorder) -> None:
    folder = write_pictures(tmp_path / "digits", DIGITS.images[:400], DIGITS.labels[:400])
    run = RunDirectory(tmp_path / "run")
    first = settle(run, folder, recorder)
    again = open_run_data(run, DataOptions(), None, recorder)
    np.testing.assert_array_equal(again.dataset.images, first.dataset.images)
    assert again.record == first.record
    next((folder / "3").iterdir()).unlink()
    with pytest.raises(RunDirectoryError, match="digits has changed since the run began"):
        open_run_data(run, DataOptions(), None, recorder)


def test_labels_beside_the_images_count_as_a_part_of_the_data(
    tmp_path: Path, recorder: Recorder
) -> None:
    path = FORMATS["IDX"](tmp_path, DIGITS.images, DIGITS.labels)
    run = RunDirectory(tmp_path / "run")
    settle(run, path, recorder)
    labels = path.with_name("train-labels-idx1-ubyte")
    labels.write_bytes(labels.read_bytes()[:-1] + b"\3")
    with pytest.raises(RunDirectoryError, match="has changed since the run began"):
        open_run_data(run, DataOptions(), None, recorder)


def test_what_came_through_a_pipe_is_kept_for_later_commands(
    tmp_path: Path, digits_mat: Path, recorder: Recorder
) -> None:
    run = RunDirectory(tmp_path / "run")
    first = settle(run, pipe(digits_mat, tmp_path / "p"), recorder)
    again = open_run_data(run, DataOptions(), None, recorder)
    np.testing.assert_array_equal(again.dataset.images, first.dataset.images)
    assert again.record.sha256 == first.record.sha256
    assert open_test_images(run, DataOptions(digits_mat), recorder).record  # the same bytes
    run.cache.unlink()
    with pytest.raises(
        DataError, match="came through a pipe .*cannot be read again: give them as DATA"
    ):
        open_run_data(run, DataOptions(), None, recorder)


def test_other_data_for_testing_may_come_through_a_pipe(
    tmp_path: Path, digits_mat: Path, recorder: Recorder
) -> None:
    run = RunDirectory(tmp_path / "run")
    settle(run, digits_mat, recorder)
    other = FORMATS["npz"](tmp_path, DIGITS.images[:1600], DIGITS.labels[:1600])
    found = open_test_images(run, DataOptions(pipe(other, tmp_path / "p")), recorder)
    assert found.record is None
    assert found.n_trained_on is not None
    assert len(found.index) == 1600


def test_standard_input_is_read(tmp_path: Path, digits_mat: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mnistffn",
            "data",
            "/dev/stdin",
            "--json",
            "-q",
            "-r",
            tmp_path / "run",
        ],
        input=digits_mat.read_bytes(),
        capture_output=True,
        check=True,
    )
    told = invoke("data", digits_mat, "--json", "-q", "-r", tmp_path / "other").stdout
    assert json.loads(done.stdout)["sha256"] == json.loads(told)["sha256"]


def test_devices_are_refused() -> None:
    result = invoke("data", "/dev/zero")
    assert result.exit_code == 4
    assert "/dev/zero is a device, not a data file" in result.stderr
