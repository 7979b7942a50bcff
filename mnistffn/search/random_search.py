"""Random search with cross-validation, and successive halving, over fits that are kept."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import cpu_count, parallel_config
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    PredefinedSplit,
    RandomizedSearchCV,
    StratifiedKFold,
)

from mnistffn.errors import DataError, MnistffnError
from mnistffn.run.journal import Journal
from mnistffn.search.analysis import analyse
from mnistffn.search.fit import Fit, FitData, FitError, Outcome, plain
from mnistffn.search.options import FACTOR, SearchOptions, plan_rounds
from mnistffn.search.pool import Carrier, open_carrier
from mnistffn.search.result import Candidate, SearchResult
from mnistffn.search.space import SearchSpace, draw_candidates
from mnistffn.search.trial import Fits, Trial
from mnistffn.training.classifier import FeedForwardClassifier
from mnistffn.training.device import check_precision, resolve_device
from mnistffn.training.parameters import TUNABLE, check_parameters
from mnistffn.training.recipes import get_recipe
from mnistffn.wording import count


def random_search(
    X: NDArray[np.uint8],
    y: NDArray[np.int64],
    space: SearchSpace,
    options: SearchOptions,
    image_shape: tuple[int, int] | None = None,
    on_fit: Callable[[int, Fit, Outcome | FitError], None] = lambda done, fit, result: None,
    journal: Journal | None = None,
    note: Callable[[str], None] = lambda line: None,
    candidates: Sequence[Mapping[str, Any]] | None = None,
) -> SearchResult:
    """Draw candidates at random and cross-validate each (Bergstra and Bengio, 2012).

    With ``halving``, all are trained on a small part of the images, the best quarter on four times as
    many, and so on to a quarter of them: successive halving (Jamieson and Talwalkar, 2016), on the same
    candidates. They are tested on whole folds: on fewer images the winner was worse.

    Every fit is seeded by the same number and runs on one thread, so that neither the order nor the
    number of processes changes a result. Processes share one copy of the images, and each is started
    once. No candidate is tried twice: where the space has fewer than asked for, all are tried. A fit
    that raises, or whose process dies twice, is left out together with its candidate.

    Parameters
    ----------
    X : ndarray of shape (n, pixels), uint8
    y : ndarray of shape (n,), int64
    space : SearchSpace
    options : SearchOptions
    image_shape : (int, int) or None
        Height and width of the images; None for square ones.
    on_fit : callable
        Told of every fit that has ended: how many have, the last one, and its outcome or its error.
    journal : Journal or None
        Has been opened, and keeps every finished fit; the images are put beside it meanwhile.
    note : callable
        Gets a line about the cluster, where there is one.
    candidates : sequence of mapping, or None
        What :func:`~mnistffn.search.space.draw_candidates` has drawn; None to draw them here.

    Returns
    -------
    SearchResult

    Raises
    ------
    DataError
        A class has fewer images than there are folds.
    MnistffnError
        Every fit failed, or time ran out before one candidate was finished.
    """
    classifier = make_classifier(y, space, options, image_shape)
    drawn = candidates or draw_candidates(space, options.n_trials, options.seed or 0)
    options = replace(options, n_trials=len(drawn))
    fixed = dict(Fit.of(classifier, 0).parameters)
    tried = [fixed | {name: plain(value) for name, value in own.items()} for own in drawn]
    data = FitData(X, y, assign_folds(y, options))
    folder = journal.path.parent if journal else None
    with (
        choose_carrier(data, options, folder, note) as (carry_out, n_jobs),
        warnings.catch_warnings(),
    ):
        # Fits that diverged are counted instead, and those that failed reported.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
        fits = Fits(tried, carry_out, journal, on_fit, options.time_limit)
        search = _make_search(Trial(fits), options, data.folds, n_jobs)
        with parallel_config("threading"):  # each of which waits for a process
            results = search.fit(data.folds[:, None], y).cv_results_
    searched = list(space.distributions())
    tested = _candidates(results, fits, drawn, options.n_folds)
    if not tested:
        if fits.failures:
            msg = f"no candidate was finished: {describe_failure(*fits.failures[0], searched)}"
            raise MnistffnError(msg)
        msg = f"not one candidate was finished in {options.time_limit:g} s: allow more time"
        raise MnistffnError(msg)
    recipe, fixed = get_recipe(options.recipe), classifier.get_params(deep=False)
    differs = [name for name in TUNABLE if fixed[name] != recipe[name]]
    return SearchResult(
        tested,
        options.n_trials - len({json.dumps(candidate.parameters) for candidate in tested}),
        options.recipe,
        {name: fixed[name] for name in differs if name not in searched},
        analyse(tested, space.distributions(), X.shape[1], len(np.unique(y))),
        [describe_failure(*failure, searched) for failure in fits.failures],
        options.select,
    )


@contextmanager
def choose_carrier(
    data: FitData, options: SearchOptions, folder: Path | None, note: Callable[[str], None]
) -> Iterator[tuple[Carrier, int]]:
    """Yield what carries out fits, on this machine or on a cluster, and how many run side by side.

    Parameters
    ----------
    data, folder
        As :func:`~mnistffn.search.pool.open_carrier` takes them.
    options : SearchOptions
    note : callable
        Gets a line about the cluster, where there is one.
    """
    n = len(data.labels)
    if options.scheduler is None:
        n_jobs = count_jobs(options, n)
        with open_carrier(data, n_jobs, folder) as carry_out:
            yield carry_out, n_jobs
    else:
        from mnistffn.search.cluster import open_cluster

        with open_cluster(options.scheduler, data, note) as (carry_out, n_slots):
            yield carry_out, count_jobs(options, n, n_slots)


def assign_folds(y: NDArray[np.int64], options: SearchOptions) -> NDArray[np.int64]:
    """Return the number of the fold that each image belongs to, shape (n,): drawn by class."""
    folds = np.empty(len(y), np.int64)
    splitter = StratifiedKFold(options.n_folds, shuffle=True, random_state=options.seed or 0)
    for fold, (_, test) in enumerate(splitter.split(y, y)):
        folds[test] = fold
    return folds


def count_jobs(options: SearchOptions, n: int, n_slots: int | None = None) -> int:
    """Return how many fits of a search of ``n`` images run side by side, by default one a slot."""
    most = max(n_candidates for n_candidates, _ in plan_rounds(options, n)) * options.n_folds
    return min(options.n_jobs or n_slots or cpu_count(), most)


def describe_failure(fit: Fit, error: FitError, searched: Sequence[str]) -> str:
    """Return a line that says which fit failed, and why."""
    tried = ", ".join(f"{name}={fit.parameters[name]}" for name in searched)
    images = "" if fit.n_images is None else f" of {count(fit.n_images, 'image')}"
    seed = fit.parameters["random_state"]
    return f"the fit{images} with {tried}, tested on fold {fit.fold}, seed {seed}: {error}"


def make_classifier(
    y: NDArray[np.int64],
    space: SearchSpace,
    options: SearchOptions,
    image_shape: tuple[int, int] | None,
) -> FeedForwardClassifier:
    """Return the classifier that candidates differ from in the searched parameters only.

    Raises
    ------
    DataError
        A class has fewer images than there are folds.
    UsageError
        A parameter is out of its range, or the device is not there.
    """
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < options.n_folds:
        rarest = classes[counts.argmin()]
        has = count(int(counts.min()), "image")
        msg = f"class {rarest} has {has}, too few for {options.n_folds} folds"
        raise DataError(msg)
    classifier = FeedForwardClassifier.from_recipe(options.recipe, **options.parameters)
    schedules = [classifier.schedule, *space.further.get("schedule", [])]
    if not classifier.patience and "plateau" not in schedules:
        classifier.set_params(validation_fraction=0.0)  # nobody would look at it
    classifier.set_params(max_epochs=options.max_epochs, image_shape=image_shape)
    classifier.set_params(precision=options.precision, device=options.device)
    classifier.set_params(n_threads=1, random_state=options.seed or 0)
    check_parameters(classifier.get_params(deep=False))
    check_precision(options.precision, resolve_device(options.device))
    for name, values in space.further.items():
        for value in values:
            check_parameters(classifier.get_params(deep=False) | {name: value})
    return classifier


def _make_search(
    trial: Trial, options: SearchOptions, folds: NDArray[np.int64], n_jobs: int
) -> RandomizedSearchCV | HalvingRandomSearchCV:
    distributions = {"candidate": list(range(options.n_trials))}
    common = {
        "cv": PredefinedSplit(folds),
        "n_jobs": n_jobs,
        "random_state": options.seed or 0,
        "refit": False,
        "error_score": "raise",
    }
    if options.strategy == "random":
        return RandomizedSearchCV(trial, distributions, n_iter=options.n_trials, **common)
    rounds = plan_rounds(options, len(folds))
    return HalvingRandomSearchCV(
        trial,
        distributions,
        n_candidates=options.n_trials,
        factor=FACTOR,
        resource="n_images",
        min_resources=rounds[0][1],
        max_resources=rounds[-1][1],
        return_train_score=False,
        **common,
    )


def _candidates(
    results: Mapping[str, Any],
    fits: Fits,
    drawn: Sequence[Mapping[str, Any]],
    n_folds: int,
) -> list[Candidate]:
    """Return the candidates of which every fold was finished, the best one first."""
    candidates = []
    for trial in sorted(results["params"], key=lambda trial: trial["candidate"]):
        place, n_images = trial["candidate"], trial.get("n_images")
        outcomes = [fits.find(place, fold, n_images) for fold in range(n_folds)]
        finished = [outcome for outcome in outcomes if outcome]
        if len(finished) == n_folds:
            diverged, epochs, seconds = (
                float(np.mean([getattr(outcome, name) for outcome in finished]))
                for name in ("diverged", "epochs", "seconds")
            )
            accuracies = tuple(outcome.accuracy for outcome in finished)
            parameters = {name: plain(value) for name, value in drawn[place].items()}
            candidates.append(Candidate(parameters, accuracies, diverged, epochs, seconds, n_images))
    return sorted(candidates, key=lambda candidate: (-(candidate.n_images or 0), -candidate.mean))
