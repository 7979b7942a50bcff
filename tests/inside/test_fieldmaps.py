"""Fields of hand-made networks whose answers are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from mnistffn.inside.fieldmaps import (
    average_gradient,
    average_images,
    compute_fields,
    explained_variance,
    propagate_weights,
)
from mnistffn.inside.options import KINDS
from mnistffn.network.network import (
    ACTIVATIONS,
    AffineLayer,
    FeedForwardNetwork,
    fold_batch_norm,
    propagate,
)


def make_layers(*widths: int) -> list[AffineLayer]:
    """Return layers whose batch normalisation has seen data."""
    torch.manual_seed(0)
    network = FeedForwardNetwork(widths[0], widths[1:-1], widths[-1])
    for _ in range(10):
        network(torch.rand(32, widths[0]))
    return fold_batch_norm(network.eval())


def draw_images(n: int, pixels: int) -> Tensor:
    return torch.randint(
        0, 256, (n, pixels), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_the_filter_of_a_linear_network_is_its_weight_product_exactly() -> None:
    first, second = torch.randn(2, 5, 5)
    layers = [AffineLayer(first, torch.zeros(5)), AffineLayer(second, torch.ones(5))]
    assert torch.equal(propagate_weights(layers), second @ first)
    network = FeedForwardNetwork(4, [], 3)
    assert torch.equal(propagate_weights(fold_batch_norm(network)), network.output.weight.detach())


def test_the_first_layers_filter_holds_its_batch_normalisation() -> None:
    torch.manual_seed(0)
    network = FeedForwardNetwork(9, [7, 5], 3)
    for _ in range(10):
        network(torch.rand(32, 9))
    first = network.eval().hidden[0]
    jacobian = torch.autograd.functional.jacobian(
        lambda x: first.norm(first.linear(x)), torch.rand(1, 9)
    )
    found = propagate_weights(fold_batch_norm(network)[:1])
    np.testing.assert_allclose(found, jacobian[0, :, 0], rtol=1e-5)


@pytest.mark.parametrize(
    "widths", [(9, 3), (9, 7, 4), (9, 7, 6, 4), (9, 8, 7, 6, 4), (9, 8, 8, 7, 6, 4)]
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_agrees_with_finite_differences_at_any_depth(
    widths: tuple[int, ...], activation: str
) -> None:
    layers = [AffineLayer(w.double(), b.double(), activation) for w, b, _ in make_layers(*widths)]
    X = torch.rand(60, 9, dtype=torch.float64)
    units, step = [2, 0], 1e-6
    # average_gradient is in float32; its gates are those of these images in double precision too.
    single = [AffineLayer(w.float(), b.float(), activation) for w, b, _ in layers]
    found = average_gradient(single, units, X.float())
    for pixel in range(9):
        nudge = step * torch.eye(9, dtype=torch.float64)[pixel]
        above, below = (propagate(layers, X + sign * nudge)[-1][:, units] for sign in (1, -1))
        slope = ((above - below) / (2 * step)).mean(dim=0)
        np.testing.assert_allclose(found[:, pixel], slope, rtol=2e-3, atol=2e-4)


def test_the_gradient_counts_every_batch() -> None:
    layers, X = make_layers(9, 8, 6, 4), draw_images(9000, 9)
    halves = [average_gradient(layers, [1], half) for half in X.split(4500)]
    np.testing.assert_allclose(average_gradient(layers, [1], X), sum(halves) / 2, rtol=1e-4)


def test_the_average_is_the_mean_of_the_images_that_turn_a_unit_on_less_that_of_all() -> None:
    layers, X = make_layers(9, 6, 3), draw_images(5000, 9)
    found = average_images(layers[:1], [4, 1], X, is_output=False)["average"]
    images = X.double() / 255
    weights = propagate(layers[:1], images.float())[0][:, [4, 1]].relu().double()
    expected = weights.T @ images / weights.sum(dim=0)[:, None] - images.mean(dim=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_average_of_an_output_is_weighted_by_its_probability() -> None:
    layers, X = make_layers(9, 6, 3), draw_images(400, 9)
    images = X.float() / 255
    weights = propagate(layers, images)[-1].softmax(dim=1)
    expected = weights.T @ images / weights.sum(dim=0)[:, None] - images.mean(dim=0)
    found = average_images(layers, range(3), X, is_output=True)["average"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_pattern_is_a_regression_of_the_pixels_on_the_preactivation() -> None:
    layers, X = make_layers(9, 6, 3), draw_images(5000, 9)
    images, found = X.numpy() / 255, average_images(layers, [2], X, is_output=True)
    values = propagate(layers, X.float() / 255)[-1][:, 2].double().numpy()
    slopes = [np.polyfit(values, images[:, pixel], 1)[0] for pixel in range(9)]
    np.testing.assert_allclose(found["pattern"][0], slopes, rtol=1e-3, atol=1e-6)
    expected = images.mean(axis=0) + 1.25 * (values.max() - values.mean()) * np.array(slopes)
    np.testing.assert_allclose(found["pattern_image"][0], expected.clip(0, 1), atol=1e-4)


def test_the_pattern_finds_the_signal_where_the_filter_must_cancel_a_distractor() -> None:
    # After Haufe and others (2014): pixel 0 holds signal and noise, pixel 1 the same noise only.
    torch.manual_seed(0)
    signal, noise = torch.rand(2, 4000)
    X = torch.stack([signal + noise, noise], dim=1) / 2
    layers = [AffineLayer(torch.tensor([[2.0, -2.0]]), torch.zeros(1))]
    pattern = average_images(layers, [0], X, is_output=False)["pattern"][0]
    assert propagate_weights(layers).tolist() == [[2, -2]]
    np.testing.assert_allclose(pattern, [0.5, 0], atol=0.02)


def test_units_that_are_dead_or_do_not_vary_have_empty_fields_and_no_r2() -> None:
    layers = [AffineLayer(torch.tensor([[0.0, 0.0], [-1.0, -1.0]]), torch.tensor([0.0, -1.0]))]
    layers.append(AffineLayer(torch.ones(2, 2), torch.zeros(2)))
    X = draw_images(100, 2)
    fields, r2, varying = compute_fields(layers, 1, [0, 1], KINDS, X, X)
    assert varying.all()
    assert fields["average"].tolist() == [[0, 0], [0, 0]], "neither is ever on"
    assert fields["pattern"][0].tolist() == [0, 0]
    assert (fields["pattern"][1] < 0).all()
    assert all(values[0].isnan() for values in r2.values())
    assert r2["filter"][1] == pytest.approx(1)


@pytest.mark.parametrize("constant", [0.3, 0.9, 13.7, -33.3])
def test_a_unit_that_does_not_vary_has_no_pattern_whatever_its_value(constant: float) -> None:
    layers = [AffineLayer(torch.zeros(1, 9), torch.tensor([constant]))]
    fields, r2, _ = compute_fields(layers, 1, [0], KINDS, draw_images(9000, 9), draw_images(500, 9))
    assert not fields["pattern"].any()
    assert r2["pattern"].isnan().all()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3])
def test_a_pattern_scales_with_its_unit_also_far_from_zero(scale: float) -> None:
    weight, X = torch.randn(1, 9), draw_images(9000, 9)
    expected = average_images([AffineLayer(weight, torch.zeros(1))], [0], X, is_output=False)["pattern"]
    for bias in (0.0, 100 * scale):
        layer = AffineLayer(scale * weight, torch.tensor([bias]))
        found = average_images([layer], [0], X, is_output=False)["pattern"]
        np.testing.assert_allclose(scale * found, expected, rtol=0.01, atol=1e-4)


def test_the_output_layers_average_is_that_of_probabilities_end_to_end() -> None:
    layers, X = make_layers(9, 6, 3), draw_images(400, 9)
    found = compute_fields(layers, 2, [0, 1, 2], ["average"], X, X)[0]["average"]
    expected = average_images(layers, [0, 1, 2], X, is_output=True)["average"]
    np.testing.assert_allclose(found, expected)


def test_r2_is_that_of_a_linear_regression_on_other_images() -> None:
    torch.manual_seed(0)
    fields, X = torch.randn(3, 9), [torch.rand(200, 9), torch.rand(100, 9)]
    targets = [torch.stack([x @ fields[0], 3 - 2 * x @ fields[1], x.sum(dim=1) ** 2], dim=1) for x in X]
    found = explained_variance(fields, targets, X)
    assert found[:2].tolist() == pytest.approx([1, 1], abs=1e-5), "a slope and an intercept are free"
    product = [(x @ fields[2]).numpy() for x in X]
    slope, intercept = np.polyfit(product[0], targets[0][:, 2].numpy(), 1)
    actual = targets[1][:, 2].numpy()
    residual = actual - slope * product[1] - intercept
    expected = 1 - (residual**2).sum() / ((actual - actual.mean()) ** 2).sum()
    assert found[2] == pytest.approx(expected, abs=1e-4)


def test_pixels_that_hardly_an_image_lights_are_masked_and_the_first_layer_is_linear() -> None:
    layers, X = make_layers(9, 6, 3), draw_images(3000, 9)
    X[:, 4] = 0
    X[:2, 4] = 255  # 2 of 3,000 are less than a thousandth
    fields, r2, varying = compute_fields(
        layers, 1, range(6), KINDS, X, draw_images(300, 9) * lit_only(4)
    )
    assert (~varying).nonzero().flatten().tolist() == [4]
    assert all((fields[kind][:, 4] == 0).all() for kind in KINDS)
    assert r2["filter"].tolist() == pytest.approx([1] * 6, abs=1e-5)
    assert r2["gradient"].tolist() == pytest.approx([1] * 6, abs=1e-5)


def lit_only(dark: int) -> Tensor:
    mask = torch.ones(9, dtype=torch.uint8)
    mask[dark] = 0
    return mask
