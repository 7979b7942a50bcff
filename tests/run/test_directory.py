import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mnistffn.errors import RunDirectoryError
from mnistffn.run.directory import RunDirectory, StaleWarning
from mnistffn.run.manifest import DataRecord

DATA = DataRecord(
    path=None,
    sha256="a",
    n=30,
    image_shape=(8, 8),
    classes=(3, 7),
    orientation="row-major",
    requested_orientation="auto",
    layout={"evidence": "given"},
    test_size=0.1,
    split_seed=0,
    n_train=27,
    n_test=3,
)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def write(
    run: RunDirectory, stage: str, name: str, content: bytes, reads: tuple[str, ...] = ()
) -> None:
    options = {"seed": 0}
    with (
        run.locked(),
        run.stage(stage, command=stage, options=options, reads=reads, data=DATA) as opened,
    ):
        opened.write(name, lambda file: file.write(content))


def test_a_stage_writes_its_files_and_its_entry(run: RunDirectory) -> None:
    write(run, "search", "params.json", b"1")
    write(run, "train", "model.pt", b"2", reads=("params.json",))
    manifest = json.loads((run.path / "run.json").read_text())
    entry = manifest["stages"]["train"]
    assert manifest["schema"] == 1
    assert manifest["data"] == json.loads(json.dumps(asdict(DATA)))
    assert run.manifest().data == DATA
    assert set(entry["inputs"]) == {"params.json", "data"}
    assert entry["inputs"]["params.json"] == manifest["stages"]["search"]["outputs"]["params.json"]
    assert set(entry["outputs"]) == {"model.pt"}
    assert {"torch", "skorch", "scikit-learn", "numpy"} <= set(entry["versions"])
    assert sorted(path.name for path in run.path.iterdir()) == [
        ".lock",
        "model.pt",
        "params.json",
        "run.json",
    ]


def test_a_stage_that_fails_leaves_everything_as_it_was(run: RunDirectory) -> None:
    write(run, "train", "model.pt", b"old")
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}

    def fail() -> None:
        with run.stage("train", command="train", options={}) as stage:
            stage.write("model.pt", lambda file: file.write(b"new"))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before


def test_two_processes_cannot_work_in_one_directory(run: RunDirectory) -> None:
    with run.locked():
        other = RunDirectory(run.path)
        with (
            pytest.raises(RunDirectoryError, match=f"process {os.getpid()} .* is at work"),
            other.locked(),
        ):
            pass
    write(run, "search", "params.json", b"1")


def test_a_file_system_without_locks_is_told_of_and_used(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="has no locks"), run.locked():
        assert run.path.exists()


def test_what_a_kill_left_half_renamed_is_finished(run: RunDirectory) -> None:
    write(run, "train", "model.pt", b"old")
    (run.path / ".model.pt.7.tmp").write_bytes(b"new")
    (run.path / "history.csv").write_bytes(b"new")
    renames = {"history.csv": ".history.csv.7.tmp", "model.pt": ".model.pt.7.tmp"}
    intent = {"schema": 1, "renames": renames, "dropped": ["curves.png"]}
    (run.path / "curves.png").touch()
    (run.path / ".renames.json").write_text(json.dumps(intent))
    with run.locked():
        assert (run.path / "model.pt").read_bytes() == b"new"
        assert (run.path / "history.csv").read_bytes() == b"new"
    assert not {"curves.png", ".renames.json"} & {path.name for path in run.path.iterdir()}


def test_renames_that_reach_out_of_the_folder_are_not_finished(
    run: RunDirectory, tmp_path: Path
) -> None:
    write(run, "train", "model.pt", b"old")
    (tmp_path / "mine.txt").write_text("keep")
    for names in ({"renames": {"a": "../mine.txt"}}, {"renames": {}, "dropped": ["../mine.txt"]}):
        content = {"schema": 1, "dropped": []} | names
        (run.path / ".renames.json").write_text(json.dumps(content))
        with run.locked():
            assert (tmp_path / "mine.txt").read_text() == "keep"


@pytest.mark.usefixtures("pictures")
def test_a_picture_that_cannot_be_drawn_loses_nothing(run: RunDirectory) -> None:
    def draw(what: str) -> None:
        raise RuntimeError(what)

    def train() -> None:
        with run.locked(), run.stage("train", command="train", options={}) as stage:
            stage.write("model.pt", lambda file: file.write(b"1"))
            stage.write_figure("curves.png", draw, "no latex")

    with pytest.warns(UserWarning, match=r"curves.png is not drawn \(RuntimeError: no latex\)"):
        train()
    assert (run.path / "model.pt").read_bytes() == b"1"
    assert set(run.manifest().stages["train"].outputs) == {"model.pt"}


def test_what_was_made_from_something_that_changed_is_stale(run: RunDirectory) -> None:
    write(run, "search", "params.json", b"1")
    write(run, "train", "model.pt", b"2", reads=("params.json",))
    assert run.stale_commands() == []
    with warnings.catch_warnings():
        run.warn_if_stale(["model.pt"])
    write(run, "search", "params.json", b"another")
    assert run.stale_commands() == ["train"]
    with pytest.warns(
        StaleWarning, match="model.pt is out of date, params.json changed .* mnistffn train"
    ):
        run.warn_if_stale(["model.pt"])


