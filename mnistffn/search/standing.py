"""How a search stands while it runs: what is finished of it, and the best so far."""

import numpy as np

from mnistffn.progress import Progress
from mnistffn.search.fit import Fit, FitError, Outcome
from mnistffn.wording import count


class Standing:
    """Turns fits that have ended into steps of the progress.

    Parameters
    ----------
    progress : Progress
    total, n_folds : int
        Fits of the whole search, and of a candidate in a round.
    n_kept : int
        Fits that an earlier search has left. They end at once, so that nothing is told until all have.
    """

    def __init__(self, progress: Progress, total: int, n_folds: int, n_kept: int) -> None:
        self.progress, self.total, self.n_folds = progress, total, n_folds
        self.n_kept = min(n_kept, total)
        self._begun: dict[str, list[float]] = {}
        self._round = 0
        self._n_finished = 0
        self._best: tuple[float, str] | None = None
        progress.step(self.n_kept, total, "fits under way")

    def __call__(self, done: int, fit: Fit, result: Outcome | FitError) -> None:
        """Take the news of a fit that has ended."""
        is_news = isinstance(result, Outcome) and self._add(fit, result.accuracy)
        if done >= self.n_kept:
            told = is_news or done in (self.n_kept, self.total)
            self.progress.step(done, self.total, self._describe() if told else "")

    def _add(self, fit: Fit, accuracy: float) -> bool:
        """Return whether this was the last fit of a candidate."""
        accuracies = self._begun.setdefault(Fit(fit.parameters, 0, fit.n_images).key, [])
        accuracies.append(accuracy)
        if len(accuracies) < self.n_folds:
            return False
        if (fit.n_images or 0) > self._round:  # what was trained on fewer images does not compare
            self._round, self._n_finished, self._best = fit.n_images or 0, 0, None
        self._n_finished += 1
        mean = float(np.mean(accuracies))
        if self._best is None or mean > self._best[0]:
            sizes = "-".join(map(str, fit.parameters["hidden"]))
            self._best = mean, f"{sizes}, dropout {fit.parameters['dropout']:.2f}"
        return True

    def _describe(self) -> str:
        if self._best is None:
            return "fits under way"
        on = f" on {count(self._round, 'image')}" if self._round else ""
        accuracy, network = self._best
        return f"fits, best of {count(self._n_finished, 'candidate')}{on}: {accuracy:.4f}, {network}"
