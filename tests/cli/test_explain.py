import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke
from PIL import Image

from mnistffn.data import builtin_digits
from mnistffn.run.directory import RunDirectory

SMALL = ("--epochs", "3", "--hidden", "8", "-q")


@pytest.mark.usefixtures("pictures")
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


def test_a_page_is_out_of_date_with_its_network(trained_run: Path) -> None:
    assert invoke("explain", 4, "-r", trained_run, "-q").exit_code == 0
    result = invoke("train", "-r", trained_run, *SMALL[:-1])
    assert "mnistffn explain 4" in result.stderr


def test_data_that_were_moved_are_named_by_an_option(digits_mat: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert invoke("train", digits_mat, *SMALL, "-r", run).exit_code == 0
    moved = digits_mat.rename(tmp_path / "moved.mat")
    missing = invoke("explain", 4, "-r", run, "-q")
    assert missing.exit_code == 4
    assert missing.stderr.count("\n") == 1
    assert invoke("explain", 4, "-r", run, "-q", "--data", moved).exit_code == 0


@pytest.fixture
def picture(trained_run: Path, tmp_path: Path) -> Path:
    """A test image of the run as a picture."""
    assert invoke("evaluate", "-r", trained_run, "-q").exit_code == 0
    with np.load(trained_run / "predictions.npz") as found:
        index = int(found["index"][0])
    Image.fromarray(builtin_digits().images[index]).save(tmp_path / f"{index}.png")
    return tmp_path / f"{index}.png"


def test_a_picture_is_explained_as_the_image_that_it_shows(trained_run: Path, picture: Path) -> None:
    options = ("--json", "-r", trained_run)
    [image] = json.loads(invoke("explain", picture.stem, *options).stdout)["images"]
    found = invoke("explain", "--image", picture, "--label", image["label"], "--as-is", *options)
    [own] = json.loads(found.stdout)["images"]
    assert (own["index"], own["file"], own["part"]) == (None, str(picture), None)
    about = {"index", "file", "part", "sentence"}
    assert {key: own[key] for key in own if key not in about} == {
        key: image[key] for key in image if key not in about
    }
    assert (trained_run / f"explain-picture-{picture.stem}.png").stat().st_size > 0
    assert (trained_run / f"explain-{picture.stem}.png").exists()


def test_the_command_that_is_recorded_explains_a_picture_again(
    trained_run: Path, picture: Path
) -> None:
    options = ("--label", 3, "--as-is", "--polarity", "bright")
    assert invoke("explain", "--image", picture, *options, "-r", trained_run).exit_code == 0
    [stage] = [name for name in RunDirectory(trained_run).manifest().stages if "picture" in name]
    content = (trained_run / f"{stage}.json").read_bytes()
    command = shlex.split(RunDirectory(trained_run).manifest().stages[stage].command)
    assert command == ["explain", "--image", str(picture), *map(str, options)]
    (trained_run / f"{stage}.json").unlink()
    assert invoke(*command, "-r", trained_run).exit_code == 0
    assert (trained_run / f"{stage}.json").read_bytes() == content


def test_without_a_label_a_page_says_nothing_of_right_and_wrong(
    trained_run: Path, picture: Path
) -> None:
    result = invoke("explain", "--image", picture, "--as-is", "--json", "-r", trained_run)
    [own] = json.loads(result.stdout)["images"]
    assert own["label"] is own["is_right"] is None
    assert "rightly" not in own["sentence"]
    assert "labelled" not in own["sentence"]
    ranked = np.argsort(own["probabilities"])[::-1]
    assert [own["prediction"], own["rival"]] == ranked[:2].tolist()
    assert own["change"]["read_as"] != own["prediction"]
    table = invoke("explain", "--image", picture, "--as-is", "-r", trained_run, "-q").stdout
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80


def test_what_cannot_be_of_use_with_a_picture_is_refused(trained_run: Path, picture: Path) -> None:
    for args, message in (
        (("--label", "7"), "--image"),
        (("--image", picture, "--label", "x"), "no class of the network: it knows 0, 1"),
        (("--image", picture, "--image", picture), "rename one"),
    ):
        result = invoke("explain", *args, "-r", trained_run, "-q")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert message in result.stderr
