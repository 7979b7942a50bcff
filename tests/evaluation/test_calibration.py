import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator

from mnistffn.evaluation.calibration import (
    TEMPERATURES,
    Scored,
    fit_temperature,
    measure_reliability,
    scale,
    scale_temperature,
    score,
)

generator = np.random.default_rng(0)


def draw(n: int, temperature: float = 1.0, n_classes: int = 10, seed: int = 0) -> Scored:
    """Labels drawn from the probabilities of logits, and these logits times a temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (n, n_classes))
    probabilities = np.exp(log_softmax(logits, axis=1))
    targets = (probabilities.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    return Scored(log_softmax(logits * temperature, axis=1), targets)


def measure(scored: Scored):
    probabilities = np.exp(scored.logits)
    correct = probabilities.argmax(axis=1) == scored.targets
    return measure_reliability(probabilities.max(axis=1), correct)


def test_the_bins_are_those_of_scikit_learn_and_the_error_is_the_published_formula() -> None:
    confidences, correct = generator.random(1500), generator.random(1500) < 0.4
    found = measure_reliability(confidences, correct)
    accuracy, confidence = calibration_curve(correct, confidences, n_bins=15, strategy="quantile")
    np.testing.assert_allclose(found.accuracy, accuracy, atol=1e-9)
    np.testing.assert_allclose(found.confidence, confidence, atol=1e-9)
    assert found.n.tolist() == [100] * 15
    by_hand = 0.0
    for some in np.array_split(np.argsort(confidences), 15):
        by_hand += len(some) / 1500 * abs(correct[some].mean() - confidences[some].mean())
    assert found.error == pytest.approx(by_hand, abs=1e-9)
    assert (found.low < found.accuracy).all()
    assert (found.accuracy < found.high).all()


def test_few_images_have_fewer_bins_and_the_order_of_equal_ones_does_not_count() -> None:
    assert len(measure_reliability(generator.random(95), np.ones(95, bool)).n) == 4
    assert measure_reliability(np.array([0.8]), np.array([True])).error == pytest.approx(0.2)
    confidences = np.repeat([0.9, 1.0], [40, 400])
    correct = generator.random(440) < 0.8
    order = generator.permutation(440)
    one, other = (
        measure_reliability(confidences[rows], correct[rows]) for rows in (np.arange(440), order)
    )
    assert one.n.tolist() == other.n.tolist() == [40, 400]
    assert one.error == pytest.approx(other.error, abs=1e-12)
    apart = [abs(correct[:40].mean() - 0.9), abs(correct[40:].mean() - 1)]
    assert one.error == pytest.approx((40 * apart[0] + 400 * apart[1]) / 440, abs=1e-12)


def test_true_probabilities_have_a_small_error_and_sure_ones_the_difference() -> None:
    assert measure(draw(20_000)).error < 0.012
    assert measure(draw(20_000, 3)).error > 0.1
    always = measure_reliability(np.full(1000, 0.99), np.arange(1000) < 700)
    assert always.error == pytest.approx(0.29, abs=1e-9)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    assert fit_temperature(draw(20_000, temperature)) == pytest.approx(temperature, rel=0.03)


@pytest.mark.parametrize(("n", "temperature", "n_classes"), [(5000, 0.1, 10), (40, 1, 2), (500, 9, 62)])
def test_the_temperature_is_where_scipy_finds_the_least_loss(
    n: int, temperature: float, n_classes: int
) -> None:
    scored = draw(n, temperature, n_classes)

    def loss(log_temperature: float) -> float:
        scaled = scored.logits / np.exp(log_temperature)
        return np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(n), scored.targets])

    found = minimize_scalar(
        loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-9}
    )
    assert fit_temperature(scored) == pytest.approx(np.exp(found.x), rel=1e-6)
    scaled = scored.logits / 1.7
    np.testing.assert_allclose(scale(scored.logits, 1.7), softmax(scaled, axis=1), rtol=1e-12)


def test_where_the_loss_has_no_least_value_the_temperature_is_at_a_bound() -> None:
    logits = draw(100).logits
    always_right, always_wrong = logits.argmax(axis=1), logits.argmin(axis=1)
    for targets, bound in zip((always_right, always_wrong), TEMPERATURES, strict=True):
        assert fit_temperature(Scored(logits, targets)) == pytest.approx(bound, rel=1e-6)


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose inputs are its logits."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def test_the_temperature_is_scikit_learns() -> None:
    scored = draw(2000, 2.5, n_classes=4)
    given = FrozenEstimator(Given().fit(scored.logits, scored.targets))
    reference = CalibratedClassifierCV(given, method="temperature").fit(scored.logits, scored.targets)
    np.testing.assert_allclose(
        scale(scored.logits, fit_temperature(scored)),
        reference.predict_proba(scored.logits),
        atol=1e-3,
    )


def test_scaling_mends_the_probabilities_and_leaves_the_predictions() -> None:
    tested, held_out = draw(3000, 2.5, seed=1), draw(2000, 2.5, seed=2)
    for part, how, n in ((held_out, "validation part", 2000), (None, "each half by the other", 3000)):
        scaling, scaled = scale_temperature(tested, part)
        assert how in scaling.fitted_on
        assert scaling.n_fitted_on == n
        assert scaling.temperature == pytest.approx(2.5, rel=0.1)
        assert scaling.before == score(scale(tested.logits, 1), tested.targets)
        for measure in ("log_loss", "brier", "calibration_error"):
            assert getattr(scaling.after, measure) < getattr(scaling.before, measure)
        assert scaling.before.calibration_error > 0.1
        assert scaling.after.calibration_error < 0.05
        np.testing.assert_array_equal(scaled.argmax(axis=1), tested.logits.argmax(axis=1))
        np.testing.assert_allclose(scaled.sum(axis=1), 1)


def test_no_half_is_scaled_by_a_temperature_that_has_seen_its_labels() -> None:
    tested = draw(400, 2)
    scaling, scaled = scale_temperature(tested, None)
    fits = [scale(tested.logits, temperature) for temperature in scaling.temperatures]
    halves = [np.isclose(scaled, fit, atol=1e-12).all(axis=1) for fit in fits]
    np.testing.assert_array_equal(halves[0], ~halves[1])
    assert halves[0].sum() == 200
    for half, temperature in zip(halves, scaling.temperatures, strict=True):
        other = fit_temperature(tested.take(np.flatnonzero(~half)))
        assert temperature == pytest.approx(other, rel=1e-6)


def test_without_errors_or_with_few_images_there_is_no_temperature() -> None:
    right = Scored(draw(100).logits, draw(100).logits.argmax(axis=1))
    assert scale_temperature(right, None) is None
    assert scale_temperature(draw(30), None) is None
    assert scale_temperature(draw(1), None) is None
    scaling, _ = scale_temperature(draw(100), right)
    assert len(scaling.temperatures) == 2, "no image of the validation part is misread"


def test_where_no_temperature_is_the_best_none_is_told() -> None:
    generator = np.random.default_rng(0)
    logits, targets = generator.normal(size=(2000, 10)), generator.integers(0, 10, 2000)
    wrong = logits.argmin(axis=1)  # the hotter, the better
    assert scale_temperature(Scored(logits, targets), Scored(logits, wrong)) is None
