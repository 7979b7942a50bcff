"""Training the final network on the whole training part."""

from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistffn.classifier import FeedForwardClassifier, check_parameters
from mnistffn.errors import MnistffnError, RunDirectoryError, UsageError
from mnistffn.net import Epoch
from mnistffn.progress import Progress
from mnistffn.rundata import DataOptions, open_run_data
from mnistffn.rundir import RunDirectory, exclusive


@dataclass(frozen=True)
class TrainOptions:
    """What a user says about training; None leaves it to params.json, or else the default.

    Attributes
    ----------
    hidden, dropout, lr, weight_decay, batch_size
        Parameters of :class:`~mnistffn.FeedForwardClassifier` that the search tunes.
    max_epochs, patience, validation_fraction
        Early stopping.
    n_threads : int or None
        Threads of torch; None for as many as torch takes.
    seed : int or None
        None for the seed of the run's split.
    """

    hidden: tuple[int, ...] | None = None
    dropout: float | None = None
    lr: float | None = None
    weight_decay: float | None = None
    batch_size: int | None = None
    max_epochs: int = 200
    patience: int = 10
    validation_fraction: float = 0.1
    n_threads: int | None = None
    seed: int | None = None


TUNED = ("hidden", "dropout", "lr", "weight_decay", "batch_size")


@dataclass(frozen=True)
class TrainResult:
    """The trained classifier and the parameters that it was trained with."""

    classifier: FeedForwardClassifier
    parameters: dict[str, Any]

    @property
    def best(self) -> Epoch:
        """The epoch whose weights were kept."""
        best: Epoch = self.classifier.history_[self.classifier.best_epoch_ - 1]
        return best

    @property
    def seconds(self) -> float:
        """Seconds that all epochs took."""
        return float(sum(epoch.seconds for epoch in self.classifier.history_))


@exclusive
def run_train(
    run: RunDirectory, data: DataOptions, options: TrainOptions, progress: Progress
) -> TrainResult:
    """Train on the training part of a run's data; write model.pt, history.csv and curves.png.

    Raises
    ------
    RunDirectoryError
        There is no params.json, and the options do not say how large the layers are.
    MnistffnError
        Training diverged.
    """
    from mnistffn.figures.train import draw_curves

    parameters, from_search = _resolve(run, options)
    reads = ["params.json"] if from_search else []
    classifier = FeedForwardClassifier(**parameters)
    check_parameters(classifier)
    run_data = open_run_data(run, data, options.seed, progress)
    run.warn_if_stale(reads, run_data.record)
    seed = run_data.resolve_seed(options.seed)
    threads = options.n_threads or torch.get_num_threads()
    classifier.set_params(random_state=seed, n_threads=threads)
    resolved = parameters | {"seed": seed, "threads": threads, "device": "cpu"}
    with run.stage(
        "train", command="train", options=resolved, reads=reads, data=run_data.record
    ) as stage:
        classifier.set_params(on_epoch=_Reporter(progress, options.max_epochs))
        classifier.fit(run_data.X_train, run_data.y_train)
        if not classifier.best_epoch_:
            msg = f"training diverged and left nothing to keep: lower the learning rate {classifier.lr}"
            raise MnistffnError(msg)
        stage.options["best_epoch"] = classifier.best_epoch_
        stage.write("model.pt", classifier.save)
        stage.write_csv("history.csv", Epoch._fields, [_row(epoch) for epoch in classifier.history_])
        stage.write_figure("curves.png", draw_curves(_columns(classifier), classifier.best_epoch_))
    return TrainResult(classifier, parameters)


def _resolve(run: RunDirectory, options: TrainOptions) -> tuple[dict[str, Any], bool]:
    """Return the classifier's parameters, and whether some come from the search."""
    given = {name: value for name, value in asdict(options).items() if value is not None}
    given = {name: value for name, value in given.items() if name not in ("seed", "n_threads")}
    from_search = not set(TUNED) <= set(given)
    searched: dict[str, Any] = {}
    if from_search and (run.path / "params.json").exists():
        searched = _read_parameters(run)
    if "hidden" not in searched | given:
        remedy = "run mnistffn search first, or give --hidden 360,187"
        msg = f"{run.path / 'params.json'} is missing: {remedy}"
        raise RunDirectoryError(msg)
    parameters = searched | given
    return parameters | {"hidden": tuple(parameters["hidden"])}, bool(searched)


def _read_parameters(run: RunDirectory) -> dict[str, Any]:
    """Return the tuned parameters of params.json, which a user may have edited."""
    content = run.read_json("params.json")
    parameters = {name: content[name] for name in TUNED if name in content}
    try:
        if not isinstance(parameters.get("hidden", []), list):
            msg = f"hidden={parameters['hidden']!r} must be a list of layer sizes"
            raise UsageError(msg)
        numbers = [*parameters.get("hidden", ()), parameters.get("batch_size")]
        if not all(type(number) is int or number is None for number in numbers):
            msg = f"{numbers} must be whole numbers"
            raise UsageError(msg)
        check_parameters(FeedForwardClassifier(**parameters))
    except (TypeError, UsageError) as error:
        msg = f"{run.path / 'params.json'} is damaged ({error}): run mnistffn search again"
        raise RunDirectoryError(msg) from error
    return parameters


class _Reporter:
    """Turns epochs into steps of the progress."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total = progress, total
        self.best = (float("inf"), 0)
        progress.step(0, total, "training")

    def __call__(self, epoch: Epoch) -> None:
        self.best = min(self.best, (epoch.valid_loss, epoch.epoch))
        message = f"loss {epoch.train_loss:.4f}"
        if not isnan(epoch.valid_loss):
            validation = f"validation {epoch.valid_loss:.4f} accuracy {epoch.valid_accuracy:.4f}"
            message += f", {validation}, best epoch {self.best[1]}"
        self.progress.step(epoch.epoch, self.total, message)


def _row(epoch: Epoch) -> list[Any]:
    return [epoch.epoch, *(f"{value:.6g}" for value in epoch[1:])]


def _columns(classifier: FeedForwardClassifier) -> dict[str, NDArray[np.float64]]:
    return {
        name: np.array([getattr(epoch, name) for epoch in classifier.history_])
        for name in Epoch._fields
    }
