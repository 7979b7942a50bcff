import csv
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import takes_long
from scipy.io import savemat
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import DataError, MnistffnError, RunDirectoryError, UsageError
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.search.fit import Fit, Outcome, carry_out
from mnistffn.search.options import SearchOptions, plan_rounds
from mnistffn.search.random_search import random_search
from mnistffn.search.search import run_search
from mnistffn.search.space import SearchSpace
from mnistffn.training.recipes import RECIPES

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
SPACE = SearchSpace((4, 12), (2, 2), (0.0, 0.3))
SMALL = {"n_trials": 3, "n_folds": 2, "max_epochs": 4, "n_jobs": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"n_trials": 0},
        {"n_folds": 1},
        {"n_jobs": 0},
        {"time_limit": 0},
        {"strategy": "grid"},
        {"select": "two"},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        SearchOptions(**options)


@takes_long  # tests/search/test_pool.py compares them where a worker is killed
@pytest.mark.parametrize("strategy", ["random", "halving"])
def test_results_do_not_depend_on_the_number_of_processes(strategy: str) -> None:
    one = random_search(X, y, SPACE, SearchOptions(**SMALL, strategy=strategy))
    two = random_search(X, y, SPACE, SearchOptions(**SMALL | {"n_jobs": 2}, strategy=strategy))
    assert [c.parameters for c in one.candidates] == [c.parameters for c in two.candidates]
    assert [c.accuracies for c in one.candidates] == [c.accuracies for c in two.candidates]


def test_every_fit_is_told_and_the_best_candidate_comes_first() -> None:
    told = []
    result = random_search(
        X,
        y,
        SPACE,
        SearchOptions(**SMALL),
        on_fit=lambda done, _, outcome: told.append((done, outcome)),
    )
    assert [done for done, _ in told] == [1, 2, 3, 4, 5, 6]
    accuracies = sorted(outcome.accuracy for _, outcome in told)
    assert accuracies == sorted(a for candidate in result.candidates for a in candidate.accuracies)
    assert result.best.mean == max(candidate.mean for candidate in result.candidates)
    assert len({tuple(candidate.parameters["hidden"]) for candidate in result.candidates}) > 1


def test_the_search_is_scikit_learns_over_the_classifier() -> None:
    own = random_search(X, y, SPACE, SearchOptions(**SMALL, recipe="fast"))
    parameters = RECIPES["fast"] | {"max_epochs": 4, "validation_fraction": 0.0}
    stock = RandomizedSearchCV(
        FeedForwardClassifier(**parameters, random_state=0, n_threads=1),
        SPACE.distributions(),
        n_iter=3,
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        random_state=0,
        refit=False,
    ).fit(X, y)
    by_dropout = {candidate.parameters["dropout"]: candidate for candidate in own.candidates}
    for row, drawn in enumerate(stock.cv_results_["params"]):
        candidate = by_dropout[drawn["dropout"]]
        assert candidate.parameters["hidden"] == list(drawn["hidden"])
        assert candidate.accuracies == tuple(
            stock.cv_results_[f"split{fold}_test_score"][row] for fold in range(2)
        )


def test_halving_gives_the_best_quarter_four_times_as_many_images() -> None:
    options = SearchOptions(9, 2, 8, recipe="fast", strategy="halving", n_jobs=1)
    images, labels = digits.flat[:1600], digits.labels[:1600]
    told = []
    result = random_search(images, labels, SPACE, options, on_fit=lambda _, fit, __: told.append(fit))
    assert plan_rounds(options, len(labels)) == [(9, 100), (3, 400)]
    assert [fit.n_images for fit in told] == [100] * 18 + [400] * 6
    first = [c for c in result.candidates if c.n_images == 100]
    last = [c for c in result.candidates if c.n_images == 400]
    assert result.candidates == last + first
    assert [c.parameters for c in first[:3]] == sorted(
        (c.parameters for c in last), key=[c.parameters for c in first].index
    )
    everything = random_search(images, labels, SPACE, SearchOptions(9, 2, 1, recipe="fast", n_jobs=1))
    drawn = sorted(c.parameters["dropout"] for c in everything.candidates)
    assert sorted(c.parameters["dropout"] for c in first) == drawn
    assert result.n_unfinished == 0


