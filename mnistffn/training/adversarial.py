"""Adversarial images: the worst that a bounded change of an image's pixels does to a network.

Single-step training with a uniform start is after Wong, Rice and Kolter (2020), projected gradient
descent (PGD) after Madry and others (2018).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mnistffn.network.network import FeedForwardNetwork, fold_batch_norm, propagate
from mnistffn.network.tensors import draw_bits
from mnistffn.training.parameters import Norm

TINY = 1e-30


class Adversary(NamedTuple):
    """What an attack may do.

    Attributes
    ----------
    strength : float or Tensor of shape (n,)
        Largest change, for all images or for each; pixels are in [0, 1].
    norm : {"linf", "l2"}
        How a change is measured: by the pixel that changes most, or by its Euclidean length.
    n_steps : int
        Steps of gradient ascent.
    towards : bool
        Whether the loss is to fall: images become of the class that is given.
    """

    strength: float | Tensor
    norm: Norm = "linf"
    n_steps: int = 1
    towards: bool = False


def attack(
    network: FeedForwardNetwork,
    images: Tensor,
    targets: Tensor,
    adversary: Adversary,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Change images within a ball so that the network's loss grows, or falls.

    The start is uniform in the ball; every step goes in the direction of the cross-entropy's gradient
    (L2) or of its sign (L-infinity), and back into the ball and into [0, 1]. A single step is 1.25
    strengths long, one of K steps 2.5 / K, so that they reach across the ball.

    Parameters
    ----------
    network : FeedForwardNetwork
        Is taken as it is in evaluation mode, with batch normalisation folded into the weights: in
        training mode the gradient would be that of another network, with this batch's statistics
        and dropout.
    images : Tensor of shape (n, pixels), float32 in [0, 1]
    targets : Tensor of shape (n,), int64
    adversary : Adversary
    dtype : torch.dtype
        In which the gradient is taken. Of bfloat16's 8 bits the sign of a gradient needs one.

    Returns
    -------
    Tensor of shape (n, pixels), float32 in [0, 1]
    """
    strength = adversary.strength
    if isinstance(strength, Tensor):
        radius = strength.to(images)[:, None]
    else:  # made on the images' device, which would have to wait for a copy
        radius = images.new_full((1, 1), strength)
    step = radius * (1.25 if adversary.n_steps == 1 else 2.5 / adversary.n_steps)
    adversaries = _draw(images, adversary.norm).mul_(radius).add_(images).clamp_(0, 1)
    layers = [layer.to(dtype) for layer in fold_batch_norm(network)]
    for _ in range(adversary.n_steps):
        leaf = adversaries.to(dtype).requires_grad_()
        logits = propagate(layers, leaf)[-1].float()
        (gradient,) = torch.autograd.grad(_measure_loss(logits, targets).sum(), leaf)
        if adversary.towards:
            gradient = gradient.neg_()
        # In place: fresh memory for every batch takes longer than the arithmetic.
        change = _direct(gradient, adversary.norm).float().mul_(step).add_(adversaries.detach())
        change = _project(change.sub_(images), radius, adversary.norm)
        adversaries = change.add_(images).clamp_(0, 1)
    return adversaries


def _measure_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return what an attack raises, (n,): the other classes' log-sum-exp less the target's logit.

    Its gradient has the direction of the cross-entropy's, but does not vanish where the network is so
    sure that the probability of the target is rounded to 1.
    """
    column = targets[:, None]
    others = logits.scatter(1, column, -torch.inf).logsumexp(dim=1)
    return others - logits.gather(1, column)[:, 0]


def accuracy_under_attack(
    network: FeedForwardNetwork,
    images: Tensor,
    targets: Tensor,
    adversary: Adversary,
    dtype: torch.dtype = torch.float32,
) -> float:
    """Return the part of the images that the network still classifies rightly after one attack."""
    adversaries = attack(network, images, targets, adversary, dtype)
    return int(is_right(network, adversaries, targets).sum()) / len(targets)  # no device needs float64


def is_right(network: FeedForwardNetwork, images: Tensor, targets: Tensor) -> Tensor:
    """Return which images (n, pixels) a network in evaluation mode classifies rightly, (n,), bool."""
    with torch.inference_mode():
        return network(images).argmax(dim=1) == targets  # type: ignore[no-any-return]


def _draw(images: Tensor, norm: Norm) -> Tensor:
    """Return changes that are uniform in the ball of radius 1."""
    if norm == "linf":
        if images.device.type != "cpu":
            return torch.empty_like(images).uniform_(-1, 1)
        return draw_bits(images).to(images.dtype).add_(0.5).mul_(2**-15)  # one of 65,536 steps
    lengths = torch.rand(len(images), 1, device=images.device) ** (1 / images.shape[1])
    return _direct(torch.randn_like(images), norm).mul_(lengths)


def _direct(gradient: Tensor, norm: Norm) -> Tensor:
    """Replace gradients by the steepest changes of size 1."""
    if norm == "linf":
        return gradient.sign_()
    lengths: Tensor = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    return gradient.div_(lengths.clamp_min_(TINY))


def _project(change: Tensor, radius: Tensor, norm: Norm) -> Tensor:
    """Shrink changes into the ball."""
    if norm == "linf":
        return change.clamp_(-radius, radius)
    lengths: Tensor = torch.linalg.vector_norm(change, dim=1, keepdim=True)
    return change.mul_((radius / lengths.clamp_min_(TINY)).clamp_max_(1))
