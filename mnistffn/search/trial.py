"""What scikit-learn's searches take for the classifier, and what keeps every fit that they ask for."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from threading import Lock
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from mnistffn.run.journal import Journal
from mnistffn.search.fit import Fit, FitError, Outcome


class Fits:
    """Carries out the fits that are asked for, each once, and keeps what they came to.

    Parameters
    ----------
    candidates : sequence of dict
        All parameters of each, as plain values.
    carry_out : callable
        Takes a fit and the ``time.monotonic()`` at which it ends unfinished, and returns its outcome,
        None if the time did not suffice; raises :class:`~mnistffn.search.fit.FitError`.
    journal : Journal or None
        Has what was carried out before, and gets what is carried out now.
    on_fit : callable
        Told of every fit that has ended: how many have, and its outcome or its error.
    time_limit : float or None
        Seconds from now.

    Attributes
    ----------
    failures : list of (Fit, FitError)
    """

    def __init__(
        self,
        candidates: Sequence[Mapping[str, Any]],
        carry_out: Callable[[Fit, float | None], Outcome | None],
        journal: Journal | None,
        on_fit: Callable[[int, Fit, Outcome | FitError], None],
        time_limit: float | None,
    ) -> None:
        self.candidates = candidates
        self.failures: list[tuple[Fit, FitError]] = []
        self._carry_out, self._journal, self._on_fit = carry_out, journal, on_fit
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self._lock = Lock()
        self._outcomes = dict(filter(None, map(_read_entry, journal.read() if journal else ())))
        self._n_done = 0

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: scikit-learn copies what an estimator is given, and there is one of this."""
        return self

    def find(self, candidate: int, fold: int, n_images: int | None) -> Outcome | None:
        """Return what the fit of a candidate came to, None if it has not."""
        return self._outcomes.get(Fit(self.candidates[candidate], fold, n_images).key)

    def carry_out(self, candidate: int, fold: int, n_images: int | None) -> float:
        """Return the accuracy of a fit, NaN where it failed or time ran out; threads may call it."""
        fit = Fit(self.candidates[candidate], fold, n_images)
        result: Outcome | FitError | None = self._outcomes.get(fit.key)
        is_new = result is None
        if is_new:
            try:
                result = self._carry_out(fit, self._deadline)
            except FitError as error:
                result = error
        with self._lock:
            if result is None:
                return np.nan
            if isinstance(result, FitError):
                self.failures.append((fit, result))
            elif is_new:
                self._outcomes[fit.key] = result
                if self._journal:
                    self._journal.append(asdict(fit) | asdict(result))
            self._n_done += 1
            self._on_fit(self._n_done, fit, result)
        return np.nan if isinstance(result, FitError) else result.accuracy


class Trial(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Stands for a candidate of which only the fold that it is tested on is told.

    Its ``X``, shape (n, 1), are the numbers of the folds that the images belong to. The engine fits it
    and then scores it; both are done when it is scored, as only then the fold is known.

    Parameters
    ----------
    fits : Fits
    candidate : int
        Its place among those that ``fits`` has.
    n_images : int or None
        See :class:`~mnistffn.search.fit.Fit`.
    """

    def __init__(
        self,
        fits: Fits,
        candidate: int = 0,
        n_images: int | None = None,
    ) -> None:
        self.fits = fits
        self.candidate = candidate
        self.n_images = n_images

    def fit(self, X: NDArray[np.int64], y: NDArray[np.int64]) -> Self:
        """Do nothing yet."""
        return self

    def score(self, X: NDArray[np.int64], y: NDArray[np.int64], sample_weight: None = None) -> float:
        """Return the accuracy on the fold that ``X`` is all of, NaN where there is none."""
        return self.fits.carry_out(self.candidate, int(X[0, 0]), self.n_images)


def _read_entry(entry: Mapping[str, Any]) -> tuple[str, Outcome] | None:
    """Return a fit's key and its outcome, None for an entry that is something else."""
    outcome = Outcome.read(entry)
    if outcome is None or not {"parameters", "fold", "n_images"} <= entry.keys():
        return None
    return Fit(entry["parameters"], entry["fold"], entry["n_images"]).key, outcome
