import itertools
import math

import numpy as np
import pytest
import torch

from mnistffn.data import builtin_digits, split_labels
from mnistffn.inside.layer import OpenLayer
from mnistffn.inside.unitstats import (
    LabelledImages,
    describe_units,
    label_images,
    measure_ablations,
    measure_selectivity,
)
from mnistffn.network.network import ACTIVATIONS, AffineLayer, propagate


def hand_made(layer: int) -> tuple[OpenLayer, LabelledImages]:
    """Return a network that passes two pixels on, has a dead unit, and images of two classes."""
    first = AffineLayer(torch.tensor([[1.0, 0], [0, 1], [0, 0]]), torch.tensor([0.0, 0, -1]))
    second = AffineLayer(torch.tensor([[2.0, -3, 5], [0, 2, 0]]), torch.zeros(2))
    X = torch.tensor([[255, 0], [255, 51], [0, 255], [0, 255]], dtype=torch.uint8)
    opened = OpenLayer([first, second], layer, (2, 3, 2), [7, 9], None, None)  # nobody asks for data
    return opened, LabelledImages(X, torch.tensor([0, 0, 1, 1]))


def test_units_of_a_hand_made_network_are_described_rightly() -> None:
    opened, images = hand_made(1)
    one, other, dead = describe_units(opened, [0, 1, 2], images, images)
    assert (one.name, one.on, one.dead, one.prefers) == ("0", 0.5, False, [7])
    assert one.class_means == pytest.approx([1, 0])
    assert one.selectivity == 1
    assert one.outgoing == [("7", 2), ("9", 0)]
    assert other.on == 0.75
    assert other.class_means == pytest.approx([0.1, 1])
    assert other.selectivity == pytest.approx(0.9 / 1.1)
    assert other.outgoing == [("7", -3), ("9", 2)], "the strongest, whatever its sign"
    assert (dead.on, dead.dead, dead.prefers, dead.selectivity, dead.ablation) == (0, True, [], 0, 0)
    # Without unit 0 both outputs of the first image are 0, and the first of equals is taken; the second
    # image has -0.6 and 0.4 and is lost. Without unit 1 all outputs for class 9 are 0 and it is lost.
    assert one.ablation == 0.25
    assert other.ablation == 0.5
    # Per image: 0, 1, 0, 0 and 0, 0, 1, 1, of mean p, with a standard error of sqrt(p (1 - p) / 4).
    assert one.ablation_se == pytest.approx(math.sqrt(3) / 8)
    assert other.ablation_se == pytest.approx(1 / 4)
    assert dead.ablation_se == 0
    assert dead.effect == 0
    # Logits (2, 0), (1.4, 0.4), (-3, 2) twice; without unit 0 (0, 0), (-0.6, 0.4).
    with_it, without = (
        torch.tensor(z).log_softmax(1) for z in ([[2, 0], [1.4, 0.4]], [[0.0, 0], [-0.6, 0.4]])
    )
    assert one.effect == pytest.approx(float((with_it.exp() * (with_it - without)).sum()) / 4)


def test_output_units_are_measured_by_their_probability_and_by_what_is_read() -> None:
    opened, images = hand_made(2)
    seven, nine = describe_units(opened, [0, 1], images, images)
    assert (seven.name, seven.on, seven.prefers, seven.outgoing) == ("7", 0.5, [7], [])
    probabilities = propagate(opened.layers, images.X.float() / 255)[-1].softmax(dim=1)
    expected = probabilities.view(2, 2, 2).mean(dim=1)[:, 0].tolist()
    assert seven.class_means == pytest.approx(expected)
    assert seven.ablation == nine.ablation == 0.5, "a class that cannot be predicted is lost"
    assert seven.effect is nine.effect is None


def test_a_hand_made_tanh_unit_is_told_by_what_is_above_0_and_never_dead() -> None:
    first = AffineLayer(torch.tensor([[2.0, 0], [-1, -1]]), torch.tensor([-1.0, 0]), "tanh")
    second = AffineLayer(torch.tensor([[1.0, 0], [-1, 0]]), torch.zeros(2))
    X = torch.tensor([[255, 0], [255, 0], [0, 0], [0, 255]], dtype=torch.uint8)
    opened = OpenLayer([first, second], 1, (2, 2, 2), [7, 9], None, None)
    images = LabelledImages(X, torch.tensor([0, 0, 1, 1]))
    one, below = describe_units(opened, [0, 1], images, images)
    assert (one.on, one.prefers, one.selectivity) == (0.5, [7], 1)
    assert one.class_means == pytest.approx([math.tanh(1), 0])
    assert one.ablation == 0.5, "without it both outputs are 0 and the first of equals is taken"
    assert (below.on, below.dead, below.prefers, below.ablation) == (0, False, [], 0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_ablation_is_what_accuracy_loses_in_the_network_without_the_unit(
    layer: int, activation: str
) -> None:
    torch.manual_seed(0)
    widths = (12, 9, 8, 7, 4)
    layers = [
        AffineLayer(torch.randn(n, m), torch.randn(n) / 2, activation)
        for m, n in itertools.pairwise(widths)
    ]
    X = torch.randint(0, 256, (500, 12), dtype=torch.uint8)
    labels = propagate(layers, X.float() / 255)[-1].argmax(dim=1)
    labels[::3] = (labels[::3] + 1) % 4
    found = measure_ablations(layers, layer, range(widths[layer]), LabelledImages(X, labels))
    assert len({one.ablation for one in found}) > 3
    for unit, (loss, error, effect) in enumerate(found):
        weight = layers[layer].weight.clone()
        weight[:, unit] = 0
        own = layers[layer]._replace(weight=weight)
        silenced = [*layers[:layer], own, *layers[layer + 1 :]]
        before, after = (propagate(net, X.float() / 255)[-1] for net in (layers, silenced))
        lost = (before.argmax(dim=1) == labels).double() - (after.argmax(dim=1) == labels).double()
        assert loss == pytest.approx(float(lost.mean()))
        assert error == pytest.approx(float(lost.std(correction=0)) / math.sqrt(500))
        with_it, without = before.double().log_softmax(dim=1), after.double().log_softmax(dim=1)
        assert effect == pytest.approx(
            float((with_it.exp() * (with_it - without)).sum() / 500), rel=1e-4
        )


def test_selectivity_is_0_for_a_unit_that_does_not_care_and_1_for_one_class_only() -> None:
    assert measure_selectivity(np.ones(5)) == 0
    assert measure_selectivity(np.array([0.0, 3, 0])) == 1
    assert measure_selectivity(np.zeros(3)) == 0


def test_an_output_that_is_never_read_is_dead_and_prefers_nothing() -> None:
    opened, images = hand_made(2)
    opened.layers[1].bias[0] = -100
    seven, _ = describe_units(opened, [0, 1], images, images)
    assert (seven.dead, seven.on, seven.prefers) == (True, 0, [])


def test_statistics_are_of_the_training_part_and_ablation_of_the_held_out_one() -> None:
    dataset = builtin_digits()
    split = split_labels(dataset.labels, 0.1, 0)
    train, held_out = label_images(dataset, split, list(range(10)))
    assert torch.equal(train.X, torch.from_numpy(dataset.flat[split.train]))
    assert torch.equal(held_out.X, torch.from_numpy(dataset.flat[split.test]))
    assert held_out.targets.tolist() == dataset.labels[split.test].tolist()
    opened, images = hand_made(1)
    none = LabelledImages(images.X[:2], 1 - images.targets[:2])
    assert [unit.ablation for unit in describe_units(opened, [0], images, none)] == [-0.5]
