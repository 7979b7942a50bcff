"""What an explanation needs of the training images: one pass for all images that are explained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.inside.unitstats import BATCH, find_activity
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float


@dataclass(frozen=True)
class TrainingMeasures:
    """How far training images are from some images, and what turns hidden units on.

    Attributes
    ----------
    distances : mapping of {"pixels", "hidden"} to Tensor of shape (images, n), float32
        Euclidean distances, to within rounding, in the pixels and in the activations of the last hidden
        layer, if there is one.
    class_means : list of ndarray of shape (units, classes), float64
        Mean activity of the units of every hidden layer, on the training images of every class.
    """

    distances: dict[str, Tensor]
    class_means: list[NDArray[np.float64]]


def measure_training(
    layers: Sequence[AffineLayer], X: Tensor, targets: Tensor, images: Tensor
) -> TrainingMeasures:
    """Compare all training images with some images, and measure the hidden units on them.

    Parameters
    ----------
    layers : sequence of AffineLayer
        All layers of the network.
    X : Tensor of shape (n, pixels), uint8
    targets : Tensor of shape (n,), int64
        Class indices of the training images.
    images : Tensor of shape (images, pixels), float32
    """
    hidden, n_classes = layers[:-1], len(layers[-1].bias)
    own = activate(layers, images)
    distances: dict[str, list[Tensor]] = {place: [] for place in own}
    sums = [torch.zeros(n_classes, len(layer.bias), dtype=torch.float64) for layer in hidden]
    for batch, labels in zip(X.split(BATCH), targets.split(BATCH), strict=True):
        inputs = as_float(batch)
        found = propagate(hidden, inputs)
        one_hot = torch.nn.functional.one_hot(labels, n_classes).to(inputs.dtype)
        for total, layer, preactivations in zip(sums, hidden, found, strict=True):
            total.add_(one_hot.T @ find_activity(layer, preactivations, is_output=False))
        theirs = {"pixels": inputs}
        if hidden:
            theirs["hidden"] = hidden[-1].activate(found[-1])
        for place, values in theirs.items():
            distances[place].append(torch.cdist(own[place], values))
    counts = torch.bincount(targets, minlength=n_classes).clamp(min=1)
    means = [(total / counts[:, None]).T.numpy() for total in sums]
    return TrainingMeasures({place: torch.cat(d, dim=1) for place, d in distances.items()}, means)


def activate(layers: Sequence[AffineLayer], images: Tensor) -> dict[str, Tensor]:
    """Return images (n, pixels), float32, in every place where distances are measured."""
    hidden = layers[:-1]
    if not hidden:
        return {"pixels": images}
    return {"pixels": images, "hidden": hidden[-1].activate(propagate(hidden, images)[-1])}


def correlate(image: NDArray[np.float32], patterns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the correlation of an image (pixels,) with each of some patterns (n, pixels).

    NaN where one of the two is of a single brightness.

    Examples
    --------
    >>> correlate(np.array([0.0, 0.5, 1.0]), np.array([[0.0, 1.0, 2.0], [1.0, 0.5, 0.0], [1, 1, 1]]))
    array([ 1., -1., nan])
    """
    pixels = image.astype(np.float64) - image.mean(dtype=np.float64)
    centred = patterns.astype(np.float64) - patterns.mean(axis=1, dtype=np.float64)[:, None]
    lengths = np.linalg.norm(centred, axis=1) * np.linalg.norm(pixels)
    products: NDArray[np.float64] = centred @ pixels
    return np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), np.nan)
