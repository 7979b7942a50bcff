import numpy as np
import pytest
import torch

from mnistffn.ascent import free_images, sigmoid_images
from mnistffn.network import AffineLayer
from mnistffn.objectives import Objective
from mnistffn.realimages import Responses
from mnistffn.scorecard import (
    NearestImages,
    find_problems,
    measure_agreement,
    measure_survival,
    shift,
)

LIT = torch.ones(2, 2, dtype=torch.bool)


def test_agreement_is_the_mean_correlation_of_all_pairs() -> None:
    torch.manual_seed(0)
    restarts = torch.rand(2, 3, 4, 4)
    restarts[0, 1], restarts[0, 2] = 2 * restarts[0, 0] + 1, 3 * restarts[0, 0]
    correlations = np.corrcoef(restarts[1].flatten(1))
    expected = correlations[np.triu_indices(3, k=1)].mean()
    assert measure_agreement(restarts).tolist() == pytest.approx([1, expected], abs=1e-5)
    assert measure_agreement(restarts[:, :1]).isnan().all(), "one start agrees with no other"


def test_a_shift_moves_the_image_and_brings_in_nothing() -> None:
    image = torch.arange(9.0).view(1, 3, 3)
    assert shift(image, 1, 0)[0].tolist() == [[0, 0, 0], [0, 1, 2], [3, 4, 5]]
    assert shift(image, -1, 1)[0].tolist() == [[0, 3, 4], [0, 6, 7], [0, 0, 0]]


def test_survival_is_what_shifts_leave_over_the_mean() -> None:
    # The sum of all pixels survives whole; a single pixel not at all.
    weights = torch.ones(2, 144)
    weights[1] = 0
    weights[1, 66] = 1
    objective = Objective.of([AffineLayer(weights, torch.zeros(2))], torch.eye(2))
    images = torch.zeros(2, 12, 12)
    images[0, 4:8, 4:8], images[1].view(-1)[66] = 1, 1
    assert measure_survival(objective, images, torch.tensor([6.0, 0.5])).tolist() == pytest.approx(
        [1, -1]
    ), "one is left at 0, which is as far below the mean as it was above"
    assert measure_survival(objective, images, torch.tensor([99.0, 99.0])).isnan().all()


def test_neighbours_vote_and_distances_are_ranked_among_held_out_images() -> None:
    X = np.array([[0, 0]] * 4 + [[255, 255]] * 4 + [[250, 250]], dtype=np.uint8)
    y = np.array([3, 3, 3, 3, 7, 7, 7, 7, 3])
    held_out = np.array([[0, 0], [0, 51], [0, 102], [0, 153]], dtype=np.uint8)
    images = np.array([[0.9, 0.9], [0.0, 0.3]], dtype=np.float32)
    found = NearestImages.of(images, X, y, held_out)
    assert found.predicted.tolist() == [7, 3]
    assert found.probability.tolist() == pytest.approx([0.8, 1])
    assert found.distance.tolist() == pytest.approx([2**0.5 * (250 / 255 - 0.9), 0.3], abs=1e-4)
    assert found.distance_rank.tolist() == [0.25, 0.5], "nearer are: the first; the first two"


def respond(highest: list[float], mean: float = 0.0, std: float = 1.0) -> Responses:
    n = len(highest)
    nothing = torch.zeros(n, 1, dtype=torch.int64)
    return Responses(
        torch.full((n,), mean), torch.full((n,), std), nothing, nothing, torch.tensor(highest)
    )


def test_what_could_not_be_maximized_says_why() -> None:
    weights = torch.tensor([[1.0, 1, 1, 1], [0, 0, 0, 0], [-1, -1, -1, -1], [1, 1, 1, 1]])
    layers = [AffineLayer(weights, torch.tensor([0.0, 0, 0.5, -1]))]
    objective = Objective.of(layers, torch.eye(4))
    parameterisation = sigmoid_images(LIT, 1.0)
    start, end = torch.zeros(4, 2, 2), torch.randn(4, 2, 2)
    real = respond([1.0, 0.0, -0.5, -1.0])
    found = find_problems(objective, parameterisation, (start, end), real, [True] * 4)
    assert found[0] is None
    assert found[1] == "no gradient: no pixel moves it"
    assert found[2] == "dead: no training image turns it on"
    assert found[3] == "dead: no training image turns it on, but this one"
    shown = find_problems(objective, parameterisation, (start, end), real, [False] * 4)
    assert shown[2].startswith("stuck"), (
        "an output, or another direction, has no ReLU that could be dead"
    )
    assert find_problems(
        objective, parameterisation, (start, end), respond([9.0] * 4, mean=5.0), [True] * 4
    )[0].startswith("stuck")


def test_free_numbers_that_are_too_large_to_move_are_saturated() -> None:
    objective = Objective.of(
        [AffineLayer(torch.tensor([[3.0, 1, 1, 1]]), torch.zeros(1))], torch.eye(1)
    )
    far = torch.full((1, 2, 2), 60.0)
    for parameterisation, free, problem in (
        (sigmoid_images(LIT, 1.0), far, "saturated"),
        (sigmoid_images(LIT, 1.0), far / 60, None),
        (free_images(LIT, 1.0), far, None),
    ):
        [found] = find_problems(objective, parameterisation, (free, free), respond([1.0]), [True])
        assert (found or "None").startswith(str(problem))
