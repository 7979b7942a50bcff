"""What a single unit does: when it is on, what for, and what the network loses without it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.data import Dataset, Split
from mnistffn.inside.layer import OpenLayer
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress

BATCH = 4096
MOST_IMAGES = 20_000  # for means and covariances: their noise is far below what a picture shows
MOST_OUTGOING = 10
PREFERRED_PART = 0.5  # of the activation for the class that a unit prefers most


@dataclass(frozen=True)
class UnitStatistics:
    """One unit, measured on real images.

    Its *activity* is what of its activation is above 0: with ReLU, all that the next layer sees; in the
    output layer the probability.

    Attributes
    ----------
    unit : int
        Index in its layer.
    name : str
        How pictures call it: the class in the output layer, else the index.
    on : float
        Part of the training images that turn it on, which is to say that its pre-activation is above 0;
        in the output layer, that are read as its class.
    dead : bool
        Whether no training image does (of those that are looked at: the first 20,000). With tanh none
        is: below 0 it says as much as above.
    class_means : list of float
        Mean activity on the training images of every class.
    prefers : list of label
        The classes with at least half of the highest mean, highest first; none if it is dead.
    selectivity : float in [0, 1]
        Class selectivity index (Morcos and others, 2018): highest class mean less the mean of the
        others', over their sum. 0: it does not care for the class; 1: one class only turns it on.
    outgoing : list of (str, float)
        The strongest weights to units of the next layer, by their names, batch normalisation folded in.
    ablation : float
        Accuracy on the held-out images that is lost when the unit is silenced: its activation is 0, in
        the output layer its class cannot be predicted. Negative if the network is better without.
    ablation_se : float
        Standard error of it. A single unit seldom costs as much as two of them, so that an order by
        ``ablation`` is mostly noise.
    effect : float or None
        How far silencing the unit moves the predictions: mean over the held-out images of the
        Kullback-Leibler divergence, in nats, of the class probabilities without it from those with it.
        None in the output layer, where a class would be left without a probability.
    """

    unit: int
    name: str
    on: float
    dead: bool
    class_means: list[float]
    prefers: list[Any]
    selectivity: float
    outgoing: list[tuple[str, float]]
    ablation: float
    ablation_se: float
    effect: float | None


@dataclass(frozen=True)
class LabelledImages:
    """Images in rows, and the index of the class of each.

    Attributes
    ----------
    X : Tensor of shape (n, pixels), uint8
    targets : Tensor of shape (n,), int64
    """

    X: Tensor
    targets: Tensor


def label_images(
    dataset: Dataset, split: Split, classes: Sequence[Any]
) -> tuple[LabelledImages, LabelledImages]:
    """Return the training part of a data set and the held-out one, 20,000 images of each at most."""
    train, held_out = (
        LabelledImages(
            as_tensor(dataset.flat[rows]), as_tensor(np.searchsorted(classes, dataset.labels[rows]))
        )
        for rows in (split.train[:MOST_IMAGES], split.test[:MOST_IMAGES])
    )
    return train, held_out


def find_activity(layer: AffineLayer, preactivations: Tensor, *, is_output: bool) -> Tensor:
    """Return what of a layer's activations is above 0, or probabilities from logits."""
    if is_output:
        return preactivations.softmax(dim=1)
    return layer.activate(preactivations).clamp_(min=0)


def describe_units(
    opened: OpenLayer,
    units: Sequence[int],
    train: LabelledImages,
    held_out: LabelledImages,
    progress: Progress | None = None,
) -> list[UnitStatistics]:
    """Measure units of a layer.

    Parameters
    ----------
    opened : OpenLayer
    units : sequence of int
    train : LabelledImages
        For means.
    held_out : LabelledImages
        For what accuracy loses.
    progress : Progress, optional

    Returns
    -------
    list of UnitStatistics
        In the order of ``units``.
    """
    layers, layer, classes = opened.layers, opened.layer, opened.classes
    sums = torch.zeros(len(classes), len(layers[layer - 1].bias), dtype=torch.float64)
    n_on = torch.zeros(sums.shape[1], dtype=torch.int64)
    for X, targets in zip(train.X.split(BATCH), train.targets.split(BATCH), strict=True):
        preactivations = propagate(layers[:layer], as_float(X))[-1]
        activity = find_activity(layers[layer - 1], preactivations, is_output=opened.is_output)
        one_hot = torch.nn.functional.one_hot(targets, len(classes)).to(activity.dtype)
        sums += one_hot.T @ activity
        if opened.is_output:
            n_on += torch.bincount(preactivations.argmax(dim=1), minlength=len(n_on))
        else:
            n_on += (preactivations > 0).sum(dim=0)
    counts = torch.bincount(train.targets, minlength=len(classes)).clamp(min=1)
    means = (sums / counts[:, None]).T.numpy()
    ablations = measure_ablations(layers, layer, units, held_out, progress)
    can_die = opened.is_output or layers[layer - 1].activation != "tanh"
    return [
        UnitStatistics(
            unit=unit,
            name=opened.unit_names[unit],
            on=int(n_on[unit]) / len(train.targets),
            dead=can_die and not n_on[unit],
            class_means=means[unit].tolist(),
            prefers=find_preferred(means[unit], classes) if n_on[unit] else [],
            selectivity=measure_selectivity(means[unit]),
            outgoing=_find_outgoing(opened, unit),
            **ablation._asdict(),
        )
        for unit, ablation in zip(units, ablations, strict=True)
    ]


