"""Explanations from end to end, on a small network that is trained on the digits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Recorder, invoke

from mnistffn import FeedForwardClassifier
from mnistffn.data import builtin_digits
from mnistffn.explanation.change import find_change
from mnistffn.explanation.choice import read_images
from mnistffn.explanation.explain import run_explain
from mnistffn.explanation.sentence import name_many, summarise, tell_preferred
from mnistffn.inside.layer import open_layer
from mnistffn.network.modelfile import read_model
from mnistffn.network.network import FeedForwardNetwork, propagate
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, StaleWarning
from mnistffn.run.stage import Stage


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A run, evaluated and as if it were attacked, and its surest error and a hit, explained."""
    folder = tmp_path_factory.mktemp("explained") / "run"
    options = ("--hidden", "24,12", "--recipe", "document", "--dropout", "0.1", "--epochs", 12, "-q")
    assert invoke("train", *options, "-r", folder).exit_code == 0
    assert invoke("evaluate", "-r", folder, "-q").exit_code == 0
    run = RunDirectory(folder)
    content = {"norm": "linf", "median_smallest_strength": 0.0625, "source": "test part of them"}
    with run.locked(), run.stage("attack", command="", options={}, reads=["model.pt"]) as stage:
        stage.write_json("robustness.json", content)
    error, *_, hit = read_images(open_layer(run, None, Progress()), (), Progress())
    return folder, run_explain(run, [error.index, hit.index], Progress()).images


def test_the_surest_errors_and_least_sure_hits_are_explained_by_default(explained) -> None:
    folder, _ = explained
    readings = read_images(open_layer(RunDirectory(folder), None, Progress()), (), Progress())
    with np.load(folder / "predictions.npz") as found:
        index, label, probabilities = found["index"], found["label"], found["probabilities"]
    right, top = probabilities.argmax(1) == label, probabilities.max(1)
    errors = index[~right][np.argsort(-top[~right])][:4]
    hits = index[right][np.argsort(top[right])][:4]
    assert [reading.index for reading in readings] == [*errors, *hits]
    for reading in readings:
        row = int(np.flatnonzero(index == reading.index)[0])
        np.testing.assert_allclose(reading.probabilities, probabilities[row], atol=1e-6)
        assert reading.prediction == probabilities[row].argmax()
        assert reading.label == label[row]
        second = np.argsort(-probabilities[row])[1]
        assert reading.rival == (second if reading.is_right else reading.label)


def test_all_evidence_adds_up(explained) -> None:
    folder, images = explained
    for image in images:
        one, other = (image["classes"].index(image[role]) for role in ("prediction", "rival"))
        difference = image["logits"][one] - image["logits"][other]
        pixels, [top, below] = image["pixels"], image["units"]
        assert max(pixels["gaps"].values()) < 1e-9
        assert pixels["added"]["difference"] + pixels["black"]["difference"] == pytest.approx(
            difference
        )
        assert top["total"] == pytest.approx(difference, abs=1e-9)
        assert below["unit_above"] == top["strongest"][0]["unit"]
        assert below["total"] == pytest.approx(top["strongest"][0]["activation"], abs=1e-9)
        with np.load(folder / f"explain-{image['index']}.npz") as arrays:
            assert arrays["evidence_difference"].shape == (8, 8)
            for name, added in pixels["added"].items():
                assert arrays[f"evidence_{name}"].sum() == pytest.approx(added, abs=1e-9)
            assert arrays["units_contributions"].sum() + top["bias"] == pytest.approx(difference)
        assert (folder / f"explain-{image['index']}.png").stat().st_size > 50_000


def test_the_change_that_was_found_turns_the_reading_over(explained) -> None:
    folder, images = explained
    network = read_model(folder / "model.pt").network.eval()
    for image in images:
        change = image["change"]
        assert (change["norm"], change["median_smallest_strength"]) == ("linf", 0.0625)
        with np.load(folder / f"explain-{image['index']}.npz") as arrays:
            before, after = arrays["image"], arrays["changed"]
        assert np.abs(after - before).max() <= change["strength"] + 1e-6
        read = int(network(torch.from_numpy(after).view(1, -1)).argmax())
        assert read == change["read_as"]
        assert (read == image["label"]) != image["is_right"]


