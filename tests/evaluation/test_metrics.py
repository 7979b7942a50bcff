import warnings

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as reference

from mnistffn.evaluation.metrics import measure, wilson_interval


def test_metrics_agree_with_a_count_by_hand() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
    metrics = measure(probabilities, np.array([2, 5, 5, 2]), np.array([2, 5, 9]))
    assert metrics.accuracy == 0.75
    assert (metrics.n, metrics.errors) == (4, 1)
    assert metrics.confusion == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert [c.recall for c in metrics.per_class] == [1, 0.5, None]
    assert [c.f1 for c in metrics.per_class] == [1, pytest.approx(2 / 3), 0]
    assert [c.n for c in metrics.per_class] == [2, 2, 0]
    assert metrics.log_loss == pytest.approx(-np.log([0.8, 0.5, 0.2, 0.5]).mean())


def test_the_interval_is_wilsons() -> None:
    probabilities = np.repeat([[1.0, 0.0], [0.0, 1.0]], [90, 10], axis=0)
    metrics = measure(probabilities, np.zeros(100, int), np.array([0, 1]))
    assert metrics.accuracy == 0.9
    assert metrics.interval == pytest.approx((0.8256, 0.9448), abs=1e-4)


def make_random(n: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(n_classes, 0.5), n)
    return probabilities, generator.integers(0, n_classes, n) + 3, np.arange(n_classes) + 3


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_all_measures_are_those_of_scikit_learn(n_classes: int) -> None:
    probabilities, labels, classes = make_random(500, n_classes)
    predictions = classes[probabilities.argmax(axis=1)]
    found = measure(probabilities, labels, classes)
    near = {"abs": 1e-12, "rel": 0}
    assert found.accuracy == pytest.approx(reference.accuracy_score(labels, predictions), **near)
    expected = reference.balanced_accuracy_score(labels, predictions)
    assert found.balanced_accuracy == pytest.approx(expected, **near)
    expected = reference.f1_score(labels, predictions, average="macro")
    assert found.macro_f1 == pytest.approx(expected, **near)
    if n_classes > 2:
        expected = reference.top_k_accuracy_score(labels, probabilities, k=2, labels=classes)
        assert found.top2_accuracy == pytest.approx(expected, **near)
    scores = probabilities if n_classes > 2 else probabilities[:, 1]
    expected = reference.brier_score_loss(
        labels, scores, labels=classes, scale_by_half=False, pos_label=None if n_classes > 2 else 4
    )
    assert found.brier == pytest.approx(expected, **near)
    assert found.log_loss == pytest.approx(reference.log_loss(labels, probabilities), **near)
    assert found.confusion == reference.confusion_matrix(labels, predictions).tolist()
    report = reference.classification_report(labels, predictions, output_dict=True)
    for one in found.per_class:
        row = report[str(one.label)]
        assert one.precision == pytest.approx(row["precision"], **near)
        assert one.recall == pytest.approx(row["recall"], **near)
        assert one.f1 == pytest.approx(row["f1-score"], **near)


def test_the_loss_of_a_probability_of_zero_is_finite_and_scikit_learns() -> None:
    probabilities, labels = np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 1, 2])
    found = measure(probabilities, labels, np.arange(3)).log_loss
    assert found == pytest.approx(reference.log_loss(labels, probabilities), rel=1e-12)


def test_the_interval_is_scipys_to_the_last_digit() -> None:
    for correct, n in ((0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (5712, 6000), (59999, 60000)):
        expected = binomtest(correct, n).proportion_ci(0.95, method="wilson")
        assert wilson_interval(correct, n) == (expected.low, expected.high)


def test_what_is_not_defined_is_none_and_counts_for_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(np.eye(4)[[0, 0, 1, 1]], np.array([0, 0, 0, 2]), np.arange(4))
    rows = [(one.precision, one.recall, one.f1) for one in found.per_class]
    third = pytest.approx(2 / 3)
    assert rows == [(1, third, pytest.approx(0.8)), (0, None, 0), (None, 0, 0), (None, None, None)]
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 0) / 2)
    assert found.macro_f1 == pytest.approx(0.8 / 3)


def test_of_equally_probable_classes_the_first_come_first_as_for_the_prediction() -> None:
    # What is left of logits such as 1000, 0 and -1.
    found = measure(np.tile([1.0, 0.0, 0.0], (3, 1)), np.arange(3), np.arange(3))
    assert (found.accuracy, found.top2_accuracy) == (pytest.approx(1 / 3), pytest.approx(2 / 3))


def test_a_single_image_can_be_measured() -> None:
    found = measure(np.array([[0.7, 0.2, 0.1]]), np.array([1]), np.arange(3))
    assert (found.accuracy, found.top2_accuracy, found.n) == (0, 1, 1)
    assert found.brier == pytest.approx(0.7**2 + 0.8**2 + 0.1**2)
