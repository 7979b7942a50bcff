"""Scorecards: what is to be thought of a maximizing image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from mnistffn.inside.ascent import LEAK, Climbed, Parameterisation
from mnistffn.inside.layer import OpenLayer
from mnistffn.inside.nearest import NearestImages
from mnistffn.inside.objectives import Objective, Targets
from mnistffn.inside.realimages import RealImages, Responses
from mnistffn.inside.unitstats import finite_or_none
from mnistffn.network.network import propagate

STUCK = 1.0  # standard deviation of the training images' pre-activations above their mean


@dataclass(frozen=True)
class Score:
    """How well one objective was maximized.

    Pre-activations are those of a unit before its activation (in the output layer its logit), or their
    weighted sum.

    Attributes
    ----------
    objective : str
        The unit's name, or the direction as it was given.
    unit : int or None
        Index of the unit in its layer; None for other directions.
    activation : float
        Pre-activation on the maximizing image.
    best_real : float
        The highest one that a training image reaches.
    ratio : float or None
        The one over the other; None where no training image has one above 0.
    rank : int or None
        Place of the unit among its layer's pre-activations on the image; 1 is the highest.
    prediction : label
        Class that the network gives the image.
    probability : float
        And its probability.
    neighbours_prediction : label
        Class that an independent model gives it: the five nearest training images, by the Euclidean
        distance of the pixels.
    neighbours_probability : float
        Part of the five that are of this class.
    distance : float
        Euclidean distance to the nearest training image, pixels in [0, 1].
    distance_rank : float in [0, 1]
        Part of 500 held-out images that are nearer to the training images.
    agreement : float or None
        Mean correlation of the pixels of all restarts' images; None where there is one start.
    survival : float or None
        What a shift by a fourteenth of the image's side (two pixels of 28) leaves of the
        pre-activation, both over its mean on training images; mean of eight directions. None where the
        image does not exceed that mean.
    most_real, least_real : list of int
        Index into the data file of the training images with the highest and the lowest pre-activation.
    problem : str or None
        Why the objective could not be maximized, or not as it should.
    """

    objective: str
    unit: int | None
    activation: float
    best_real: float
    ratio: float | None
    rank: int | None
    prediction: Any
    probability: float
    neighbours_prediction: Any
    neighbours_probability: float
    distance: float
    distance_rank: float
    agreement: float | None
    survival: float | None
    most_real: list[int]
    least_real: list[int]
    problem: str | None


def score_images(
    opened: OpenLayer,
    targets: Targets,
    objective: Objective,
    parameterisation: Parameterisation,
    responses: Responses,
    climbed: Climbed,
    real: RealImages,
) -> list[Score]:
    """Judge maximizing images.

    Parameters
    ----------
    opened : OpenLayer
    targets : Targets
    objective : Objective
        Along the targets' directions; holds the frame.
    parameterisation : Parameterisation
    responses : Responses
        Of the targets to the training images.
    climbed : Climbed
        Without the frame.
    real : RealImages
        What gives the frame.
    """
    flat, data = (climbed.images + real.frame).flatten(1), opened.run_data
    nearest = NearestImages.of(flat, data.X_train, data.y_train, data.dataset.flat[data.split.test])
    with torch.inference_mode():
        values = objective(climbed.images).tolist()
        survival = measure_survival(objective, climbed.images, responses.mean).tolist()
        below = propagate(opened.layers, flat)
    preactivations, probabilities = below[opened.layer - 1], below[-1].double().softmax(dim=1)
    own = opened.layers[opened.layer - 1]
    can_die = not opened.is_output and own.activation != "tanh"
    mortal = [can_die and unit is not None for unit in targets.units]
    problems = find_problems(objective, parameterisation, real.varying, climbed.free, responses, mortal)
    agreement = measure_agreement(climbed.restarts).tolist()
    scores = []
    for row, (name, unit) in enumerate(zip(targets.names, targets.units, strict=True)):
        best = float(responses.highest[row])
        higher = None if unit is None else preactivations[row] > preactivations[row, unit]
        scores.append(
            Score(
                objective=name,
                unit=unit,
                activation=values[row],
                best_real=best,
                ratio=values[row] / best if best > 0 else None,
                rank=None if higher is None else int(higher.sum()) + 1,
                prediction=opened.classes[int(probabilities[row].argmax())],
                probability=float(probabilities[row].max()),
                neighbours_prediction=nearest.predicted[row].item(),
                neighbours_probability=float(nearest.probability[row]),
                distance=float(nearest.distance[row]),
                distance_rank=float(nearest.distance_rank[row]),
                agreement=finite_or_none(agreement[row]),
                survival=finite_or_none(survival[row]),
                most_real=data.split.train[responses.most[row]].tolist(),
                least_real=data.split.train[responses.least[row]].tolist(),
                problem=problems[row],
            )
        )
    return [_check_reading(score, opened) for score in scores]


def _check_reading(score: Score, opened: OpenLayer) -> Score:
    """Return the score of a class with a problem where its image is taken for another class."""
    if score.problem or score.unit is None or not opened.is_output:
        return score
    label = opened.classes[score.unit]
    if score.prediction != label:
        return replace(score, problem=f"misread: the network takes it for {score.prediction}")
    if score.neighbours_prediction != label:
        neighbours = score.neighbours_prediction
        return replace(score, problem=f"doubtful: most of its neighbours are {neighbours}")
    return score


def measure_agreement(restarts: Tensor) -> Tensor:
    """Return the mean correlation between the images of different restarts.

    Parameters
    ----------
    restarts : Tensor of shape (u, restarts, height, width), float32

    Returns
    -------
    Tensor of shape (u,), float32
        NaN where there is a single start, or an image is of one brightness.
    """
    rows = restarts.flatten(2)
    rows = rows - rows.mean(dim=2, keepdim=True)
    rows = rows / rows.norm(dim=2, keepdim=True)
    n = rows.shape[1]
    agreement: Tensor = ((rows @ rows.mT).sum(dim=(1, 2)) - n) / (n * (n - 1) or torch.nan)
    return agreement


def measure_survival(objective: Objective, images: Tensor, mean: Tensor) -> Tensor:
    """Return the part of the values, over their mean on real images, that is left after a shift.

    Parameters
    ----------
    objective : Objective
    images : Tensor of shape (u, height, width), float32
    mean : Tensor of shape (u,), float32

    Returns
    -------
    Tensor of shape (u,), float32
        NaN where an image does not exceed the mean.
    """
    reach = max(1, max(images.shape[1:]) // 14)
    steps = [(y, x) for y in (-reach, 0, reach) for x in (-reach, 0, reach) if (y, x) != (0, 0)]
    shifted = torch.stack([objective(shift(images, y, x)) for y, x in steps]).mean(dim=0)
    exceeds = objective(images) - mean
    return torch.where(exceeds > 0, (shifted - mean) / exceeds, torch.nan)


def shift(images: Tensor, down: int, right: int) -> Tensor:
    """Shift images (n, height, width); what comes in is 0."""
    height, width = images.shape[1:]
    reach = max(abs(down), abs(right))
    padded = pad(images, (reach,) * 4)
    moved: Tensor = padded[
        :, reach - down : reach - down + height, reach - right : reach - right + width
    ]
    return moved


def find_problems(
    objective: Objective,
    parameterisation: Parameterisation,
    varying: Tensor,
    free: Tensor,
    responses: Responses,
    mortal: Sequence[bool],
) -> list[str | None]:
    """Tell for every image what kept it from being a maximum.

    Parameters
    ----------
    objective : Objective
    parameterisation : Parameterisation
    varying : Tensor of shape (height, width), bool
        The pixels that may be changed.
    free : Tensor of shape (n, height, width)
        The free numbers that were reached.
    responses : Responses
        Of the same objectives to real images.
    mortal : sequence of bool
        Whether each is a unit that can be dead, as one with a ReLU can.
    """
    images = parameterisation.render(free).detach().requires_grad_()
    values = objective(images, LEAK)
    (gradient,) = torch.autograd.grad(values.sum(), images)
    blocked = (gradient * varying).flatten(1).norm(dim=1) == 0
    saturated = parameterisation.is_stuck(free).flatten(1).all(dim=1)
    problems: list[str | None] = []
    for row, value in enumerate(values):
        if blocked[row]:
            problems.append("no gradient: no pixel that may change moves it")
        elif saturated[row]:
            problems.append("saturated: every pixel is at a bound, where the gradient is lost")
        elif mortal[row] and responses.highest[row] <= 0:
            problems.append(f"dead: no training image turns it on{', but this one' * bool(value > 0)}")
        elif value < responses.mean[row] + STUCK * responses.std[row]:
            problems.append("stuck: it excites hardly more than training images do")
        else:
            problems.append(None)
    return problems
