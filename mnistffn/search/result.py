"""What a search found, and its tables."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistffn.search.options import Select

if TYPE_CHECKING:
    from mnistffn.search.analysis import Findings


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
    n_images : int or None
        Images that every fit was trained on, drawn from its folds; None for all of them.
    """

    parameters: dict[str, Any]
    accuracies: tuple[float, ...]
    diverged: float
    epochs: float
    seconds: float
    n_images: int | None = None

    @property
    def mean(self) -> float:
        """Mean accuracy over the folds."""
        return float(np.mean(self.accuracies))

    @property
    def std(self) -> float:
        """Standard deviation of the accuracy over the folds."""
        return float(np.std(self.accuracies))

    def describe(self) -> str:
        """Return the parameters as a message names them."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    candidates : list of Candidate
        The best one first; those that were trained on fewer images after all others.
    n_unfinished : int
        Candidates that time ran out for, or of which a fit failed.
    recipe : str
    fixed : dict
        Parameters besides the recipe that all candidates share.
    findings : Findings
        What can be told from the candidates' accuracies.
    failures : list of str
        Which fits came to no result, and why.
    select : {"best", "one-se"}
        Which candidate is handed to the training.
    """

    candidates: list[Candidate]
    n_unfinished: int
    recipe: str
    fixed: dict[str, Any]
    findings: "Findings"
    failures: list[str] = field(default_factory=list)
    select: Select = "best"

    @property
    def best(self) -> Candidate:
        """The candidate with the highest mean accuracy of those trained on most images."""
        return self.candidates[0]

    @property
    def selected(self) -> Candidate:
        """The candidate that is handed to the training: the best, or the smallest that is as good."""
        return self.findings.smallest if self.select == "one-se" else self.best

    @property
    def parameters(self) -> dict[str, Any]:
        """The recipe and the parameters over it: what params.json hands to train."""
        return {"recipe": self.recipe} | self.selected.parameters | self.fixed


def make_table(result: SearchResult) -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows of search.csv."""
    best = result.best
    folds = [f"fold{fold}_accuracy" for fold in range(len(best.accuracies))]
    scores = ["mean_accuracy", "std_accuracy", *folds, "epochs", "seconds", "images"]
    header = ["rank", *best.parameters, *scores]
    rows = [
        [
            rank,
            *(_cell(value) for value in c.parameters.values()),
            f"{c.mean:.6f}",
            f"{c.std:.6f}",
            *(f"{accuracy:.6f}" for accuracy in c.accuracies),
            f"{c.epochs:.1f}",
            f"{c.seconds:.2f}",
            "all" if c.n_images is None else c.n_images,
        ]
        for rank, c in enumerate(result.candidates, start=1)
    ]
    return header, rows


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
