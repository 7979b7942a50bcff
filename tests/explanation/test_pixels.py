from itertools import pairwise

import numpy as np
import pytest
import torch

from mnistffn.explanation.pixels import attribute_pixels, in_double
from mnistffn.network.network import (
    ACTIVATIONS,
    AffineLayer,
    FeedForwardNetwork,
    fold_batch_norm,
    propagate,
)


def make_layers(*widths: int, activation="relu", seed: int = 0) -> list[AffineLayer]:
    torch.manual_seed(seed)
    return [AffineLayer(torch.randn(n, m), torch.randn(n), activation) for m, n in pairwise(widths)]


def test_on_a_linear_network_a_pixels_evidence_is_its_weight_times_its_value() -> None:
    [layer] = layers = make_layers(6, 3)
    image = torch.rand(6)
    found = attribute_pixels(layers, image, torch.eye(3))
    assert torch.equal(found.values, layer.weight.double() * image.double())
    torch.testing.assert_close(found.black, layer.bias.double())


def test_two_relus_worked_out_by_hand() -> None:
    """The first is on all the way, the second from the middle: it sees its pixel for half of it."""
    layers = [
        AffineLayer(torch.tensor([[1.0, -1.0], [0.0, 1.0]]), torch.tensor([0.0, -0.25])),
        AffineLayer(torch.tensor([[2.0, 4.0]]), torch.tensor([1.0])),
    ]
    found = attribute_pixels(layers, torch.tensor([1.0, 0.5]), torch.ones(1, 1))
    assert found.values.tolist() == [[2.0, 0.0]]
    assert (found.reached.tolist(), found.black.tolist()) == ([2.0], [1.0])
    assert found.n_steps == 2


def test_one_tanh_worked_out_by_hand() -> None:
    weight, image = torch.tensor([[1.5, -2.0, 3.0]]), torch.tensor([1.0, 0.25, 0.5])
    layers = [
        AffineLayer(weight, torch.zeros(1), "tanh"),
        AffineLayer(torch.tensor([[5.0]]), torch.zeros(1), "tanh"),
    ]
    found = attribute_pixels(layers, image, torch.ones(1, 1))
    total = float(weight[0] @ image)
    expected = weight[0] * image / total * 5 * np.tanh(total)
    torch.testing.assert_close(found.values[0].float(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(20, 4), (20, 30, 4), (20, 30, 15, 4), (20, 15, 15, 15, 15, 3)])
def test_the_evidence_adds_up_and_is_what_many_small_steps_find(widths, activation: str) -> None:
    layers, image = make_layers(*widths, activation=activation), torch.rand(widths[0])
    directions = torch.randn(2, widths[-1])
    found = attribute_pixels(layers, image, directions)
    assert (found.gaps <= (1e-9 if activation == "relu" else 1e-3)).all()
    n = 20_000
    ray = ((torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n * image).requires_grad_()
    logits = propagate(in_double(layers), ray)[-1]
    for row, direction in enumerate(directions.double()):
        (gradient,) = torch.autograd.grad((logits @ direction).sum(), ray, retain_graph=True)
        torch.testing.assert_close(found.values[row], gradient.mean(0) * image, atol=3e-2, rtol=1e-3)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_the_layers_say_is_what_the_network_says(activation) -> None:
    torch.manual_seed(0)
    network = FeedForwardNetwork(20, (12, 8), 3, activation=activation)
    network(torch.rand(50, 20))  # moves the statistics of the batch normalisation
    image = torch.rand(20)
    found = attribute_pixels(fold_batch_norm(network.eval()), image, torch.eye(3))
    with torch.no_grad():
        logits = network(torch.stack([image, torch.zeros(20)])).double()
    torch.testing.assert_close(found.values.sum(1), logits[0] - logits[1], atol=1e-3, rtol=0)


def test_black_pixels_and_black_images_have_no_evidence() -> None:
    layers = make_layers(8, 6, 3)
    image = torch.tensor([0.0, 1.0] * 4)
    assert not attribute_pixels(layers, image, torch.eye(3)).values[:, ::2].any()
    assert not attribute_pixels(layers, torch.zeros(8), torch.eye(3)).values.any()


def test_captum_finds_the_same() -> None:
    attr = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    network = FeedForwardNetwork(20, (12, 8), 3).eval().double()
    image = torch.rand(1, 20, dtype=torch.float64)
    found = attribute_pixels(fold_batch_norm(network), image[0], torch.eye(3))
    for target in range(3):
        theirs = attr.IntegratedGradients(network).attribute(image, target=target, n_steps=2000)
        torch.testing.assert_close(found.values[target], theirs[0], atol=1e-3, rtol=0)
