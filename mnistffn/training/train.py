"""Training the final network on the whole training part."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isnan
from typing import Any

import numpy as np
import torch
from joblib import cpu_count
from numpy.typing import NDArray

from mnistffn.errors import MnistffnError
from mnistffn.machine import WATCH
from mnistffn.network.seeding import seeded
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress
from mnistffn.run.data import RunData, open_run_data
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.files import TRAINING
from mnistffn.run.options import DataOptions
from mnistffn.run.settings import describe_data, list_versions
from mnistffn.training.augment import Distortion
from mnistffn.training.batching import choose_batch_size
from mnistffn.training.checkpoint import Checkpoint
from mnistffn.training.classifier import FeedForwardClassifier
from mnistffn.training.device import check_precision, has_bfloat16, resolve_device
from mnistffn.training.net import FEWEST, Epoch
from mnistffn.training.options import TrainOptions, resolve
from mnistffn.training.parameters import check_parameters
from mnistffn.wording import count

# Products of a batch with the weights from which two threads are faster than one. Measured on networks
# of 64-64-32-10 to 64-800-400-10, batches of 32 to 512: 1.4 times as slow at 3 million, as fast at 12.
WORTH_TWO = 15e6
LONG = 5e12  # weights times images times epochs: a few minutes
SHOWN = 24  # images of the picture of an augmented batch


@dataclass(frozen=True)
class TrainResult:
    """The trained classifier, the recipe that it was trained by and the resolved parameters.

    ``n_trained_on`` images are held out for testing, and yet among those that it was trained on, since
    the file has them more than once.
    """

    classifier: FeedForwardClassifier
    recipe: str
    parameters: dict[str, Any]
    n_trained_on: int

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
    run: RunDirectory,
    data: DataOptions,
    options: TrainOptions,
    progress: Progress,
    *,
    fresh: bool = False,
) -> TrainResult:
    """Train on the training part of a run's data; write model.pt, history.csv and curves.png.

    With augmentation, also augmented.png. The state of the training is kept in ``.train`` meanwhile, so
    that the same training goes on where it was stopped.

    Raises
    ------
    RunDirectoryError
        There is no params.json, and the options do not say how large the layers are; or another
        training was stopped here, and it is not to be started over (``fresh``).
    MnistffnError
        Training diverged.
    """
    from mnistffn.figures.train import draw_augmented, draw_curves

    device = resolve_device(options.device)
    check_precision(options.precision, device)
    recipe, parameters, from_search = resolve(run, data, options, progress)
    reads = ["params.json"] if from_search else []
    classifier = FeedForwardClassifier(**parameters)
    check_parameters(classifier.get_params(deep=False))
    run_data = open_run_data(run, data, options.seed, progress)
    run.warn_if_stale(reads, run_data.record)
    seed = run_data.resolve_seed(options.seed)
    computing = {"precision": options.precision, "device": str(device)}
    shape, n_train = run_data.dataset.image_shape, len(run_data.split.train)
    classifier.set_params(random_state=seed, image_shape=shape, **computing)
    n_weights = _count_weights(classifier, run_data)
    threads = _Threads(options.n_threads, classifier, n_weights, n_train)
    classifier.set_params(n_threads=threads.n)
    _warn_if_unwatched(classifier, n_train, progress)
    _tell_of_bfloat16(classifier, n_weights * n_train, progress)
    resolved = {"recipe": recipe} | parameters | {"seed": seed, "threads": threads.n} | computing
    command, record = options.spell(), run_data.record
    with run.stage("train", command=command, options=resolved, reads=reads, data=record) as stage:
        settings = resolved | {"threads": options.n_threads, "data": describe_data(run_data)}
        checkpoint = Checkpoint(
            run.path / TRAINING / "checkpoint.pt", settings | {"version": list_versions()}, run.command
        )
        done = 0
        if state := checkpoint.load(fresh=fresh):
            done = len(state["history"])
            progress.note(f"{count(done, 'epoch')} kept from before, in {checkpoint.path}")
        classifier.set_params(on_epoch=_Reporter(progress, done, classifier.max_epochs, threads))
        dataset, rows = run_data.dataset, run_data.split.train
        classifier.fit(dataset.flat, dataset.labels, rows=rows, checkpoint=checkpoint)
        if not classifier.best_epoch_:
            msg = f"training diverged and left nothing to keep: lower the learning rate {classifier.lr}"
            raise MnistffnError(msg)
        stage.options["best_epoch"] = classifier.best_epoch_
        if threads.may_change:
            stage.options["threads"] = sorted({epoch.threads for epoch in classifier.history_})
        stage.write("model.pt", classifier.save)
        stage.write_csv("history.csv", Epoch._fields, [_row(e) for e in classifier.history_])
        stage.write_figure("curves.png", draw_curves, _columns(classifier), classifier.best_epoch_)
        if distortion := classifier.make_distortion():
            some = rows[:: max(1, len(rows) // SHOWN)][:SHOWN]  # of all classes, if they are in order
            before, after = _distort_some(distortion, dataset.flat[some], seed)
            stage.write_figure("augmented.png", draw_augmented, before, after)
    checkpoint.remove()  # all is in its place
    return TrainResult(classifier, recipe, parameters, run_data.record.n_trained_on)


def _count_weights(classifier: FeedForwardClassifier, data: RunData) -> int:
    widths = (data.dataset.images[0].size, *classifier.hidden, len(data.dataset.classes))
    return sum(below * above for below, above in pairwise(widths))


def _warn_if_unwatched(classifier: FeedForwardClassifier, n: int, progress: Progress) -> None:
    """Say where a collapse under adversarial training would not be seen."""
    n_valid = ceil(classifier.validation_fraction * n)
    if classifier.adversarial and n_valid < FEWEST:
        found = count(n_valid, "validation image") if n_valid else "no validation images"
        progress.note(
            f"warning: with {found} nobody would see adversarial training collapse: it takes "
            f"{FEWEST}, so raise --validation-fraction {classifier.validation_fraction:g}"
        )


def _tell_of_bfloat16(classifier: FeedForwardClassifier, epoch: int, progress: Progress) -> None:
    """Say how a long training can be shorter; an epoch is so many products of a weight and an image."""
    is_possible = classifier.precision == "float32" and has_bfloat16(torch.device(classifier.device))
    if is_possible and epoch * classifier.max_epochs > LONG:
        progress.note("in bfloat16 this may take half the time: --precision bf16")


def _distort_some(
    distortion: Distortion, X: NDArray[np.uint8], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return some images as they are and distorted, both of shape (n, height, width) in [0, 1]."""
    images = as_float(as_tensor(X))
    with seeded(seed):
        distorted = distortion(images)
    before, after = (rows.view(-1, *distortion.image_shape).numpy() for rows in (images, distorted))
    return before, after