@pytest.mark.parametrize("strategy", [pytest.param("random", marks=takes_long), "halving"])
def test_a_time_limit_ends_the_search_with_what_it_has(strategy: str) -> None:
    options = SearchOptions(500, 2, 20, strategy=strategy, time_limit=2.0, n_jobs=1)
    start = time.monotonic()
    result = random_search(X, y, SPACE, options)
    assert time.monotonic() - start < 60
    assert 0 < len(result.candidates) < 500
    assert result.n_unfinished == 500 - len(result.candidates)
    assert result.best.mean == max(candidate.mean for candidate in result.candidates)


def test_a_time_limit_that_is_too_short_for_one_candidate_is_an_error() -> None:
    options = SearchOptions(2, 2, 100_000, time_limit=0.2, n_jobs=1)
    with pytest.raises(MnistffnError, match=r"not one candidate was finished in 0\.2 s"):
        random_search(X, y, SPACE, options)


def test_schedules_that_need_a_validation_part_get_one() -> None:
    space = SearchSpace((4, 12), (1, 1), (0.0, 0.3), {"schedule": ["plateau", "one-cycle"]})
    result = random_search(X, y, space, SearchOptions(n_trials=4, n_folds=2, max_epochs=2, n_jobs=1))
    assert {c.parameters["schedule"] for c in result.candidates} == {"plateau", "one-cycle"}


def test_another_seed_draws_other_candidates() -> None:
    first, second = (
        random_search(
            X, y, SPACE, SearchOptions(n_trials=1, n_folds=2, max_epochs=1, seed=seed, n_jobs=1)
        )
        for seed in (0, 1)
    )
    assert first.best.parameters != second.best.parameters


def test_a_class_with_fewer_images_than_folds_is_refused() -> None:
    labels = y.copy()
    labels[labels == 3] = 4
    labels[0] = 3
    with pytest.raises(DataError, match="class 3 has 1 image, too few for 2 folds"):
        random_search(X, labels, SPACE, SearchOptions(**SMALL))


def test_a_run_writes_its_parameters_and_every_candidate(tmp_path: Path, recorder) -> None:
    run = RunDirectory(tmp_path / "run")
    further = {"lr": (1e-3, 1e-2), "augment": [True, False]}
    space = SearchSpace((4, 12), (2, 2), (0.0, 0.3), further)
    options = SearchOptions(**SMALL, recipe="fast", parameters={"label_smoothing": 0.1, "patience": 2})
    result = run_search(run, DataOptions(), space, options, recorder)
    written = run.read_json("params.json")
    assert written["hidden"] == result.best.parameters["hidden"]
    assert written["lr"] == result.best.parameters["lr"]
    assert written["recipe"] == "fast"
    assert written["label_smoothing"] == 0.1
    assert "patience" not in written
    assert written["augment"] in (True, False)
    assert written["cv_accuracy"]["accuracies"] == list(result.best.accuracies)
    assert written["cv_accuracy"]["interval"][0] <= written["cv_accuracy"]["mean"]
    assert written["cv_accuracy"]["mean"] == pytest.approx(np.mean(result.best.accuracies))
    with (run.path / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["mean_accuracy"]) for row in rows] == pytest.approx(
        [candidate.mean for candidate in result.candidates], abs=1e-6
    )
    assert list(rows[0])[:5] == ["rank", "hidden", "dropout", "lr", "augment"]
    assert (run.path / "search.png").exists()
    assert recorder.steps[-1] == (6, 6)


