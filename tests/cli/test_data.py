"""mnistffn data, and the options that say how a file is read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke
from scipy.io import loadmat, savemat

from mnistffn import load_dataset
from mnistffn.cli.options import read_shape, read_size
from mnistffn.data import builtin_digits

DIGITS = builtin_digits()


@pytest.fixture
def parts_mat(tmp_path: Path) -> Path:
    """Digits in a layout of many surprises."""
    path = tmp_path / "parts.mat"
    savemat(path, {
        "xTrain": (255 - DIGITS.images[:1200].mT).reshape(1200, -1).T,
        "tTrain": DIGITS.labels[:1200] + 1,
        "xTest": (255 - DIGITS.images[1200:].mT).reshape(597, -1).T,
        "tTest": DIGITS.labels[1200:] + 1,
        "note": "from the attic",
    })  # fmt: skip
    return path


@pytest.mark.usefixtures("pictures")
def test_what_was_recognised_is_told_with_its_reasons(parts_mat: Path, tmp_path: Path) -> None:
    result = invoke("data", parts_mat, "-r", tmp_path / "run")
    assert result.exit_code == 0, result.output
    told = " ".join(result.stdout.split())
    for text in (
        "xTrain (64, 1200), xTest (64, 597): 1,797 of 8 by 8 pixels", "digit-plus-one (9",
        "column-major (9", "0 to 255 of 255", "dark (", "of the border is bright",
        "1,200 train, 597 test", "note (1,)", "class train test", "0 119 59",
    ):  # fmt: skip
        assert text in told, text
    assert (tmp_path / "run" / "data.png").stat().st_size > 10_000
    assert f"next: mnistffn search {parts_mat}" in result.stderr


def test_json_tells_it_to_a_program(parts_mat: Path, tmp_path: Path) -> None:
    result = invoke("data", parts_mat, "-r", tmp_path / "run", "--json", "-q")
    content = json.loads(result.stdout)
    assert content["layout"]["orientation"] == "column-major"
    assert content["layout"]["labels_mean"] == "digit-plus-one"
    assert content["layout"]["polarity"] == "dark"
    assert content["parts"] == {"train": 1200, "test": 597}
    assert content["counts"]["3"]["train"] + content["counts"]["3"]["test"] == 183
    assert content["warnings"] == []
    assert json.loads((tmp_path / "run" / "data.json").read_text())["sha256"] == content["sha256"]


def test_a_data_set_is_converted_into_the_documents_layout(parts_mat: Path, tmp_path: Path) -> None:
    out = tmp_path / "MNIST.mat"
    assert invoke("data", parts_mat, "-r", tmp_path / "run", "--convert", out).exit_code == 0
    content = loadmat(out)
    assert content["input_images"].shape == (1797, 64)
    assert content["input_images"].dtype == content["output_labels"].dtype == float
    converted = load_dataset(out)
    np.testing.assert_array_equal(converted.images, DIGITS.images)
    np.testing.assert_array_equal(converted.labels, DIGITS.labels)
    assert converted.layout.orientation == "column-major"


@pytest.mark.parametrize(
    ("out", "message"), [("d.txt", "must end in .mat"), ("digits.mat", "is the file that is read")]
)
def test_a_file_is_not_converted_into_itself(
    digits_mat: Path, tmp_path: Path, out: str, message: str
) -> None:
    before = digits_mat.read_bytes()
    result = invoke("data", digits_mat, "-r", tmp_path / "run", "--convert", tmp_path / out)
    assert result.exit_code == 2
    assert message in result.stderr
    assert digits_mat.read_bytes() == before


def test_looking_at_a_file_leaves_the_runs_data_alone(trained_run: Path, parts_mat: Path) -> None:
    before = json.loads((trained_run / "run.json").read_text())["data"]
    assert invoke("data", parts_mat, "-r", trained_run).exit_code == 0
    assert json.loads((trained_run / "run.json").read_text())["data"] == before
    assert "out of date" not in invoke("evaluate", "-r", trained_run).stderr


def test_options_overrule_what_was_recognised(digits_mat: Path, tmp_path: Path) -> None:
    options = ("--orientation", "row-major", "--polarity", "dark", "--labels-mean", "as-is")
    names = ("--images", "input_images", "--labels", "output_labels", "--max-size", "0.1GB")
    result = invoke("data", digits_mat, "-r", tmp_path / "run", "--json", *options, *names)
    layout = json.loads(result.stdout)["layout"]
    assert (layout["orientation"], layout["polarity"]) == ("row-major", "dark")
    assert layout["evidence"] == layout["polarity_evidence"] == layout["labels_evidence"] == "given"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--images", "Z"), 4, "has no variable Z; found input_images (1797, 64), output_labels"),
        (("--image-shape", "9x9"), 4, "images of 64 pixels are not 9x9"),
        (("--image-shape", "8"), 2, "no height and width such as 20x16"),
        (("--max-size", "lots"), 2, "no size such as 4GB"),
        (("--max-size", "1KB"), 4, "raise --max-size"),
        (("--polarity", "pale"), 2, "'pale' is not one of"),
    ],
)
def test_what_does_not_fit_gives_one_line(
    digits_mat: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = invoke("data", digits_mat, "-r", tmp_path / "run", *arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_network_is_trained_on_the_given_parts_and_told_of_copies(
    parts_mat: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    small = ("--hidden", "16", "--epochs", "8", "--recipe", "fast", "--threads", "1")
    result = invoke("train", parts_mat, "-r", run, *small)
    assert result.exit_code == 0, result.output
    assert "1,200 to train on, 597 for testing (the file's own test part)" in result.stderr
    metrics = json.loads(invoke("evaluate", "-r", run, "--json", "-q").stdout)
    assert metrics["n"] == 597
    assert metrics["accuracy"] > 0.8
    copy = tmp_path / "copy.mat"
    savemat(copy, {"X": DIGITS.flat, "y": DIGITS.labels})
    again = invoke("evaluate", copy, "-r", run, "--json", "-q")
    assert json.loads(again.stdout)["n_trained_on"] == 1200
    assert re.search(r"warning: 1,200 of the 1,797 images .* are among those to train on", again.stderr)


def test_commands_find_data_that_were_moved(digits_mat: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = ("--hidden", "8", "--epochs", "2", "--recipe", "fast", "--threads", "1", "-q")
    assert invoke("train", digits_mat, "-r", run, *small).exit_code == 0
    moved = digits_mat.rename(tmp_path / "moved.mat")
    (run / ".data.npz").unlink()
    gone = invoke("fields", "-r", run)
    assert gone.exit_code == 4
    assert "does not exist: give it as DATA" in gone.stderr
    assert invoke("fields", moved, "-r", run, "-q").exit_code == 0
    savemat(moved, {"X": DIGITS.flat[:500], "y": DIGITS.labels[:500]})
    other = invoke("maximize", moved, "-r", run, "-q")
    assert other.exit_code == 5
    assert "is not the file that the model was trained on" in other.stderr


def test_sizes_and_shapes_are_read() -> None:
    assert read_size("1.5 GB") == 1_500_000_000
    assert read_size("500mb") == 500_000_000
    assert read_shape("20x16") == (20, 16)
