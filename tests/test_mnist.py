"""What must hold on the real MNIST; skipped where the file is absent."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import SLOW, attack_independently, invoke
from sklearn.svm import SVC

from mnistffn import FeedForwardClassifier, load_dataset
from mnistffn.inside.options import KINDS


@pytest.fixture(scope="module")
def document_run(mnist_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network trained with the document's parameters, for fewer epochs."""
    run = tmp_path_factory.mktemp("document") / "run"
    options = ("--hidden", "360,187", "--recipe", "document", "--epochs", 20 if SLOW else 6)
    result = invoke("train", mnist_path, *options, "-r", run, "-q")
    assert result.exit_code == 0, result.output
    return run


def test_the_documents_parameters_read_more_than_the_document_says(document_run: Path) -> None:
    """It says 0.9634; 20 epochs reach 0.976."""
    least = "0.976" if SLOW else "0.9634"
    result = invoke("evaluate", "-r", document_run, "--json", "--fail-under", least)
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert metrics["n"] == 6000
    assert metrics["interval"][0] < metrics["accuracy"] < metrics["interval"][1]


@pytest.fixture(scope="module")
def robust_run(mnist_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network trained by the robust recipe."""
    run = tmp_path_factory.mktemp("robust") / "run"
    size = ("--hidden", "360,187", "--epochs", 15) if SLOW else ("--hidden", "200,100", "--epochs", 4)
    options = (*size, "--recipe", "robust")
    result = invoke("train", mnist_path, *options, "-r", run, "-q")
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture(scope="module")
def judge(mnist_path: Path) -> SVC:
    """An independent classifier that nothing here was tuned on; reads 0.96 of the test images."""
    dataset = load_dataset(mnist_path)
    X = dataset.flat[:3000].astype(np.float32) / 255
    return SVC(C=5).fit(X, dataset.labels[:3000])


def test_receptive_fields_of_every_layer_are_upright_and_r2_tells_what_to_trust(
    document_run: Path, mnist_path: Path
) -> None:
    dataset = load_dataset(mnist_path)
    means = np.stack([dataset.images[dataset.labels == digit].mean(axis=0) for digit in range(10)])
    means -= means.mean(axis=0)
    for layer, units, trusted in ((1, 360, 0.99), (2, 187, 0.5), (3, 10, 0.3)):
        content = json.loads(invoke("fields", "--layer", layer, "-r", document_run, "--json").stdout)
        r2 = [unit["r2"]["filter"] for unit in content["units"]]
        assert np.median(r2) > trusted
        if layer > 1:
            assert np.median(r2) < 0.95, "ReLUs are in between"
        with np.load(document_run / f"fields-layer{layer}.npz") as arrays:
            fields = {kind: arrays[kind] for kind in KINDS}
        assert {field.shape for field in fields.values()} == {(units, 28, 28)}
    # A unit's field must agree with the upright image of its digit better than with the transposed one.
    for field in fields.values():
        upright, transposed = (np.sum(field * images) for images in (means, means.mT))
        assert upright > max(0, 2 * transposed)


def test_each_maximizing_image_of_a_plain_network_is_read_by_it_and_most_by_others(
    document_run: Path, judge: SVC
) -> None:
    result = invoke("maximize", "--layer", 3, "-r", document_run, "--json")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["scores"]
    assert [score["prediction"] for score in scores] == list(range(10))
    assert min(score["probability"] for score in scores) > 0.7
    with np.load(document_run / "maximize-layer3.npz") as arrays:
        images = arrays["images"]
    assert np.sum(judge.predict(images.reshape(10, -1)) == np.arange(10)) >= 7


def test_the_images_of_a_robust_network_are_read_by_others(robust_run: Path, judge: SVC) -> None:
    for command, name, array in (
        ("maximize", "maximize-layer3", "images"),
        ("fields", "fields-layer3", "pattern_image"),
    ):
        assert invoke(command, "-r", robust_run, "-q").exit_code == 0
        with np.load(robust_run / f"{name}.npz") as arrays:
            images = arrays[array]
        read = judge.predict(images.reshape(10, -1))
        assert np.sum(read == np.arange(10)) >= (10 if command == "fields" else 9)
    scores = json.loads((robust_run / "maximize-layer3.json").read_text())["scores"]
    assert [score["neighbours_prediction"] for score in scores] == list(range(10))


def test_search_runs_on_the_real_data(mnist_path: Path, tmp_path: Path) -> None:
    small = ("--trials", 1, "--folds", 2, "--epochs", 2, "--hidden", 32, 64)
    result = invoke("search", mnist_path, "-r", tmp_path, "--json", "-j", 1, *small)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["best"]["mean"] > 0.7


@pytest.mark.skipif(not SLOW, reason="takes a minute: SLOW=1 runs it")
def test_the_robust_recipe_is_accurate_under_an_attack_that_is_no_weaker_than_anothers(
    mnist_path: Path, robust_run: Path
) -> None:
    result = invoke("evaluate", "--attack", "0.1", "-r", robust_run, "--json", "--fail-under", "0.988")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)["robustness"]["accuracies"]
    assert row["accuracy"] > 0.86
    classifier = FeedForwardClassifier.load(robust_run / "model.pt")
    dataset = load_dataset(mnist_path)
    with np.load(robust_run / "robustness.npz") as arrays:
        index, labels = arrays["index"], arrays["label"]
    inputs = dataset.flat[index].astype(np.float32) / 255
    others = attack_independently(classifier.module_, inputs, labels, np.inf, 0.1)
    assert row["accuracy"] <= np.mean(classifier.predict(others) == labels) + 0.005
