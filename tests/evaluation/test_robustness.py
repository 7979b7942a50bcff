from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import attack_independently, takes_long

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import UsageError
from mnistffn.evaluation.evaluate import run_evaluate
from mnistffn.evaluation.robustness import AttackOptions, measure_robustness
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.network.tensors import as_float
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.training.adversarial import Adversary, attack

digits = builtin_digits()
X, targets = digits.flat[:300], digits.labels[:300]


@pytest.fixture(scope="module")
def network() -> FeedForwardNetwork:
    classifier = FeedForwardClassifier((32, 16), random_state=0, adversarial=0.05)
    return classifier.fit(digits.flat[300:], digits.labels[300:]).module_


def make_linear() -> tuple[FeedForwardNetwork, np.ndarray, np.ndarray, np.ndarray]:
    """A linear network of two classes, images, their labels and their distances from the boundary."""
    torch.manual_seed(0)
    network = FeedForwardNetwork(16, (), 2).eval()
    images = np.random.default_rng(0).integers(110, 146, (200, 16), np.uint8)
    with torch.no_grad():
        logits = network(torch.from_numpy(images).float() / 255)
        margins = logits[:, 1] - logits[:, 0]
        network.output.bias[1] -= margins.mean()
    margins = (margins - margins.mean()).numpy()
    return network, images, (margins > 0).astype(np.int64), np.abs(margins)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_smallest_strength_of_a_linear_network_is_the_distance_from_its_boundary(norm) -> None:
    network, images, labels, margins = make_linear()
    weights = (network.output.weight[1] - network.output.weight[0]).detach().numpy()
    distances = margins / (np.abs(weights).sum() if norm == "linf" else np.linalg.norm(weights))
    strength = float(np.median(distances))
    smallest = measure_robustness(network, images, labels, AttackOptions((strength,), norm)).smallest
    assert (smallest >= distances - 1e-6).all(), "nothing can fool within less"
    np.testing.assert_allclose(smallest, distances, rtol=0.06, atol=strength / 2**8)


def test_accuracies_fall_agree_with_the_smallest_strengths_and_with_a_plain_attack(network) -> None:
    options = AttackOptions((0.1, 0.02, 0.05))
    found = measure_robustness(network, X, targets, options)
    assert found.strengths.tolist() == [0.02, 0.05, 0.1]
    for strength, accuracy in zip(found.strengths, found.accuracies, strict=True):
        assert accuracy == np.mean(found.smallest > strength)
        torch.manual_seed(1)
        images, labels = as_float(torch.from_numpy(X)), torch.from_numpy(targets)
        adversaries = attack(network, images, labels, Adversary(float(strength), "linf", 20))
        plain = float((network(adversaries).argmax(1) == labels).float().mean())
        assert plain == pytest.approx(accuracy, abs=0.015)
    assert found.accuracies[0] > found.accuracies[1] > found.accuracies[2]
    wrong = (
        FeedForwardNetwork.forward(network, as_float(torch.from_numpy(X))).argmax(1).numpy() != targets
    )
    np.testing.assert_array_equal(found.smallest == 0, wrong)


def test_the_smallest_strength_is_enough_and_much_less_is_not(network) -> None:
    smallest = measure_robustness(network, X, targets, AttackOptions((0.05,), n_restarts=2)).smallest
    chosen = (smallest > 0) & np.isfinite(smallest)
    images, labels = as_float(torch.from_numpy(X[chosen])), torch.from_numpy(targets[chosen])
    fooled = []
    for factor in (1.25, 0.8):
        torch.manual_seed(2)
        radii = torch.from_numpy(factor * smallest[chosen])
        adversaries = attack(network, images, labels, Adversary(radii, "linf", 20))
        fooled.append(float((network(adversaries).argmax(1) != labels).float().mean()))
    assert fooled[0] > 0.95
    assert fooled[1] < 0.05


def test_restarts_find_more(network) -> None:
    one, twenty = (
        measure_robustness(network, X, targets, AttackOptions((0.1,), n_restarts=n)).correct[0]
        for n in (1, 20)
    )
    assert twenty < one


