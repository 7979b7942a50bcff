"""What must hold on the real MNIST; skipped where the file is absent."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import attack_independently, invoke

from mnistffn import FeedForwardClassifier, load_dataset


@pytest.fixture(scope="module")
def document_run(mnist_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network trained with the document's parameters."""
    run = tmp_path_factory.mktemp("document") / "run"
    options = ("--hidden", "360,187", "--recipe", "document")
    result = invoke("train", mnist_path, *options, "-r", run, "-q")
    assert result.exit_code == 0, result.output
    return run


def test_the_documents_parameters_reach_0_976(document_run: Path) -> None:
    result = invoke("evaluate", "-r", document_run, "--json", "--fail-under", "0.976")
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert metrics["n"] == 6000
    assert metrics["interval"][0] < metrics["accuracy"] < metrics["interval"][1]


def test_receptive_fields_of_every_layer_are_drawn_upright(
    document_run: Path, mnist_path: Path
) -> None:
    for layer, units in ((1, 360), (2, 187), (3, 10)):
        assert invoke("fields", "--layer", layer, "-r", document_run, "-q").exit_code == 0
        with np.load(document_run / f"fields-layer{layer}.npz") as arrays:
            fields = arrays["filter"]
        assert fields.shape == (units, 28, 28)
    # A unit's field must agree with the upright image of its digit better than with the transposed one.
    dataset = load_dataset(mnist_path)
    means = np.stack([dataset.images[dataset.labels == digit].mean(axis=0) for digit in range(10)])
    means -= means.mean(axis=0)
    upright, transposed = (np.sum(fields * images) for images in (means, means.mT))
    assert upright > max(0, 2 * transposed)


def test_each_maximizing_image_gets_the_class_it_was_made_for(document_run: Path) -> None:
    result = invoke("maximize", "--layer", 3, "-r", document_run, "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    assert [score["predicted"] for score in scores] == list(range(10))
    assert min(score["probability"] for score in scores) > 0.7


def test_search_runs_on_the_real_data(mnist_path: Path, tmp_path: Path) -> None:
    small = ("--trials", 2, "--folds", 2, "--epochs", 2, "--hidden", 32, 64)
    result = invoke("search", mnist_path, "-r", tmp_path, "--json", *small)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["best"]["mean"] > 0.7


def test_the_robust_recipe_is_accurate_under_an_attack_that_is_no_weaker_than_anothers(
    mnist_path: Path, tmp_path: Path
) -> None:
    options = ("--hidden", "360,187", "--recipe", "robust", "-r", tmp_path)
    assert invoke("train", mnist_path, *options, "-q").exit_code == 0
    result = invoke("evaluate", "--attack", "0.1", "-r", tmp_path, "--json", "--fail-under", "0.988")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)["robustness"]["accuracies"]
    assert row["accuracy"] > 0.86
    classifier = FeedForwardClassifier.load(tmp_path / "model.pt")
    dataset = load_dataset(mnist_path)
    with np.load(tmp_path / "robustness.npz") as arrays:
        index, labels = arrays["index"], arrays["label"]
    inputs = dataset.flat[index].astype(np.float32) / 255
    others = attack_independently(classifier.module_, inputs, labels, np.inf, 0.1)
    assert row["accuracy"] <= np.mean(classifier.predict(others) == labels) + 0.005
