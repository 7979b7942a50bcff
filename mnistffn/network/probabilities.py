"""What a trained network makes of images, in double precision."""

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.network.network import FeedForwardNetwork
from mnistffn.network.tensors import as_float, as_tensor

BATCH = 4096


def compute_probabilities(network: FeedForwardNetwork, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probability of every class.

    Computed in double precision: in single precision the last digits of an image's probabilities
    depend on the images beside it in the batch.

    Parameters
    ----------
    network : FeedForwardNetwork
    X : ndarray of shape (n, n_features), float32 or uint8

    Returns
    -------
    ndarray of shape (n, n_classes), float64
    """
    return np.asarray(_compute_logits(network, X).softmax(dim=1).numpy())


def compute_log_probabilities(network: FeedForwardNetwork, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities, finite where these are rounded to 0."""
    return np.asarray(_compute_logits(network, X).log_softmax(dim=1).numpy())


def _compute_logits(network: FeedForwardNetwork, X: NDArray[Any]) -> Tensor:
    exact = deepcopy(network).double().eval()
    with torch.inference_mode():
        return torch.cat([exact(as_float(batch).double()) for batch in as_tensor(X).split(BATCH)])
