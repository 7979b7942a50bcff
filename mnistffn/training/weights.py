"""Sample weights: how often an image is trained on, beside the others.

A weight counts as copies: every epoch has as many copies of an image as its weight says, so that batch
normalisation and modified images see them too, which a factor of the loss would not do.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

ClassWeight = Mapping[object, float] | str | None


MOST_COPIES = 10**8  # rows of an epoch: their numbers alone take 0.8 GB


def combine_weights(
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight,
    labels: NDArray[np.generic],
    rows: NDArray[np.int64],
) -> NDArray[np.float64] | None:
    """Return the product of a row's own weight and of its class's, None where there are none.

    Parameters
    ----------
    sample_weight : array-like of shape (n_all,) or None
    class_weight : mapping of label to float, "balanced" or None
        As :func:`sklearn.utils.class_weight.compute_class_weight` takes it.
    labels : ndarray of shape (n_all,)
    rows : ndarray of shape (n,), int64
        Those of them that are trained on.

    Returns
    -------
    ndarray of shape (n,), float64, or None

    Raises
    ------
    ValueError
        There is not one weight for each label, they are not finite numbers of 0 or more, or all are 0.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != labels.shape:
        found = f"{weights.shape}, but there are {len(labels)} samples"
        msg = f"sample_weight has shape {found}: give one for each"
        raise ValueError(msg)
    weights = weights[rows]
    if not (np.isfinite(weights).all() and weights.min(initial=0) >= 0):
        msg = "sample_weight must be finite and 0 or more"
        raise ValueError(msg)
    if class_weight is not None:
        from sklearn.utils.class_weight import compute_sample_weight  # takes half a second

        weights = weights * compute_sample_weight(class_weight, labels[rows])
    if not weights.any():
        msg = "all sample weights are zero: there is nothing to train on"
        raise ValueError(msg)
    return weights


def take_copies(
    rows: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Return the rows that are trained on, and the weights that are not yet in them.

    Whole numbers are copies: they are made at once, and no weights are left. Rows of weight 0 go.

    Parameters
    ----------
    rows : ndarray of shape (n,)
    weights : ndarray of shape (n,)
        Not all 0.

    Raises
    ------
    ValueError
        The copies are more than anybody can train on.
    """
    if np.array_equal(weights, np.rint(weights)):
        if (n_copies := weights.sum()) > MOST_COPIES:
            many = f"whole weights are copies of samples, and these make {n_copies:.3g} of them"
            msg = f"{many}: divide them by {weights.max():g}"
            raise ValueError(msg)
        return np.repeat(rows, weights.astype(np.int64)), None
    return rows[weights > 0], weights[weights > 0]


def draw_copies(weights: Tensor, start: float) -> Tensor:
    """Return how many copies of each of n rows make up an epoch of n.

    By systematic sampling (Madow and Madow, 1944): a row's number of copies is its share of n rounded
    down or up, and over all starts it is its share on average.

    Parameters
    ----------
    weights : Tensor of shape (n,), float64
    start : float in [0, 1)

    Returns
    -------
    Tensor of shape (n,), int64
        Their sum is n.

    Examples
    --------
    >>> import torch
    >>> draw_copies(torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64), 0.6)
    tensor([1, 0, 2])
    """
    n = len(weights)
    ends = weights.cumsum(0) * (n / weights.sum())
    ends[-1] = n  # whatever rounding made of it
    places = (ends + start).floor().long()
    return places.diff(prepend=places.new_zeros(1))
