"""The smallest change of an image that makes an error right, or a hit wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.robustness import AttackOptions, find_smallest_changes
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.run.directory import RunDirectory
from mnistffn.training.parameters import Norm

STARTS = 8
SMALLEST_TRIED = {"linf": 0.01, "l2": 0.1}
ROBUSTNESS = "robustness.json"


@dataclass(frozen=True)
class Change:
    """The smallest change that was found.

    Attributes
    ----------
    norm : {"linf", "l2"}
        How its size is measured: by the pixel that changes most, or by its Euclidean length.
    size : float or None
        None where no change was found.
    image : ndarray of shape (pixels,), float32 in [0, 1]
        The changed image, the image itself where no change was found.
    """

    norm: Norm
    size: float | None
    image: NDArray[np.float32]


def find_change(
    network: FeedForwardNetwork,
    image: NDArray[np.uint8],
    label: int,
    norm: Norm,
    *,
    is_right: bool,
    seed: int = 0,
) -> Change:
    """Look for the smallest change, by projected gradient descent from eight random starts.

    What is found is an upper bound. It does not depend on other images that are explained.

    Parameters
    ----------
    network : FeedForwardNetwork
        In evaluation mode.
    image : ndarray of shape (pixels,), uint8
    label : int
        Index of its class.
    norm : {"linf", "l2"}
    is_right : bool
        Whether the network reads it as its label, and is to be made wrong; else it is to be made right.
    seed : int
    """
    copies = np.repeat(image[None], STARTS, axis=0)
    options = AttackOptions((SMALLEST_TRIED[norm],), norm, seed=seed)
    targets = np.full(STARTS, label)
    sizes, images = find_smallest_changes(network, copies, targets, options, towards=not is_right)
    best = int(sizes.argmin())
    return Change(norm, float(sizes[best]) if np.isfinite(sizes[best]) else None, images[best])


def read_robustness(run: RunDirectory) -> dict[str, Any] | None:
    """Return what robustness.json says, if it is of this network and of the run's own test images."""
    if run.find_current("attack", ROBUSTNESS) is None:
        return None
    content = run.read_json(ROBUSTNESS)
    return content if content["source"].startswith("test part") else None