class _Threads:
    """How many threads torch takes: as many as were asked for, or as find free cores.

    Attributes
    ----------
    n : int
        Now.
    may_change : bool
        Whether it is looked at again after every epoch.
    """

    def __init__(
        self, asked: int | None, classifier: FeedForwardClassifier, n_weights: int, n: int
    ) -> None:
        is_worth_it = choose_batch_size(classifier.batch_size, n) * n_weights >= WORTH_TWO
        self.may_change = asked is None and is_worth_it
        self.n = asked or (WATCH.look(cpu_count()) if is_worth_it else 1)

    def look_again(self) -> None:
        """Let the next epoch have the threads that find a core now."""
        if self.may_change and (n := WATCH.look(cpu_count())) != self.n:
            self.n = n
            torch.set_num_threads(n)


class _Reporter:
    """Turns epochs into steps of the progress."""

    def __init__(self, progress: Progress, done: int, total: int, threads: _Threads) -> None:
        self.progress, self.total, self.threads = progress, total, threads
        self.accuracies: list[float] = []
        progress.step(done, total, "training")

    def __call__(self, epoch: Epoch) -> None:
        parts = [f"loss {epoch.train_loss:.3f}"]
        if not isnan(epoch.valid_loss):
            accuracy = f"accuracy {epoch.valid_accuracy:.4f}"
            parts = [accuracy, *parts, f"validation {epoch.valid_loss:.3f}"]
        if not isnan(epoch.pgd_accuracy):
            parts.append(f"PGD {epoch.pgd_accuracy:.3f}")
        self.accuracies.append(epoch.valid_accuracy)
        self.progress.step(epoch.epoch, self.total, ", ".join(parts), self.accuracies)
        self.threads.look_again()


def _row(epoch: Epoch) -> list[Any]:
    return [epoch.epoch, *(f"{value:.6g}" for value in epoch[1:-1]), epoch.threads]


def _columns(classifier: FeedForwardClassifier) -> dict[str, NDArray[np.float64]]:
    return {
        name: np.array([getattr(epoch, name) for epoch in classifier.history_])
        for name in Epoch._fields
    }