def measure_selectivity(class_means: NDArray[np.float64]) -> float:
    """Return the class selectivity index of mean activations (n_classes,) that are not negative.

    Examples
    --------
    >>> measure_selectivity(np.array([3.0, 1.0, 1.0]))
    0.5
    """
    highest = float(class_means.max())
    others = (float(class_means.sum()) - highest) / (len(class_means) - 1)
    return (highest - others) / (highest + others) if highest > 0 else 0.0


def find_preferred(class_means: NDArray[np.float64], classes: Sequence[Any]) -> list[Any]:
    """Return the classes with at least half of the highest mean activation, highest first.

    Examples
    --------
    >>> find_preferred(np.array([1.0, 3.0, 2.0]), [5, 6, 7])
    [6, 7]
    """
    highest = class_means.max()
    order = np.argsort(-class_means, kind="stable")
    return [classes[i] for i in order if class_means[i] >= PREFERRED_PART * highest > 0]


class Ablation(NamedTuple):
    """What silencing a unit does; see :class:`UnitStatistics`."""

    ablation: float
    ablation_se: float
    effect: float | None

    @classmethod
    def of(cls, lost: Tensor, n: int, effect: float | None) -> "Ablation":
        """Count what of ``n`` images is lost: 1 for one right only with the unit, -1 without it."""
        total, square = int(lost.sum()), int((lost**2).sum())
        return cls(total / n, math.sqrt(max(square - total**2 / n, 0.0)) / n, effect)


def measure_ablations(
    layers: Sequence[AffineLayer],
    layer: int,
    units: Sequence[int],
    images: LabelledImages,
    progress: Progress | None = None,
) -> list[Ablation]:
    """Silence units of a layer, one at a time, and return what each loses.

    Only images for which a unit is on can change, and only by what it adds to the next layer.
    """
    *below, logits = propagate(layers, as_float(images.X))
    right, n = (logits.argmax(dim=1) == images.targets).int(), len(logits)
    found = []
    if layer == len(layers):
        for unit in units:
            others = logits.clone()
            others[:, unit] = -torch.inf
            still_right = (others.argmax(dim=1) == images.targets).int()
            found.append(Ablation.of(right - still_right, n, None))
        return found
    activations = layers[layer - 1].activate(below[layer - 1])
    above, upper = layers[layer:], [*below, logits][layer]
    log_probabilities = logits.double().log_softmax(dim=1)
    probabilities = log_probabilities.exp()
    for done, unit in enumerate(units):
        if progress is not None:
            progress.step(done, len(units), "silencing one unit after the other")
        rows = activations[:, unit].nonzero().flatten()
        kept = upper.index_select(0, rows)  # in a fifth of the time of upper[rows]
        changed = _silence(unit, activations[rows, unit], kept, above)
        still_right = (changed.argmax(dim=1) == images.targets[rows]).int()
        change = log_probabilities[rows] - changed.double().log_softmax(dim=1)
        divergence = (probabilities[rows] * change).sum()
        found.append(Ablation.of(right[rows] - still_right, n, float(divergence) / n))
    return found


def _silence(unit: int, activations: Tensor, upper: Tensor, above: Sequence[AffineLayer]) -> Tensor:
    """Return the logits of images (n, ...) without a unit's ``activations`` (n,).

    ``upper`` are the pre-activations of the first of the layers ``above``.
    """
    nearest, *further = above
    changed = torch.addr(upper, activations, nearest.weight[:, unit], alpha=-1)
    return propagate(further, nearest.activate(changed))[-1] if further else changed


def _find_outgoing(opened: OpenLayer, unit: int) -> list[tuple[str, float]]:
    if opened.is_output:
        return []
    weights, names = opened.layers[opened.layer].weight[:, unit], opened.names[opened.layer]
    order = weights.abs().argsort(descending=True, stable=True)[:MOST_OUTGOING].tolist()
    return [(names[other], float(weights[other])) for other in order]


def finite_or_none(value: float) -> float | None:
    """Return a number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None
