import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.data.split import split_dataset
from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, StaleWarning
from mnistffn.run.options import DataOptions
from mnistffn.training.net import Epoch
from mnistffn.training.options import TrainOptions
from mnistffn.training.recipes import RECIPES
from mnistffn.training.train import run_train

SMALL = TrainOptions(parameters={"hidden": (16, 8), "dropout": 0.1, "max_epochs": 5}, n_threads=1)
ONE_EPOCH = TrainOptions(parameters={"max_epochs": 1})


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def put_parameters(run: RunDirectory, **parameters: object) -> None:
    with run.locked(), run.stage("search", command="search", options={}) as stage:
        stage.write_json(
            "params.json", {"hidden": [9, 5], "dropout": 0.2, "cv_accuracy": {}} | parameters
        )


def test_a_run_writes_the_model_and_its_history(run: RunDirectory, recorder) -> None:
    result = run_train(run, DataOptions(), SMALL, recorder)
    with (run.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(Epoch._fields)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert result.best.epoch == 5
    assert float(rows[4]["valid_loss"]) == pytest.approx(result.best.valid_loss, rel=1e-5)
    loaded = FeedForwardClassifier.load(run.path / "model.pt")
    X = builtin_digits().flat
    np.testing.assert_array_equal(loaded.predict_proba(X), result.classifier.predict_proba(X))
    assert (run.path / "curves.png").exists()
    assert recorder.steps[-1] == (5, 5)
    options = run.manifest().stages["train"].options
    assert (options["seed"], options["threads"], options["device"]) == (0, 1, "cpu")


@pytest.mark.parametrize("has_it", [True, False])
def test_a_long_training_tells_of_bfloat16_where_it_is(
    run: RunDirectory, recorder, monkeypatch: pytest.MonkeyPatch, has_it: bool
) -> None:
    monkeypatch.setattr("mnistffn.training.train.has_bfloat16", lambda device: has_it)
    long = TrainOptions(parameters={"hidden": (8,), "max_epochs": 2}, n_threads=1)
    for longest in (1e4, 1e9):  # 592 weights, 1,617 images
        monkeypatch.setattr("mnistffn.training.train.LONG", longest)
        recorder.notes.clear()
        run_train(run, DataOptions(), long, recorder)
        told = [note for note in recorder.notes if note.endswith("--precision bf16")]
        assert len(told) == (has_it and longest == 1e4)


def test_equal_seeds_and_threads_write_bit_equal_weights(tmp_path: Path) -> None:
    states = []
    for name in ("a", "b"):
        run = RunDirectory(tmp_path / name)
        run_train(run, DataOptions(), SMALL, Progress())
        states.append(torch.load(run.path / "model.pt", weights_only=True)["state"])
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_parameters_come_from_the_search_unless_they_are_given(run: RunDirectory) -> None:
    put_parameters(run)
    parameters = run_train(run, DataOptions(), ONE_EPOCH, Progress()).parameters
    assert (parameters["hidden"], parameters["dropout"]) == ((9, 5), 0.2)
    options = TrainOptions(parameters={"dropout": 0.4, "max_epochs": 1})
    parameters = run_train(run, DataOptions(), options, Progress()).parameters
    assert (parameters["hidden"], parameters["dropout"]) == ((9, 5), 0.4)
    assert "params.json" in run.manifest().stages["train"].inputs


def test_without_a_search_the_layers_must_be_given(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="params.json is missing: run mnistffn search .*first"):
        run_train(run, DataOptions(), TrainOptions(), Progress())
    assert not run.path.exists()


def test_options_without_effect_and_what_they_change_beside_are_told(
    run: RunDirectory, recorder
) -> None:
    given = {"hidden": (4,), "max_epochs": 1, "rotation": 30.0, "min_delta": 0.1}
    options = TrainOptions("document", given | {"schedule": "one-cycle"})
    run_train(run, DataOptions(), options, recorder)
    told = "\n".join(recorder.notes)
    assert "warning: --rotation has no effect without --augment" in told
    assert "warning: --min-delta has no effect without --patience" in told
    assert "no patience, for one-cycle" in told


def test_a_schedule_of_the_search_that_patience_changes_is_told(run: RunDirectory, recorder) -> None:
    put_parameters(run, schedule="one-cycle", recipe="fast")
    options = TrainOptions(parameters={"patience": 1, "max_epochs": 1})
    assert run_train(run, DataOptions(), options, recorder).parameters["schedule"] == "plateau"
    assert "schedule plateau, for patience" in "\n".join(recorder.notes)


def test_damaged_parameters_are_told(run: RunDirectory) -> None:
    put_parameters(run)
    (run.path / "params.json").write_text("{")
    with pytest.raises(RunDirectoryError, match="params.json cannot be read"):
        run_train(run, DataOptions(), TrainOptions(), Progress())
    for broken in ('"text"', "[0, 3]", "null", '["a"]', "[1.5]", "5", "[true]"):
        (run.path / "params.json").write_text(f'{{"schema": 1, "hidden": {broken}}}')
        with pytest.raises(RunDirectoryError, match="params.json is damaged"):
            run_train(run, DataOptions(), ONE_EPOCH, Progress())


def test_parameters_that_were_searched_on_another_split_are_warned_about(
    run: RunDirectory, digits_mat: Path
) -> None:
    put_parameters(run)
    manifest = json.loads((run.path / "run.json").read_text())
    manifest["stages"]["search"]["inputs"] = {"data": "another"}
    (run.path / "run.json").write_text(json.dumps(manifest))
    with pytest.warns(
        StaleWarning, match="params.json is out of date, the data or their split changed"
    ):
        run_train(run, DataOptions(digits_mat), ONE_EPOCH, Progress())


def test_the_test_part_is_never_trained_on(run: RunDirectory) -> None:
    seen = []

    class Spy(FeedForwardClassifier):
        def fit(self, X, y, *, rows, **others):
            seen.append(X[rows])
            return super().fit(X, y, rows=rows, **others)

    digits = builtin_digits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnistffn.training.train.FeedForwardClassifier", Spy)
        run_train(run, DataOptions(), SMALL, Progress())
    record = run.manifest().data
    split = split_dataset(digits, "stratified", 0.1, record.split_seed)
    np.testing.assert_array_equal(seen[0], digits.flat[split.train])
    assert set(split.train).isdisjoint(split.test)


def test_a_value_out_of_range_is_refused_before_anything_is_read(run: RunDirectory) -> None:
    options = TrainOptions(parameters={"hidden": (4,), "dropout": 2})
    with pytest.raises(UsageError, match="dropout=2 must be"):
        run_train(run, DataOptions(Path("none.mat")), options, Progress())


def test_a_recipe_is_used_and_options_go_over_it(run: RunDirectory) -> None:
    options = TrainOptions("fast", {"hidden": (8,), "max_epochs": 2, "lr": 0.02})
    result = run_train(run, DataOptions(), options, Progress())
    expected = RECIPES["fast"] | {"hidden": (8,), "max_epochs": 2, "lr": 0.02}
    assert result.parameters == expected
    recorded = run.manifest().stages["train"].options
    assert recorded["recipe"] == "fast"
    assert recorded["augment"] is True


def test_the_search_hands_on_its_recipe_and_another_recipe_takes_only_the_sizes(
    run: RunDirectory, recorder
) -> None:
    put_parameters(run, recipe="robust", lr=0.003)
    result = run_train(run, DataOptions(), ONE_EPOCH, Progress())
    assert result.recipe == "robust"
    assert result.parameters == RECIPES["robust"] | {
        "hidden": (9, 5), "dropout": 0.2, "lr": 0.003, "max_epochs": 1,
    }  # fmt: skip
    options = TrainOptions("document", {"max_epochs": 1, "patience": 0})
    result = run_train(run, DataOptions(), options, recorder)
    told = "settings: recipe document; hidden from the search, which was by recipe robust; "
    told += "--epochs, --patience as given"
    assert told in recorder.notes
    assert result.parameters == RECIPES["document"] | {
        "hidden": (9, 5), "max_epochs": 1, "patience": 0,
    }  # fmt: skip


def test_a_recipe_with_sizes_of_its_own_keeps_them_beside_another_search(run: RunDirectory) -> None:
    put_parameters(run, recipe="robust")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "best", RECIPES["best"] | {"hidden": (7, 3), "max_epochs": 1})
        result = run_train(run, DataOptions(), TrainOptions("best"), Progress())
    assert result.parameters["hidden"] == (7, 3)
    assert "params.json" not in run.manifest().stages["train"].inputs


