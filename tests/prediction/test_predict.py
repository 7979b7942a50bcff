"""Reading pictures of one's own, on a small network that is trained on the digits."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from drawings import draw_zero, make_pictures
from helpers import SLOW, Recorder, invoke
from PIL import Image
from scipy.io import savemat

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.data.frame import Frame
from mnistffn.data.unlabelled import read_unlabelled
from mnistffn.errors import DataError, UsageError
from mnistffn.prediction.novelty import Novelty
from mnistffn.prediction.predict import run_predict
from mnistffn.progress import Progress
from mnistffn.run.data import open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions


@pytest.fixture
def save(tmp_path: Path):
    def write(name: str, pixels: np.ndarray) -> Path:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        return path

    return write


def test_a_digit_on_a_page_is_read_and_written(trained_run: Path, save) -> None:
    zero = save("zero.png", draw_zero())
    result = run_predict(RunDirectory(trained_run), [zero], Progress())
    [reading] = result.list_readings()
    assert reading["prediction"] == 0
    assert reading["box"] == pytest.approx([68, 147, 164, 106], abs=6)
    assert sum(reading["probabilities"]) == pytest.approx(1)
    header, row = (trained_run / "predictions.csv").read_text().splitlines()
    assert header.split(",")[:3] == ["file", "prediction", "probability"]
    assert row.split(",")[:2] == [str(zero), "0"]
    assert row.split(",")[-10] == str(reading["probabilities"][0])


def test_test_images_are_read_as_the_classifier_reads_them(trained_run: Path, save, tmp_path) -> None:
    digits = builtin_digits()
    run = RunDirectory(trained_run)
    rows = open_run_data(run, DataOptions(), None, Progress(), may_settle=False).split.test[:12]
    images = digits.images[rows]
    files = [save(f"{row}.png", image) for row, image in zip(rows, images, strict=True)]
    expected = FeedForwardClassifier.load(trained_run / "model.pt").predict_proba(
        images.reshape(len(rows), -1)
    )
    singly = run_predict(run, files, Progress(), as_is=True)
    np.testing.assert_allclose(singly.probabilities, expected, atol=1e-6)
    savemat(tmp_path / "mine.mat", {"X": images / 255})
    together = run_predict(run, [tmp_path / "mine.mat"], Progress())
    np.testing.assert_allclose(together.probabilities, expected, atol=1e-6)
    assert together.prepared[3].name == f"{tmp_path / 'mine.mat'}[3]"
    assert not together.novelty.is_new.any()


def test_the_temperature_that_evaluate_found_is_applied(trained_run: Path, save) -> None:
    run, zero = RunDirectory(trained_run), save("zero.png", draw_zero())
    before = run_predict(run, [zero], Progress())
    assert before.temperature is None
    assert invoke("evaluate", "-r", trained_run, "-q").exit_code == 0
    scaling = json.loads((trained_run / "metrics.json").read_text())["temperature_scaling"]
    recorder = Recorder()
    after = run_predict(run, [zero], recorder)
    assert "at temperature" in "\n".join(recorder.notes)
    assert after.temperature == scaling["temperature"]
    logits = np.log(before.probabilities) / scaling["temperature"]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(after.probabilities, expected, rtol=1e-6)
    invoke("train", "--hidden", "8", "--epochs", "1", "-r", trained_run, "-q")
    assert run_predict(run, [zero], Progress()).temperature is None, "it is of another network"


def test_what_is_like_no_training_image_is_told(trained_run: Path, save) -> None:
    checks = np.indices((8, 8)).sum(axis=0) % 2 * 255
    recorder = Recorder()
    path = save("checks.png", checks.astype(np.uint8))
    result = run_predict(RunDirectory(trained_run), [path], recorder, as_is=True)
    assert result.list_readings()[0]["is_new"]
    assert any("unlike anything in training" in note for note in recorder.notes)


def test_the_limit_of_what_is_usual_is_that_of_the_held_out_images(trained_run: Path) -> None:
    data = open_run_data(RunDirectory(trained_run), DataOptions(), None, Progress(), may_settle=False)
    flat = data.dataset.flat / 255
    test, train = flat[data.split.test], flat[data.split.train]
    away = [np.linalg.norm(train - image, axis=1).min() for image in test]
    found = Novelty.of(data.dataset.images[data.split.test[:5]], data)
    assert found.limit == pytest.approx(max(away), abs=1e-4), "the 99.9th percentile of 180 images"
    assert found.distance == pytest.approx(away[:5], abs=1e-3)


def test_a_folder_is_read_as_far_as_it_can_be(trained_run: Path, save) -> None:
    zero = save("b.png", draw_zero())
    save("a.png", np.full((90, 90), 200, np.uint8))
    (zero.parent / "c.jpg").write_bytes(b"\xff\xd8\xffbroken")
    (zero.parent / "d.heic").write_bytes(b"...")
    recorder = Recorder()
    result = run_predict(RunDirectory(trained_run), [zero.parent], recorder)
    assert [one.name for one in result.prepared] == [str(zero)]
    assert set(result.passed_over) == {str(zero.with_name("a.png")), str(zero.with_name("c.jpg"))}
    told = "\n".join(recorder.notes)
    assert "no ink" in told
    assert "d.heic" in told
    assert result.summarise()["passed_over"] == result.passed_over


def test_several_shapes_and_a_cut_one_are_told(trained_run: Path, save) -> None:
    two = save("two.png", np.concatenate([draw_zero()[:, 100:300], draw_zero()[:, 100:300]], axis=1))
    cut = save("cut.png", draw_zero()[:, 150:])
    recorder = Recorder()
    run_predict(RunDirectory(trained_run), [two, cut], recorder)
    assert any("2 separate shapes found; the largest is read" in note for note in recorder.notes)
    assert any("reaches the picture's edge" in note for note in recorder.notes)


def test_standard_input_is_read_once(trained_run: Path, monkeypatch) -> None:
    content = io.BytesIO()
    Image.fromarray(draw_zero()).save(content, "PNG")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.getvalue())))
    run = RunDirectory(trained_run)
    [reading] = run_predict(run, [Path("-")], Progress()).list_readings()
    assert (reading["file"], reading["prediction"]) == ("standard input", 0)
    with pytest.raises(UsageError, match="once"):
        run_predict(run, [Path("-"), Path("-")], Progress())


def test_data_files_must_hold_images_of_the_networks_size(tmp_path: Path) -> None:
    images = builtin_digits().images[:20]
    for name, write in (("mine.npy", np.save), ("mine.npz", lambda path, x: np.savez(path, x=x))):
        write(tmp_path / name, images)
        np.testing.assert_array_equal(read_unlabelled(tmp_path / name, (8, 8), None, "auto"), images)
    path = tmp_path / "mine.mat"
    for layout in (images, images.reshape(20, -1), np.moveaxis(images, 0, -1)):
        savemat(path, {"X": layout, "names": ["a"]})
        np.testing.assert_array_equal(read_unlabelled(path, (8, 8), None, "auto"), images)
    savemat(path, {"X": images.reshape(20, -1), "more": images})
    with pytest.raises(DataError, match="several arrays"):
        read_unlabelled(path, (8, 8), None, "auto")
    with pytest.raises(DataError, match=r"no images of 28 by 28 .* found X"):
        read_unlabelled(path, (28, 28), None, "auto")


def test_rows_of_a_data_file_lie_as_those_of_the_run(digits_mat: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    options = ("--hidden", "24", "--recipe", "document", "--epochs", "8", "-q")
    assert invoke("train", digits_mat, *options, "-r", run.path).exit_code == 0
    images = builtin_digits().images[:9]
    savemat(tmp_path / "rows.mat", {"mine": images.mT.reshape(9, -1) / 255})  # column-major, as theirs
    result = run_predict(run, [tmp_path / "rows.mat"], Progress())
    np.testing.assert_array_equal([one.image for one in result.prepared], images)


def test_most_drawn_digits_are_read_by_a_network_of_the_builtin_digits(tmp_path: Path, save) -> None:
    options = ("--hidden", "64,32", "--recipe", "robust", "--epochs", "8", "-q")
    assert invoke("train", *options, "-r", tmp_path / "run").exit_code == 0
    pictures, digits = make_pictures("drawn", 4, seed=7)
    files = [save(f"{row}.png", pixels) for row, pixels in enumerate(pictures)]
    result = run_predict(RunDirectory(tmp_path / "run"), files, Progress())
    read = [reading["prediction"] for reading in result.list_readings()]
    assert len(read) == len(digits)
    assert np.mean(read == digits) >= 0.7
    plain = [Image.fromarray(255 - pixels).resize((8, 8)) for pixels in pictures]
    small = [save(f"small{row}.png", np.asarray(image)) for row, image in enumerate(plain)]
    result = run_predict(RunDirectory(tmp_path / "run"), small, Progress(), as_is=True)
    assert np.mean([r["prediction"] for r in result.list_readings()] == digits) < 0.3


@pytest.mark.skipif(not SLOW, reason="takes a minute: SLOW=1 runs it")
def test_mnist_is_read_from_photographs(mnist_path: Path, tmp_path: Path, save) -> None:
    run = RunDirectory(tmp_path / "run")
    options = ("--hidden", "64", "--recipe", "fast", "--epochs", "3", "-q")
    assert invoke("train", mnist_path, *options, "-r", run.path).exit_code == 0
    for kind in ("printed", "drawn"):
        pictures, digits = make_pictures(kind, 5, seed=7)
        files = [save(f"{kind}{row}.png", pixels) for row, pixels in enumerate(pictures)]
        readings = run_predict(run, files, Progress()).list_readings()
        assert np.mean([reading["prediction"] for reading in readings] == digits) >= 0.85
    frame = Frame.of(open_run_data(run, DataOptions(), None, Progress()).dataset.images)
    assert (frame.box, frame.centring) == ((20, 20), "mass")
