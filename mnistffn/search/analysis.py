"""What can be told from a search's accuracies, and what cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mnistffn.network.network import count_parameters
from mnistffn.search.axes import Axis, make_axes
from mnistffn.search.importance import Importance, measure_importance
from mnistffn.search.result import Candidate

CONFIDENCE = 0.95
OUTER = 0.1  # part of a range that is its edge
FEWEST_FOR_A_TREND = 5  # of fewer, even a perfect order says little
ROUNDING = 1e-12  # means of equal accuracies may differ by so much


@dataclass(frozen=True)
class Estimate:
    """A candidate's accuracy.

    Attributes
    ----------
    mean : float
        Over the folds.
    standard_error : float
        Of the mean, as if folds were independent: the yardstick of the one-standard-error rule.
    low, high : float
        Ends of the 95% interval of :func:`estimate_accuracy`.
    """

    mean: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True)
class Edge:
    """A bound of the search that the best candidates lie at.

    Attributes
    ----------
    name : str
        Of the axis.
    bound : str
        As a person reads it.
    direction : str
        Where to search further: "above" or "below" the bound.
    """

    name: str
    bound: str
    direction: str


@dataclass(frozen=True)
class Findings:
    """What can be told from the candidates' accuracies.

    Attributes
    ----------
    accuracy : Estimate
        Of the best candidate.
    smallest : Candidate
        The network with the fewest parameters within one standard error of the best.
    n_parameters : (int, int)
        Of the best network and of the smallest.
    n_within, n_compared : int
        Candidates within one standard error of the best, itself among them, of how many that were
        trained on as many images.
    importance : Importance
        Which parameters mattered.
    edges : list of Edge
    axes : list of Axis
        Of all candidates, round by round.
    """

    accuracy: Estimate
    smallest: Candidate
    n_parameters: tuple[int, int]
    n_within: int
    n_compared: int
    importance: Importance
    edges: list[Edge]
    axes: list[Axis]


def analyse(
    candidates: Sequence[Candidate], distributions: Mapping[str, Any], n_features: int, n_classes: int
) -> Findings:
    """Tell what a search has found.

    Parameters
    ----------
    candidates : sequence of Candidate
        The best one first, those trained on fewer images after all others.
    distributions : mapping of str to object
        What they were drawn from, by parameter.
    n_features, n_classes : int
        Inputs and outputs of the networks.
    """
    best = candidates[0]
    accuracy = estimate_accuracy(best.accuracies)
    means = np.array([candidate.mean for candidate in candidates])
    is_compared = np.array([candidate.n_images == best.n_images for candidate in candidates])
    is_within = is_compared & (means >= accuracy.mean - accuracy.standard_error - ROUNDING)
    # A network that has diverged on some fold is no bargain, however small.
    sizes = [count_parameters(n_features, c.parameters["hidden"], n_classes) for c in candidates]
    rows = [row for row, c in enumerate(candidates) if is_within[row] and not c.diverged] or [0]
    smallest = min(rows, key=lambda row: (sizes[row], -means[row]))
    axes = make_axes(candidates, distributions)
    is_widest = find_widest_round(candidates)
    return Findings(
        accuracy,
        candidates[smallest],
        (sizes[0], sizes[smallest]),
        int(is_within.sum()),
        int(is_compared.sum()),
        measure_importance(axes, means, is_widest, candidates[int(is_widest.argmax())].n_images),
        find_edges(axes, means, is_within, is_widest),
        axes,
    )


def estimate_accuracy(accuracies: Sequence[float]) -> Estimate:
    """Return the mean accuracy over k folds and a 95% interval (Student's t, k - 1 degrees of freedom).

    Folds share training images, so that their accuracies vary together and by less than those of
    independent sets: the variance of their mean is taken as (1/k + 1/(k - 1)) times that of the folds
    (Nadeau and Bengio, 2003), with the ratio of tested images to trained ones. The interval is cut to
    [0, 1].

    It is of networks trained like this one, on as many images of the same kind, and covers which images
    they meet, approximately. It does not cover that this candidate was chosen for its accuracy, which
    favours the lucky: the best of many is on average worse than it looks. Nor does it cover other seeds
    or images of another kind. Only the images held out tell.

    Examples
    --------
    >>> found = estimate_accuracy([0.90, 0.92, 0.94])
    >>> f"{found.mean:.3f} {found.standard_error:.4f} {found.low:.3f} {found.high:.3f}"
    '0.920 0.0115 0.841 0.999'
    """
    k = len(accuracies)
    mean, std = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, k - 1)) * std * (1 / k + 1 / (k - 1)) ** 0.5
    return Estimate(mean, std / k**0.5, max(0.0, mean - half), min(1.0, mean + half))


def find_widest_round(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Return which candidates, shape (candidates,), are of the round that tried most.

    Of a halving search that is the first: those that went on were chosen for their accuracy, and say
    little about the space.
    """
    images = np.array([candidate.n_images or 0 for candidate in candidates])
    rounds, counts = np.unique(images, return_counts=True)
    return np.asarray(images == rounds[::-1][counts[::-1].argmax()])


def find_edges(
    axes: Sequence[Axis],
    means: NDArray[np.float64],
    is_within: NDArray[np.bool_],
    is_widest: NDArray[np.bool_],
) -> list[Edge]:
    """Return the bounds of the search beyond which better candidates may lie.

    To be at one, all candidates within one standard error of the best must lie in the outer tenth of
    the range, and accuracy must rise towards it over all candidates (Kendall's rank correlation,
    one-sided, p at most 0.05). Bounds that cannot be widened, such as no dropout at all, are none.

    Parameters
    ----------
    axes : sequence of Axis
    means : ndarray of shape (candidates,), float64
        Mean accuracies.
    is_within, is_widest : ndarray of shape (candidates,), bool
        Within one standard error of the best; of the round that tried most candidates.
    """
    edges = []
    for axis in axes:
        if not (axis.is_searched and axis.is_ordered):
            continue
        places = axis.locate()
        for upwards in (False, True):
            from_edge = 1 - places if upwards else places
            if (
                (from_edge[is_within] <= OUTER).all()  # where a candidate has no such layer, it is not
                and axis.can_widen(upwards=upwards)
                and _rises(-from_edge[is_widest], means[is_widest])
            ):
                bound = axis.spell(axis.high if upwards else axis.low)
                edges.append(Edge(axis.name, bound, "above" if upwards else "below"))
    return edges


def _rises(places: NDArray[np.float64], means: NDArray[np.float64]) -> bool:
    """Return whether accuracy rises with the place by more than chance would have it."""
    has_layer = np.isfinite(places)
    if has_layer.sum() < FEWEST_FOR_A_TREND:
        return False
    trend = stats.kendalltau(places[has_layer], means[has_layer], alternative="greater")
    return bool(trend.pvalue <= 1 - CONFIDENCE)  # False where all are equal: it is NaN
