import time

import numpy as np
import pytest
import torch
from sklearn.base import clone

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.search.trial import Trial, shared_folder
from mnistffn.training.batching import Part
from mnistffn.training.epochs import train_epochs
from mnistffn.training.net import TrainingNet

digits = builtin_digits()
X, y = digits.flat[:600], digits.labels[:600]
ROWS = np.arange(0, 600, 2)
OTHERS = np.arange(1, 600, 2)
classifier = FeedForwardClassifier((16, 8), dropout=0.2, max_epochs=5, random_state=0)


def fit(trial: Trial) -> Trial:
    return trial.fit(ROWS[:, None], y[ROWS])


def weights(fitted: FeedForwardClassifier) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(fitted.module_.parameters())


def test_training_on_rows_is_training_on_a_copy_of_them() -> None:
    copied = clone(classifier).fit(X[ROWS], y[ROWS])
    with shared_folder(X, y) as folder:
        trial = fit(Trial(classifier, folder))
        assert trial.score(OTHERS[:, None], y[OTHERS]) == copied.score(X[OTHERS], y[OTHERS])
    assert torch.equal(weights(trial.classifier_), weights(copied))


def test_images_are_mapped_and_never_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def watch(net: TrainingNet, parts: tuple[Part, Part | None], *others: object) -> object:
        used.extend(parts)
        return train_epochs(net, parts, *others)

    monkeypatch.setattr("mnistffn.training.classifier.train_epochs", watch)
    with shared_folder(X, y) as folder:
        images, labels = folder.read()
        assert isinstance(images, np.memmap)
        clone(classifier).fit(images, labels, ROWS)
        assert [part.inputs.data_ptr() for part in used] == 2 * [images.ctypes.data]
        images[0] = 7  # reaches this process only
        assert np.array_equal(folder.read()[0], X)
    assert not folder.path.exists()


def test_fewer_images_are_drawn_at_random_and_always_the_same() -> None:
    with shared_folder(X, y) as folder:
        first, second = (fit(Trial(classifier, folder, n_images=100)) for _ in range(2))
        all_of_them = fit(Trial(classifier, folder, n_images=len(ROWS)))
        whole = fit(Trial(classifier, folder))
    assert torch.equal(weights(first.classifier_), weights(second.classifier_))
    assert torch.equal(weights(all_of_them.classifier_), weights(whole.classifier_))
    assert first.classifier_.net_.n_steps < whole.classifier_.net_.n_steps


def test_few_images_have_all_classes_also_the_rare_ones() -> None:
    labels = np.repeat([0, 1, 2], [500, 90, 10])
    images = np.zeros((600, 4), np.uint8)
    with shared_folder(images, labels) as folder:
        trial = Trial(classifier.__class__((4,), max_epochs=1, random_state=0), folder, n_images=60)
        trial.classes_ = np.unique(labels)
        drawn = trial._draw(np.arange(600), labels, 60)
        assert trial.fit(np.arange(600)[:, None], labels).is_finished_
    assert len(set(drawn.tolist())) == 60
    counts = np.bincount(labels[drawn])
    assert counts.tolist() == pytest.approx([50, 8, 2], abs=1)
    assert counts[2] >= 2


def test_no_fit_begins_after_the_deadline_and_none_goes_on() -> None:
    with shared_folder(X, y) as folder:
        late = fit(Trial(classifier, folder, deadline=time.time()))
        assert np.isnan(late.score(OTHERS[:, None], y[OTHERS]))
        endless = clone(classifier).set_params(max_epochs=1_000_000, schedule="constant")
        start = time.time()
        cut = fit(Trial(endless, folder, deadline=start + 0.5))
        assert np.isnan(cut.score(OTHERS[:, None], y[OTHERS]))
        assert 0.4 < time.time() - start < 20
        assert folder.journal.path.read_text() == ""


def test_other_errors_are_not_taken_for_the_deadline() -> None:
    with shared_folder(X, np.zeros_like(y)) as folder, pytest.raises(ValueError, match="one class"):
        fit(Trial(classifier, folder))
