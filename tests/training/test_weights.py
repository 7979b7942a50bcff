import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import recall_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from mnistffn import FeedForwardClassifier
from mnistffn.training.weights import draw_copies

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
SMALL = {"hidden": (32,), "max_epochs": 10}


def test_copies_sum_to_the_rows_and_are_in_proportion_on_average() -> None:
    weights = torch.rand(50, dtype=torch.float64) ** 3
    drawn = torch.stack([draw_copies(weights, (start + 0.5) / 2000) for start in range(2000)])
    assert (drawn.sum(dim=1) == 50).all()
    share = 50 * weights / weights.sum()
    assert ((drawn == share.floor()) | (drawn == share.ceil())).all()
    torch.testing.assert_close(drawn.double().mean(dim=0), share, rtol=0, atol=2e-3)


def test_whole_weights_are_copies_of_the_rows_bit_for_bit() -> None:
    weights = np.random.default_rng(0).integers(0, 4, len(y_train))
    weighted = FeedForwardClassifier(**SMALL, random_state=0).fit(X_train, y_train, weights)
    repeated = FeedForwardClassifier(**SMALL, random_state=0)
    repeated.fit(X_train.repeat(weights, axis=0), y_train.repeat(weights))
    np.testing.assert_array_equal(weighted.predict_proba(X_test), repeated.predict_proba(X_test))


def test_other_weights_agree_with_copies_within_the_noise_of_three_seeds() -> None:
    """Every other image of five classes weighs a fifth of what all others do."""
    weights = np.where((y_train < 5) | (np.arange(len(y_train)) % 2 == 0), 2.5, 0.5)
    copies = (2 * weights).astype(int)

    def fit(seed: int, *, repeat: bool) -> np.ndarray:
        classifier = FeedForwardClassifier((32,), max_epochs=5, random_state=seed)
        if repeat:
            classifier.fit(X_train.repeat(copies, axis=0), y_train.repeat(copies))
        else:
            classifier.set_params(max_epochs=20).fit(X_train, y_train, weights)  # as many steps
        return recall_score(y_test, classifier.predict(X_test), average=None)

    weighted, repeated = (
        np.array([fit(seed, repeat=repeat) for seed in range(3)]).mean(axis=1)
        for repeat in (False, True)
    )
    noise = max(weighted.std(), repeated.std(), 0.005)
    assert abs(weighted.mean() - repeated.mean()) < 3 * noise


def test_weights_decide_between_labels_that_contradict_each_other() -> None:
    both = np.concatenate([X_train, X_train])
    labels = np.concatenate([y_train, (y_train + 1) % 10])
    for right, wrong in ((0.75, 0.25), (0.25, 0.75)):
        weights = np.repeat([right, wrong], len(y_train))
        classifier = FeedForwardClassifier(**SMALL, random_state=0).fit(both, labels, weights)
        assert (classifier.score(X_test, y_test) > 0.8) == (right > wrong)
        probabilities = classifier.predict_proba(X_test)
        own = probabilities[np.arange(len(y_test)), y_test].mean()
        assert own == pytest.approx(right, abs=0.12)


def test_balanced_classes_are_trained_on_equally_often() -> None:
    rng = np.random.default_rng(0)
    kept = (y_train != 8) | (rng.random(len(y_train)) < 0.08)
    recalls = {}
    for class_weight in (None, "balanced"):
        found = [
            FeedForwardClassifier(
                (16,), max_epochs=4, class_weight=class_weight, random_state=seed
            ).fit(X_train[kept], y_train[kept])
            for seed in range(3)
        ]
        recalls[class_weight] = np.mean([c.predict(X_test[y_test == 8]) == 8 for c in found])
    assert recalls["balanced"] > recalls[None] + 0.1
    named = FeedForwardClassifier((16,), max_epochs=2, class_weight={8: 0}, random_state=0)
    named.fit(X_train, y_train)
    assert 8 not in named.classes_


def test_a_pipeline_and_cross_validation_hand_weights_on() -> None:
    classifier = FeedForwardClassifier(**SMALL, random_state=0)
    only = (y == 1) | (y == 7)
    pipeline = make_pipeline(MinMaxScaler(), classifier)
    pipeline.fit(X, y, feedforwardclassifier__sample_weight=only * 1.0)
    assert pipeline[-1].classes_.tolist() == [1, 7]
    scores = cross_val_score(classifier, X, y, cv=3, params={"sample_weight": np.ones(len(y))})
    assert scores.min() > 0.7


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"has shape \(3,\), but there are 1257 samples"),
        (np.zeros(1257), "all sample weights are zero"),
        (-np.ones(1257), "finite and 0 or more"),
        (np.full(1257, np.nan), "finite and 0 or more"),
    ],
)
def test_wrong_weights_are_refused(weights: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FeedForwardClassifier(**SMALL).fit(X_train, y_train, weights)