def test_what_was_made_from_something_stale_is_stale(run: RunDirectory) -> None:
    write(run, "search", "params.json", b"1")
    with run.locked(), run.stage("train", command="train", options={}, reads=["params.json"]) as stage:
        stage.write("model.pt", lambda file: file.write(b"2"))
    with pytest.warns(StaleWarning, match="model.pt is out of date, params.json, which it was"):
        run.warn_if_stale(["model.pt"], replace(DATA, test_size=0.3))


def test_files_of_the_user_are_left_alone(run: RunDirectory) -> None:
    run.path.mkdir()
    (run.path / ".mine.tmp").touch()
    (run.path / ".model.pt.123.tmp").touch()
    write(run, "train", "model.pt", b"2")
    assert (run.path / ".mine.tmp").exists()
    assert not (run.path / ".model.pt.123.tmp").exists()


def test_a_folder_in_the_way_leaves_everything_as_it_was(run: RunDirectory) -> None:
    write(run, "train", "model.pt", b"old")
    (run.path / "curves.png").mkdir()

    def draw() -> None:
        with run.locked(), run.stage("train", command="train", options={}) as stage:
            stage.write("model.pt", lambda file: file.write(b"new"))
            stage.write("curves.png", lambda file: file.write(b"new"))

    with pytest.raises(RunDirectoryError, match="curves.png is a folder"):
        draw()
    assert (run.path / "model.pt").read_bytes() == b"old"


def test_a_failure_in_a_new_directory_leaves_none(run: RunDirectory) -> None:
    with pytest.raises(ZeroDivisionError), run.locked():
        raise ZeroDivisionError
    assert not run.path.exists()


def test_other_data_make_a_stage_stale_but_a_moved_file_does_not(run: RunDirectory) -> None:
    write(run, "train", "model.pt", b"2")
    run.warn_if_stale(["model.pt"], replace(DATA, path="/elsewhere"))
    for change in ({"sha256": "b"}, {"split_seed": 1}, {"orientation": "column-major"}):
        changed = replace(DATA, **change)
        assert changed.fingerprint != DATA.fingerprint
        with pytest.warns(StaleWarning, match="the data or their split changed"):
            run.warn_if_stale(["model.pt"], changed)


def test_a_file_that_somebody_else_wrote_is_told(run: RunDirectory) -> None:
    write(run, "train", "model.pt", b"2")
    (run.path / "model.pt").write_bytes(b"3")
    with pytest.warns(StaleWarning, match="model.pt has changed since train wrote it"):
        run.warn_if_stale(["model.pt"])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "\x00",
        '{"schema": 2}',
        '{"schema": 1, "data": null, "stages": 3}',
        '{"schema": 1, "data": null, "stages": {"train": 3}}',
        '{"schema": 1, "data": {}, "stages": {}}',
        '{"schema": 1, "data": [], "stages": {}}',
        json.dumps({"schema": 1, "stages": {}, "data": asdict(DATA) | {"split_seed": "x"}}),
        json.dumps({"schema": 1, "stages": {}, "data": asdict(DATA) | {"image_shape": "ab"}}),
    ],
)
def test_a_damaged_manifest_is_told(run: RunDirectory, content: str) -> None:
    run.path.mkdir()
    (run.path / "run.json").write_text(content)
    with pytest.raises(RunDirectoryError, match="run.json .* remove it"):
        run.manifest()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        write(RunDirectory(tmp_path / "file" / "run"), "train", "model.pt", b"")
    with pytest.raises(RunDirectoryError, match="cannot be written: File name too long"):
        write(RunDirectory(tmp_path / ("a" * 300)), "train", "model.pt", b"")


WRITER = """
import sys
from mnistffn.run.directory import RunDirectory
run, number = RunDirectory(sys.argv[1]), int(sys.argv[2])
while True:
    number += 1
    with run.locked(), run.stage("train", command="train", options={"number": number}) as stage:
        stage.write_json("a.json", {"number": number, "filling": [number] * 20000})
        stage.write_json("b.json", {"number": number})
"""


def test_a_kill_at_any_moment_leaves_whole_files(run: RunDirectory) -> None:
    for attempt in range(12):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(run.path), str(10**4 * attempt)])
        while not (run.path / "run.json").exists():
            time.sleep(0.01)
        time.sleep(0.3 + random.Random(attempt).random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with run.locked():  # what a kill left between two renames is finished
            number = run.read_json("a.json")["number"]
        assert run.read_json("a.json")["filling"] == [number] * 20000
        assert run.read_json("b.json")["number"] == number
        assert run.manifest().stages["train"].options["number"] == number
    write(run, "train", "a.json", b"{}")
    assert not list(run.path.glob(".*.tmp")), "what killed stages left must be cleared away"


def test_files_that_a_stage_no_longer_writes_are_removed_and_nothing_outside(
    run: RunDirectory, tmp_path: Path
) -> None:
    write(run, "search", "params.json", b"1")
    write(run, "train", "augmented.png", b"2")
    (tmp_path / "mine.txt").write_text("keep")
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["stages"]["train"]["outputs"]["../mine.txt"] = "0"
    (run.path / "run.json").write_text(json.dumps(manifest))
    write(run, "train", "model.pt", b"3")
    assert not (run.path / "augmented.png").exists()
    assert (run.path / "params.json").exists()
    assert (tmp_path / "mine.txt").read_text() == "keep"
