"""Gradient ascent on images, put together from small functions.

A *parameterisation* turns free numbers into images that keep to bounds; *penalties* cost what images
should not have; *transformations* move the images at every step, so that what is found does not hang on
single pixels; an *objective* says what to climb (after Erhan and others, 2009; Mahendran and Vedaldi,
2015; Olah and others, 2017).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adam import adam

from mnistffn.inside.objectives import Objective
from mnistffn.progress import Progress
from mnistffn.wording import count

Transformation = Callable[[Tensor], Tensor]
Penalty = Callable[[Tensor], Tensor]

BETAS, EPS = (0.9, 0.999), 1e-8  # Adam's own
LEAK = 0.1
LEAKING_PART = 0.125  # of the steps
DARKEST, BRIGHTEST = 0.02, 0.98  # of a start: beyond, the sigmoid is too flat to leave
SATURATED = 1e-6  # slope of the sigmoid: a step of Adam no longer changes a pixel
LOUD = 8.0  # free images are scaled to their norm anyway: a start must not drown in noise


class Parameterisation(NamedTuple):
    """How free numbers become images, and how an image is written in free numbers.

    Attributes
    ----------
    render : callable
        From free numbers (n, height, width) to images of the same shape.
    invert : callable
        From images in [0, 1] to free numbers that render to about the same, up to the scale.
    is_stuck : callable
        From free numbers to whether each pixel is at a bound, where its gradient is lost.
    """

    render: Callable[[Tensor], Tensor]
    invert: Callable[[Tensor], Tensor]
    is_stuck: Callable[[Tensor], Tensor]


def sigmoid_images(varying: Tensor, norm: float) -> Parameterisation:
    """Images in [0, 1]: a sigmoid of free numbers, 0 where not ``varying``, of Euclidean norm ``norm``.

    The norm is reached by scaling; pixels that this would take above 1 stay there.

    Parameters
    ----------
    varying : Tensor of shape (height, width), bool
    norm : float
    """

    def render(free: Tensor) -> Tensor:
        return scale_to(torch.sigmoid(free) * varying, norm).clamp(max=1)

    def is_stuck(free: Tensor) -> Tensor:
        flat = torch.sigmoid(free) * torch.sigmoid(-free) < SATURATED
        return flat | (render(free) >= 1) | ~varying

    return Parameterisation(render, lambda images: images.clamp(DARKEST, BRIGHTEST).logit(), is_stuck)


def free_images(varying: Tensor, norm: float) -> Parameterisation:
    """Images with no bound on a pixel, 0 where not ``varying``, of Euclidean norm ``norm``."""
    return Parameterisation(
        lambda free: scale_to(free * varying, norm),
        lambda images: LOUD * images,
        lambda free: ~varying.expand_as(free),
    )


def scale_to(images: Tensor, norm: float) -> Tensor:
    """Scale images (n, height, width) to a Euclidean norm."""
    norms = images.flatten(1).norm(dim=1).clamp(min=1e-12)
    scaled: Tensor = images * (norm / norms)[:, None, None]
    return scaled


def shift_randomly(reach: int) -> Transformation:
    """Shift all images by up to ``reach`` pixels each way; what leaves comes in at the other side."""

    def shift(images: Tensor) -> Tensor:
        offsets = torch.randint(-reach, reach + 1, (2,)).tolist()
        return images.roll(offsets, dims=(1, 2))

    return shift


def total_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference between neighbours, (n,), of images (n, height, width)."""
    down = images.diff(dim=1).abs().flatten(1).mean(dim=1)
    across = images.diff(dim=2).abs().flatten(1).mean(dim=1)
    return down + across


