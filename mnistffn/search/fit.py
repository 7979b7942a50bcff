"""One fit of a search: a classifier trained on all folds but one, and tested on that one."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistffn.errors import MnistffnError, RunDirectoryError
from mnistffn.machine import read_memory

# torch is imported where fits are carried out: a Dask worker hands them on only, and does without.
if TYPE_CHECKING:
    from mnistffn.training.classifier import FeedForwardClassifier
    from mnistffn.training.net import Epoch

SCORED_AT_ONCE = 512  # images; twice as many take 15% longer
ARRAYS = ("images", "labels", "folds")


class FitError(MnistffnError):
    """A fit came to no result: it raised, or the process that it ran in died."""


@dataclass(frozen=True)
class Fit:
    """What is to be trained and tested.

    Attributes
    ----------
    parameters : mapping of str to object
        All of the classifier's, as plain values.
    fold : int
        Number of the fold that it is tested on.
    n_images : int or None
        Train on so many images of the other folds, drawn at random by class; None: on all of them.
    """

    parameters: Mapping[str, Any]
    fold: int
    n_images: int | None = None

    @classmethod
    def of(cls, classifier: "FeedForwardClassifier", fold: int, n_images: int | None = None) -> Self:
        """Return the fit of a classifier."""
        parameters = classifier.get_params(deep=False)
        del parameters["on_epoch"]
        return cls({name: plain(value) for name, value in parameters.items()}, fold, n_images)

    @property
    def key(self) -> str:
        """A text that is equal for equal fits only."""
        return json.dumps(vars(self), sort_keys=True)  # asdict copies: half of a large search's time

    def make_classifier(self) -> "FeedForwardClassifier":
        """Return the classifier, not fitted."""
        from mnistffn.training.classifier import FeedForwardClassifier

        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.parameters.items()
        }
        return FeedForwardClassifier(**values)


@dataclass(frozen=True)
class Outcome:
    """What a fit came to.

    Attributes
    ----------
    accuracy : float
        On the fold that it was tested on.
    diverged : bool
        Not one epoch had a finite loss.
    epochs : int
    seconds, epoch_seconds, score_seconds : float
        Of the whole training, of its last epoch, and of the test.
    memory : int
        Bytes that the process had for itself after it.
    """

    accuracy: float
    diverged: bool
    epochs: int
    seconds: float
    epoch_seconds: float
    score_seconds: float
    memory: int

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self | None:
        """Return the outcome that a mapping holds, None if a value is missing or of another type."""
        found = {field.name: values.get(field.name) for field in fields(cls)}
        for field in fields(cls):
            if type(found[field.name]) is not field.type:
                return None
        return cls(**found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class FitData:
    """What all fits of a search are trained and tested on.

    Attributes
    ----------
    images : ndarray of shape (n, pixels), uint8
    labels : ndarray of shape (n,), int64
    folds : ndarray of shape (n,), int64
        The number of the fold that each image belongs to.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder.

        Raises
        ------
        RunDirectoryError
            It cannot be written.
        """
        try:
            for name in ARRAYS:
                np.save(folder / f"{name}.npy", getattr(self, name))
        except OSError as error:
            msg = f"{folder} cannot be written: {error.strerror or error}"
            raise RunDirectoryError(msg) from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map the arrays into memory, so that all processes read the same copy of them."""
        # Copy on write, not read-only, which torch does not take; nobody writes.
        return cls(*(np.load(folder / f"{name}.npy", "c") for name in ARRAYS))

    @staticmethod
    def remove(folder: Path) -> None:
        """Remove what :meth:`save` has written."""
        for name in ARRAYS:
            with suppress(OSError):
                (folder / f"{name}.npy").unlink(missing_ok=True)


def carry_out(fit: Fit, data: FitData, seconds: float | None = None) -> Outcome | None:
    """Train and test.

    Parameters
    ----------
    fit : Fit
    data : FitData
    seconds : float or None
        None for no limit. What is not trained by then counts for nothing.

    Returns
    -------
    Outcome or None
        None if the time did not suffice.
    """
    start = time.perf_counter()
    deadline = np.inf if seconds is None else start + seconds

    def check_time(_: "Epoch | None") -> None:
        if time.perf_counter() >= deadline:
            raise _TimeIsUp

    classifier = fit.make_classifier().set_params(on_epoch=check_time)
    rows = np.flatnonzero(data.folds != fit.fold)
    if fit.n_images is not None:
        rows = draw(rows, data.labels[rows], fit.n_images, classifier.random_state)
    try:
        check_time(None)
        classifier.fit(data.images, data.labels, rows=rows)
    except _TimeIsUp:
        return None
    trained = time.perf_counter()
    accuracy = _score(classifier, data, np.flatnonzero(data.folds == fit.fold))
    return Outcome(
        accuracy,
        classifier.best_epoch_ == 0,
        len(classifier.history_),
        trained - start,
        float(classifier.history_[-1].seconds),
        time.perf_counter() - trained,
        read_memory(shared=False),
    )


@cache
def warm_up() -> None:
    """Train on next to nothing, so that what torch loads at its first step is no fit's time."""
    from mnistffn.training.classifier import FeedForwardClassifier

    classes = np.arange(4) % 2
    FeedForwardClassifier((2,), max_epochs=1, validation_fraction=0.0).fit(
        np.zeros((4, 4), np.uint8), classes
    )


class _TimeIsUp(Exception):
    """Ends a fit from within."""


def draw(rows: NDArray[np.int64], y: NDArray[Any], n: int, seed: int | None) -> NDArray[np.int64]:
    """Return ``n`` of the rows, the classes in proportion, but two of each where there are two.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,)
    y : ndarray of shape (n_rows,)
        Their labels.
    n : int
        All of them, if they are not more.
    seed : int or None
    """
    from sklearn.utils import check_random_state

    if n >= len(rows):
        return rows
    order = check_random_state(seed).permutation(len(rows))
    place = np.empty(len(rows))
    for label in np.unique(y):
        of_class = y[order] == label
        count = np.arange(of_class.sum())
        place[of_class] = np.where(count < 2, count - 2.0, (count + 0.5) / len(count))
    return np.asarray(rows[order[np.argsort(place, kind="stable")[:n]]])


def _score(classifier: "FeedForwardClassifier", data: FitData, rows: NDArray[np.int64]) -> float:
    """Return the accuracy on some rows.

    In single precision, which takes half as long as :meth:`FeedForwardClassifier.predict`.
    """
    import torch

    from mnistffn.network.tensors import as_float

    images = torch.from_numpy(data.images)
    with torch.inference_mode():
        chunks = torch.from_numpy(rows).split(SCORED_AT_ONCE)
        units = [classifier.module_(as_float(images[some])).argmax(dim=1) for some in chunks]
    return float(np.mean(classifier.classes_[torch.cat(units).numpy()] == data.labels[rows]))


def plain(value: Any) -> Any:
    """Return NumPy scalars as Python's, and tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
