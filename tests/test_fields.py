from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.fields import propagate_weights, run_fields
from mnistffn.network import FeedForwardNetwork, fold_batch_norm
from mnistffn.rundir import RunDirectory


@pytest.fixture
def network() -> FeedForwardNetwork:
    torch.manual_seed(0)
    network = FeedForwardNetwork(9, [7, 5], 3)
    for _ in range(10):
        network(torch.rand(32, 9))
    return network.eval()


def test_the_first_layers_field_is_its_gradient(network: FeedForwardNetwork) -> None:
    first = network.hidden[0]
    jacobian = torch.autograd.functional.jacobian(
        lambda x: first.norm(first.linear(x)), torch.rand(1, 9)
    )
    np.testing.assert_allclose(propagate_weights(network, 1), jacobian[0, :, 0], rtol=1e-5)


def test_a_network_without_hidden_layers_has_its_weights_as_fields() -> None:
    network = FeedForwardNetwork(4, [], 3)
    np.testing.assert_array_equal(propagate_weights(network, 1), network.output.weight.detach())


def test_deeper_fields_are_the_jacobian_of_the_network_without_its_relus(network) -> None:
    layers = fold_batch_norm(network)

    def linear(x: torch.Tensor) -> torch.Tensor:
        for weight, bias in layers:
            x = x @ weight.T + bias
        return x

    jacobian = torch.autograd.functional.jacobian(linear, torch.rand(9))
    np.testing.assert_allclose(propagate_weights(network, 3), jacobian, rtol=1e-4, atol=1e-6)
    assert propagate_weights(network, 2).shape == (5, 9)


@pytest.mark.parametrize(("layer", "units"), [(1, 24), (2, 12), (3, 10)])
def test_a_run_draws_every_unit_of_a_layer(trained_run: Path, layer: int, units: int) -> None:
    run = RunDirectory(trained_run)
    run_fields(run, layer, None)
    with np.load(run.path / f"fields-layer{layer}.npz") as arrays:
        assert arrays["units"].tolist() == list(range(units))
        assert arrays["filter"].shape == (units, 8, 8)
        assert arrays["filter"].dtype == np.float32
    assert (run.path / f"fields-layer{layer}.png").stat().st_size > 5000


def test_a_run_draws_the_units_asked_for_of_the_output_layer(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    whole = run_fields(run, None, None)
    some = run_fields(run, None, "7,0-2")
    assert some.layer == 3
    assert some.units.tolist() == [7, 0, 1, 2]
    np.testing.assert_array_equal(some.filter, whole.filter[[7, 0, 1, 2]])


def test_layers_units_and_models_that_are_not_there_are_refused(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    with pytest.raises(UsageError, match="no layer 4"):
        run_fields(run, 4, None)
    with pytest.raises(UsageError, match="no unit 12"):
        run_fields(run, 2, "12")
    (trained_run / "model.pt").unlink()
    with pytest.raises(RunDirectoryError, match="no model"):
        run_fields(run, 1, None)
