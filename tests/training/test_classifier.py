import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.errors import UsageError
from mnistffn.training.optimizers import SGD, AdamW

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
SMALL = {"hidden": (16,), "max_epochs": 8, "random_state": 0}


@parametrize_with_checks([FeedForwardClassifier((32, 16), random_state=0)])
def test_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


def test_it_survives_clone_pickle_pipeline_and_cross_validation() -> None:
    classifier = FeedForwardClassifier(**SMALL)
    assert clone(classifier).get_params() == classifier.get_params()
    classifier.fit(X, y)
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copy.predict_proba(X), classifier.predict_proba(X))
    pipeline = make_pipeline(MinMaxScaler(), clone(classifier)).fit(X, y)
    assert pipeline.score(X, y) > 0.8
    assert cross_val_score(clone(classifier), X, y, cv=3).min() > 0.7


def test_it_learns_and_is_scored_in_evaluation_mode() -> None:
    classifier = FeedForwardClassifier((64, 32), dropout=0.5, random_state=0, max_epochs=60)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    classifier.fit(X_train, y_train)
    assert classifier.score(X_test, y_test) > 0.95
    before = classifier.predict_proba(X_test)
    classifier.module_.train()
    np.testing.assert_array_equal(classifier.predict_proba(X_test), before)


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_every_activation_and_optimizer_learns_and_is_saved(
    activation: str, optimizer: str, tmp_path: Path
) -> None:
    classifier = FeedForwardClassifier(
        (32,), activation=activation, optimizer=optimizer, lr=0.02, max_epochs=10, random_state=0
    ).fit(X, y)
    assert classifier.score(X, y) > 0.9
    used = classifier.net_.optimizer_
    assert type(used) is {"adam": AdamW, "sgd": SGD}[optimizer]
    classifier.save(tmp_path / "model.pt")
    loaded = FeedForwardClassifier.load(tmp_path / "model.pt")
    assert loaded.module_.activation == activation
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_patience_counts_falls_of_more_than_min_delta_and_keeps_the_lowest() -> None:
    options = {"hidden": (16,), "lr": 1e-3, "schedule": "constant", "patience": 3, "max_epochs": 60}
    fits = [
        FeedForwardClassifier(**options, min_delta=least, random_state=0).fit(X, y)
        for least in (0.0, 0.05)
    ]
    usual, strict = fits
    assert len(strict.history_) < len(usual.history_)
    losses = [epoch.valid_loss for epoch in strict.history_]
    assert strict.best_epoch_ == np.argmin(losses) + 1
    falls = [n for n, loss in enumerate(losses) if n == 0 or loss < min(losses[:n]) - 0.05]
    assert len(losses) - 1 - falls[-1] >= 3


def test_the_best_epochs_weights_are_kept() -> None:
    states = []
    classifier = FeedForwardClassifier(
        (32,), lr=0.05, schedule="constant", patience=6, max_epochs=60, random_state=0
    )

    def remember(epoch) -> None:
        states.append({k: v.clone() for k, v in classifier.module_.state_dict().items()})

    classifier.set_params(on_epoch=remember).fit(X, y)
    losses = [epoch.valid_loss for epoch in classifier.history_]
    assert classifier.best_epoch_ == np.argmin(losses) + 1
    assert len(losses) == classifier.best_epoch_ + 6, "training must stop when patience is used up"
    for name, tensor in classifier.module_.state_dict().items():
        assert torch.equal(tensor, states[classifier.best_epoch_ - 1][name])


def test_the_validation_part_comes_from_inside_the_training_rows_and_is_not_trained_on() -> None:
    seen = {}
    classifier = FeedForwardClassifier(
        **SMALL, schedule="constant", patience=5, validation_fraction=0.25
    )

    def measure(epoch) -> None:
        seen[epoch.epoch] = epoch.valid_loss

    classifier.set_params(on_epoch=measure).fit(X, y)
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    _, held_out = train_test_split(
        np.arange(len(X)), test_size=int(np.ceil(0.25 * len(X))), stratify=y, random_state=seed
    )
    loss = log_loss(y[held_out], classifier.predict_proba(X[held_out]))
    assert loss == pytest.approx(seen[classifier.best_epoch_], rel=1e-4)