@dataclass(frozen=True)
class Ascent:
    """How the images are climbed.

    Attributes
    ----------
    parameterisation : Parameterisation
    penalties : sequence of (float, callable)
        Weights and functions from images (n, height, width) to costs (n,).
    transformations : sequence of callable
        Applied one after the other, at random, at every step.
    steps : int
        Steps of Adam.
    lr : float
        Its learning rate, on the free numbers.
    """

    parameterisation: Parameterisation
    penalties: Sequence[tuple[float, Penalty]]
    transformations: Sequence[Transformation]
    steps: int
    lr: float

    def __call__(
        self,
        objective: Objective,
        free: Tensor,
        on_step: Callable[[int, Tensor], None] = lambda step, images: None,
    ) -> Tensor:
        """Climb from free numbers (n, height, width), and return those that are reached.

        In the first eighth of the steps the gradient leaks through units that are off, so that one to
        which no path is open at the start is climbed too.
        """
        free = free.clone().requires_grad_()
        moments = torch.zeros_like(free), torch.zeros_like(free)
        n_steps = torch.zeros(())
        for step in range(self.steps):
            leak = LEAK if step < LEAKING_PART * self.steps else 0.0
            images = self.parameterisation.render(free)
            on_step(step, images)
            cost = self.cost(images)
            for transform in self.transformations:
                images = transform(images)
            loss = (cost - objective(images, leak)).sum()
            (gradient,) = torch.autograd.grad(loss, free)
            with (
                torch.no_grad()
            ):  # torch.optim.Adam takes the same step, but 1.5 s to import its compiler
                adam(
                    [free], [gradient], [moments[0]], [moments[1]], [], [n_steps],
                    foreach=False, amsgrad=False, beta1=BETAS[0], beta2=BETAS[1], lr=self.lr,
                    weight_decay=0.0, eps=EPS, maximize=False,
                )  # fmt: skip
        return free.detach()

    def cost(self, images: Tensor) -> Tensor:
        """Return what the penalties come to, (n,)."""
        costs = [weight * penalty(images) for weight, penalty in self.penalties]
        return torch.stack(costs).sum(dim=0) if costs else images.new_zeros(len(images))


@dataclass(frozen=True)
class Climbed:
    """Where the ascent from several starts has led.

    Attributes
    ----------
    images : Tensor of shape (u, height, width), float32
        Of the best start of every objective.
    restarts : Tensor of shape (u, restarts, height, width), float32
        Of all.
    free : Tensor of shape (u, height, width), float32
        The free numbers of the best.
    frames : dict of int to Tensor of shape (u, height, width), float32
        The best's images after some of the steps.
    """

    images: Tensor
    restarts: Tensor
    free: Tensor
    frames: dict[int, Tensor]


def climb(
    objective: Objective,
    ascent: Ascent,
    starts: Tensor,
    progress: Progress | None = None,
    frame_steps: Sequence[int] = (),
) -> Climbed:
    """Climb every objective from several starts at once, and choose the best.

    Parameters
    ----------
    objective : Objective
        One direction for each of u images.
    ascent : Ascent
    starts : Tensor of shape (u, restarts, height, width), float32
        Free numbers.
    progress : Progress, optional
    frame_steps : sequence of int
        Steps after which the images are remembered; step 0 is the start.
    """
    n, n_restarts = starts.shape[:2]
    repeated = objective.repeat(n_restarts)
    frames: dict[int, Tensor] = {}

    def watch(step: int, images: Tensor) -> None:
        if step in frame_steps:
            frames[step] = images.detach().clone()
        if progress is not None and step % 16 == 0:
            starts_each = f"{count(n_restarts, 'start')} each"
            progress.step(step, ascent.steps, f"climbing {count(n, 'objective')} from {starts_each}")

    free = ascent(repeated, starts.flatten(0, 1), watch)
    with torch.inference_mode():
        images = ascent.parameterisation.render(free)
        gain = (repeated(images) - ascent.cost(images)).view(n, n_restarts)
    best = torch.arange(n) * n_restarts + gain.argmax(dim=1)
    return Climbed(
        images[best],
        images.unflatten(0, (n, n_restarts)),
        free[best],
        {step: found[best] for step, found in frames.items()},
    )
