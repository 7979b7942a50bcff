import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import invoke

from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import SEARCHING, TRAINING
from mnistffn.run.journal import Journal, keep_command, make_line
from mnistffn.run.status import read_status


def test_an_empty_folder_asks_for_a_search_and_is_not_made(tmp_path: Path) -> None:
    status = read_status(RunDirectory(tmp_path / "run"))
    assert (status.data, status.stages, status.stopped, status.at_work) == (None, [], [], None)
    assert status.next_commands == ["search"]
    assert not (tmp_path / "run").exists()


def test_what_is_there_is_told_and_what_comes_next(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    status = read_status(run)
    assert "built-in digits: 1,797 images of 8 by 8 pixels" in status.data
    assert {"search", "train"} >= {stage.name for stage in status.stages} >= {"train"}
    assert all(stage.stale is None and not stage.damaged for stage in status.stages)
    assert status.next_commands == ["evaluate", "explain", "fields", "maximize"]
    (trained_run / "model.pt").write_bytes(b"another")
    [train] = [stage for stage in read_status(run).stages if stage.name == "train"]
    assert train.damaged == ["model.pt"]
    told = "train --recipe document --hidden 24,12 --dropout 0.1 --epochs 40"
    assert read_status(run).next_commands == [told], "what trains the same once more"


def test_what_is_out_of_date_is_named_in_an_order_in_which_it_can_be_run(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    for name in ("report", "predict", "evaluate", "fields-layer1"):
        command = name.partition("-")[0]
        with run.locked(), run.stage(name, command=command, options={}, reads=["model.pt"]):
            pass
    assert invoke("train", "--hidden", "8", "--epochs", "1", "-r", trained_run, "-q").exit_code == 0
    again = [command.split()[0] for command in read_status(run).next_commands]
    assert again[0] == "evaluate"
    assert again[-1] == "report"
    assert set(again[1:-1]) >= {"predict", "fields"}


def test_what_was_stopped_is_told_first(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    (trained_run / SEARCHING).mkdir(exist_ok=True)
    journal = Journal(trained_run / SEARCHING / "fits.jsonl")
    journal.open({"n": 1}, fresh=True)
    assert not read_status(run).stopped, "no fit is kept"
    journal.path.write_text("".join([journal.path.read_text(), make_line({"fit": 1})]))
    [stopped] = read_status(run).stopped
    assert "fits kept: 1" in stopped
    assert read_status(run).next_commands == ["search"]
    keep_command(journal.path.parent, "search 'my data.mat' -n 50")
    assert read_status(run).next_commands == ["search 'my data.mat' -n 50"], "as it was typed"
    journal.finish()
    assert not read_status(run).stopped
    (trained_run / TRAINING).mkdir(exist_ok=True)
    (trained_run / TRAINING / "checkpoint.pt").write_bytes(b"")
    assert read_status(run).next_commands == ["train"]


HOLD = """
import sys
from mnistffn.run.directory import RunDirectory
with RunDirectory(sys.argv[1]).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_is_at_work_is_told_and_not_who_was_killed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    (tmp_path / "something").touch()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        assert f"process {process.pid} " in read_status(run).at_work
        process.kill()
        process.wait()
    assert (tmp_path / ".lock").read_text(), "the signature is still there"
    assert read_status(run).at_work is None
    content = json.loads((tmp_path / ".lock").read_text()) | {"process": os.getpid()}
    (tmp_path / ".lock").write_text(json.dumps(content))
    assert read_status(run).at_work is None, "another process may have the number by now"


def test_the_bare_command_shows_the_pipeline_and_where_the_run_stands(
    trained_run: Path, monkeypatch
) -> None:
    monkeypatch.setenv("MNISTFFN_RUN_DIR", str(trained_run))
    result = invoke()
    assert result.exit_code == 0, result.output
    assert "built-in digits" in result.output
    for name in ("data", "search", "train", "evaluate", "explain", "fields", "maximize", "compare"):
        assert f"\n{name} " in f"\n{result.output}"
    status = invoke("status", "--json")
    assert json.loads(status.stdout)["next_commands"] == ["evaluate", "explain", "fields", "maximize"]


def test_info_tells_versions_and_the_machine() -> None:
    result = invoke("info", "--json")
    content = json.loads(result.stdout)
    assert {"mnistffn", "torch", "skorch"} <= set(content["packages"])
    assert "pytest" not in content["packages"]
    assert content["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("command", ["status", "fields"])
def test_a_file_is_no_run_directory(tmp_path: Path, command: str) -> None:
    file = tmp_path / "run"
    file.touch()
    result = invoke(command, "-r", file)
    assert result.exit_code == 5
    assert str(file) in result.stderr


def test_info_serves_where_the_run_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    result = invoke("info", "-r", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    assert "torch" in json.loads(result.stdout)["packages"]
