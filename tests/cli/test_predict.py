import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke, takes_long
from PIL import Image


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    page = np.full((240, 320), 205, np.uint8)
    page[60:72, 120:200] = 40
    for row in range(60, 200):
        left = 188 - (row - 60) // 3
        page[row, left : left + 12] = 40
    path = tmp_path / "seven.png"
    Image.fromarray(page).save(path)
    return path


@pytest.mark.usefixtures("pictures")
def test_a_picture_gets_a_line_a_table_and_a_page(trained_run: Path, seven: Path) -> None:
    result = invoke("predict", seven, "-r", trained_run)
    assert result.exit_code == 0, result.output
    for end in ("csv", "png"):
        assert (trained_run / f"predictions.{end}").stat().st_size > 0
        assert str(trained_run / f"predictions.{end}") in result.stderr
    assert max(len(line.rstrip()) for line in result.stdout.splitlines()) <= 80
    assert "seven.png" in result.stdout
    stage = json.loads((trained_run / "run.json").read_text())["stages"]["predict"]
    assert set(stage["outputs"]) == {"predictions.csv", "predictions.png"}


def test_json_says_all_and_nothing_else_is_printed(trained_run: Path, seven: Path) -> None:
    result = invoke("predict", seven, "--json", "-r", trained_run)
    content = json.loads(result.stdout)
    [image] = content["images"]
    assert image["file"] == str(seven)
    assert image["probability"] == max(image["probabilities"])
    assert content["classes"] == list(range(10))
    assert {"is_new", "distance", "next", "box", "n_shapes"} <= set(image)


@takes_long
def test_standard_input_is_a_dash(trained_run: Path, seven: Path) -> None:
    environment = {"MNISTFFN_RUN_DIR": str(trained_run)}
    found = subprocess.run(
        [sys.executable, "-m", "mnistffn", "predict", "-", "--json", "-q"],
        input=seven.read_bytes(), capture_output=True, check=True, env=os.environ | environment,
    )  # fmt: skip
    alone = json.loads(invoke("predict", seven, "--json", "-r", trained_run).stdout)
    piped = json.loads(found.stdout)["images"][0]
    assert piped["probabilities"] == pytest.approx(alone["images"][0]["probabilities"])


def test_errors_are_one_line(trained_run: Path, seven: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((90, 90), 200, np.uint8)).save(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "nothing").mkdir()
    cases = (
        ((tmp_path / "missing.png",), 4, "cannot be read"),
        ((tmp_path / "empty.png",), 4, "there is no ink"),
        ((tmp_path / "text.png",), 4, "no picture that can be read"),
        ((tmp_path / "nothing",), 4, "holds no pictures"),
        ((seven, "--as-is"), 4, "240 by 320 pixels, and the network takes 8 by 8"),
        ((), 2, "Missing argument"),
        ((seven, "--polarity", "red"), 2, "red"),
    )
    for args, code, message in cases:
        result = invoke("predict", *args, "-r", trained_run)
        assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
        assert message in result.stderr
    result = invoke("predict", seven, "-r", tmp_path / "none")
    assert (result.exit_code, result.stderr.count("\n")) == (5, 1)
    assert "run mnistffn train " in result.stderr
