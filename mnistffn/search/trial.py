"""One fit of a search: trained on images that all processes share, and told of in a log."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state

from mnistffn.errors import RunDirectoryError
from mnistffn.network.tensors import as_float
from mnistffn.run.journal import Journal
from mnistffn.training.classifier import FeedForwardClassifier
from mnistffn.training.net import Epoch

SCORED_AT_ONCE = 512  # images; twice as many take 15% longer
CLASSIFIER = "classifier__"  # what scikit-learn puts before the names of the classifier's parameters


@dataclass(frozen=True)
class SharedFolder:
    """A folder with the images and labels of a search, and the journal of its fits.

    The arrays are mapped into memory, so that all processes read the same copy of them.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def read(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return images (n, pixels) and labels (n,)."""
        # Copy on write, not read-only, which torch does not take; nobody writes.
        images, labels = (np.load(self.path / f"{name}.npy", "c") for name in ("images", "labels"))
        return images, labels

    @property
    def journal(self) -> Journal:
        """What is kept of every fit that has ended."""
        return Journal(self.path / "fits.jsonl")


@contextmanager
def shared_folder(
    X: NDArray[np.uint8], y: NDArray[np.int64], path: Path | None = None
) -> Iterator[SharedFolder]:
    """Yield a folder that holds images (n, pixels) and labels (n,), which are removed afterwards.

    Without a path, it is a temporary one, and its journal begins empty.

    Raises
    ------
    RunDirectoryError
        It cannot be written.
    """
    if path is None:
        with TemporaryDirectory(prefix="mnistffn-") as temporary:
            Path(temporary, "fits.jsonl").touch()
            with shared_folder(X, y, Path(temporary)) as folder:
                yield folder
        return
    arrays: dict[Path, NDArray[Any]] = {path / "images.npy": X, path / "labels.npy": y}
    try:
        try:
            for file, array in arrays.items():
                np.save(file, array)
        except OSError as error:
            msg = f"{path} cannot be written: {error.strerror or error}"
            raise RunDirectoryError(msg) from error
        yield SharedFolder(path)
    finally:
        for file in arrays:
            with suppress(OSError):
                file.unlink(missing_ok=True)


class Trial(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Fits a classifier to rows of shared images, within a time limit.

    scikit-learn's searches take it for the classifier; its ``X`` are the numbers of the rows.

    Parameters
    ----------
    classifier : FeedForwardClassifier
    folder : SharedFolder
    n_images : int or None
        Train on so many of the rows only, drawn at random by class; None: on all of them.
    deadline : float
        Time (seconds since the epoch) at which training stops, and after which none begins; what was
        not finished has the score NaN.
    parent : int or None
        Number of the process without which a worker process ends; None: it does not.
    """

    def __init__(
        self,
        classifier: FeedForwardClassifier,
        folder: SharedFolder,
        n_images: int | None = None,
        deadline: float = np.inf,
        parent: int | None = None,
    ) -> None:
        self.classifier = classifier
        self.folder = folder
        self.n_images = n_images
        self.deadline = deadline
        self.parent = parent

    def fit(self, X: NDArray[np.int64], y: NDArray[np.int64]) -> Self:
        """Train on rows ``X``, shape (n, 1); ``y`` are their labels, as in the folder."""
        end_with(self.parent)
        self.classes_ = np.unique(y)
        self.is_finished_ = False
        self.fit_ = {
            "parameters": _describe(self.classifier),
            "n_images": self.n_images,
            "rows": hashlib.sha256(X.tobytes()).hexdigest(),
        }
        self.kept_ = self._find_kept()
        if self.kept_ is not None:
            return self
        self.classifier_ = clone(self.classifier).set_params(on_epoch=self._check_time)
        rows = X[:, 0] if self.n_images is None else self._draw(X[:, 0], y, self.n_images)
        start = time.perf_counter()
        if time.time() < self.deadline:
            with suppress(_TimeIsUp):
                self.classifier_.fit(*self.folder.read(), rows)
                self.is_finished_ = True
        self.seconds_ = time.perf_counter() - start
        return self

    def predict(self, X: NDArray[np.int64]) -> NDArray[Any]:
        """Return the most probable labels of rows ``X``, shape (n, 1).

        In single precision, which takes half as long as :meth:`FeedForwardClassifier.predict`.
        """
        images, _ = self.folder.read()
        network, classes = self.classifier_.module_, self.classifier_.classes_
        with torch.inference_mode():
            chunks = torch.from_numpy(X[:, 0]).split(SCORED_AT_ONCE)
            units = [network(as_float(torch.from_numpy(images)[rows])).argmax(dim=1) for rows in chunks]
        return np.asarray(classes[torch.cat(units).numpy()])

    def score(self, X: NDArray[np.int64], y: NDArray[np.int64], sample_weight: None = None) -> float:
        """Return the accuracy, or NaN where time ran out, and keep it in the journal.

        The journal is also how worker processes tell the searching one that a fit has ended.
        """
        if self.kept_ is not None:
            return float(self.kept_["accuracy"])
        if not self.is_finished_:
            return np.nan
        accuracy = float(super().score(X, y))
        outcome = {
            "accuracy": accuracy,
            "diverged": self.classifier_.best_epoch_ == 0,
            "epochs": len(self.classifier_.history_),
            "seconds": self.seconds_,
        }
        self.folder.journal.append(self.fit_ | outcome)
        return accuracy

    def _find_kept(self) -> dict[str, Any] | None:
        """Return what the journal has of this fit."""
        fit = json.loads(json.dumps(self.fit_)).items()
        return next((kept for kept in self.folder.journal.read() if fit <= kept.items()), None)

    def _draw(self, rows: NDArray[np.int64], y: NDArray[Any], n: int) -> NDArray[np.int64]:
        """Return ``n`` of the rows, the classes in proportion, but two of each where there are two."""
        if n >= len(rows):
            return rows
        order = check_random_state(self.classifier.random_state).permutation(len(rows))
        place = np.empty(len(rows))
        for label in self.classes_:
            of_class = y[order] == label
            count = np.arange(of_class.sum())
            place[of_class] = np.where(count < 2, count - 2.0, (count + 0.5) / len(count))
        return np.asarray(rows[order[np.argsort(place, kind="stable")[:n]]])

    def _check_time(self, _: Epoch) -> None:
        if time.time() >= self.deadline:
            raise _TimeIsUp


@cache
def end_with(parent: int | None) -> None:
    """Let this process, if it is a worker, end within a second after its parent, however that ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if parent is not None and os.getpid() != parent:
        Thread(target=watch, daemon=True).start()


class _TimeIsUp(Exception):
    """Ends a fit from within."""


def _describe(classifier: FeedForwardClassifier) -> dict[str, Any]:
    """Return a classifier's parameters as plain values that JSON can hold."""
    parameters = classifier.get_params(deep=False)
    del parameters["on_epoch"]
    return {name: plain(value) for name, value in parameters.items()}


def plain(value: Any) -> Any:
    """Return NumPy scalars as Python's, and tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value
