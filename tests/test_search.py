import csv
from pathlib import Path

import numpy as np
import pytest

from mnistffn.data import builtin_digits
from mnistffn.errors import DataError, UsageError
from mnistffn.rundata import DataOptions
from mnistffn.rundir import RunDirectory
from mnistffn.search import SearchOptions, random_search, run_search
from mnistffn.searchspace import SearchSpace

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
SPACE = SearchSpace((4, 12), 2, (0.0, 0.3))
SMALL = {"n_trials": 3, "n_folds": 2, "max_epochs": 4}


@pytest.mark.parametrize("options", [{"n_trials": 0}, {"n_folds": 1}, {"n_jobs": 0}])
def test_numbers_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        SearchOptions(**options)


def test_results_do_not_depend_on_the_number_of_processes() -> None:
    one = random_search(X, y, SPACE, SearchOptions(**SMALL, n_jobs=1))
    two = random_search(X, y, SPACE, SearchOptions(**SMALL, n_jobs=2))
    assert [c.parameters for c in one.candidates] == [c.parameters for c in two.candidates]
    assert [c.accuracies for c in one.candidates] == [c.accuracies for c in two.candidates]


def test_every_fit_is_told_and_the_best_candidate_comes_first() -> None:
    told = []
    result = random_search(
        X, y, SPACE, SearchOptions(**SMALL), on_fit=lambda done, fit: told.append((done, fit))
    )
    assert [done for done, _ in told] == [1, 2, 3, 4, 5, 6]
    accuracies = sorted(fit["accuracy"] for _, fit in told)
    assert accuracies == sorted(a for candidate in result.candidates for a in candidate.accuracies)
    assert result.best.mean == max(candidate.mean for candidate in result.candidates)
    assert len({tuple(candidate.parameters["hidden"]) for candidate in result.candidates}) > 1


def test_schedules_that_need_a_validation_part_get_one() -> None:
    space = SearchSpace((4, 12), 1, (0.0, 0.3), {"schedule": ["plateau", "one-cycle"]})
    result = random_search(X, y, space, SearchOptions(n_trials=4, n_folds=2, max_epochs=2))
    assert {c.parameters["schedule"] for c in result.candidates} == {"plateau", "one-cycle"}


def test_another_seed_draws_other_candidates() -> None:
    first, second = (
        random_search(X, y, SPACE, SearchOptions(n_trials=1, n_folds=2, max_epochs=1, seed=seed))
        for seed in (0, 1)
    )
    assert first.best.parameters != second.best.parameters


def test_a_class_with_fewer_images_than_folds_is_refused() -> None:
    labels = y.copy()
    labels[labels == 3] = 4
    labels[0] = 3
    with pytest.raises(DataError, match="class 3 has 1 images, too few for 2 folds"):
        random_search(X, labels, SPACE, SearchOptions(**SMALL))


def test_a_run_writes_its_parameters_and_every_candidate(tmp_path: Path, recorder) -> None:
    run = RunDirectory(tmp_path / "run")
    further = {"lr": (1e-3, 1e-2), "augment": [True, False]}
    space = SearchSpace((4, 12), 2, (0.0, 0.3), further)
    options = SearchOptions(**SMALL, recipe="fast", parameters={"label_smoothing": 0.1, "patience": 2})
    result = run_search(run, DataOptions(), space, options, recorder)
    written = run.read_json("params.json")
    assert written["hidden"] == result.best.parameters["hidden"]
    assert written["lr"] == result.best.parameters["lr"]
    assert written["recipe"] == "fast"
    assert written["label_smoothing"] == 0.1
    assert "patience" not in written
    assert written["augment"] in (True, False)
    assert written["cv_accuracy"]["folds"] == list(result.best.accuracies)
    assert written["cv_accuracy"]["mean"] == pytest.approx(np.mean(result.best.accuracies))
    with (run.path / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mean_accuracy"]) for row in rows] == pytest.approx(
        [candidate.mean for candidate in result.candidates], abs=1e-6
    )
    assert list(rows[0])[:5] == ["rank", "hidden", "dropout", "lr", "augment"]
    assert (run.path / "search.png").stat().st_size > 5000
    assert recorder.steps[-1] == (6, 6)
