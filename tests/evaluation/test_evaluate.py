import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import invoke
from scipy.io import savemat
from written import FORMATS

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.data.split import split_dataset
from mnistffn.errors import RunDirectoryError
from mnistffn.evaluation.calibration import Scored, fit_temperature
from mnistffn.evaluation.evaluate import run_evaluate
from mnistffn.evaluation.heldout import find_validation_part
from mnistffn.evaluation.names import name_results
from mnistffn.evaluation.robustness import AttackOptions
from mnistffn.network.modelfile import read_model
from mnistffn.progress import Progress
from mnistffn.run.data import open_test_images
from mnistffn.run.directory import RunDirectory, StaleWarning
from mnistffn.run.options import DataOptions
from mnistffn.run.status import read_status


def test_a_run_is_measured_on_its_test_part_in_evaluation_mode(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    result = run_evaluate(run, DataOptions(), Progress())
    digits, record = builtin_digits(), run.manifest().data
    test = split_dataset(digits, "stratified", 0.1, seed=0).test
    assert record.n_test == len(test) == 180
    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    assert result.metrics.accuracy == classifier.score(digits.flat[test], digits.labels[test]) > 0.9
    written = run.read_json("metrics.json")
    assert written["accuracy"] == result.metrics.accuracy
    assert written["n"] == 180
    assert written["n_trained_on"] == 0
    with np.load(run.path / "predictions.npz") as predictions:
        np.testing.assert_array_equal(predictions["index"], test)
        np.testing.assert_array_equal(predictions["label"], digits.labels[test])
        assert predictions["probabilities"].shape == (180, 10)
        assert predictions["classes"].tolist() == list(range(10))
        np.testing.assert_allclose(predictions["probabilities"].sum(axis=1), 1, atol=1e-6)
    for name in ("examples.png", "confusion.png", "calibration.png"):
        assert (run.path / name).exists()


def test_another_file_is_measured_whole(trained_run: Path, digits_mat: Path) -> None:
    result = run_evaluate(RunDirectory(trained_run), DataOptions(digits_mat), Progress())
    assert result.metrics.n == 1797
    assert result.source.startswith("all of")
    assert {path.name for path in trained_run.glob("*-digits.png")} == {
        f"{name}-digits.png" for name in ("calibration", "confused", "confusion", "examples", "labels")
    }


def test_other_files_leave_the_results_of_the_run_and_of_each_other_alone(
    trained_run: Path, digits_mat: Path, tmp_path: Path, recorder
) -> None:
    run = RunDirectory(trained_run)
    run_evaluate(run, DataOptions(), Progress())
    own = (run.path / "metrics.json").read_bytes()
    run_evaluate(run, DataOptions(digits_mat), recorder, AttackOptions((0.1,)))
    assert "the results are named after this file: metrics-digits.json and others" in recorder.notes
    assert (run.path / "metrics.json").read_bytes() == own
    assert run.read_json("metrics-digits.json")["n"] == 1797
    for name in ("predictions-digits.npz", "robustness-digits.npz", "robustness-digits.json"):
        assert (run.path / name).is_file()
    (tmp_path / "a").mkdir()
    strange = tmp_path / "a" / "digits.mat"
    digits = builtin_digits()
    savemat(strange, {"X": digits.flat[:60], "y": digits.labels[:60]})
    names = name_results(run, strange, "0123456789abcdef")
    assert names.of("metrics.json") == "metrics-digits-01234567.json"
    assert names.command.startswith("evaluate ")
    assert name_results(run, digits_mat, "9").of("metrics.json") == "metrics-digits.json"
    assert name_results(run, Path("../of Zoë's/x y*é.z.mat"), "9").suffix == "-x-y-.z"
    assert name_results(run, Path("数字.mat"), "9").suffix == "-data"
    (run.path / "model.pt").write_bytes(b"another")
    stale = run.stale_commands()
    assert f"evaluate {digits_mat}" in stale
    assert any(command.startswith(f"evaluate {digits_mat} --attack 0.1") for command in stale)


def test_results_on_a_file_that_has_changed_are_out_of_date(
    trained_run: Path, digits_mat: Path, write_mat
) -> None:
    run, names = RunDirectory(trained_run), ("evaluate-digits", "attack-digits")
    assert invoke("evaluate", digits_mat, "--attack", "0.1", "-r", trained_run, "-q").exit_code == 0

    def list_stale() -> dict[str, str | None]:
        return {stage.name: stage.stale for stage in read_status(run).stages if stage.name in names}

    assert list_stale() == dict.fromkeys(names)
    digits_mat.rename(digits_mat.with_name("elsewhere.mat"))
    assert list_stale() == dict.fromkeys(names), "nothing says that it is another one"
    shutil.copy(write_mat("new.mat"), digits_mat)
    assert all("digits.mat changed after" in why for why in list_stale().values())


def test_results_are_out_of_date_when_the_labels_beside_the_file_change(
    trained_run: Path, tmp_path: Path
) -> None:
    images, labels = builtin_digits().images[:300], builtin_digits().labels[:300]
    path = FORMATS["npy with labels beside"](tmp_path, images, labels)
    assert invoke("evaluate", path, "-r", trained_run, "-q").exit_code == 0
    [stage] = [s for s in read_status(RunDirectory(trained_run)).stages if s.name == "evaluate-X"]
    assert stage.stale is None
    np.save(tmp_path / "y.npy", labels[::-1])
    [stage] = [s for s in read_status(RunDirectory(trained_run)).stages if s.name == "evaluate-X"]
    assert "y.npy changed after" in stage.stale


def test_the_temperature_is_fitted_on_the_validation_part_where_it_is_known(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    tested = open_test_images(run, DataOptions(), Progress())
    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    model = read_model(run.path / "model.pt")
    X, labels = find_validation_part(run, model, tested)
    log_probabilities = classifier.predict_log_proba(X)
    history = np.genfromtxt(run.path / "history.csv", delimiter=",", names=True)
    kept = history[run.manifest().stages["train"].options["best_epoch"] - 1]
    accuracy = np.mean(log_probabilities.argmax(axis=1) == labels)
    assert accuracy == pytest.approx(kept["valid_accuracy"], abs=1e-5)
    loss = -np.mean(log_probabilities[np.arange(len(labels)), labels])
    assert loss == pytest.approx(kept["valid_loss"], rel=1e-4)
    seen = {image.tobytes() for image in tested.dataset.flat[tested.index]}
    assert not seen & {image.tobytes() for image in X}
    scaling = run_evaluate(run, DataOptions(), Progress()).findings.scaling
    assert (scaling.fitted_on, scaling.n_fitted_on) == ("validation part", 162)
    assert scaling.temperature == fit_temperature(Scored(log_probabilities, labels))


def test_a_model_of_unknown_training_is_scaled_by_halves_of_what_it_is_tested_on(
    trained_run: Path, digits_mat: Path
) -> None:
    run = RunDirectory(trained_run)
    FeedForwardClassifier.load(run.path / "model.pt").set_params(dropout=0.2).save(
        run.path / "model.pt"
    )
    with pytest.warns(StaleWarning, match="model.pt has changed"):
        result = run_evaluate(run, DataOptions(), Progress())
    assert result.findings.scaling.fitted_on == "tested images, each half by the other"
    assert len(result.findings.scaling.temperatures) == 2
    (run.path / "run.json").unlink()
    alone = run_evaluate(run, DataOptions(digits_mat), Progress())
    assert alone.findings.scaling.n_fitted_on == 1797


def test_all_of_metrics_json_is_printed_and_the_rest_fits_on_a_screen(trained_run: Path) -> None:
    printed = json.loads(invoke("evaluate", "-r", trained_run, "--json").stdout)
    written = RunDirectory(trained_run).read_json("metrics.json")
    assert written.items() <= printed.items()
    added = {"balanced_accuracy", "macro_f1", "top2_accuracy", "brier", "calibration_error"}
    added |= {"temperature_scaling", "threshold", "confused_pairs", "labels_to_look_at"}
    assert added <= set(written)
    lines = invoke("evaluate", "-r", trained_run, "-q").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("calibration error 0.") for line in lines)


@pytest.mark.parametrize("n", [1, 30])
@pytest.mark.usefixtures("pictures")
def test_one_class_and_one_image_can_be_measured(trained_run: Path, write_mat, n: int) -> None:
    digits = builtin_digits()
    sevens = np.flatnonzero(digits.labels == 7)[:n]
    path = write_mat(input_images=digits.flat[sevens] / 16, output_labels=np.full((n, 1), 7.0))
    result = invoke("evaluate", path, "-r", trained_run, "-q", "--labels-mean", "as-is")
    assert result.exit_code == 0, result.output
    assert "not drawn" not in result.stderr
    assert "ill-defined" not in result.stderr
    content = RunDirectory(trained_run).read_json("metrics-data.json")
    assert content["n"] == n
    assert content["per_class"][0] == {
        "label": 0, "precision": None, "recall": None, "f1": None, "n": 0
    }  # fmt: skip
    assert "-" in result.stdout.splitlines()[-10].split()


def test_images_of_another_size_are_refused(trained_run: Path, write_mat) -> None:
    path = write_mat(input_images=np.random.default_rng(0).random((40, 100)))
    with pytest.raises(RunDirectoryError, match="takes 64 pixels, but .* 10 by 10 = 100"):
        run_evaluate(RunDirectory(trained_run), DataOptions(path), Progress())


def test_a_model_that_is_not_the_one_that_was_trained_is_warned_about(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    classifier = FeedForwardClassifier((5,), max_epochs=1)
    digits = builtin_digits()
    classifier.fit(digits.flat, digits.labels).save(run.path / "model.pt")
    with pytest.warns(StaleWarning, match="model.pt has changed since train wrote it"):
        run_evaluate(run, DataOptions(), Progress())