def test_a_candidate_that_fails_is_told_and_not_put_down_to_a_time_limit(
    tmp_path: Path, recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []

    def fail_once(fit: Fit, *others: object) -> Outcome | None:
        if not failed:
            failed.append(fit)
            msg = "of the test's making"
            raise RuntimeError(msg)
        return carry_out(fit, *others)

    monkeypatch.setattr("mnistffn.search.pool.carry_out", fail_once)
    options = SearchOptions(**SMALL)
    result = run_search(RunDirectory(tmp_path / "run"), DataOptions(), SPACE, options, recorder)
    assert len(result.candidates) == 2
    [warning] = [note for note in recorder.notes if note.startswith("warning:")]
    assert "RuntimeError: of the test's making" in warning
    assert f"dropout={failed[0].parameters['dropout']}" in warning
    assert not any("time limit" in note for note in recorder.notes)


def stop_after(n_fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a search in this process end like one that is interrupted, after some fits."""
    left = [n_fits]

    def interrupted(*args: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return carry_out(*args)

    monkeypatch.setattr("mnistffn.search.pool.carry_out", interrupted)


def read_results(run: RunDirectory) -> tuple[dict[str, object], list[list[str]]]:
    with (run.path / "search.csv").open() as file:
        rows = [[row[name] for name in row if name != "seconds"] for row in csv.DictReader(file)]
    return run.read_json("params.json"), rows


@pytest.mark.parametrize("strategy", ["random", "halving"])
def test_a_search_goes_on_where_it_was_stopped(
    tmp_path: Path, recorder, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    whole, parted = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "parted")
    options = SearchOptions(4, 2, 2, recipe="fast", n_jobs=1, strategy=strategy)
    run_search(whole, DataOptions(), SPACE, options, recorder)
    stop_after(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_search(parted, DataOptions(), SPACE, options, recorder)
    monkeypatch.undo()
    assert not list((parted.path / ".search").glob("*.npy"))
    with (parted.path / ".search" / "fits.jsonl").open("r+") as file:
        lines = file.readlines()
        file.write(lines[0][:40])  # as a kill cuts a line off
    assert len(lines) == 5
    fits = []
    with monkeypatch.context() as patch:
        fit = FeedForwardClassifier.fit
        patch.setattr(
            FeedForwardClassifier,
            "fit",
            lambda *args, **others: fits.append(args[0].dropout) or fit(*args, **others),
        )
        run_search(parted, DataOptions(), SPACE, options, recorder)
    assert len(fits) == len((whole.path / ".search" / "fits.jsonl").read_text().splitlines()) - 5
    assert read_results(parted) == read_results(whole)
    assert "5 fits kept from before" in " ".join(recorder.notes)


def test_more_trials_extend_a_search_and_other_settings_start_another(
    tmp_path: Path, recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, fresh = RunDirectory(tmp_path / "run"), RunDirectory(tmp_path / "fresh")
    small = {"n_folds": 2, "max_epochs": 1, "recipe": "fast", "n_jobs": 1}
    run_search(run, DataOptions(), SPACE, SearchOptions(2, **small), recorder)
    run_search(run, DataOptions(), SPACE, SearchOptions(3, **small), recorder)
    assert "4 fits kept from before" in " ".join(recorder.notes)
    run_search(fresh, DataOptions(), SPACE, SearchOptions(3, **small), recorder)
    assert read_results(run) == read_results(fresh)
    other = SearchSpace((4, 13), (2, 2), (0.0, 0.3))
    stop_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):  # the first one was finished: another may take its place
        run_search(run, DataOptions(), other, SearchOptions(3, **small), recorder)
    monkeypatch.undo()
    with pytest.raises(
        RunDirectoryError, match=r"stopped: space hidden was \[4, 13\], and is \[4, 12\]"
    ):
        run_search(run, DataOptions(), SPACE, SearchOptions(3, **small), recorder)
    with pytest.raises(RunDirectoryError, match="data reading and split"):
        run_search(run, DataOptions(test_size=0.3), other, SearchOptions(3, **small), recorder)
    run_search(run, DataOptions(), SPACE, SearchOptions(3, **small), recorder, fresh=True)
    assert read_results(run) == read_results(fresh)


def test_fits_of_other_images_in_the_same_file_are_not_taken(
    tmp_path: Path, recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "two.mat"
    half = len(digits.labels) // 2
    savemat(
        path,
        {"A": digits.images[:half], "B": digits.images[half : 2 * half], "y": digits.labels[:half]},
    )
    run, small = RunDirectory(tmp_path / "run"), SearchOptions(2, 2, 1, recipe="fast", n_jobs=1)
    stop_after(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_search(run, DataOptions(path, images="A"), SPACE, small, recorder)
    monkeypatch.undo()
    with pytest.raises(RunDirectoryError, match="data images was"):
        run_search(run, DataOptions(path, images="B"), SPACE, small, recorder)
