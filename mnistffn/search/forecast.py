"""What a search will take, foreseen from pilot fits."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from joblib import cpu_count
from sklearn.base import clone

from mnistffn.machine import read_free_memory, read_memory
from mnistffn.network.network import count_parameters
from mnistffn.progress import Progress
from mnistffn.run.data import open_run_data
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions
from mnistffn.search.fit import Fit, FitData, Outcome
from mnistffn.search.options import FEWEST_IMAGES, SearchOptions, plan_rounds
from mnistffn.search.random_search import (
    assign_folds,
    choose_carrier,
    count_jobs,
    make_classifier,
)
from mnistffn.search.space import SearchSpace, draw_candidates

PILOT_EPOCHS = 2  # the first one of a fit is slower: its surplus counts once


@dataclass(frozen=True)
class Forecast:
    """What a search will come to.

    Attributes
    ----------
    n_fits : int
        Fits of all candidates, folds and rounds.
    n_jobs : int
        How many run side by side.
    n_parameters : (int, int)
        Parameters of the smallest and of the largest network.
    seconds : float
        Wall time, from the start that was given on; the most it takes where a fit may stop early.
    memory : int
        Bytes at the highest, of all processes.
    """

    n_fits: int
    n_jobs: int
    n_parameters: tuple[int, int]
    seconds: float
    memory: int


@exclusive
def forecast_search(
    run: RunDirectory,
    data: DataOptions,
    space: SearchSpace,
    options: SearchOptions,
    progress: Progress,
    start: float | None = None,
) -> Forecast:
    """Foresee what :func:`~mnistffn.search.search.run_search` would take; write nothing.

    For every round of the search, the smallest and the largest of the candidates are trained for two
    epochs on one fold, as many at a time as the search has jobs. In between, time grows with the
    parameters.

    Parameters
    ----------
    run, data, space, options, progress
        As the search takes them.
    start : float or None
        The ``time.perf_counter`` at which the command began; None for now.
    """
    start = time.perf_counter() if start is None else start
    run_data = open_run_data(run, data, options.seed, progress)
    options = replace(options, seed=run_data.resolve_seed(options.seed))
    X, y, shape = run_data.X_train, run_data.y_train, run_data.dataset.image_shape
    classifier = make_classifier(y, space, options, shape)
    drawn = draw_candidates(space, options.n_trials, options.seed or 0)
    options = replace(options, n_trials=len(drawn))
    candidates = [clone(classifier).set_params(**parameters) for parameters in drawn]
    n_classes = len(np.unique(y))
    sizes = [count_parameters(X.shape[1], c.hidden, n_classes) for c in candidates]
    ends = [int(np.argmin(sizes)), int(np.argmax(sizes))]
    beside = options
    if options.scheduler is None:  # more share the cores, and are not started to find that out
        beside = replace(options, n_jobs=min(count_jobs(options, len(y)), cpu_count()))
    rounds = plan_rounds(options, len(y))
    progress.note(f"pilot fits: {PILOT_EPOCHS} epochs of the smallest and the largest network")
    memory = 0
    fit_data = FitData(X, y, assign_folds(y, options))
    with (
        choose_carrier(fit_data, beside, None, progress.note) as (carry_out, n_beside),
        ThreadPoolExecutor(n_beside) as threads,
    ):

        def run_pilots(end: int, epochs: int, n_images: int | None) -> list[Outcome]:
            # All jobs at the same work, for processes side by side slow each other down.
            fit = Fit.of(clone(candidates[end]).set_params(max_epochs=epochs), 0, n_images)
            outcomes = threads.map(carry_out, [fit] * n_beside, [None] * n_beside)
            return [outcome for outcome in outcomes if outcome]

        # Until the processes are there and have loaded what they need once, as in the search.
        run_pilots(ends[0], 1, FEWEST_IMAGES)
        seconds = time.perf_counter() - start
        for n_candidates, n_images in rounds:
            pilots = [run_pilots(end, PILOT_EPOCHS, n_images) for end in ends]
            costs = [
                float(np.mean([_foresee(pilot, options.max_epochs) for pilot in copies]))
                for copies in pilots
            ]
            each = float(np.mean(np.interp(sizes, np.array(sizes)[ends], costs)))
            seconds += -(-n_candidates * options.n_folds // n_beside) * each
            memory = max(memory, *(pilot.memory for copies in pilots for pilot in copies))
    n_jobs = n_beside if options.scheduler else count_jobs(options, len(y))
    own = read_memory()
    needed = own if n_jobs == 1 else own + n_jobs * memory
    free = read_free_memory()
    if free is not None and options.scheduler is None and needed - own > free:
        progress.note(
            f"warning: {needed / 1e9:.1f} GB are needed and {(free + own) / 1e9:.1f} GB are free: "
            "take fewer --jobs"
        )
    n_fits = sum(n_candidates for n_candidates, _ in rounds) * options.n_folds
    return Forecast(n_fits, n_jobs, (min(sizes), max(sizes)), seconds, needed)


def _foresee(pilot: Outcome, epochs: int) -> float:
    """Return the seconds of a fit of many epochs, after one of few."""
    rest = pilot.seconds + pilot.score_seconds - PILOT_EPOCHS * pilot.epoch_seconds
    return rest + epochs * pilot.epoch_seconds
