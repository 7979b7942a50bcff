import json
from pathlib import Path

import pytest
from helpers import invoke

SMALL = ("--epochs", "3", "--hidden", "8", "-q")


def test_every_image_gets_a_page_its_numbers_and_a_line(trained_run: Path) -> None:
    result = invoke("explain", 7, 4, 7, "-r", trained_run)
    assert result.exit_code == 0, result.output
    for index in (4, 7):
        for end in ("png", "json", "npz"):
            assert (trained_run / f"explain-{index}.{end}").stat().st_size > 0
            assert str(trained_run / f"explain-{index}.{end}") in result.stderr
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["7", "4"]
    assert max(map(len, map(str.rstrip, lines))) <= 80
    stages = json.loads((trained_run / "run.json").read_text())["stages"]
    assert stages["explain-4"]["command"] == "explain 4"
    assert set(stages["explain-4"]["outputs"]) == {f"explain-4.{end}" for end in ("png", "json", "npz")}


def test_json_holds_what_the_files_hold(trained_run: Path) -> None:
    content = json.loads(invoke("explain", 4, "--json", "-r", trained_run).stdout)
    written = json.loads((trained_run / "explain-4.json").read_text())
    assert content["images"] == [{key: written[key] for key in written if key != "schema"}]
    assert len(content["files"]) == 3


@pytest.mark.usefixtures("no_pictures")
def test_a_page_is_out_of_date_with_its_network(trained_run: Path) -> None:
    assert invoke("explain", 4, "-r", trained_run, "-q").exit_code == 0
    result = invoke("train", "-r", trained_run, *SMALL[:-1])
    assert "mnistffn explain 4" in result.stderr


@pytest.mark.usefixtures("no_pictures")
def test_data_that_were_moved_are_named_by_an_option(digits_mat: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert invoke("train", digits_mat, *SMALL, "-r", run).exit_code == 0
    moved = digits_mat.rename(tmp_path / "moved.mat")
    missing = invoke("explain", 4, "-r", run, "-q")
    assert missing.exit_code == 4
    assert missing.stderr.count("\n") == 1
    assert invoke("explain", 4, "-r", run, "-q", "--data", moved).exit_code == 0
