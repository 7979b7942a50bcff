import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from mnistffn import FeedForwardClassifier
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.training.net import WeightAverage

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
SMALL = {"hidden": (16,), "max_epochs": 8, "random_state": 0}


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_nearly_nothing() -> None:
    classifier = FeedForwardClassifier(**SMALL | {"max_epochs": 20}, lr=0.02).fit(X, y)
    rates = [epoch.lr for epoch in classifier.history_]
    top = int(np.argmax(rates))
    assert rates[top] == pytest.approx(0.02, rel=0.02)
    assert 3 <= top <= 6, "the first quarter rises"
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.02 / 1000


@pytest.mark.parametrize("n_epochs", range(1, 9))
def test_one_cycle_takes_any_number_of_steps(n_epochs: int) -> None:
    classifier = FeedForwardClassifier((4,), batch_size=2000, max_epochs=n_epochs, random_state=0)
    assert len(classifier.fit(X, y).history_) == n_epochs


def test_few_validation_images_say_nothing_of_robustness() -> None:
    classifier = FeedForwardClassifier(**SMALL, adversarial=0.1).fit(X[:200], y[:200])
    assert math.isnan(classifier.history_[-1].pgd_accuracy)


def test_a_constant_learning_rate_stays_and_a_plateau_lowers_it() -> None:
    constant = FeedForwardClassifier(**SMALL, schedule="constant", lr=0.02).fit(X, y)
    assert {epoch.lr for epoch in constant.history_} == {0.02}
    plateau = FeedForwardClassifier((16,), schedule="plateau", lr=0.1, max_epochs=60, random_state=0)
    rates = [epoch.lr for epoch in plateau.fit(X, y).history_]
    assert set(np.round(np.log(np.array(rates) / 0.1) / np.log(5)).tolist()) >= {0.0, -1.0}
    losses = [epoch.valid_loss for epoch in plateau.history_]
    first_drop = rates.index(next(rate for rate in rates if rate < 0.1))
    assert min(losses[first_drop - 5 : first_drop]) > min(losses[: first_drop - 5])


def test_plateau_and_patience_need_a_validation_part_and_one_cycle_no_patience() -> None:
    for parameters, message in (
        (
            {"schedule": "plateau", "validation_fraction": 0},
            "schedule='plateau' with validation_fraction=0.0 has no validation images",
        ),
        (
            {"schedule": "constant", "patience": 3, "validation_fraction": 0},
            "patience=3 with validation_fraction=0.0 has no validation images",
        ),
        ({"patience": 3}, "patience=3 with schedule='one-cycle' stops before"),
    ):
        with pytest.raises(ValueError, match=message):
            FeedForwardClassifier(**SMALL, **parameters).fit(X, y)


def test_the_average_follows_its_recurrence_and_begins_as_a_plain_mean() -> None:
    source = FeedForwardNetwork(4, (3,), 2)
    average = WeightAverage(source, 0.75)
    values = torch.randn(6)
    expected = None
    for step, value in enumerate(values):
        with torch.no_grad():
            source.output.bias.fill_(value)
            source.hidden[0].norm.running_mean.fill_(value)
        average.update()
        decay = min(0.75, step / (step + 1))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        for tensor in (average.network.output.bias, average.network.hidden[0].norm.running_mean):
            torch.testing.assert_close(tensor, torch.full_like(tensor, float(expected)))


def test_the_average_is_what_is_validated_and_kept() -> None:
    plain = FeedForwardClassifier(**SMALL, schedule="constant", lr=0.05).fit(X, y)
    averaged = FeedForwardClassifier(**SMALL, schedule="constant", lr=0.05, ema_decay=0.99).fit(X, y)
    weights = plain.module_.output.weight
    assert not torch.equal(averaged.module_.output.weight, weights)
    assert averaged.history_[-1].train_loss == plain.history_[-1].train_loss, "training is the same"
    assert averaged.history_[-1].valid_loss != plain.history_[-1].valid_loss
    assert averaged.score(X, y) > 0.95


def test_label_smoothing_softens_the_training_and_leaves_the_validation_loss_comparable() -> None:
    sharp, smooth = (
        FeedForwardClassifier(**SMALL | {"max_epochs": 30}, label_smoothing=part).fit(X, y)
        for part in (0.0, 0.2)
    )
    top = [classifier.predict_proba(X).max(axis=1).mean() for classifier in (sharp, smooth)]
    assert top[1] < 0.9 < top[0]
    lowest = -(0.82 * math.log(0.82) + 9 * 0.02 * math.log(0.02))  # the entropy of the smooth target
    assert smooth.history_[-1].train_loss > lowest
    assert smooth.history_[-1].valid_loss < lowest


def test_input_dropout_silences_pixels_in_training_only() -> None:
    network = FeedForwardNetwork(64, (8,), 3, input_dropout=0.5)
    torch.manual_seed(0)
    dropped = network.input_dropout(torch.ones(100, 64))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.5, abs=0.05)
    network.eval()
    assert torch.equal(network.input_dropout(torch.ones(2, 64)), torch.ones(2, 64))


def test_augmentation_needs_images_and_takes_any_shape() -> None:
    with pytest.raises(ValueError, match="augment=True needs images, but 63 features"):
        FeedForwardClassifier(**SMALL, augment=True).fit(X[:, :63], y)
    with pytest.raises(ValueError, match="64 features are not image_shape=\\(4, 15\\)"):
        FeedForwardClassifier(**SMALL, augment=True, image_shape=(4, 15)).fit(X, y)
    FeedForwardClassifier(**SMALL, augment=True, image_shape=(4, 16)).fit(X, y)


def test_adversarial_training_needs_pixels_in_0_to_1() -> None:
    with pytest.raises(ValueError, match=r"needs X in \[0, 1\], but it reaches from 0.0 to 16.0"):
        FeedForwardClassifier(**SMALL, adversarial=0.1).fit(16 * X, y)


def test_accuracy_under_attack_is_recorded_in_adversarial_training_only() -> None:
    plain = FeedForwardClassifier(**SMALL).fit(X, y).history_[-1]
    assert math.isnan(plain.attack_accuracy)
    assert math.isnan(plain.pgd_accuracy)
    last = FeedForwardClassifier(**SMALL, adversarial=0.1).fit(X, y).history_[-1]
    assert 0.3 < last.pgd_accuracy <= last.attack_accuracy < last.valid_accuracy


def test_augmentation_teaches_a_network_what_it_does_to_the_images() -> None:
    images = X.reshape(-1, 8, 8)
    shifted = np.concatenate([images[:, :, 1:], np.zeros_like(images[:, :, :1])], axis=2).reshape(
        -1, 64
    )
    only_shifts = {"rotation": 0, "scaling": 0, "shear": 0, "elastic": 0, "shift": 0.125}
    options = {"hidden": (64,), "random_state": 0}
    plain = FeedForwardClassifier(**options).fit(X, y)
    taught = FeedForwardClassifier(**options, augment=True, **only_shifts).fit(X, y)
    assert taught.score(shifted, y) > 0.9 > plain.score(shifted, y) + 0.1
    assert taught.history_[-1].train_loss > 2 * plain.history_[-1].train_loss