def test_a_network_cannot_hide_behind_large_logits(network) -> None:
    """A factor on the logits changes no decision, but rounds every probability to 0 or 1."""
    loud = deepcopy(network)
    with torch.no_grad():
        loud.output.weight *= 1000
        loud.output.bias *= 1000
    found = [measure_robustness(n, X, targets, AttackOptions((0.1,))) for n in (network, loud)]
    assert found[1].accuracies[0] < found[0].accuracies[0] + 0.06
    assert np.isfinite(found[1].smallest).all()


def test_examples_are_right_at_first_and_one_of_each_class(network) -> None:
    found = measure_robustness(network, X, targets, AttackOptions((0.1,)))
    assert targets[found.rows].tolist() == list(range(10))
    assert (found.smallest[found.rows] > 0).all()
    assert np.abs(found.adversaries - X[found.rows] / 255).max() <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strengths": ()}, r"strengths=\(\) must be above 0"),
        ({"strengths": (0.0,)}, r"strengths=\(0.0,\) must be above 0"),
        ({"strengths": (0.1, 1.5)}, r"strengths=\(0.1, 1.5\) must be above 0 and at most 1,"),
        ({"strengths": (0.1,), "n_restarts": 0}, "n_restarts=0"),
        ({"strengths": (0.1,), "norm": "l1"}, "norm='l1' must be linf or l2"),
    ],
)
def test_attacks_that_make_no_sense_are_refused(options, message) -> None:
    with pytest.raises(UsageError, match=message):
        AttackOptions(**options)


def test_a_run_writes_what_the_attacks_found(trained_run: Path, recorder) -> None:
    run = RunDirectory(trained_run)
    result = run_evaluate(run, DataOptions(), recorder, AttackOptions((0.05, 0.1), n_restarts=2))
    written = run.read_json("robustness.json")
    assert written.pop("source") == result.source
    del written["schema"]
    assert written["accuracies"] == [
        row | {"interval": list(row["interval"])} for row in result.robustness["accuracies"]
    ]
    assert (written["n_steps"], written["n_restarts"], written["n"]) == (20, 2, 180)
    assert result.metrics.accuracy > written["accuracies"][0]["accuracy"]
    with np.load(run.path / "robustness.npz") as arrays, np.load(run.path / "predictions.npz") as plain:
        np.testing.assert_array_equal(arrays["index"], plain["index"])
        accuracy = np.mean(arrays["smallest_strength"] > 0.1)
        assert accuracy == pytest.approx(written["accuracies"][1]["accuracy"])
        assert arrays["images"].shape == arrays["adversaries"].shape == (10, 8, 8)
    for figure in ("robustness.png", "adversaries.png"):
        assert (run.path / figure).exists()
    assert recorder.steps[-1][0] == recorder.steps[-1][1]
    # Another evaluation leaves the attack's files alone; a new model makes them stale.
    run_evaluate(run, DataOptions(), Progress())
    assert "attack" in run.manifest().stages
    (run.path / "model.pt").write_bytes(b"another")
    assert "evaluate --attack 0.05,0.1 --attack-norm linf --restarts 2" in run.stale_commands()


@pytest.mark.parametrize(
    ("adversarial", "norm", "order", "strength"),
    [
        (0.05, "linf", np.inf, 0.06),
        (0.0, "l2", 2, 0.5),
        pytest.param(0.0, "linf", np.inf, 0.06, marks=takes_long),
        pytest.param(0.05, "l2", 2, 0.5, marks=takes_long),
    ],
)
def test_the_attack_is_no_weaker_than_an_independent_one(adversarial, norm, order, strength) -> None:
    classifier = FeedForwardClassifier((64, 32), adversarial=adversarial, random_state=0)
    classifier.fit(digits.flat[600:], digits.labels[600:])
    X, targets = digits.flat[:600], digits.labels[:600]
    inputs = X.astype(np.float32) / 255
    ours, theirs = [], []
    for seed in range(4):
        options = AttackOptions((strength,), norm, seed=seed)
        ours.append(measure_robustness(classifier.module_, X, targets, options).accuracies[0])
        others = attack_independently(classifier.module_, inputs, targets, order, strength, seed)
        theirs.append(np.mean(classifier.predict(others) == targets))
    assert 0.1 < np.mean(theirs) < 0.9, "a strength at which attacks differ"
    assert np.mean(ours) <= np.mean(theirs) + 0.005
