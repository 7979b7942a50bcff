"""What a search found, and its tables."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    failures : list of str
        Which fits came to no result, and why.
    """

    candidates: list[Candidate]
    n_unfinished: int
    recipe: str
    fixed: dict[str, Any]
    failures: list[str] = field(default_factory=list)

    @property
    def best(self) -> Candidate:
        """The candidate with the highest mean accuracy of those trained on most images."""
        return self.candidates[0]

    @property
    def parameters(self) -> dict[str, Any]:
        """The recipe and the parameters over it: what params.json hands to train."""
        return {"recipe": self.recipe} | self.best.parameters | self.fixed


def summarise(result: SearchResult) -> dict[str, Any]:
    """Return what params.json holds."""
    best = result.best
    accuracy = {"mean": best.mean, "std": best.std, "folds": list(best.accuracies)}
    return result.parameters | {"cv_accuracy": accuracy}


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


def make_columns(result: SearchResult) -> dict[str, NDArray[Any]]:
    """Return what the figure shows: one array per searched parameter, and the folds' accuracies.

    A candidate of several rounds is shown as it did in its last.
    """
    last: dict[str, Candidate] = {}
    for candidate in result.candidates:
        last.setdefault(json.dumps(candidate.parameters), candidate)
    candidates = list(last.values())
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
