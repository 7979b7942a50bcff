"""Which of the searched parameters mattered, as far as so few candidates can tell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mnistffn.search.axes import Axis

FEWEST = 8  # candidates: with fewer, chance alone explains nearly everything
N_PERMUTATIONS = 999
LEVEL = 0.05


@dataclass(frozen=True)
class Importance:
    """How much of the candidates' differences in accuracy every parameter explains by itself.

    Attributes
    ----------
    shares : dict of str to float
        From 0 to 1, by axis; empty where there are too few candidates to tell.
    chance : float
        The share that the luckiest parameter reaches in one of twenty searches in which none matters.
    p_values : dict of str to float
        Of no parameter mattering, for all parameters at once.
    n_candidates : int
        From how many this is known.
    n_images : int or None
        On how many images they were trained; None for all.
    """

    shares: dict[str, float]
    chance: float
    p_values: dict[str, float]
    n_candidates: int
    n_images: int | None = None

    @property
    def clear(self) -> list[str]:
        """The parameters that explain more than chance would, the one with most first."""
        names = [name for name, p in self.p_values.items() if p <= LEVEL]
        return sorted(names, key=lambda name: -self.shares[name])


def measure_importance(
    axes: Sequence[Axis],
    means: NDArray[np.float64],
    is_used: NDArray[np.bool_],
    n_images: int | None = None,
) -> Importance:
    """Measure which parameters mattered: first-order shares of variance, against chance.

    A functional analysis of variance (Hutter, Hoos and Leyton-Brown, 2014) fits a forest to some
    hundred candidates; a search has a dozen. So only main effects are asked for: the share of the
    variance of the accuracies' ranks that a parabola in the parameter's ranks explains, or the means of
    its names, adjusted for the degrees of freedom (Ezekiel, 1930). A parabola sees an optimum in the
    middle, which a rank correlation does not. Interactions are not seen, and parameters that happen
    to vary together among few candidates share what one of them explains.

    Accuracies are then shuffled among the candidates 999 times, and what the luckiest parameter
    explains each time is the yardstick (Westfall and Young, 1993): it allows for how few candidates
    and how many parameters there are.

    Parameters
    ----------
    axes : sequence of Axis
    means : ndarray of shape (candidates,), float64
        Mean accuracies.
    is_used : ndarray of shape (candidates,), bool
        Which candidates to measure by.
    n_images : int or None
        On how many images they were trained.
    """
    n = int(is_used.sum())
    searched = [axis for axis in axes if axis.is_searched]
    if n < FEWEST or not searched:
        return Importance({}, np.nan, {}, n, n_images)
    ranks = stats.rankdata(means[is_used])
    generator = np.random.default_rng(0)
    shuffled = generator.permuted(np.tile(ranks, (N_PERMUTATIONS, 1)), axis=1)
    outcomes = np.vstack([ranks, shuffled]).T
    shares = np.array([_explain(axis, axis.values[is_used], outcomes) for axis in searched])
    luckiest = shares[:, 1:].max(axis=0)
    p_values = (1 + (luckiest >= shares[:, :1]).sum(axis=1)) / (1 + N_PERMUTATIONS)
    names = [axis.name for axis in searched]
    return Importance(
        dict(zip(names, map(float, shares[:, 0]), strict=True)),
        float(np.quantile(luckiest, 1 - LEVEL)),
        dict(zip(names, map(float, p_values), strict=True)),
        n,
        n_images,
    )


def _explain(
    axis: Axis, values: NDArray[np.float64], outcomes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the adjusted shares of variance, shape (m,), of outcomes, shape (candidates, m)."""
    has_layer = np.isfinite(values)
    n = int(has_layer.sum())
    none = np.zeros(outcomes.shape[1])
    if n < FEWEST:
        return none
    basis = _find_basis(axis, values[has_layer])
    centred = outcomes[has_layer] - outcomes[has_layer].mean(axis=0)
    total = (centred**2).sum(axis=0)
    freedom = n - 1 - basis.shape[1]
    if not basis.shape[1] or freedom < 1:
        return none
    explained = ((basis.T @ centred) ** 2).sum(axis=0)
    share = np.divide(explained, total, out=none.copy(), where=total > 0)
    return np.asarray(np.clip(1 - (1 - share) * (n - 1) / freedom, 0, 1))


def _find_basis(axis: Axis, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal columns, shape (candidates, d), of what a parameter can explain."""
    if axis.is_ordered:
        ranks = stats.rankdata(values) / len(values) - 0.5
        columns = np.stack([ranks, ranks**2], axis=1)
    else:
        columns = (values[:, None] == np.unique(values)).astype(np.float64)
    directions, strengths, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return np.asarray(directions[:, strengths > 1e-9])
