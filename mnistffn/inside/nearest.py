"""The nearest training images, and what they say of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.inside.unitstats import BATCH
from mnistffn.network.tensors import as_float, as_tensor

NEIGHBOURS = 5
REFERENCES = 500  # held-out images whose distances to the training images are compared with


def find_nearest(images: Tensor, X: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the nearest of some images, by the Euclidean distance of the pixels.

    Parameters
    ----------
    images : Tensor of shape (n, pixels), float32 in [0, 1]
    X : Tensor of shape (m, pixels), uint8
    count : int
        How many to return; all if there are fewer.

    Returns
    -------
    distances : Tensor of shape (n, count), float32
        Ascending, pixels in [0, 1].
    rows : Tensor of shape (n, count), int64
        Of ``X``.
    """
    count = min(count, len(X))
    distances, rows = torch.empty(len(images), 0), torch.empty(len(images), 0, dtype=torch.int64)
    for first, batch in zip(range(0, len(X), BATCH), X.split(BATCH), strict=True):
        found = torch.cdist(images, as_float(batch))
        places = torch.arange(first, first + len(batch)).expand_as(found)
        distances, rows = torch.cat([distances, found], dim=1), torch.cat([rows, places], dim=1)
        distances, order = distances.topk(min(count, distances.shape[1]), dim=1, largest=False)
        rows = rows.gather(1, order)
    # Those of many images at once are products of matrices: right in choosing, not near 0.
    exact = torch.stack([(as_float(X[rows[:, k]]) - images).norm(dim=1) for k in range(count)], dim=1)
    exact, order = exact.sort(dim=1, stable=True)
    return exact, rows.gather(1, order)


@dataclass(frozen=True)
class NearestImages:
    """What the nearest training images say of others.

    Attributes
    ----------
    predicted : ndarray of shape (n,)
        Class of most of the five nearest.
    probability : ndarray of shape (n,), float64
        Their part.
    distance : ndarray of shape (n,), float64
        To the nearest.
    distance_rank : ndarray of shape (n,), float64
        Part of the held-out images that are nearer.
    """

    predicted: NDArray[Any]
    probability: NDArray[np.float64]
    distance: NDArray[np.float64]
    distance_rank: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        images: Tensor,
        X: NDArray[np.uint8],
        y: NDArray[np.int64] | Sequence[Any],
        held_out: NDArray[np.uint8],
    ) -> "NearestImages":
        """Compare images (n, pixels) in [0, 1] with training images and held-out ones."""
        training, labels = as_tensor(X), np.asarray(y)
        distances, rows = find_nearest(images, training, NEIGHBOURS)
        references, _ = find_nearest(as_float(as_tensor(held_out[:REFERENCES])), training, 1)
        distance = distances[:, 0].double().numpy()
        rank = np.searchsorted(references[:, 0].double().sort().values.numpy(), distance)
        classes = np.unique(labels)
        votes = (labels[rows.numpy()][:, :, None] == classes).mean(axis=1)
        predicted = classes[votes.argmax(axis=1)]
        return cls(predicted, votes.max(axis=1), distance, rank / len(references))
