"""Comparisons of small networks that are trained on the digits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import Recorder, invoke
from PIL import Image
from scipy.io import savemat

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.evaluation.compare import compare, run_compare
from mnistffn.evaluation.contender import name_runs, open_contenders
from mnistffn.evaluation.evaluate import run_evaluate
from mnistffn.evaluation.outputs import choose_classes
from mnistffn.evaluation.resistance import Conditions, choose_conditions, list_missing, read_resistance
from mnistffn.progress import Progress
from mnistffn.run.data import open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions

SMALL = ("--epochs", 2, "--hidden", 8, "--recipe", "document", "-q")


@pytest.fixture(scope="module")
def _other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("other") / "other"
    options = ("--recipe", "robust", "--epochs", 6, "--hidden", 16, "-q")
    assert invoke("train", *options, "-r", run).exit_code == 0
    return run


@pytest.fixture
def other_run(_other: Path, tmp_path: Path) -> Path:
    """A run directory with a network of another architecture, trained adversarially."""
    return Path(shutil.copytree(_other, tmp_path / "other"))


def open_both(*paths: Path, progress: Progress | None = None, data: DataOptions | None = None):
    return open_contenders(paths, data or DataOptions(), progress or Progress())


def attack(path: Path, strengths: tuple[float, ...], norm: str = "linf") -> None:
    """Let a run hold what an attack would have left."""
    run = RunDirectory(path)
    record = run.manifest().data
    accuracies = [{"strength": s, "accuracy": 0.5, "interval": [0.4, 0.6]} for s in strengths]
    content = {"norm": norm, "n_steps": 20, "n_restarts": 1, "accuracies": accuracies}
    how = {"command": "evaluate --attack", "options": {}, "reads": ["model.pt"], "data": record}
    with run.locked(), run.stage("attack", **how) as stage:
        stage.write_json("robustness.json", content)
        stage.write_arrays("robustness.npz", {"smallest_strength": np.array([0, 0.1, 0.2, np.inf])})


def test_networks_are_measured_as_evaluate_measures_them_and_paired_image_by_image(
    trained_run: Path, other_run: Path
) -> None:
    result = compare(*open_both(trained_run, other_run))
    digits, correct = builtin_digits(), []
    for path, standing in zip((trained_run, other_run), result.standings, strict=True):
        classifier = FeedForwardClassifier.load(path / "model.pt")
        predictions = classifier.predict(digits.flat[result.index])
        correct.append(predictions == digits.labels[result.index])
        found = run_evaluate(RunDirectory(path), DataOptions(), Progress()).summarise()
        told = standing.summarise(None)
        for name in ("accuracy", "interval", "errors", "log_loss", "brier", "calibration_error"):
            assert told[name] == pytest.approx(found[name], rel=1e-12)
        assert told["n_parameters"] == sum(p.numel() for p in classifier.module_.parameters())
    [pair] = result.pairs
    assert pair.only_first == np.sum(correct[0] & ~correct[1]) > 0
    assert pair.only_second == np.sum(correct[1] & ~correct[0])
    assert pair.both + pair.only_first + pair.only_second + pair.neither == 180
    accuracies = [standing.metrics.accuracy for standing in result.standings]
    assert pair.difference == pytest.approx(accuracies[0] - accuracies[1], abs=1e-12)
    assert result.differing["hidden"] == [[24, 12], [16]]
    assert result.differing["augment"] == [False, True]
    assert not {"random_state", "seed", "activation"} & set(result.differing)


@pytest.mark.usefixtures("pictures")
def test_a_comparison_has_a_folder_of_its_own_with_numbers_and_pictures(
    trained_run: Path, other_run: Path, tmp_path: Path
) -> None:
    output = tmp_path / "compared" / "here"
    attack(other_run, (0.05, 0.1))
    result = invoke("compare", trained_run, other_run, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    assert "not drawn" not in result.stderr
    names = {"comparison.json", "comparison.npz", "comparison.png", "differences.png"}
    names |= {"fields.png", "classes.png"}
    assert {path.name for path in output.iterdir()} == names | {".lock", "run.json"}
    printed, written = json.loads(result.stdout), RunDirectory(output).read_json("comparison.json")
    assert written.items() <= printed.items()
    assert [run["name"] for run in printed["runs"]] == ["run", "other"]
    assert printed["runs"][0]["under_attack"] is None
    assert printed["runs"][1]["under_attack"] == {"accuracy": 0.5, "interval": [0.4, 0.6]}
    assert printed["runs"][1]["validation_under_attack"]["strength"] == 0.08
    assert 0 < printed["runs"][1]["seconds"] < 60
    with np.load(output / "comparison.npz") as arrays:
        probabilities = arrays["probabilities"]
        right = arrays["classes"][probabilities.argmax(axis=2)] == arrays["label"]
        assert right.mean(axis=1).tolist() == [run["accuracy"] for run in printed["runs"]]
        assert arrays["gradient"].shape == (2, 10, 8, 8)
        assert "maximizing" not in arrays
        # A class's pattern is where its images have more ink: its image fits the class's mean image.
        digits = builtin_digits()
        means = np.stack([digits.flat[digits.labels == c].mean(axis=0) for c in range(10)])
        for images in arrays["pattern_image"].reshape(2, 10, 64):
            fits = np.corrcoef(images, means)[:10, 10:]
            assert (fits.argmax(axis=1) == np.arange(10)).sum() >= 9
    for name in names:
        if name.endswith("png"):
            assert np.asarray(Image.open(output / name)).std() > 5
    assert f"run mnistffn evaluate --attack 0.1 --run-dir {trained_run}" in result.stderr
    assert f"run mnistffn maximize --run-dir {trained_run}" in result.stderr
    assert RunDirectory(output).stale_commands() == []
    (trained_run / "model.pt").write_bytes(b"another")
    [stale] = RunDirectory(output).stale_commands()
    assert stale == f"compare {trained_run} {other_run} --output {output}"


def test_results_fit_on_a_screen_and_end_with_the_verdict(
    trained_run: Path, other_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistffn.evaluation.compare.draw_comparison", lambda *_: None)
    monkeypatch.setattr("mnistffn.cli.terminal.PIPE_WIDTH", 80)
    long = Path(shutil.copytree(other_run, tmp_path / "a [red]folder[/red] with a long name"))
    attack(trained_run, (0.1,))
    result = invoke("compare", trained_run, other_run, long, "-o", tmp_path / "out", "-q")
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert max(map(len, lines[:-1])) <= 80
    assert any(line.startswith("…") and "a long name" in line for line in lines)
    assert lines[-1].endswith(("Holm's correction.", "may be chance."))


def test_runs_that_were_tested_on_different_images_are_refused(
    trained_run: Path, tmp_path: Path, write_mat
) -> None:
    assert invoke("train", *SMALL, "--seed", 1, "-r", tmp_path / "seed").exit_code == 0
    with pytest.raises(RunDirectoryError, match="different images .split seed 0 and 1.: train"):
        open_both(trained_run, tmp_path / "seed")
    digits = builtin_digits()
    flat = np.where(np.arange(1797)[:, None] < 1700, digits.flat, 255 - digits.flat)
    path = write_mat(input_images=flat, output_labels=digits.labels[:, None])
    options = ("--labels-mean", "as-is", "--orientation", "row-major", "--polarity", "bright")
    assert invoke("train", path, *SMALL, *options, "-r", tmp_path / "file").exit_code == 0
    result = invoke("compare", trained_run, tmp_path / "file", "-o", tmp_path / "out")
    assert result.exit_code == 5
    assert "different images (data digits and data.mat)" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_same_images_in_another_file_can_be_compared_on(
    trained_run: Path, tmp_path: Path, digits_mat: Path
) -> None:
    """The column-major file of the course and the built-in digits hold the same images."""
    assert invoke("train", digits_mat, *SMALL, "-r", tmp_path / "file").exit_code == 0
    contenders, opened = open_both(trained_run, tmp_path / "file")
    assert len(compare(contenders, opened).labels) == 180
    moved = digits_mat.rename(tmp_path / "moved.mat")
    assert invoke("compare", tmp_path / "file", trained_run, "-o", tmp_path / "out").exit_code == 4
    second = shutil.copytree(tmp_path / "file", tmp_path / "second")
    open_both(tmp_path / "file", second, data=DataOptions(moved))


def test_a_split_seed_that_chose_no_image_is_no_other_split(tmp_path: Path) -> None:
    digits, path = builtin_digits(), tmp_path / "parts.mat"
    savemat(
        path,
        {
            "Xtrain": digits.flat[:1500], "ytrain": digits.labels[:1500],
            "Xtest": digits.flat[1500:], "ytest": digits.labels[1500:],
        },
    )  # fmt: skip
    for seed in (0, 1):
        assert invoke("train", path, *SMALL, "--seed", seed, "-r", tmp_path / str(seed)).exit_code == 0
    _, opened = open_both(tmp_path / "0", tmp_path / "1")
    assert len(opened.split.test) == 297


def test_what_is_no_run_or_the_same_run_is_refused_in_a_line(
    trained_run: Path, other_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(trained_run)
    with pytest.raises(UsageError, match="are the same run"):
        open_both(trained_run, other_run, tmp_path / "link")
    with pytest.raises(UsageError, match="from 2 to 10 run directories, not 1"):
        open_both(trained_run)
    with pytest.raises(RunDirectoryError, match="has no model: run mnistffn train --run-dir .*none fi"):
        open_both(trained_run, tmp_path / "none")
    result = invoke("compare", trained_run, other_run, "-o", other_run)
    assert result.exit_code == 2
    assert "is a run directory: give the comparison a folder of its own" in result.stderr
    (other_run / "run.json").unlink()
    with pytest.raises(RunDirectoryError, match="does not tell what the model was trained on"):
        open_both(trained_run, other_run)


def test_runs_are_told_apart_by_as_many_folders_as_it_takes() -> None:
    paths = [Path(f"/{name}") for name in ("a/x/run", "b/x/run", "b/y/run", "run", "a/best")]
    assert name_runs(paths) == ["a/x/run", "b/x/run", "y/run", "/run", "best"]
    long = [Path(f"/{start}{'n' * 40}") for start in "ab"]
    assert len(set(name_runs(long))) == 2
    assert max(map(len, name_runs(long))) <= 15


def test_what_is_out_of_date_is_told_and_not_compared(
    trained_run: Path, other_run: Path, recorder: Recorder
) -> None:
    attack(trained_run, (0.1,))
    attack(other_run, (0.1,))
    run = RunDirectory(trained_run)
    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    classifier.set_params(dropout=0.3).save(run.path / "model.pt")
    contenders, opened = open_both(trained_run, other_run, progress=recorder)
    assert "warning: run: model.pt has changed since train wrote it" in recorder.notes
    result = compare(contenders, opened)
    told = result.standings[0].summarise(result.conditions)
    assert told["under_attack"] is told["recipe"] is told["seconds"] is None
    assert result.standings[1].summarise(result.conditions)["under_attack"]["accuracy"] == 0.5


def test_networks_are_compared_under_the_same_attack(trained_run: Path, other_run: Path) -> None:
    attack(trained_run, (0.05, 0.1, 0.3))
    attack(other_run, (0.05, 0.1))
    contenders, _ = open_both(trained_run, other_run)
    found = [read_resistance(contender) for contender in contenders]
    how = choose_conditions(found)
    assert how == Conditions("linf", 20, 1, 0.1), "the strongest that both have"
    assert list_missing(contenders, found, how) == []
    attack(other_run, (0.2,))
    contenders, _ = open_both(trained_run, other_run)
    found = [read_resistance(contender) for contender in contenders]
    how = choose_conditions(found)
    assert how.strength == 0.3
    [line] = list_missing(contenders, found, how)
    assert line.startswith("other was attacked otherwise")
    assert line.endswith(f"run mnistffn evaluate --attack 0.2,0.3 --run-dir {other_run}")
    attack(other_run, (2.0,), "l2")
    contenders, _ = open_both(trained_run, other_run)
    found = [read_resistance(contender) for contender in contenders]
    [line] = list_missing(contenders, found, choose_conditions([found[1]]))
    assert "run mnistffn evaluate --attack 2 --attack-norm l2 --run-dir" in line
    assert choose_conditions([None, None]) is None


def test_maximizing_images_are_taken_from_the_runs_that_hold_them(
    trained_run: Path, other_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorder
) -> None:
    monkeypatch.setattr("mnistffn.evaluation.compare.draw_comparison", lambda *_: None)
    options = ("--steps", 3, "--restarts", 1, "-q", "--units", "7,2", "-r", trained_run)
    assert invoke("maximize", *options).exit_code == 0
    run_compare(RunDirectory(tmp_path / "out"), [other_run, trained_run], recorder)
    with (
        np.load(tmp_path / "out" / "comparison.npz") as arrays,
        np.load(trained_run / "maximize-layer3.npz") as held,
    ):
        there = np.isfinite(arrays["maximizing"]).all(axis=(2, 3))
        assert np.argwhere(there).tolist() == [[1, 2], [1, 7]]
        np.testing.assert_array_equal(arrays["maximizing"][1, [7, 2]], held["images"])
    lacking = [note for note in recorder.notes if "has no maximizing images" in note]
    assert [note.split()[0] for note in lacking] == ["other", "run"]


def test_the_fields_are_those_of_the_command_fields(trained_run: Path, other_run: Path) -> None:
    from mnistffn.evaluation.outputs import compute_output_fields  # noqa: PLC0415

    contenders, opened = open_both(other_run, trained_run)
    found = compute_output_fields(contenders, opened, [2, 7], Progress())
    assert invoke("fields", "--units", "2,7", "-q", "-r", trained_run).exit_code == 0
    with np.load(trained_run / "fields-layer3.npz") as arrays:
        for kind in ("gradient", "pattern", "pattern_image"):
            np.testing.assert_allclose(found[kind][1], arrays[kind], atol=1e-6)
    content = RunDirectory(trained_run).read_json("fields-layer3.json")
    r2 = [unit["r2"]["gradient"] for unit in content["units"]]
    np.testing.assert_allclose(found["r2_gradient"][1], r2, atol=1e-6)


def test_of_many_classes_those_are_shown_on_which_the_networks_agree_least() -> None:
    targets = np.repeat(np.arange(20), 3)
    correct = np.ones((2, 60), bool)
    correct[0, targets >= 9] = False
    correct[:, targets == 4] = False  # both wrong: no difference
    assert choose_classes(correct, targets, 20) == [0, *range(9, 20)]
    assert choose_classes(correct[:, :9], targets[:9], 3) == [0, 1, 2]


def test_the_data_of_a_run_that_was_not_asked_are_not_opened(
    trained_run: Path, other_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def spy(run: RunDirectory, *args: object, **others: object):
        opened.append(run.path)
        return open_run_data(run, *args, **others)

    monkeypatch.setattr("mnistffn.evaluation.contender.open_run_data", spy)
    open_both(trained_run, other_run)
    assert opened == [trained_run], "equal records say that the images are the same"
