import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.search.fit import Fit, FitData, Outcome, carry_out, draw
from mnistffn.training.batching import Part
from mnistffn.training.epochs import train_epochs
from mnistffn.training.net import TrainingNet

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
FOLDS = np.arange(600) % 2
data = FitData(X, y, FOLDS)
classifier = FeedForwardClassifier((16, 8), dropout=0.2, max_epochs=5, random_state=0)


def train(n_images: int | None = None) -> tuple[FeedForwardClassifier, float]:
    """Carry out a fit, and return the classifier that it has trained and its accuracy."""
    trained = []
    fit_classifier = FeedForwardClassifier.fit

    def watch(self: FeedForwardClassifier, *args: object, **others: object) -> FeedForwardClassifier:
        trained.append(self)
        return fit_classifier(self, *args, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeedForwardClassifier, "fit", watch)
        outcome = carry_out(Fit.of(classifier, 1, n_images), data)
    return trained[0], outcome.accuracy


def weights(fitted: FeedForwardClassifier) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(fitted.module_.parameters())


def test_training_on_rows_is_training_on_a_copy_of_them() -> None:
    copied = clone(classifier).fit(X[::2], y[::2])
    trained, accuracy = train()
    assert accuracy == copied.score(X[1::2], y[1::2])
    assert torch.equal(weights(trained), weights(copied))


def test_images_are_mapped_and_never_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def watch(net: TrainingNet, parts: tuple[Part, Part | None], *others: object) -> object:
        used.extend(parts)
        return train_epochs(net, parts, *others)

    monkeypatch.setattr("mnistffn.training.classifier.train_epochs", watch)
    data.save(tmp_path)
    mapped = FitData.load(tmp_path)
    assert isinstance(mapped.images, np.memmap)
    carry_out(Fit.of(classifier, 1), mapped)
    assert [part.inputs.data_ptr() for part in used] == 2 * [mapped.images.ctypes.data]
    mapped.images[0] = 7  # reaches this process only
    assert np.array_equal(FitData.load(tmp_path).images, X)
    FitData.remove(tmp_path)
    assert not list(tmp_path.iterdir())


def test_fewer_images_are_drawn_at_random_and_always_the_same() -> None:
    (first, _), (second, _) = train(100), train(100)
    (all_of_them, _), (whole, _) = train(300), train()
    assert torch.equal(weights(first), weights(second))
    assert torch.equal(weights(all_of_them), weights(whole))
    assert first.net_.n_steps < whole.net_.n_steps


def test_few_images_have_all_classes_also_the_rare_ones() -> None:
    labels = np.repeat([0, 1, 2], [500, 90, 10])
    drawn = draw(np.arange(600), labels, 60, 0)
    assert len(set(drawn.tolist())) == 60
    counts = np.bincount(labels[drawn])
    assert counts.tolist() == pytest.approx([50, 8, 2], abs=1)
    assert counts[2] >= 2


def test_no_fit_begins_after_its_time_and_none_goes_on() -> None:
    assert carry_out(Fit.of(classifier, 0), data, 0.0) is None
    endless = clone(classifier).set_params(max_epochs=1_000_000, schedule="constant")
    start = time.time()
    assert carry_out(Fit.of(endless, 0), data, 0.5) is None
    assert 0.4 < time.time() - start < 20


def test_other_errors_are_not_taken_for_the_end_of_the_time() -> None:
    with pytest.raises(ValueError, match="one class"):
        carry_out(Fit.of(classifier, 0), FitData(X, np.zeros_like(y), FOLDS))


def test_an_outcome_of_other_types_is_none() -> None:
    outcome = carry_out(Fit.of(classifier.set_params(max_epochs=1), 0), data)
    values = asdict(outcome)
    assert Outcome.read(values | {"fold": 1}) == outcome
    for name in values:
        assert Outcome.read(values | {name: "1"}) is None
        assert Outcome.read({key: value for key, value in values.items() if key != name}) is None
