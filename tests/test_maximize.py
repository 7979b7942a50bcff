import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import UsageError
from mnistffn.maximize import (
    MaximizeOptions,
    RealImages,
    ascend,
    compute_preactivations,
    maximize_units,
    read_preactivations,
    render,
    run_maximize,
    shift,
    total_variation,
)
from mnistffn.network import FeedForwardNetwork
from mnistffn.progress import Progress
from mnistffn.rundir import RunDirectory

digits = builtin_digits()
PLAIN = MaximizeOptions(tv_weight=0, jitter=0)


def test_the_hook_hands_out_a_tensor_that_is_still_in_the_graph() -> None:
    network = FeedForwardNetwork(6, [4], 3).eval()
    image = torch.rand(1, 6, requires_grad=True)
    with read_preactivations(network, 1) as preactivations:
        network(image)
        preactivations()[0, 2].backward()
    assert image.is_leaf
    np.testing.assert_allclose(
        image.grad[0], network.hidden[0].linear.weight[2].detach() / math.sqrt(1 + 1e-5), rtol=1e-5
    )
    assert not network.hidden[0].norm._forward_hooks, "the hook must be removed"


def test_images_are_dark_where_no_real_image_is_lit_and_have_a_real_norm() -> None:
    lit = torch.tensor([True] * 12 + [False] * 4)
    images = render(torch.randn(5, 4, 4), RealImages((4, 4), lit, 1.5))
    assert (images.flatten(1)[:, 12:] == 0).all()
    np.testing.assert_allclose(images.flatten(1).norm(dim=1), 1.5, rtol=1e-5)
    assert images.min() >= 0
    assert render(torch.zeros(1, 4, 4), RealImages((4, 4), lit, 100.0)).max() == 1


def test_real_images_are_measured() -> None:
    images = np.zeros((300, 2, 2), np.uint8)
    images[:100, 0, 0], images[100:, 0, 1], images[:5, 1, 0] = 51, 102, 1
    real = RealImages.of(images)
    assert real.lit.tolist() == [True, True, False, False], "lit in 100, 200, 5 and 0 of 300"
    assert real.norm == pytest.approx(0.4)


def test_the_image_of_a_linear_unit_lights_the_pixels_with_positive_weights() -> None:
    network = FeedForwardNetwork(16, [], 2)
    weights = network.output.weight.detach()
    real = RealImages((4, 4), torch.ones(16, dtype=torch.bool), 1.0)
    images = ascend(network, 1, lambda a: a.diagonal(), 2, real, PLAIN)
    # Under a norm bound and pixels of at least 0, the best image is the positive part of the weights.
    best = weights.clamp(min=0) / weights.clamp(min=0).norm(dim=1, keepdim=True)
    assert ((images * best).sum(dim=1) > 0.99).all()


def test_the_ascent_climbs_and_leaves_the_network_alone() -> None:
    torch.manual_seed(0)
    network = FeedForwardNetwork(64, [32, 16], 5, dropout=0.5)
    network(torch.rand(64, 64))
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    real = RealImages.of(digits.images)
    short, long = (
        compute_preactivations(
            network,
            2,
            ascend(network, 2, lambda a: a.diagonal(), 16, real, replace(PLAIN, steps=steps)),
        ).diagonal()
        for steps in (1, 100)
    )
    assert (long > short).all()
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in state.items())


def test_shifts_keep_every_pixel_and_are_bounded() -> None:
    torch.manual_seed(0)
    image = torch.zeros(1, 9, 9)
    image[0, 4, 4] = 1
    places = {tuple(shift(image, 2)[0].nonzero()[0].tolist()) for _ in range(200)}
    assert places == {(4 + dy, 4 + dx) for dy in range(-2, 3) for dx in range(-2, 3)}


def test_total_variation_is_zero_for_a_flat_image_and_counts_edges() -> None:
    images = torch.zeros(2, 3, 3)
    images[1, :, 1:] = 1
    assert total_variation(images).tolist() == pytest.approx([0, 0.5])


def test_each_digit_of_a_trained_network_gets_the_class_it_was_made_for(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    result = run_maximize(run, None, None, MaximizeOptions(), Progress())
    assert [score.predicted for score in result.scores] == list(range(10))
    assert min(score.probability for score in result.scores) > 0.5
    with np.load(run.path / "maximize-layer3.npz") as arrays:
        assert arrays["images"].shape == (10, 8, 8)
        assert arrays["images"].dtype == np.float32
        assert arrays["images"].min() >= 0
        assert arrays["images"].max() <= 1
        assert arrays["units"].tolist() == list(range(10))
    written = run.read_json("maximize-layer3.json")["scores"]
    assert [score["predicted"] for score in written] == list(range(10))
    assert (run.path / "maximize-layer3.png").stat().st_size > 5000


def test_scores_are_those_of_the_written_images(trained_run: Path) -> None:
    classifier = FeedForwardClassifier.load(trained_run / "model.pt")
    result = maximize_units(classifier, 1, [3, 5], digits.images, MaximizeOptions(steps=20))
    flat = torch.from_numpy(result.images.reshape(2, -1))
    reached = compute_preactivations(classifier.module_, 1, flat)[:, [3, 5]].diagonal()
    assert [score.activation for score in result.scores] == pytest.approx(reached.tolist())
    real = compute_preactivations(classifier.module_, 1, torch.from_numpy(digits.flat))
    assert [score.best_real for score in result.scores] == pytest.approx(real.amax(0)[[3, 5]].tolist())


def test_the_mean_of_a_layer_can_be_maximized(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    result = run_maximize(run, 1, "mean", MaximizeOptions(steps=60), Progress())
    assert result.units.tolist() == [-1]
    assert result.scores[0].unit == "mean"
    assert result.scores[0].activation > 0.8 * result.scores[0].best_real


def test_equal_seeds_give_equal_images(trained_run: Path) -> None:
    classifier = FeedForwardClassifier.load(trained_run / "model.pt")
    first, second, other = (
        maximize_units(classifier, 3, [1], digits.images, MaximizeOptions(steps=5, seed=seed)).images
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("options", [{"steps": 0}, {"lr": 0}, {"tv_weight": -1}, {"jitter": -1}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        MaximizeOptions(**options)
