from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn.inside.ascent import Ascent, Climbed, free_images, sigmoid_images
from mnistffn.inside.layer import open_layer
from mnistffn.inside.maximize import maximize
from mnistffn.inside.nearest import NearestImages
from mnistffn.inside.objectives import Objective, Targets
from mnistffn.inside.options import MaximizeOptions
from mnistffn.inside.realimages import RealImages, Responses
from mnistffn.inside.scorecard import (
    find_problems,
    measure_agreement,
    measure_survival,
    score_images,
    shift,
)
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory

LIT = torch.ones(2, 2, dtype=torch.bool)


def test_agreement_is_the_mean_correlation_of_all_pairs() -> None:
    torch.manual_seed(0)
    restarts = torch.rand(2, 3, 4, 4)
    restarts[0, 1], restarts[0, 2] = 2 * restarts[0, 0] + 1, 3 * restarts[0, 0]
    correlations = np.corrcoef(restarts[1].flatten(1))
    expected = correlations[np.triu_indices(3, k=1)].mean()
    assert measure_agreement(restarts).tolist() == pytest.approx([1, expected], abs=1e-5)
    assert measure_agreement(restarts[:, :1]).isnan().all(), "one start agrees with no other"
    assert measure_agreement(torch.ones(1, 3, 4, 4)).isnan().all(), "nothing varies"


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
    found = NearestImages.of(torch.from_numpy(images), X, y, held_out)
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
    end = torch.randn(4, 2, 2)
    real = respond([1.0, 0.0, -0.5, -1.0])
    found = find_problems(objective, parameterisation, LIT, end, real, [True] * 4)
    assert found[0] is None
    assert found[1] == "no gradient: no pixel that may change moves it"
    assert found[2] == "dead: no training image turns it on"
    assert found[3] == "dead: no training image turns it on, but this one"
    shown = find_problems(objective, parameterisation, LIT, end, real, [False] * 4)
    assert shown[2].startswith("stuck"), (
        "an output, or another direction, has no ReLU that could be dead"
    )
    assert find_problems(
        objective, parameterisation, LIT, end, respond([9.0] * 4, mean=5.0), [True] * 4
    )[0].startswith("stuck")


def test_images_in_which_every_pixel_is_at_a_bound_are_saturated() -> None:
    objective = Objective.of(
        [AffineLayer(torch.tensor([[3.0, 1, 1, 1]]), torch.zeros(1))], torch.eye(1)
    )
    far = torch.full((1, 2, 2), 60.0)
    for parameterisation, free, problem in (
        (sigmoid_images(LIT, 1.0), far, "saturated"),
        (sigmoid_images(LIT, 1.0), far / 60, None),
        (sigmoid_images(LIT, 1.0), -far, "saturated"),
        (sigmoid_images(LIT, 1e6), far / 60, "saturated"),
        (free_images(LIT, 1.0), far, None),
        (free_images(LIT, 1e6), far, None),
    ):
        [found] = find_problems(objective, parameterisation, LIT, free, respond([1.0]), [True])
        assert (found or "None").startswith(str(problem))


@pytest.mark.parametrize("make", [free_images, sigmoid_images])
def test_an_image_that_is_at_its_maximum_has_no_problem(make) -> None:
    torch.manual_seed(0)
    weights = torch.randn(3, 16)
    objective = Objective.of([AffineLayer(weights, torch.zeros(3))], torch.eye(3))
    parameterisation = make(torch.ones(4, 4, dtype=torch.bool), 1.0)
    free = Ascent(parameterisation, (), (), 1500, 0.1)(objective, torch.randn(3, 4, 4))
    real = respond([1.0] * 3)
    assert (
        find_problems(objective, parameterisation, torch.ones(4, 4), free, real, [True] * 3)
        == [None] * 3
    )


def test_a_unit_that_sees_dark_pixels_only_has_no_gradient() -> None:
    objective = Objective.of(
        [AffineLayer(torch.tensor([[5.0, 0, 0, 0]]), torch.zeros(1))], torch.eye(1)
    )
    lit = torch.tensor([[False, True], [True, True]])
    free = torch.randn(1, 2, 2)
    [problem] = find_problems(objective, sigmoid_images(lit, 1.0), lit, free, respond([1.0]), [True])
    assert problem.startswith("no gradient")


def test_scores_compare_with_the_right_images(trained_run: Path) -> None:
    opened = open_layer(RunDirectory(trained_run), 3, Progress())
    targets = Targets.of("3,7", (), opened.unit_names)
    objective = Objective.of(opened.layers, targets.directions)
    X = torch.from_numpy(opened.run_data.X_train)
    responses = Responses.of([*objective.below, objective.readout()], X, 2)
    torch.manual_seed(0)
    restarts = torch.rand(2, 3, 8, 8)
    climbed = Climbed(restarts[:, 0], restarts, torch.zeros(2, 8, 8), {})
    parameterisation = sigmoid_images(torch.ones(8, 8, dtype=torch.bool), 3.0)
    real = RealImages.of(X, (8, 8), 0)
    assert not real.frame.any()
    scores = score_images(opened, targets, objective, parameterisation, responses, climbed, real)
    data = opened.run_data
    held_out = data.dataset.flat[data.split.test].astype("f") / 255
    images = climbed.images.flatten(1).numpy()
    train = data.X_train.astype("f") / 255
    nearest = np.linalg.norm(images[:, None] - train, axis=2).min(axis=1)
    references = np.linalg.norm(held_out[:, None] - train, axis=2).min(axis=1)
    survival = measure_survival(objective, climbed.images, responses.mean).tolist()
    agreement = measure_agreement(restarts).tolist()
    logits = propagate(opened.layers, climbed.images.flatten(1))[-1]
    for row, score in enumerate(scores):
        assert score.distance == pytest.approx(nearest[row], abs=1e-3)
        assert score.distance_rank == pytest.approx(np.mean(references < nearest[row]), abs=0.006)
        assert score.agreement == pytest.approx(agreement[row])
        assert score.survival == pytest.approx(survival[row], nan_ok=True) or np.isnan(survival[row])
        assert score.prediction == int(logits[row].argmax())
        assert score.probability == pytest.approx(float(logits[row].softmax(dim=0).max()), abs=1e-5)


def test_an_output_that_is_never_positive_is_not_called_dead(trained_run: Path) -> None:
    opened = open_layer(RunDirectory(trained_run), 3, Progress())
    opened.layers[-1].bias[2] -= 1000
    result = maximize(opened, Targets.of("2", (), opened.unit_names), MaximizeOptions(steps=60))
    assert result.scores[0].ratio is None
    assert result.scores[0].problem.startswith("misread")
