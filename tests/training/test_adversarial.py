import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.training import net
from mnistffn.training.adversarial import Adversary, accuracy_under_attack, attack

digits = builtin_digits()
IMAGES = torch.from_numpy(digits.flat[:200].copy()).float() / 255
TARGETS = torch.from_numpy(digits.labels[:200].copy())


@pytest.fixture(scope="module")
def network() -> FeedForwardNetwork:
    classifier = FeedForwardClassifier((32, 16), random_state=0, max_epochs=15, dropout=0.2)
    return classifier.fit(digits.flat[200:], digits.labels[200:]).module_


@pytest.mark.parametrize("n_steps", [1, 2, 10])
@pytest.mark.parametrize(("norm", "order"), [("linf", np.inf), ("l2", 2)])
def test_adversaries_stay_in_the_ball_and_in_the_range_of_pixels(network, norm, order, n_steps) -> None:
    torch.manual_seed(0)
    radii = torch.linspace(0.01, 0.6, len(IMAGES))
    adversaries = attack(network, IMAGES, TARGETS, Adversary(radii, norm, n_steps))
    sizes = torch.linalg.vector_norm(adversaries - IMAGES, ord=order, dim=1)
    assert (sizes <= radii + 1e-5).all()
    assert (sizes > 0.3 * radii).all(), "an attack makes use of what it is allowed"
    assert 0 <= adversaries.min() <= adversaries.max() <= 1
    assert not adversaries.requires_grad


def test_no_strength_leaves_the_images_alone(network) -> None:
    for norm in ("linf", "l2"):
        torch.testing.assert_close(attack(network, IMAGES, TARGETS, Adversary(0.0, norm, 3)), IMAGES)


def test_on_a_linear_network_a_single_step_finds_the_worst_image() -> None:
    """The loss of a linear two-class network is worst at a corner of the ball, or along the weights."""
    torch.manual_seed(0)
    network = FeedForwardNetwork(20, (), 2).eval()
    images = 0.3 + 0.4 * torch.rand(50, 20)  # far from the bounds of [0, 1]
    targets = torch.randint(2, (50,))
    weights = (network.output.weight[1] - network.output.weight[0]).detach()
    away = torch.where(targets == 1, -1.0, 1.0)[:, None]
    found = attack(network, images, targets, Adversary(0.1, "linf", 20)) - images
    torch.testing.assert_close(found, 0.1 * away * weights.sign().expand(50, -1), atol=1e-5, rtol=0)
    found = attack(network, images, targets, Adversary(0.2, "l2", 200)) - images
    along = (found * away) @ (weights / weights.norm())
    assert (along > 0.95 * 0.2).all()


def test_the_loss_grows_with_the_steps_and_beats_random_noise(network) -> None:
    def loss(images: torch.Tensor) -> float:
        return float(cross_entropy(network(images), TARGETS).detach())

    torch.manual_seed(0)
    noise = (IMAGES + 0.1 * torch.rand_like(IMAGES).sub(0.5).sign()).clamp(0, 1)
    one, twenty = (loss(attack(network, IMAGES, TARGETS, Adversary(0.1, "linf", n))) for n in (1, 20))
    assert loss(IMAGES) < loss(noise) < one < twenty


def test_the_gradient_is_taken_in_evaluation_mode_and_the_mode_is_left_as_it_was(network) -> None:
    torch.manual_seed(0)
    expected = attack(network.eval(), IMAGES, TARGETS, Adversary(0.1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train().zero_grad()
    torch.manual_seed(0)
    found = attack(network, IMAGES, TARGETS, Adversary(0.1))
    assert network.training
    torch.testing.assert_close(found, expected)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), "an attack must not move batch normalisation's means"
    assert all(parameter.grad is None for parameter in network.eval().parameters())


def test_a_gradient_in_bfloat16_makes_adversaries_as_strong_in_float32(network) -> None:
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        adversaries = attack(network, IMAGES, TARGETS, Adversary(0.1), dtype)
        assert adversaries.dtype == torch.float32
        assert ((adversaries - IMAGES).abs() <= 0.1 + 1e-6).all()
        losses.append(float(cross_entropy(network.eval()(adversaries), TARGETS).detach()))
    assert losses[1] > 0.98 * losses[0]


@pytest.mark.parametrize("there", [True, False])
def test_training_attacks_in_bfloat16_where_the_processor_has_it(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()

    def watch(*args: object) -> torch.Tensor:
        found.add(args[4])
        return attack(*args)

    monkeypatch.setattr(net, "attack", watch)
    monkeypatch.setattr(net, "has_bfloat16", lambda _: there)
    classifier = FeedForwardClassifier((8,), adversarial=0.1, max_epochs=1, random_state=0)
    classifier.fit(digits.flat[:200], digits.labels[:200])
    assert found == {torch.bfloat16 if there else torch.float32}
    assert {value.dtype for value in classifier.module_.parameters()} == {torch.float32}


def test_accuracy_under_attack_falls_with_the_strength(network) -> None:
    torch.manual_seed(0)
    accuracies = [
        accuracy_under_attack(network, IMAGES, TARGETS, Adversary(strength, "linf", 10))
        for strength in (0.0, 0.05, 0.1, 0.5)
    ]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.9
    assert accuracies[3] < 0.1


def test_single_step_training_makes_a_network_robust_against_pgd() -> None:
    accuracies = []
    for strength in (0.0, 0.1):
        classifier = FeedForwardClassifier((64, 32), adversarial=strength, random_state=0)
        classifier.fit(digits.flat[200:], digits.labels[200:])
        torch.manual_seed(0)
        accuracies.append(
            accuracy_under_attack(classifier.module_, IMAGES, TARGETS, Adversary(0.1, "linf", 20))
        )
        assert classifier.score(digits.flat[:200], digits.labels[:200]) > 0.9
    assert accuracies[1] > accuracies[0] + 0.25
