"""Random search over layer sizes and dropout, with cross-validation."""

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold

from mnistffn.classifier import FeedForwardClassifier
from mnistffn.errors import DataError, MnistffnError, UsageError
from mnistffn.parameters import check_parameters
from mnistffn.progress import Progress
from mnistffn.recipes import DEFAULT_RECIPE, TUNABLE, combine, get_recipe
from mnistffn.rundata import DataOptions, open_run_data
from mnistffn.rundir import RunDirectory, exclusive
from mnistffn.searchspace import SearchSpace, check_tunable

MAX_EPOCHS = 5


@dataclass(frozen=True)
class SearchOptions:
    """How the search goes about it.

    Attributes
    ----------
    n_trials, n_folds : int
        Candidates, and folds of the cross-validation of each.
    max_epochs : int
        Epochs of one fit, at the most.
    recipe : str
        One of :data:`~mnistffn.recipes.RECIPES`: sets what is not searched.
    parameters : mapping of str to object
        Parameters of :class:`~mnistffn.FeedForwardClassifier` that differ from the recipe's. With
        patience, a fit is stopped early on a validation part inside its training fold; like the
        number of epochs, it is not handed on to the training.
    n_jobs : int or None
        Fits side by side, each in a process of its own with one thread; None for one a core.
    seed : int or None
        None for the seed of the run's split, or 0.
    """

    n_trials: int = 12
    n_folds: int = 3
    max_epochs: int = MAX_EPOCHS
    recipe: str = DEFAULT_RECIPE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    n_jobs: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        get_recipe(self.recipe)
        for name in set(self.parameters) - {"patience"}:
            check_tunable(name)
        for name, minimum in {"n_trials": 1, "n_folds": 2, "n_jobs": 1}.items():
            value = getattr(self, name)
            if value is not None and value < minimum:
                msg = f"{name}={value} must be at least {minimum}"
                raise UsageError(msg)


@dataclass(frozen=True)
class Candidate:
    """One point of the space and how it did.

    Attributes
    ----------
    parameters : dict
        The searched parameters.
    accuracies : tuple of float
        Accuracy on every fold.
    diverged : float
        Part of the folds in which not one epoch had a finite loss.
    epochs, seconds : float
        Mean over the folds.
    """

    parameters: dict[str, Any]
    accuracies: tuple[float, ...]
    diverged: float
    epochs: float
    seconds: float

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation of the accuracy over the folds."""
        return float(np.std(self.accuracies))


@dataclass(frozen=True)
class SearchResult:
    """The candidates, the best one first, the recipe of all, and what was fixed besides it."""

    candidates: list[Candidate]
    recipe: str
    fixed: dict[str, Any]

    @property
    def best(self) -> Candidate:
        """The candidate with the highest mean accuracy."""
        return self.candidates[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The recipe and the parameters over it: what params.json hands to train."""
        return {"recipe": self.recipe} | self.best.parameters | self.fixed


def random_search(
    X: NDArray[np.uint8],
    y: NDArray[np.int64],
    space: SearchSpace,
    options: SearchOptions,
    image_shape: tuple[int, int] | None = None,
    on_fit: Callable[[int, Mapping[str, Any]], None] = lambda done, fit: None,
) -> SearchResult:
    """Draw candidates at random and cross-validate each (Bergstra and Bengio, 2012).

    Every fit is seeded by the same number and runs on one thread, so that neither the order nor the
    number of processes changes a result.

    Parameters
    ----------
    X : ndarray of shape (n, pixels), uint8
    y : ndarray of shape (n,), int64
    space : SearchSpace
    options : SearchOptions
    image_shape : (int, int) or None
        Height and width of the images; None for square ones.
    on_fit : callable
        Told of every finished fit: how many are done, and the last one's parameters and scores.

    Returns
    -------
    SearchResult

    Raises
    ------
    DataError
        A class has fewer images than there are folds.
    """
    seed = options.seed or 0
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < options.n_folds:
        rarest = classes[counts.argmin()]
        msg = f"class {rarest} has {counts.min()} images, too few for {options.n_folds} folds"
        raise DataError(msg)
    distributions = space.distributions()
    recipe = get_recipe(options.recipe)
    parameters = combine(recipe, options.parameters)
    schedules = [parameters["schedule"], *space.further.get("schedule", [])]
    if not parameters["patience"] and "plateau" not in schedules:
        parameters["validation_fraction"] = 0.0  # nobody would look at it
    parameters |= {"max_epochs": options.max_epochs, "image_shape": image_shape}
    classifier = FeedForwardClassifier(**parameters, n_threads=1, random_state=seed)
    check_parameters(classifier)
    for name, values in space.further.items():
        for value in values:
            check_parameters(clone(classifier).set_params(**{name: value}))
    with _fit_log(on_fit) as log, warnings.catch_warnings():
        # Workers would print them raw; fits that diverged are counted instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = RandomizedSearchCV(
            classifier,
            distributions,
            n_iter=options.n_trials,
            cv=StratifiedKFold(options.n_folds, shuffle=True, random_state=seed),
            scoring=FitScorer(log),
            n_jobs=options.n_jobs,
            pre_dispatch="n_jobs",
            random_state=seed,
            refit=False,
            error_score="raise",
        ).fit(X, y)
    candidates = _candidates(search.cv_results_, list(distributions), options.n_folds)
    differs = [name for name in TUNABLE if parameters[name] != recipe[name]]
    fixed = {name: parameters[name] for name in differs if name not in distributions}
    return SearchResult(candidates, options.recipe, fixed)


