"""mnistffn export, checked by ONNX Runtime against the program's own outputs."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.network.network import ACTIVATIONS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
DIGITS = builtin_digits()


def open_session(path: Path) -> "onnxruntime.InferenceSession":
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    ("activation", "hidden"), [*((name, (24, 12)) for name in ACTIVATIONS), ("relu", ())]
)
def test_the_runtime_finds_what_the_program_finds(
    activation: str, hidden: tuple[int, ...], tmp_path: Path
) -> None:
    classifier = FeedForwardClassifier(
        hidden=hidden, activation=activation, dropout=0.3, max_epochs=4, random_state=0
    )
    classifier.fit(DIGITS.flat, DIGITS.labels)
    classifier.save(tmp_path / "model.pt")
    assert invoke("export", "-r", tmp_path, "-q").exit_code == 0
    session = open_session(tmp_path / "model.onnx")
    logits, probabilities = session.run(["logits", "probabilities"], {"images": DIGITS.images})
    ours = classifier.predict_proba(DIGITS.flat)
    np.testing.assert_allclose(probabilities, ours, atol=1e-5)
    spread = logits - logits.max(axis=1, keepdims=True)
    ours = classifier.predict_log_proba(DIGITS.flat)
    np.testing.assert_allclose(spread, ours - ours.max(axis=1, keepdims=True), atol=1e-4)
    assert np.mean(logits.argmax(axis=1) == DIGITS.labels) > 0.8, "it is the trained network"


def test_it_says_what_it_takes_and_stands_in_the_manifest(trained_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    result = invoke("export", copy, "-r", trained_run, "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["files"] == [str(trained_run / "model.onnx")]
    assert content["input"] == {"name": "images", "type": "uint8", "shape": ["n", 8, 8]}
    assert content["outputs"]["logits"] == {"type": "float32", "shape": ["n", 10]}
    assert copy.read_bytes() == (trained_run / "model.onnx").read_bytes()
    session = open_session(copy)
    [taken] = session.get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(uint8)", ["n", 8, 8])
    assert [given.name for given in session.get_outputs()] == ["logits", "probabilities"]
    described = session.get_modelmeta().custom_metadata_map
    assert json.loads(described["classes"]) == content["classes"] == list(range(10))
    stages = json.loads((trained_run / "run.json").read_text())["stages"]
    assert described["model.pt"] == stages["export"]["inputs"]["model.pt"]
    assert session.run(["logits"], {"images": DIGITS.images[:1]})[0].shape == (1, 10)
    with pytest.raises(Exception, match="expected: .*uint8"):  # of [0, 1], and read as nearly black
        session.run(None, {"images": DIGITS.images / np.float32(255)})


def test_the_same_network_gives_the_same_bytes_and_another_makes_it_stale(trained_run: Path) -> None:
    path = trained_run / "model.onnx"
    assert invoke("export", "-r", trained_run, "-q").exit_code == 0
    before = path.read_bytes()
    assert invoke("export", "-r", trained_run, "-q").exit_code == 0
    assert path.read_bytes() == before
    other = FeedForwardClassifier(hidden=(5,), max_epochs=1, random_state=1)
    other.fit(DIGITS.flat, DIGITS.labels).save(trained_run / "model.pt")
    assert "out of date now: mnistffn export" in invoke("data", "-r", trained_run).stderr


def test_classes_keep_their_names_and_images_their_shape(tmp_path: Path) -> None:
    words = np.array(["even", "odd"])[DIGITS.labels % 2]
    classifier = FeedForwardClassifier(hidden=(8,), max_epochs=1, random_state=0)
    classifier.fit(DIGITS.flat[:, :48], words).save(tmp_path / "model.pt")
    result = invoke("export", "-r", tmp_path)
    assert result.exit_code == 5
    assert "tells the height and width of images of 48 pixels" in result.stderr
    classifier.fit(DIGITS.flat, words).save(tmp_path / "model.pt")
    assert "classes  even, odd" in invoke("export", "-r", tmp_path).stdout
    described = open_session(tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(described["classes"]) == ["even", "odd"]


def test_what_cannot_be_exported_is_told_in_one_line(trained_run: Path, tmp_path: Path) -> None:
    for arguments, code, message in (
        (("model.txt", "-r", trained_run), 2, "model.txt must end in .onnx"),
        ((tmp_path / "no" / "a.onnx", "-r", trained_run), 5, "a.onnx cannot be written: No such file"),
        (("-r", tmp_path / "none"), 5, "there is no model at"),
    ):
        result = invoke("export", *arguments, "-q")
        assert result.exit_code == code
        [line] = result.stderr.splitlines()
        assert message in line


def test_without_onnx_it_says_what_to_install(
    trained_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = invoke("export", "-q", "-r", trained_run)
    assert result.exit_code == 2
    assert "export needs the package onnx" in result.stderr
    assert "install mnistffn[onnx]" in result.stderr
    assert not (trained_run / "model.onnx").exists()