def test_without_patience_it_trains_to_the_last_epoch_and_may_use_all_rows() -> None:
    classifier = FeedForwardClassifier(**SMALL, validation_fraction=0).fit(X, y)
    assert classifier.best_epoch_ == 8
    assert np.isnan(classifier.history_[0].valid_loss)


def test_equal_seeds_give_bit_equal_weights_and_leave_torchs_generator_alone() -> None:
    def weights(seed: int) -> np.ndarray:
        fitted = FeedForwardClassifier(**SMALL | {"random_state": seed}, dropout=0.3).fit(X, y)
        return fitted.module_.output.weight.detach().numpy()

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = weights(0)
    assert torch.equal(torch.rand(1), expected)
    np.testing.assert_array_equal(first, weights(0))
    assert not np.array_equal(first, weights(1))


def test_uint8_images_train_like_scaled_floats() -> None:
    images = np.rint(255 * X).astype(np.uint8)
    from_uint8 = FeedForwardClassifier(**SMALL).fit(images, y).predict_proba(images)
    floats = images.astype(np.float32) / 255
    from_float = FeedForwardClassifier(**SMALL).fit(floats, y).predict_proba(floats)
    np.testing.assert_allclose(from_uint8, from_float, atol=1e-4)


def test_a_last_batch_of_one_image_does_not_break_batch_norm() -> None:
    FeedForwardClassifier(**SMALL, batch_size=32, validation_fraction=0).fit(X[:65], y[:65])


def test_an_interruption_is_not_swallowed() -> None:
    def interrupt(epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeedForwardClassifier(**SMALL, on_epoch=interrupt).fit(X, y)


def test_divergence_is_told_and_leaves_finite_weights() -> None:
    with pytest.warns(ConvergenceWarning, match="lower lr"):
        classifier = FeedForwardClassifier(**SMALL, lr=1e30, weight_decay=1e10).fit(X, y)
    assert len(classifier.history_) < 8
    assert np.isfinite(classifier.predict_proba(X)).all()


def test_divergence_without_patience_keeps_the_initial_weights() -> None:
    with pytest.warns(ConvergenceWarning, match="lower lr"):
        classifier = FeedForwardClassifier(**SMALL, patience=0, lr=1e30).fit(X, y)
    assert classifier.best_epoch_ == 0
    assert np.isfinite(classifier.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", (0,)),
        ("dropout", 1),
        ("lr", 0),
        ("lr", float("nan")),
        ("weight_decay", -1),
        ("batch_size", 1),
        ("max_epochs", 0),
        ("patience", -1),
        ("validation_fraction", 1.0),
        ("n_threads", 0),
        ("input_dropout", 1),
        ("schedule", "cosine"),
        ("label_smoothing", 1),
        ("ema_decay", 1),
        ("adversarial", -0.1),
        ("adversarial", 1.1),
        ("adversarial_norm", "l1"),
        ("adversarial_steps", 0),
        ("rotation", 181),
        ("scaling", 1),
        ("shear", -1),
        ("shift", 2),
        ("elastic", -1),
        ("elastic_width", 0),
    ],
)
def test_parameters_out_of_range_are_named(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name}=.* must be"):
        FeedForwardClassifier(**{name: value}).fit(X, y)


def test_a_saved_classifier_comes_back_whole(tmp_path) -> None:
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    classifier = FeedForwardClassifier((12, 6), max_epochs=3, random_state=0).fit(X, names[y])
    classifier.save(tmp_path / "model.pt")
    loaded = FeedForwardClassifier.load(tmp_path / "model.pt")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.get_params() == classifier.get_params()


def test_a_loaded_network_maps_pixels_to_logits(tmp_path) -> None:
    classifier = FeedForwardClassifier(**SMALL).fit(X, y)
    buffer = io.BytesIO()
    classifier.save(buffer)
    (tmp_path / "model.pt").write_bytes(buffer.getvalue())
    network = FeedForwardClassifier.load(tmp_path / "model.pt").module_
    with torch.inference_mode():
        logits = network(torch.from_numpy(X[:5]))
    np.testing.assert_allclose(logits.softmax(1), classifier.predict_proba(X[:5]), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.float32])