def test_the_nearest_training_images_are_those_of_a_plain_search(explained) -> None:
    folder, images = explained
    opened = open_layer(RunDirectory(folder), None, Progress())
    data = opened.run_data
    X = as_float(as_tensor(data.X_train))
    hidden = propagate(opened.layers, X)[-2].relu()
    for image in images:
        pixels = as_float(as_tensor(data.dataset.flat[image["index"]]))
        own = {"pixels": pixels, "hidden": propagate(opened.layers, pixels[None])[-2].relu()[0]}
        for place, theirs in (("pixels", X), ("hidden", hidden)):
            away = (theirs - own[place]).norm(dim=1)
            for role in ("prediction", "rival", "any"):
                found = image["nearest"][place][role]
                chosen = data.y_train == (found["label"] if role == "any" else image[role])
                expected = float(away[torch.from_numpy(chosen)].min())
                assert found["distance"] == pytest.approx(expected, abs=1e-4)
                assert data.dataset.labels[found["index"]] == found["label"]
                assert found["index"] in data.split.train
            assert image["nearest"][place]["any"]["distance"] == pytest.approx(
                float(away.min()), abs=1e-4
            )


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out: it takes longer than all else, and other tests look at it."""
    monkeypatch.setattr(Stage, "draw", lambda stage: None)


@pytest.mark.usefixtures("no_pages")
def test_a_training_image_is_explained_with_a_note_and_is_not_its_own_neighbour(explained) -> None:
    folder, _ = explained
    recorder, run = Recorder(), RunDirectory(folder)
    row = int(open_layer(run, None, Progress()).run_data.split.train[5])
    [image] = run_explain(run, [row, row], recorder).images
    assert any(note.startswith(f"trained on: {row}") for note in recorder.notes)
    assert image["part"] == "training"
    assert all(found["index"] != row for found in image["nearest"]["pixels"].values())


@pytest.mark.usefixtures("no_pages")
def test_what_one_page_says_does_not_depend_on_the_others(explained) -> None:
    folder, images = explained
    before = (folder / f"explain-{images[-1]['index']}.json").read_bytes()
    alone = run_explain(RunDirectory(folder), [images[0]["index"]], Progress()).images[0]
    assert alone["change"] == images[0]["change"]
    assert alone["pixels"] == images[0]["pixels"]
    assert (folder / f"explain-{images[-1]['index']}.json").read_bytes() == before


@pytest.mark.usefixtures("no_pages")
@pytest.mark.parametrize(("activation", "hidden"), [("gelu", "8"), ("tanh", "8,8,8")])
def test_other_activations_and_depths_are_explained(tmp_path: Path, activation, hidden) -> None:
    options = ("--hidden", hidden, "--activation", activation, "--recipe", "document", "--epochs", 2)
    assert invoke("train", *options, "-q", "-r", tmp_path).exit_code == 0
    [image] = run_explain(RunDirectory(tmp_path), [3], Progress()).images
    assert max(image["pixels"]["gaps"].values()) < 1e-3
    assert len(image["units"]) == min(2, hidden.count(",") + 1)
    assert image["change"]["median_smallest_strength"] is None
    assert image["change"]["norm"] == "l2"


@pytest.mark.usefixtures("no_pages")
def test_a_network_without_hidden_layers_is_explained_by_its_pixels(trained_run: Path) -> None:
    digits = builtin_digits()
    classifier = FeedForwardClassifier((), random_state=0, max_epochs=5)
    classifier.fit(digits.flat[:1000], digits.labels[:1000]).save(trained_run / "model.pt")
    with pytest.warns(StaleWarning, match="has changed since train wrote it"):
        [image] = run_explain(RunDirectory(trained_run), [3], Progress()).images
    assert image["units"] == []
    assert set(image["nearest"]) == {"pixels"}
    weights = classifier.module_.output.weight.detach().double().numpy()
    row = image["classes"].index(image["prediction"])
    with np.load(trained_run / "explain-3.npz") as arrays:
        expected = weights[row] * arrays["image"].astype(float).ravel()
        np.testing.assert_allclose(arrays["evidence_prediction"].ravel(), expected)


def make_linear() -> FeedForwardNetwork:
    torch.manual_seed(0)
    return FeedForwardNetwork(16, (), 2).eval()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_smallest_change_of_a_linear_network_reaches_its_boundary(norm) -> None:
    network, image = make_linear(), np.random.default_rng(0).integers(110, 146, 16, np.uint8)
    with torch.no_grad():
        logits = network(as_float(as_tensor(image))[None])[0]
        network.output.bias[0] += 0.2 + logits[1] - logits[0]  # reads 0, by a margin of 0.2
    weights = (network.output.weight[1] - network.output.weight[0]).detach().numpy()
    distance = 0.2 / (np.abs(weights).sum() if norm == "linf" else np.linalg.norm(weights))
    for label in (0, 1):  # a hit that is made wrong, an error that is made right
        change = find_change(network, image, label, norm, is_right=label == 0)
        assert change.size == pytest.approx(distance, rel=0.03)
        assert network(torch.from_numpy(change.image)[None]).argmax() == 1


def test_where_no_change_helps_none_is_told() -> None:
    network = make_linear()
    with torch.no_grad():
        network.output.bias[0] += 1000
    image = np.full(16, 128, np.uint8)
    change = find_change(network, image, 1, "l2", is_right=False)
    assert change.size is None
    np.testing.assert_allclose(change.image, 128 / 255)


def test_the_sentence_leaves_out_what_the_numbers_do_not_carry(explained) -> None:
    _, images = explained
    image = images[0]
    told = summarise(image)
    assert told == image["sentence"]
    assert told.startswith(f"Read as {image['prediction']} (")
    assert f"labelled {image['label']}" in told
    assert f"unit {image['units'][0]['strongest'][0]['unit']} of layer 2" in told
    bare = image | {
        "agreement": [0.5] * 10,
        "units": [],
        "change": image["change"] | {"strength": None},
    }
    assert summarise(bare).count(";") == 0
    assert "fits the pattern" not in summarise(bare)


def test_a_unit_of_many_classes_is_not_said_to_look_for_any() -> None:
    assert tell_preferred({"prefers": [7, 9]}) == "looks for 7s and 9s"
    assert not tell_preferred({"prefers": [7, 9, 1]})
    assert not tell_preferred({"prefers": []})
    assert [name_many(label) for label in (7, "B", "coat")] == ["7s", "B's", "coat"]