class FitScorer:
    """Scores a fit on its test fold and appends one line about it to a log.

    The log is how worker processes tell the searching one that a fit has ended: a short line appended
    to a file arrives whole, whoever else writes.
    """

    def __init__(self, log: Path) -> None:
        self.log = log

    def __call__(
        self, classifier: FeedForwardClassifier, X: NDArray[np.uint8], y: NDArray[np.int64]
    ) -> dict[str, float]:
        """Return the accuracy, the epochs trained and the seconds they took."""
        scores = {
            "accuracy": float(accuracy_score(y, classifier.predict(X))),
            "diverged": classifier.best_epoch_ == 0,
            "epochs": len(classifier.history_),
            "seconds": sum(epoch.seconds for epoch in classifier.history_),
        }
        fit = {"hidden": list(classifier.hidden), "dropout": float(classifier.dropout)} | scores
        with self.log.open("a") as file:
            file.write(json.dumps(fit) + "\n")
        return scores


@exclusive
def run_search(
    run: RunDirectory,
    data: DataOptions,
    space: SearchSpace,
    options: SearchOptions,
    progress: Progress,
) -> SearchResult:
    """Search on the training part of a run's data; write params.json, search.csv and search.png."""
    from mnistffn.figures.search import draw_search

    run_data = open_run_data(run, data, options.seed, progress)
    seed = run_data.resolve_seed(options.seed)
    options = replace(options, seed=seed, n_jobs=options.n_jobs or cpu_count())
    resolved = asdict(options) | {"space": asdict(space), "threads": 1, "device": "cpu"}
    with run.stage("search", command="search", options=resolved, data=run_data.record) as stage:
        report = _Reporter(progress, options.n_trials * options.n_folds)
        X, y, shape = run_data.X_train, run_data.y_train, run_data.dataset.image_shape
        result = random_search(X, y, space, options, shape, report)
        if diverged := sum(candidate.diverged > 0 for candidate in result.candidates):
            progress.note(f"warning: training diverged for {diverged} of {options.n_trials} candidates")
        if result.best.diverged:
            msg = "training diverged even for the best candidate: lower the bounds of the learning rate"
            raise MnistffnError(msg)
        stage.write_json("params.json", _parameters(result))
        stage.write_csv("search.csv", *_table(result))
        stage.write_figure("search.png", draw_search(_columns(result)))
    return result


class _Reporter:
    """Turns finished fits into steps of the progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total = progress, total
        progress.step(0, total, "first fits under way")

    def __call__(self, done: int, fit: Mapping[str, Any]) -> None:
        network = f"hidden {','.join(map(str, fit['hidden']))} dropout {fit['dropout']:.2f}"
        self.progress.step(
            done,
            self.total,
            f"{network}: {fit['accuracy']:.4f} in {fit['epochs']} epochs",
        )


@contextmanager
def _fit_log(on_fit: Callable[[int, Mapping[str, Any]], None]) -> Iterator[Path]:
    """Yield the path of a log whose lines are handed to ``on_fit`` as they arrive."""
    with tempfile.TemporaryDirectory(prefix="mnistffn-") as folder:
        log = Path(folder) / "fits.jsonl"
        log.touch()
        done = Event()
        watcher = Thread(target=_follow, args=(log, done, on_fit), daemon=True)
        watcher.start()
        try:
            yield log
        finally:
            done.set()
            watcher.join()


def _follow(log: Path, done: Event, on_fit: Callable[[int, Mapping[str, Any]], None]) -> None:
    count = 0
    with log.open() as file:
        while True:
            last_round = done.is_set()
            for line in iter(file.readline, ""):
                count += 1
                on_fit(count, json.loads(line))
            if last_round:
                return
            done.wait(0.2)


def _candidates(results: Mapping[str, Any], searched: list[str], n_folds: int) -> list[Candidate]:
    candidates = [
        Candidate(
            {name: _plain(parameters[name]) for name in searched},
            tuple(float(results[f"split{fold}_test_accuracy"][row]) for fold in range(n_folds)),
            float(results["mean_test_diverged"][row]),
            float(results["mean_test_epochs"][row]),
            float(results["mean_test_seconds"][row]),
        )
        for row, parameters in enumerate(results["params"])
    ]
    return sorted(candidates, key=lambda candidate: -candidate.mean)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value


def _parameters(result: SearchResult) -> dict[str, Any]:
    best = result.best
    accuracy = {"mean": best.mean, "std": best.std, "folds": list(best.accuracies)}
    return result.parameters | {"cv_accuracy": accuracy}


def _table(result: SearchResult) -> tuple[list[str], list[list[Any]]]:
    best = result.best
    folds = [f"fold{fold}_accuracy" for fold in range(len(best.accuracies))]
    header = ["rank", *best.parameters, "mean_accuracy", "std_accuracy", *folds, "epochs", "seconds"]
    rows = [
        [
            rank,
            *(_cell(value) for value in c.parameters.values()),
            f"{c.mean:.6f}",
            f"{c.std:.6f}",
            *(f"{accuracy:.6f}" for accuracy in c.accuracies),
            f"{c.epochs:.1f}",
            f"{c.seconds:.2f}",
        ]
        for rank, c in enumerate(result.candidates, start=1)
    ]
    return header, rows


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _columns(result: SearchResult) -> dict[str, NDArray[Any]]:
    """Return what the figure shows: one array per searched parameter, and the folds' accuracies."""
    candidates = result.candidates
    columns = {"accuracies": np.array([c.accuracies for c in candidates])}
    for depth in range(len(candidates[0].parameters["hidden"])):
        columns[f"hidden {depth + 1}"] = np.array([c.parameters["hidden"][depth] for c in candidates])
    for name in candidates[0].parameters:
        if name != "hidden":
            values = [c.parameters[name] for c in candidates]
            columns[name] = np.array(values if _are_numbers(values) else [str(v) for v in values])
    return columns


def _are_numbers(values: list[Any]) -> bool:
    return all(type(value) in (int, float) for value in values)
