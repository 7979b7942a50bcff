import subprocess
import time
from pathlib import Path

import pytest
from helpers import takes_long
from joblib import cpu_count

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.search.forecast import forecast_search
from mnistffn.search.options import SearchOptions
from mnistffn.search.search import run_search
from mnistffn.search.space import SearchSpace

SPACE = SearchSpace((4, 12), (2, 2), (0.0, 0.3))


@pytest.mark.parametrize(("strategy", "n_fits"), [("random", 8), ("halving", 10)])
def test_a_forecast_counts_the_fits_and_the_parameters_of_the_search(
    tmp_path: Path, recorder, strategy: str, n_fits: int
) -> None:
    run = RunDirectory(tmp_path / "run")
    options = SearchOptions(4, 2, 3, strategy=strategy, n_jobs=1)
    forecast = forecast_search(run, DataOptions(), SPACE, options, recorder)
    assert not run.manifest().stages
    assert not (run.path / "params.json").exists()
    assert forecast.seconds > 0
    assert 50e6 < forecast.memory < 20e9
    result = run_search(run, DataOptions(), SPACE, options, recorder)
    assert forecast.n_fits == n_fits == recorder.steps[-1][1]
    digits = builtin_digits()
    counts = []
    for candidate in result.candidates:
        hidden = candidate.parameters["hidden"]
        fitted = FeedForwardClassifier(hidden, max_epochs=1).fit(digits.flat, digits.labels)
        counts.append(sum(weights.numel() for weights in fitted.module_.parameters()))
    assert forecast.n_parameters == (min(counts), max(counts))


def test_a_forecast_counts_what_came_before_it(tmp_path: Path, recorder) -> None:
    run, options = RunDirectory(tmp_path / "run"), SearchOptions(1, 2, 1, n_jobs=1)
    began = time.perf_counter() - 1000
    forecast = forecast_search(run, DataOptions(), SPACE, options, recorder, began)
    assert 1000 < forecast.seconds < 1100


def test_more_epochs_and_candidates_take_longer(tmp_path: Path, recorder) -> None:
    run = RunDirectory(tmp_path / "run")
    small, large = (
        forecast_search(
            run, DataOptions(), SPACE, SearchOptions(n, 2, epochs, n_jobs=1), recorder
        ).seconds
        for n, epochs in ((4, 5), (40, 500))
    )
    assert large > 100 * small / 4


@takes_long
def test_many_jobs_are_foreseen_without_starting_them(
    tmp_path: Path, recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, start = [], subprocess.Popen
    monkeypatch.setattr(
        "mnistffn.search.pool.subprocess.Popen",
        lambda *args, **kwargs: started.append(args) or start(*args, **kwargs),
    )
    monkeypatch.setattr("mnistffn.search.forecast.read_free_memory", lambda: 2_000_000_000)
    run = RunDirectory(tmp_path / "run")
    forecast = forecast_search(run, DataOptions(), SPACE, SearchOptions(40, 2, 1, n_jobs=64), recorder)
    assert forecast.n_jobs == 64
    assert 1 <= len(started) <= cpu_count()
    assert forecast.memory > 64 * 50e6
    assert recorder.notes[-1].startswith("warning: ")
    assert "GB are free: take fewer --jobs" in recorder.notes[-1]
