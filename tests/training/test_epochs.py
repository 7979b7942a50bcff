import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from mnistffn import FeedForwardClassifier
from mnistffn.training.epochs import CatastrophicOverfittingWarning, has_collapsed
from mnistffn.training.net import Epoch

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)


def make_epoch(number: int, train_loss: float, attack: float, pgd: float) -> Epoch:
    return Epoch(number, train_loss, 0.1, 0.98, attack, pgd, 0.01, 1.0)


@pytest.mark.parametrize(
    ("history", "collapsed"),
    [
        ([(1, 0.8, 0.80, 0.70), (2, 0.5, 0.9, 0.85)], False),
        ([(1, 0.8, 0.80, 0.70), (2, 0.5, 0.8, 0.65)], False),  # noise
        ([(1, 0.8, 0.80, 0.70), (2, 0.5, 0.9, 0.10)], True),  # PGD falls while the loss falls
        ([(1, 0.8, 0.80, 0.70), (2, 2.5, 0.2, 0.10)], False),  # the loss rose too: a bad step
        ([(1, 2.1, 0.55, 0.02), (2, 1.0, 0.71, 0.01)], False),  # two epochs say little
        ([(n, 2 / n, 0.7, 0.02 - n / 1000) for n in range(1, 5)], True),  # thinks that it is robust
        ([(n, 2 / n, 0.7, 0.02 + n / 1000) for n in range(1, 5)], False),  # becomes so, if slowly
        ([(n, 2 / n, 0.45, 0.02) for n in range(1, 9)], False),  # only too strong an attack
        ([(1, 0.8, math.nan, math.nan), (2, 0.5, math.nan, math.nan)], False),
    ],
)
def test_catastrophic_overfitting_is_told_from_noise_and_bad_steps(history, collapsed) -> None:
    assert has_collapsed([make_epoch(*epoch) for epoch in history]) is collapsed


def test_training_stops_where_it_collapses_and_keeps_the_epoch_that_was_best_under_pgd() -> None:
    """One step across half of the grey scale: the network learns to hide from it."""
    states = []
    classifier = FeedForwardClassifier((128, 64), adversarial=0.5, max_epochs=40, random_state=0)

    def remember(epoch: Epoch) -> None:
        states.append({k: v.clone() for k, v in classifier.module_.state_dict().items()})

    with pytest.warns(CatastrophicOverfittingWarning, match="is kept: take more adversarial steps"):
        classifier.set_params(on_epoch=remember).fit(X, y)
    accuracies = [epoch.pgd_accuracy for epoch in classifier.history_]
    assert len(accuracies) < 40
    assert classifier.best_epoch_ == np.argmax(accuracies) + 1
    for name, tensor in classifier.module_.state_dict().items():
        assert torch.equal(tensor, states[classifier.best_epoch_ - 1][name])
    healthy = FeedForwardClassifier((128, 64), adversarial=0.1, max_epochs=15, random_state=0)
    assert len(healthy.fit(X, y).history_) == 15
