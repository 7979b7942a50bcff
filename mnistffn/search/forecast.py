"""What a search will take, foreseen from pilot fits."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler, StratifiedKFold

from mnistffn.network.network import FeedForwardNetwork
from mnistffn.progress import Progress
from mnistffn.run.data import open_run_data
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions
from mnistffn.search.options import FEWEST_IMAGES, SearchOptions, plan_rounds
from mnistffn.search.search import make_classifier
from mnistffn.search.space import SearchSpace
from mnistffn.search.trial import Trial, shared_folder

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


class _Pilot(NamedTuple):
    """What a pilot fit took.

    Seconds before it, in which a process loads what it needs once; of an epoch, and of all else; and
    bytes that the process has for itself.
    """

    before: float
    epoch: float
    rest: float
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
    seed = run_data.resolve_seed(options.seed)
    options = replace(options, seed=seed, n_jobs=options.n_jobs or cpu_count())
    X, y, shape = run_data.X_train, run_data.y_train, run_data.dataset.image_shape
    classifier = make_classifier(y, space, options, shape)
    candidates = [
        clone(classifier).set_params(**drawn)
        for drawn in ParameterSampler(space.distributions(), options.n_trials, random_state=seed)
    ]
    n_classes = len(np.unique(y))
    sizes = [_count_parameters(X.shape[1], c.hidden, n_classes) for c in candidates]
    ends = [int(np.argmin(sizes)), int(np.argmax(sizes))]
    n_jobs = options.n_jobs or 1
    rounds = plan_rounds(options, len(y))
    progress.note(f"pilot fits: {PILOT_EPOCHS} epochs of the smallest and the largest network")
    memory = 0
    folds = StratifiedKFold(options.n_folds, shuffle=True, random_state=seed)
    train, test = next(folds.split(y, y))
    with shared_folder(X, y) as folder, Parallel(n_jobs) as parallel:
        parallel(delayed(_read_memory)() for _ in range(n_jobs))
        seconds = time.perf_counter() - start  # until the processes are there, as in the search
        for n_candidates, n_images in rounds:
            trials = [Trial(clone(candidates[end]), folder, n_images) for end in ends]
            # All jobs at the same work, for processes side by side slow each other down.
            pilots = [
                parallel(delayed(_fit_pilot)(trial, train, test, y) for _ in range(n_jobs))
                for trial in trials
            ]
            costs = [
                np.mean([pilot.rest + options.max_epochs * pilot.epoch for pilot in copies])
                for copies in pilots
            ]
            each = float(np.mean(np.interp(sizes, np.array(sizes)[ends], costs)))
            seconds += -(-n_candidates * options.n_folds // n_jobs) * each
            seconds += max(pilot.before for pilot in pilots[0])  # next to nothing in later rounds
            memory = max(memory, *(pilot.memory for copies in pilots for pilot in copies))
    own = _read_memory()
    return Forecast(
        sum(n_candidates for n_candidates, _ in rounds) * options.n_folds,
        n_jobs,
        (min(sizes), max(sizes)),
        seconds,
        own if n_jobs == 1 else own + n_jobs * memory,
    )


def _fit_pilot(
    trial: Trial, train: NDArray[np.int64], test: NDArray[np.int64], y: NDArray[np.int64]
) -> _Pilot:
    start = time.perf_counter()
    trial.classifier.set_params(max_epochs=1)
    Trial(trial.classifier, trial.folder, FEWEST_IMAGES).fit(train[:, None], y[train])
    before = time.perf_counter() - start
    trial.classifier.set_params(max_epochs=PILOT_EPOCHS)
    start = time.perf_counter()
    # Not scored: the journal would hand it to the pilots beside it.
    trial.fit(train[:, None], y[train]).predict(test[:, None])
    epochs = [epoch.seconds for epoch in trial.classifier_.history_]
    rest = time.perf_counter() - start - PILOT_EPOCHS * epochs[-1]
    return _Pilot(before, epochs[-1], rest, _read_memory(shared=False))


def _count_parameters(n_features: int, hidden: Sequence[int], n_classes: int) -> int:
    """Return the parameters of a network, of which only the shapes are made."""
    with torch.device("meta"):
        network = FeedForwardNetwork(n_features, hidden, n_classes)
    return sum(tensor.numel() for tensor in network.parameters())


def _read_memory(*, shared: bool = True) -> int:
    """Return the bytes of memory that this process has, of its own or also those that it shares.

    Elsewhere than on Linux, what it has had at the most.
    """
    if sys.platform != "linux":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    names = ("RssAnon", "RssFile", "RssShmem") if shared else ("RssAnon",)
    return 1024 * sum(int(lines[name].split()[0]) for name in names)
