import pytest
import torch

from mnistffn.network.network import (
    ACTIVATIONS,
    AffineLayer,
    FeedForwardNetwork,
    count_parameters,
    fold_batch_norm,
    propagate,
)


@pytest.fixture(params=ACTIVATIONS)
def network(request: pytest.FixtureRequest) -> FeedForwardNetwork:
    """A network whose batch normalisation has seen data, in training mode."""
    torch.manual_seed(0)
    network = FeedForwardNetwork(20, [16, 8, 6], 5, dropout=0.5, activation=request.param)
    for layer in network.hidden:
        torch.nn.init.normal_(layer.norm.weight)
        torch.nn.init.normal_(layer.norm.bias)
    for _ in range(20):
        network(3 * torch.randn(64, 20) + 1)
    return network


def test_folding_batch_norm_reproduces_evaluation_mode(network: FeedForwardNetwork) -> None:
    inputs = torch.randn(50, 20)
    expected = inputs
    network.eval()
    for layer, found in zip(network.hidden, propagate(fold_batch_norm(network), inputs), strict=False):
        expected = layer.norm(layer.linear(expected))
        assert (expected < 0).any(), "these are pre-activations"
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        expected = ACTIVATIONS[network.activation](expected)
    logits = propagate(fold_batch_norm(network), inputs)[-1]
    torch.testing.assert_close(logits, network(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_the_derivative_and_bounds_hold(name: str) -> None:
    layer = AffineLayer(torch.empty(0), torch.empty(0), name)
    values = torch.linspace(-6, 6, 1000, dtype=torch.float64, requires_grad=True)
    layer.activate(values).sum().backward()
    torch.testing.assert_close(layer.slope(values.detach()), values.grad)
    middle, radius = torch.randn(500) * 2, torch.rand(500)
    low, high = layer.bound(middle - radius, middle + radius)
    inside = layer.activate(middle + radius * torch.linspace(-1, 1, 99)[:, None])
    assert (inside >= low - 1e-6).all()
    assert (inside <= high + 1e-6).all()


def test_layers_of_any_number_have_the_widths_asked_for() -> None:
    for hidden in ([], [7], [9, 4, 3, 2]):
        network = FeedForwardNetwork(12, hidden, 3)
        assert network.widths == (12, *hidden, 3)
        assert network.n_layers == len(hidden) + 1
        assert network(torch.randn(4, 12)).shape == (4, 3)
        assert count_parameters(12, hidden, 3) == sum(p.numel() for p in network.parameters())


def test_dropout_acts_in_training_mode_only(network: FeedForwardNetwork) -> None:
    inputs = torch.randn(30, 20)
    assert not torch.equal(network.train()(inputs), network(inputs))
    assert torch.equal(network.eval()(inputs), network(inputs))
