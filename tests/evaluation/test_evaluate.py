from pathlib import Path

import numpy as np
import pytest

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.data.split import split_dataset
from mnistffn.errors import RunDirectoryError
from mnistffn.evaluation.evaluate import run_evaluate
from mnistffn.evaluation.metrics import choose_examples, measure
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, StaleWarning
from mnistffn.run.options import DataOptions


def test_metrics_agree_with_a_count_by_hand() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2]])
    metrics = measure(probabilities, np.array([2, 5, 5, 2]), np.array([2, 5, 9]))
    assert metrics.accuracy == 0.75
    assert (metrics.n, metrics.errors) == (4, 1)
    assert metrics.confusion == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert [c.recall for c in metrics.per_class] == [1, 0.5, 0]
    assert [c.n for c in metrics.per_class] == [2, 2, 0]
    assert metrics.log_loss == pytest.approx(-np.log([0.8, 0.5, 0.2, 0.5]).mean())


def test_the_interval_is_wilsons() -> None:
    probabilities = np.repeat([[1.0, 0.0], [0.0, 1.0]], [90, 10], axis=0)
    metrics = measure(probabilities, np.zeros(100, int), np.array([0, 1]))
    assert metrics.accuracy == 0.9
    assert metrics.interval == pytest.approx((0.8256, 0.9448), abs=1e-4)


def test_examples_are_the_extremes_of_their_kind() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.99, 0.01, 0], [0.34, 0.33, 0.33]])
    kinds = choose_examples(probabilities, np.array([True, True, False, False]), count=1)
    assert {kind: rows.tolist() for kind, rows in kinds.items()} == {
        "sure and right": [0],
        "unsure and right": [1],
        "sure and wrong": [2],
        "most spread out": [3],
    }


def test_a_network_without_errors_has_no_wrong_examples() -> None:
    kinds = choose_examples(np.array([[0.9, 0.1]]), np.array([True]))
    assert len(kinds["sure and wrong"]) == 0


def test_a_run_is_measured_on_its_test_part_in_evaluation_mode(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    result = run_evaluate(run, DataOptions(), Progress())
    digits, record = builtin_digits(), run.manifest().data
    test = split_dataset(digits, "stratified", 0.1, seed=0).test
    assert record.n_test == len(test) == 180
    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    assert result.metrics.accuracy == classifier.score(digits.flat[test], digits.labels[test]) > 0.9
    written = run.read_json("metrics.json")
    assert written["accuracy"] == result.metrics.accuracy
    assert written["n"] == 180
    assert written["n_trained_on"] == 0
    with np.load(run.path / "predictions.npz") as predictions:
        np.testing.assert_array_equal(predictions["index"], test)
        np.testing.assert_array_equal(predictions["label"], digits.labels[test])
        assert predictions["probabilities"].shape == (180, 10)
        assert predictions["classes"].tolist() == list(range(10))
        np.testing.assert_allclose(predictions["probabilities"].sum(axis=1), 1, atol=1e-6)
    for name in ("examples.png", "confusion.png"):
        assert (run.path / name).stat().st_size > 5000


def test_another_file_is_measured_whole(trained_run: Path, digits_mat: Path) -> None:
    result = run_evaluate(RunDirectory(trained_run), DataOptions(digits_mat), Progress())
    assert result.metrics.n == 1797
    assert result.source.startswith("all of")


def test_images_of_another_size_are_refused(trained_run: Path, write_mat) -> None:
    path = write_mat(input_images=np.random.default_rng(0).random((40, 100)))
    with pytest.raises(RunDirectoryError, match="takes 64 pixels, but .* 10 by 10 = 100"):
        run_evaluate(RunDirectory(trained_run), DataOptions(path), Progress())


def test_a_model_that_is_not_the_one_that_was_trained_is_warned_about(trained_run: Path) -> None:
    run = RunDirectory(trained_run)
    classifier = FeedForwardClassifier((5,), max_epochs=1)
    digits = builtin_digits()
    classifier.fit(digits.flat, digits.labels).save(run.path / "model.pt")
    with pytest.warns(StaleWarning, match="model.pt has changed since train wrote it"):
        run_evaluate(run, DataOptions(), Progress())