def test_an_unknown_recipe_is_refused_with_the_names_of_the_others() -> None:
    with pytest.raises(UsageError, match="recipe='slow' must be one of default, document, fast"):
        TrainOptions("slow")


def test_augmentation_leaves_a_picture_and_plain_training_none(run: RunDirectory) -> None:
    run_train(run, DataOptions(), SMALL, Progress())
    assert (run.path / "augmented.png").exists()
    plain = TrainOptions(parameters={**SMALL.parameters, "augment": False})
    run_train(run, DataOptions(), plain, Progress())
    assert not (run.path / "augmented.png").exists()


@pytest.mark.parametrize(
    ("fraction", "adversarial", "told"),
    [
        (0.0, 0.1, "warning: with no validation images nobody would see adversarial training collapse"),
        (0.03, 0.1, "warning: with 49 validation images nobody"),
        (0.031, 0.1, None),
        (0.0, 0.0, None),
    ],
)
def test_a_collapse_that_nobody_would_see_is_warned_of(
    run: RunDirectory, recorder, fraction: float, adversarial: float, told: str | None
) -> None:
    parameters = {"hidden": (4,), "max_epochs": 1, "batch_size": 800, "augment": False}
    parameters |= {"validation_fraction": fraction, "adversarial": adversarial}
    run_train(run, DataOptions(), TrainOptions("fast", parameters, n_threads=1), recorder)
    found = [note for note in recorder.notes if note.startswith("warning: with")]
    assert len(found) == (told is not None)
    assert all(note.startswith(told) for note in found)
