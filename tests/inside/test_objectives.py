import itertools

import pytest
import torch

from mnistffn.errors import UsageError
from mnistffn.inside.objectives import Objective, Targets, activate_leaking
from mnistffn.network.network import ACTIVATIONS, AffineLayer, propagate

NAMES = ["0", "1", "2", "3"]


def make_layers(*widths: int) -> list[AffineLayer]:
    torch.manual_seed(0)
    pairs = itertools.pairwise(widths)
    return [AffineLayer(torch.randn(n, m), torch.randn(n)) for m, n in pairs]


def test_all_units_are_targets_unless_objectives_are_named() -> None:
    everything = Targets.of(None, (), NAMES)
    assert everything.names == NAMES
    assert everything.units == [0, 1, 2, 3]
    assert torch.equal(everything.directions, torch.eye(4))
    objectives = Targets.of(None, ("3-1", "2", "mean", "-2"), NAMES)
    assert objectives.names == ["3-1", "2", "mean", "-2"]
    assert objectives.units == [None, 2, None, None]
    assert objectives.directions.tolist() == [[0, -1, 0, 1], [0, 0, 1, 0], [0.25] * 4, [0, 0, -1, 0]]
    assert Targets.of("1", ("3-1", "2*3"), NAMES).units == [1, None, None]
    with pytest.raises(UsageError, match="no unit 9"):
        Targets.of(None, ("9",), NAMES)


@pytest.mark.parametrize("widths", [(9, 4), (9, 6, 4), (9, 6, 5, 4)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_objective_reads_its_direction_of_each_image(
    widths: tuple[int, ...], activation: str
) -> None:
    layers = [layer._replace(activation=activation) for layer in make_layers(*widths)]
    images = torch.rand(3, 3, 3)
    directions = torch.randn(3, 4)
    expected = (propagate(layers, images.flatten(1))[-1] * directions).sum(dim=1)
    for leak in (0.0, 0.1):
        found = Objective.of(layers, directions)(images, leak)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    repeated = Objective.of(layers, directions).repeat(2)(images.repeat_interleave(2, dim=0))
    torch.testing.assert_close(repeated, expected.repeat_interleave(2), rtol=1e-4, atol=1e-5)


def test_the_gradient_reaches_the_image_which_is_a_leaf() -> None:
    # A hook that copied the activation into a new tensor left the image without a gradient.
    layers = make_layers(9, 6, 4)
    image = torch.rand(1, 3, 3, requires_grad=True)
    Objective.of(layers, torch.eye(4)[:1])(image).backward()
    gate = (propagate(layers, image.flatten(1))[0] > 0).float()
    expected = (layers[1].weight[:1] * gate) @ layers[0].weight
    torch.testing.assert_close(image.grad, expected.view(1, 3, 3).detach())


def test_the_gradient_leaks_where_units_are_off_and_the_value_does_not() -> None:
    inputs = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
    layer = AffineLayer(torch.empty(0), torch.empty(0))
    activations = activate_leaking(layer, inputs, 0.1)
    assert activations.tolist() == [0, 0, 0.5, 2]
    activations.sum().backward()
    assert inputs.grad.tolist() == pytest.approx([0.1, 0.1, 1, 1])


def test_a_tanh_leaks_on_both_sides() -> None:
    inputs = torch.tensor([-30.0, 0, 30], requires_grad=True)
    activations = activate_leaking(AffineLayer(torch.empty(0), torch.empty(0), "tanh"), inputs, 0.1)
    assert activations.tolist() == [-1, 0, 1]
    activations.sum().backward()
    assert inputs.grad.tolist() == pytest.approx([0.1, 1.1, 0.1])


@pytest.mark.parametrize("widths", [(9, 4), (9, 6, 4)])
def test_a_frame_is_held_whatever_the_image_has_there(widths: tuple[int, ...]) -> None:
    objective = Objective.of(make_layers(*widths), torch.eye(4))
    frame = torch.zeros(3, 3)
    frame[0] = torch.tensor([1.0, 0.5, 0.25])
    images = torch.rand(4, 3, 3)
    framed = torch.where(frame > 0, frame, images)
    torch.testing.assert_close(objective.hold(frame)(images), objective(framed))
    held = objective.hold(torch.zeros(3, 3))
    assert torch.equal(held(images), objective(images)), "no frame changes nothing"
