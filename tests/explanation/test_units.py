from itertools import pairwise

import numpy as np
import pytest
import torch

from mnistffn.explanation.training import correlate, measure_training
from mnistffn.explanation.units import UnitEvidence, trace_units
from mnistffn.network.network import ACTIVATIONS, AffineLayer, propagate


def make_layers(*widths: int, activation="relu") -> list[AffineLayer]:
    torch.manual_seed(1)
    return [AffineLayer(torch.randn(n, m), torch.randn(n), activation) for m, n in pairwise(widths)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(9, 6, 3), (9, 8, 6, 3), (9, 8, 7, 6, 3)])
def test_what_the_units_gave_adds_up_to_the_difference_of_the_logits(widths, activation) -> None:
    layers, image = make_layers(*widths, activation=activation), torch.rand(9)
    chain = trace_units(layers, image, torch.tensor([1.0, 0.0, -1.0]))
    found = propagate(layers, image[None])
    top = chain[0]
    assert top.contributions.sum() + top.bias == pytest.approx(top.total, abs=1e-12)
    assert top.total == pytest.approx(float(found[-1][0, 0] - found[-1][0, 2]), abs=1e-4)
    assert len(chain) == min(2, len(layers) - 1)
    if len(chain) == 2:
        assert chain[1].unit_above == top.strongest[0] == int(top.contributions.argmax())
        above = float(found[-2][0, chain[1].unit_above])
        assert chain[1].total == pytest.approx(chain[1].sign * above, abs=1e-4)
        assert chain[1].sign == (1 if activation == "relu" or above > 0 else -1)
        assert chain[1].contributions.sum() + chain[1].bias == pytest.approx(chain[1].total, abs=1e-12)


def test_two_units_worked_out_by_hand() -> None:
    layers = [
        AffineLayer(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0.5, -0.5])),
        AffineLayer(torch.tensor([[3.0, 1.0], [1.0, 2.0]]), torch.tensor([0.0, -1.0])),
    ]
    [found] = trace_units(layers, torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
    assert found.activations.tolist() == [1.0, 0.5]
    assert found.contributions.tolist() == [2.0, -0.5]
    assert (found.bias, found.total) == (1.0, 2.5)
    assert (found.strongest, found.opposed) == ([0], [1])
    assert found.share(0) == pytest.approx(2 / 3), "the bias raised it too"
    assert found.share(1) is None


def test_a_linear_network_has_no_units() -> None:
    assert trace_units(make_layers(9, 3), torch.rand(9), torch.tensor([1.0, -1.0, 0.0])) == []


def test_units_that_gave_next_to_nothing_are_not_named() -> None:
    contributions = np.array([5.0, 0.01, 3.0, -2.0, -0.001, 0.0, 1.0, 2.0, 0.9])
    found = UnitEvidence(1, None, 1, 0.0, 0.0, contributions, contributions)
    assert found.strongest == [0, 2, 7, 6]
    assert found.opposed == [3]


def test_correlations_are_numpys() -> None:
    generator = np.random.default_rng(0)
    image, patterns = generator.random(30, np.float32), generator.random((4, 30), np.float32)
    expected = np.corrcoef(image, patterns)[0, 1:]
    np.testing.assert_allclose(correlate(image, patterns), expected, rtol=1e-6)


@pytest.mark.parametrize("widths", [(9, 3), (9, 6, 5, 3)])
def test_distances_and_means_by_class_are_measured_in_batches(widths, monkeypatch) -> None:
    monkeypatch.setattr("mnistffn.explanation.training.BATCH", 7)
    layers, generator = make_layers(*widths), np.random.default_rng(0)
    X = torch.from_numpy(generator.integers(0, 256, (40, 9), np.uint8))
    targets = torch.arange(40) % 3
    images = X[:2].float() / 255
    found = measure_training(layers, X, targets, images)
    pixels = X.float() / 255
    away = (images[:, None] - pixels).norm(dim=2)
    torch.testing.assert_close(found.distances["pixels"], away, atol=2e-3, rtol=0)
    assert len(found.class_means) == len(layers) - 1
    if found.class_means:
        *_, last, _ = propagate(layers, pixels)
        expected = torch.stack([last.relu()[targets == label].mean(0) for label in range(3)], 1)
        np.testing.assert_allclose(found.class_means[-1], expected, rtol=1e-5)
        hidden = (last[:2].relu()[:, None] - last.relu()).norm(dim=2)
        torch.testing.assert_close(found.distances["hidden"], hidden, atol=5e-3, rtol=0)
