import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mnistffn.inside.ascent import (
    Ascent,
    climb,
    free_images,
    scale_to,
    shift_randomly,
    sigmoid_images,
    total_variation,
)
from mnistffn.inside.objectives import Objective
from mnistffn.network.network import ACTIVATIONS, AffineLayer

ALL_LIT = torch.ones(4, 4, dtype=torch.bool)


def linear(weights: Tensor) -> Objective:
    """Return an objective that is linear in the pixels."""
    return Objective.of([AffineLayer(weights, torch.zeros(len(weights)))], torch.eye(len(weights)))


def plain(parameterisation, steps: int = 300, lr: float = 0.1) -> Ascent:
    return Ascent(parameterisation, (), (), steps, lr)


def test_images_are_dark_where_no_real_image_is_lit_and_have_a_real_norm() -> None:
    lit = ALL_LIT.clone()
    lit[3] = False
    for make in (sigmoid_images, free_images):
        images = make(lit, 1.5).render(torch.randn(5, 4, 4))
        assert (images[:, 3] == 0).all()
        torch.testing.assert_close(images.flatten(1).norm(dim=1), torch.full((5,), 1.5))
    images = sigmoid_images(lit, 1.5).render(torch.randn(5, 4, 4))
    assert images.min() >= 0
    assert sigmoid_images(lit, 100.0).render(torch.zeros(1, 4, 4)).max() == 1
    assert free_images(lit, 1.5).render(torch.randn(5, 4, 4)).min() < 0


@pytest.mark.parametrize("make", [sigmoid_images, free_images])
def test_an_image_is_rendered_from_its_own_free_numbers(make) -> None:
    image = 0.1 + 0.8 * torch.rand(1, 4, 4)
    parameterisation = make(ALL_LIT, float(image.norm()))
    torch.testing.assert_close(parameterisation.render(parameterisation.invert(image)), image)


def test_the_maximizing_image_of_a_linear_unit_under_a_norm_bound_is_its_weight_vector() -> None:
    torch.manual_seed(0)
    weights = torch.randn(3, 16)
    ascent = plain(free_images(ALL_LIT, 2.0))
    images = ascent.parameterisation.render(ascent(linear(weights), torch.randn(3, 4, 4)))
    best = 2 * weights / weights.norm(dim=1, keepdim=True)
    torch.testing.assert_close(images.flatten(1), best, rtol=0.01, atol=0.01)


def test_in_the_unit_interval_it_is_the_positive_part_of_the_weights() -> None:
    torch.manual_seed(0)
    weights = torch.randn(3, 16)
    ascent = plain(sigmoid_images(ALL_LIT, 1.0), steps=600)
    images = ascent.parameterisation.render(ascent(linear(weights), torch.randn(3, 4, 4)))
    best = scale_to(weights.clamp(min=0).view(3, 4, 4), 1.0)
    assert ((images * best).sum(dim=(1, 2)) > 0.99).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_behind_any_activation_the_maximum_is_what_the_unit_below_looks_for(activation: str) -> None:
    torch.manual_seed(0)
    weights = torch.randn(1, 16)
    first = AffineLayer(weights / weights.norm(), torch.tensor([-0.5]), activation)
    objective = Objective.of([first, AffineLayer(torch.ones(1, 1), torch.zeros(1))], torch.ones(1, 1))
    ascent = plain(free_images(ALL_LIT, 1.0), steps=600)
    images = ascent.parameterisation.render(ascent(objective, torch.randn(1, 4, 4)))
    assert (images.flatten(1) @ first.weight.T).item() > 0.99
    expected = ACTIVATIONS[activation](torch.tensor(0.5))
    assert objective(images).item() == pytest.approx(float(expected), abs=0.01)


def test_a_unit_behind_dead_units_is_reached_through_the_leak() -> None:
    # Unit 0 of the second layer sees the image only through a unit that is off for dark images.
    first = AffineLayer(torch.ones(1, 16), torch.tensor([-6.0]))
    second = AffineLayer(torch.ones(1, 1), torch.zeros(1))
    objective = Objective.of([first, second], torch.ones(1, 1))
    start = torch.zeros(1, 4, 4)
    start[0, 0, 0] = 5
    ascent = plain(free_images(ALL_LIT, 2.0))
    assert objective(ascent.parameterisation.render(start)).item() == 0, "no gradient but for the leak"
    found = objective(ascent.parameterisation.render(ascent(objective, start)))
    assert found.item() == pytest.approx(2, abs=0.05), "sixteen pixels of 0.5, less 6"


def test_the_leak_stops_after_an_eighth_of_the_steps() -> None:
    seen = []

    class Watched(Objective):
        def __call__(self, images: Tensor, leak: float = 0.0) -> Tensor:
            seen.append(leak > 0)
            return super().__call__(images, leak)

    layers = [AffineLayer(torch.ones(1, 16), torch.zeros(1))]
    plain(free_images(ALL_LIT, 1.0), steps=16)(
        Watched.of(layers, torch.ones(1, 1)), torch.ones(1, 4, 4)
    )
    assert seen == [True] * 2 + [False] * 14


