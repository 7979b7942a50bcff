import numpy as np
import pytest

from mnistffn.evaluation.selective import find_threshold, measure_risk


def test_the_curve_agrees_with_a_count_at_every_threshold() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.integers(1, 40, 300) / 40
    correct = generator.random(300) < confidences
    curve = measure_risk(confidences, correct)
    assert curve.threshold.tolist() == sorted(set(confidences.tolist()), reverse=True)
    for threshold, coverage, risk in zip(curve.threshold, curve.coverage, curve.risk, strict=True):
        answered = confidences >= threshold
        assert coverage == pytest.approx(answered.mean())
        assert risk == pytest.approx(1 - correct[answered].mean())
    assert curve.coverage[-1] == 1


def test_the_threshold_answers_most_images_with_the_accuracy_wanted() -> None:
    confidences = np.linspace(1, 0.5, 2001)
    correct = np.ones(2001, bool)
    correct[[500, 1000, 1998]] = False
    found = find_threshold(measure_risk(confidences, correct))
    assert (found.answered, found.errors) == (1000, 1), "one in a thousand is 99.9%"
    assert found.threshold == confidences[999]
    assert found.coverage == pytest.approx(1000 / 2001)
    assert found.interval[0] < 0.999 < found.interval[1]
    two = np.delete(np.arange(2001), 500)
    assert find_threshold(measure_risk(confidences[two], correct[two])).answered == 2000


def test_where_the_surest_is_wrong_no_threshold_is_found() -> None:
    assert find_threshold(measure_risk(np.array([0.9, 0.8]), np.array([False, True]))) is None
    assert find_threshold(measure_risk(np.array([0.9]), np.array([True]))).coverage == 1
    same = measure_risk(np.full(10, 0.9), np.arange(10) > 0)
    assert find_threshold(same) is None, "images of one confidence are answered together"
