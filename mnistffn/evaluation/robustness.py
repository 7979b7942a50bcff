"""How much an image must change before a network misreads it, measured by projected gradient descent.

A single-step attack says nothing of robustness: a network can learn to defeat it and no other. Here
every attack takes 20 steps, from one random start or the worst of several.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.errors import ParameterError, check_values
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
            problem = f"must be above 0 and at most {largest:g}, for pixels in [0, 1]"
            raise ParameterError(problem, strengths=self.strengths)
        check_values(vars(self), {"n_restarts": (lambda v: v >= 1, "at least 1")})
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
    images, labels = as_tensor(X), as_tensor(targets)
    attempt = _Attempt(network, images, labels, options)
    with seeded(options.seed or 0):
        right = attempt.find_right()
        smallest, n_left = _bisect(attempt, ~right, _extend(options, images.shape[1]), progress)
        rows = _choose_rows(right, labels)
        adversary = Adversary(options.strengths[-1], options.norm, PGD_STEPS)
        examples = attack(network, as_float(images[rows]), labels[rows], adversary)
    return Robustness(
        np.array(options.strengths),
        np.array(n_left[: len(options.strengths)]),
        smallest.numpy(),
        rows.numpy(),
        examples.numpy(),
    )


def find_smallest_changes(
    network: FeedForwardNetwork,
    X: NDArray[np.uint8],
    targets: NDArray[np.int64],
    options: AttackOptions,
    *,
    towards: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Look for the smallest changes of images that succeed, and return these changed images too.

    Parameters
    ----------
    network : FeedForwardNetwork
        In evaluation mode.
    X : ndarray of shape (n, pixels), uint8
    targets : ndarray of shape (n,), int64
        Class indices.
    options : AttackOptions
        The smallest of its strengths is tried first.
    towards : bool
        Whether the images are to be read as these classes, rather than as any other.

    Returns
    -------
    smallest : ndarray of shape (n,), float64
        As :attr:`Robustness.smallest` has it: 0 and infinite are possible.
    images : ndarray of shape (n, pixels), float32 in [0, 1]
        The images changed by no more than that; as they are where the smallest is 0 or infinite.
    """
    images, labels = as_tensor(X), as_tensor(targets)
    attempt = _Attempt(network, images, labels, options, as_float(images).clone(), towards=towards)
    with seeded(options.seed or 0):
        done = attempt.find_right() == towards
        smallest, _ = _bisect(attempt, done, _extend(options, images.shape[1]), None)
    assert attempt.changed is not None
    return smallest.numpy(), attempt.changed.numpy()


def _bisect(
    attempt: "_Attempt", done: Tensor, ladder: Sequence[float], progress: Progress | None
) -> tuple[Tensor, list[int]]:
    """Return the smallest strengths that succeed (n,), and how many images the ladder's each leave."""
    listener = progress or Progress()
    low = torch.zeros(len(done), dtype=torch.float64)
    high = torch.where(done, 0.0, torch.inf).double()
    n_left = []
    n_passes = len(ladder) + BISECTIONS
    for passed, strength in enumerate(ladder):
        listener.step(passed, n_passes, f"PGD with strength {strength:.3g}")
        left = torch.isinf(high)
        fooled = attempt(left, torch.full_like(low, strength))
        high[fooled], low[left & ~fooled] = strength, strength
        n_left.append(int(torch.isinf(high).sum()))
    for passed in range(len(ladder), n_passes):
        listener.step(passed, n_passes, "bisecting to the smallest strengths")
        left = torch.isfinite(high) & (high > 0)
        middle = (low + high) / 2
        fooled = attempt(left, middle)
        high = torch.where(fooled, middle, high)
        low = torch.where(left & ~fooled, middle, low)
    listener.step(n_passes, n_passes, "attacks done")
    return high, n_left


def _extend(options: AttackOptions, n_pixels: int) -> list[float]:
    """Return the strengths, doubled until all images can be turned to the same grey."""
    limit = 0.5 if options.norm == "linf" else 0.5 * n_pixels**0.5
    ladder = list(options.strengths)
    while ladder[-1] < limit:
        ladder.append(min(2 * ladder[-1], limit))
    return ladder


@dataclass(frozen=True)
class _Attempt:
    """Attacks chosen images, with a strength each, and tells where it succeeds.

    Where there is a tensor for them, the images of the latest success are kept in ``changed``.
    """

    network: FeedForwardNetwork
    images: Tensor
    labels: Tensor
    options: AttackOptions
    changed: Tensor | None = None
    towards: bool = False

    def find_right(self) -> Tensor:
        """Return which images are read as their class, as they are, (n,), bool."""
        batches = zip(self.images.split(BATCH), self.labels.split(BATCH), strict=True)
        return torch.cat([is_right(self.network, as_float(x), y) for x, y in batches])

    def __call__(self, chosen: Tensor, strengths: Tensor) -> Tensor:
        fooled = torch.zeros_like(chosen)
        for _ in range(self.options.n_restarts):
            rows = torch.nonzero(chosen & ~fooled).flatten()
            for part in rows.split(BATCH) if len(rows) else ():
                inputs, targets = as_float(self.images[part]), self.labels[part]
                adversary = Adversary(strengths[part], self.options.norm, PGD_STEPS, self.towards)
                adversaries = attack(self.network, inputs, targets, adversary)
                succeeds = is_right(self.network, adversaries, targets) == self.towards
                fooled[part] = succeeds
                if self.changed is not None:
                    self.changed[part[succeeds]] = adversaries[succeeds]
        return fooled


def _choose_rows(right: Tensor, labels: Tensor) -> Tensor:
    """Return the first image of every class that is read rightly, of ten classes at the most."""
    rows = [torch.nonzero(right & (labels == label)).flatten()[:1] for label in labels.unique()[:SHOWN]]
    return torch.cat(rows)