def test_pixels_of_255_that_are_not_scaled_are_told(dtype: type) -> None:
    X, y = builtin_digits().flat[:200], builtin_digits().labels[:200]
    classifier = FeedForwardClassifier(hidden=(4,), max_epochs=1)
    with pytest.warns(UserWarning, match="only uint8 images are scaled"):
        classifier.fit(X.astype(dtype), y)
    classifier.fit(X, y).predict(X[:5])
    with pytest.warns(UserWarning, match="only uint8 images are scaled"):
        classifier.predict(X.astype(dtype))
    classifier.predict(X.astype(dtype) / 255)


@pytest.mark.parametrize(
    "options", [{}, {"class_weight": "balanced"}, {"validation_fraction": 0.25, "batch_size": 2000}]
)
def test_the_rows_that_were_held_out_can_be_told_afterwards(tmp_path, options) -> None:
    digits = builtin_digits()
    rows = np.random.default_rng(0).permutation(1797)[:1600]
    parameters = {"hidden": (8,), "max_epochs": 1, "random_state": 3} | options
    fitted = FeedForwardClassifier(**parameters).fit(digits.flat, digits.labels, rows=rows)
    fitted.save(tmp_path / "model.pt")
    loaded = FeedForwardClassifier.load(tmp_path / "model.pt")
    found = loaded.find_validation_rows(digits.flat, digits.labels, rows)
    assert len(found) == np.ceil(loaded.validation_fraction * 1600)
    assert set(found) <= set(rows)
    last = fitted.history_[-1]
    assert loaded.score(digits.flat[found], digits.labels[found]) == pytest.approx(last.valid_accuracy)
    loss = log_loss(digits.labels[found], loaded.predict_proba(digits.flat[found]))
    assert loss == pytest.approx(last.valid_loss, rel=1e-5)


def test_without_a_seed_or_a_validation_part_no_rows_are_told() -> None:
    assert (
        len(FeedForwardClassifier(random_state=0, validation_fraction=0).find_validation_rows(X, y))
        == 0
    )
    for state in (None, np.random.RandomState(0)):
        with pytest.raises(UsageError, match="does not say which rows"):
            FeedForwardClassifier(random_state=state).find_validation_rows(X, y)


@pytest.mark.parametrize("weight", [5.0, 5.5])
def test_copies_do_not_make_the_validation_part_easy(weight: float) -> None:
    noise = np.random.default_rng(0).integers(0, 10, 600)  # what nobody can learn but by heart
    classifier = FeedForwardClassifier((128,), max_epochs=25, schedule="constant", random_state=0)
    classifier.fit(X[:600], noise, np.full(600, weight))
    assert classifier.history_[-1].train_loss < 1
    assert classifier.history_[-1].valid_accuracy < 0.3


def test_images_of_any_weight_are_held_out() -> None:
    weights = {label: 1 + label % 2 for label in range(10)}  # whole numbers: copies
    classifier = FeedForwardClassifier(random_state=0, class_weight=weights)
    found = classifier.find_validation_rows(X, y)
    assert len(found) == np.ceil(0.1 * len(y))
    assert 0.4 < (y[found] % 2).mean() < 0.6


@pytest.mark.filterwarnings("ignore:Casting|overflow")
def test_weights_that_became_infinite_in_the_last_step_are_not_kept() -> None:
    options = {"validation_fraction": 0, "batch_size": len(X), "max_epochs": 1, "lr": 1e39}
    with pytest.warns(ConvergenceWarning, match="weights became infinite"):
        classifier = FeedForwardClassifier(**SMALL | {"patience": 0} | options).fit(X, y)
    assert classifier.best_epoch_ == 0
    assert np.isfinite(classifier.predict_proba(X)).all()


def test_dark_uint8_is_told() -> None:
    with pytest.warns(UserWarning, match=r"goes up to 16 only: .* \(X / 16\)"):
        FeedForwardClassifier(**SMALL).fit((X * 16).astype(np.uint8), y)


def test_logarithms_are_finite_where_probabilities_are_rounded_to_zero() -> None:
    classifier = FeedForwardClassifier(**SMALL).fit(X, y)
    np.testing.assert_allclose(
        np.exp(classifier.predict_log_proba(X)), classifier.predict_proba(X), atol=1e-12
    )
    with torch.no_grad():
        classifier.module_.output.weight *= 1e5
    assert (classifier.predict_proba(X) == 0).any()
    assert np.isfinite(classifier.predict_log_proba(X)).all()