def test_noise_is_weak_beside_a_start_from_an_image() -> None:
    torch.manual_seed(0)
    images = (torch.rand(20, 28, 28) > 0.85).float() * torch.rand(20, 28, 28)
    for make in (sigmoid_images, free_images):
        parameterisation = make(torch.ones(28, 28, dtype=torch.bool), 9.0)
        started = parameterisation.render(
            parameterisation.invert(images) + 0.5 * torch.randn(20, 28, 28)
        )
        for image, start in zip(images, started, strict=True):
            assert np.corrcoef(image.flatten(), start.flatten())[0, 1] > 0.9


def test_shifts_keep_every_pixel_and_are_bounded() -> None:
    torch.manual_seed(0)
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    shift = shift_randomly(2)
    places = {tuple(shift(image)[0].nonzero()[0].tolist()) for _ in range(200)}
    assert places == {(4 + dy, 4 + dx) for dy in range(-2, 3) for dx in range(-2, 3)}


def test_total_variation_is_zero_for_a_flat_image_and_counts_edges() -> None:
    images = torch.zeros(2, 3, 3)
    images[1, :, 1:] = 1
    assert total_variation(images).tolist() == pytest.approx([0, 0.5])


def test_a_penalty_makes_the_image_smoother_and_costs_activation() -> None:
    torch.manual_seed(0)
    weights, start = torch.randn(2, 64), torch.randn(2, 8, 8)
    parameterisation = sigmoid_images(torch.ones(8, 8, dtype=torch.bool), 3.0)
    rough, smooth = (
        parameterisation.render(
            Ascent(parameterisation, [(weight, total_variation)], (), 100, 0.1)(linear(weights), start)
        )
        for weight in (0.0, 20.0)
    )
    assert (total_variation(smooth) < 0.8 * total_variation(rough)).all()
    assert (linear(weights)(smooth) < linear(weights)(rough)).all()


def test_transformations_move_what_the_objective_sees() -> None:
    # A single pixel is all that counts; where the image moves at random its neighbours are lit too.
    weights = torch.zeros(1, 64)
    weights[0, 27] = 1
    parameterisation = sigmoid_images(torch.ones(8, 8, dtype=torch.bool), 2.0)
    torch.manual_seed(0)
    still, moved = (
        parameterisation.render(
            Ascent(parameterisation, (), transformations, 200, 0.1)(
                linear(weights), torch.zeros(1, 8, 8)
            )
        ).flatten()
        for transformations in ([], [shift_randomly(1)])
    )
    around = [27 + dy + dx for dy in (-8, 0, 8) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    assert (moved[around] > still[around] + 0.2).all()


def test_the_best_of_the_starts_is_kept_with_its_way() -> None:
    # From 0 the image cannot leave a saddle point of |pixel|; only the second start finds the way.
    first = AffineLayer(torch.tensor([[1.0], [-1.0]]), torch.tensor([-1.0, -1.0]))
    second = AffineLayer(torch.tensor([[3.0, 1.0]]), torch.zeros(1))
    objective = Objective.of([first, second], torch.ones(1, 1))
    parameterisation = free_images(torch.ones(1, 1, dtype=torch.bool), 2.0)
    starts = torch.tensor([-2.0, 2.0]).view(1, 2, 1, 1)
    found = climb(objective, plain(parameterisation, steps=8), starts, frame_steps=[0, 4])
    assert found.restarts.flatten().tolist() == pytest.approx([-2, 2])
    assert found.images.item() == pytest.approx(2), "worth 3, the other 1"
    assert list(found.frames) == [0, 4]
    assert found.frames[0].item() == pytest.approx(2)


def test_the_choice_among_starts_counts_the_penalties() -> None:
    objective = linear(torch.tensor([[1.0, 0, 0, 0]]))
    starts = torch.tensor([[1.0, 0, 0, 0], [0.9, 0.9, 0.9, 0.9]]).view(1, 2, 2, 2)
    parameterisation = free_images(torch.ones(2, 2, dtype=torch.bool), 1.0)
    for weight, chosen in ((0.0, 1.0), (10.0, 0.5)):
        ascent = Ascent(parameterisation, [(weight, total_variation)], (), 1, 1e-9)
        found = climb(objective, ascent, starts)
        assert found.images[0, 0, 0].item() == pytest.approx(chosen, abs=1e-4)


def test_the_start_is_left_as_it_was() -> None:
    start = torch.zeros(1, 4, 4)
    reached = plain(free_images(ALL_LIT, 1.0), steps=3)(linear(torch.ones(1, 16)), start)
    assert not start.any()
    assert reached.any()
    assert math.isfinite(float(reached.sum()))


def test_a_step_is_that_of_torchs_adam() -> None:
    weights = torch.randn(2, 16)
    start = torch.randn(2, 4, 4)
    parameterisation = free_images(ALL_LIT, 2.0)
    reached = plain(parameterisation, steps=20, lr=0.05)(linear(weights), start)
    free = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        (-linear(weights)(parameterisation.render(free))).sum().backward()
        optimizer.step()
    assert torch.equal(reached, free.detach())
