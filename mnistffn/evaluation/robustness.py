"""How much an image must change before a network misreads it, measured by projected gradient descent.

A single-step attack says nothing of robustness: a network can learn to defeat it and no other. Here
every attack takes 20 steps, from one random start or the worst of several.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.errors import UsageError, check_values
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.network.seeding import seeded
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress
from mnistffn.training.adversarial import Adversary, attack, is_right
from mnistffn.training.parameters import LARGEST_STRENGTH, Norm

PGD_STEPS = 20
BISECTIONS = 8
BATCH = 1500
SHOWN = 10


@dataclass(frozen=True)
class AttackOptions:
    """Which attacks to try.

    Attributes
    ----------
    strengths : tuple of float
        Largest changes of an image, pixels in [0, 1].
    norm : {"linf", "l2"}
        How they are measured: by the pixel that changes most, or by the Euclidean length.
    n_restarts : int
        Random starts of every attack; an image counts as misread if one of them succeeds.
    seed : int or None
        Of the starts; None for the seed of the run's split, or 0.
    """

    strengths: tuple[float, ...]
    norm: Norm = "linf"
    n_restarts: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        norms = " or ".join(LARGEST_STRENGTH)
        check_values(vars(self), {"norm": (lambda v: v in LARGEST_STRENGTH, norms)})
        largest = LARGEST_STRENGTH[self.norm]
        if not self.strengths or not all(0 < strength <= largest for strength in self.strengths):
            given = ",".join(map(str, self.strengths))
            msg = f"attack={given} must be above 0 and at most {largest}, for pixels in [0, 1]"
            raise UsageError(msg)
        if self.n_restarts < 1:
            msg = f"n_restarts={self.n_restarts} must be at least 1"
            raise UsageError(msg)
        object.__setattr__(self, "strengths", tuple(sorted(set(self.strengths))))


@dataclass(frozen=True)
class Robustness:
    """What became of the images under attack.

    Attributes
    ----------
    strengths : ndarray of shape (s,), float64, ascending
    correct : ndarray of shape (s,), int64
        Images still read rightly at each strength, and at all smaller ones: what fools within a small
        change is within a larger one too.
    smallest : ndarray of shape (n,), float64
        The smallest strength found to fool the network, by bisection: 0 for an image that it misreads
        as it is, infinite for one that no change in reach fools.
    rows : ndarray of shape (m,), int64
        Examples: for each of ten classes at the most the first image that is read rightly as it is.
    adversaries : ndarray of shape (m, pixels), float32 in [0, 1]
        Those images as one more attack with the largest of the strengths has changed them.
    """

    strengths: NDArray[np.float64]
    correct: NDArray[np.int64]
    smallest: NDArray[np.float64]
    rows: NDArray[np.int64]
    adversaries: NDArray[np.float32]

    @property
    def accuracies(self) -> NDArray[np.float64]:
        """Accuracy at each strength, shape (s,)."""
        return self.correct / len(self.smallest)

    @property
    def median(self) -> float:
        """The median of the smallest strengths."""
        return float(np.median(self.smallest))


def measure_robustness(
    network: FeedForwardNetwork,
    X: NDArray[np.uint8],
    targets: NDArray[np.int64],
    options: AttackOptions,
    progress: Progress | None = None,
) -> Robustness:
    """Attack every image with growing strength, and bisect to the smallest that succeeds.

    Parameters
    ----------
    network : FeedForwardNetwork
        In evaluation mode.
    X : ndarray of shape (n, pixels), uint8
    targets : ndarray of shape (n,), int64
        Class indices.
    options : AttackOptions
    progress : Progress, optional
    """
    listener = progress or Progress()
    images, labels = as_tensor(X), as_tensor(targets)
    fools = _make_attempt(network, images, labels, options)
    batches = zip(images.split(BATCH), labels.split(BATCH), strict=True)
    right = torch.cat([is_right(network, as_float(x), y) for x, y in batches])
    low = torch.zeros(len(labels), dtype=torch.float64)
    high = torch.where(right, torch.inf, 0.0).double()
    correct = []
    ladder = _extend(options, images.shape[1])
    n_passes = len(ladder) + BISECTIONS
    with seeded(options.seed or 0):
        for done, strength in enumerate(ladder):
            listener.step(done, n_passes, f"PGD with strength {strength:.3g}")
            left = torch.isinf(high)
            fooled = fools(left, torch.full_like(low, strength))
            high[fooled], low[left & ~fooled] = strength, strength
            correct.append(int(torch.isinf(high).sum()))
        for done in range(BISECTIONS):
            listener.step(n_passes - BISECTIONS + done, n_passes, "bisecting to the smallest strengths")
            left = torch.isfinite(high) & (high > 0)
            middle = (low + high) / 2
            fooled = fools(left, middle)
            high = torch.where(fooled, middle, high)
            low = torch.where(left & ~fooled, middle, low)
        rows = _choose_rows(right, labels)
        adversary = Adversary(options.strengths[-1], options.norm, PGD_STEPS)
        examples = attack(network, as_float(images[rows]), labels[rows], adversary)
    listener.step(n_passes, n_passes, "attacks done")
    return Robustness(
        np.array(options.strengths),
        np.array(correct[: len(options.strengths)]),
        high.numpy(),
        rows.numpy(),
        examples.numpy(),
    )


def _extend(options: AttackOptions, n_pixels: int) -> list[float]:
    """Return the strengths, doubled until all images can be turned to the same grey."""
    limit = 0.5 if options.norm == "linf" else 0.5 * n_pixels**0.5
    ladder = list(options.strengths)
    while ladder[-1] < limit:
        ladder.append(min(2 * ladder[-1], limit))
    return ladder


def _make_attempt(
    network: FeedForwardNetwork, images: Tensor, labels: Tensor, options: AttackOptions
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that attacks chosen images, with a strength each, and tells which it fools."""

    def fools(chosen: Tensor, strengths: Tensor) -> Tensor:
        fooled = torch.zeros_like(chosen)
        for _ in range(options.n_restarts):
            rows = torch.nonzero(chosen & ~fooled).flatten()
            for part in rows.split(BATCH):
                inputs, targets = as_float(images[part]), labels[part]
                adversary = Adversary(strengths[part], options.norm, PGD_STEPS)
                adversaries = attack(network, inputs, targets, adversary)
                fooled[part] = ~is_right(network, adversaries, targets)
        return fooled

    return fools


def _choose_rows(right: Tensor, labels: Tensor) -> Tensor:
    """Return the first image of every class that is read rightly, of ten classes at the most."""
    rows = [torch.nonzero(right & (labels == label)).flatten()[:1] for label in labels.unique()[:SHOWN]]
    return torch.cat(rows)
