"""Measuring a trained network on images that it has never seen."""

from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.metrics import Metrics, choose_examples, measure, wilson_interval
from mnistffn.evaluation.robustness import PGD_STEPS, AttackOptions, measure_robustness
from mnistffn.progress import Progress
from mnistffn.run.data import check_fits, open_test_images
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.manifest import DataRecord
from mnistffn.run.options import DataOptions
from mnistffn.training.classifier import FeedForwardClassifier


@dataclass(frozen=True)
class EvaluateResult:
    """What an evaluation found.

    Attributes
    ----------
    metrics : Metrics
    source : str
        What they were measured on.
    n_trained_on : int or None
        How many of these images the network was trained on; None where nobody can tell.
    robustness : dict or None
        What robustness.json holds, if it was attacked.
    """

    metrics: Metrics
    source: str
    n_trained_on: int | None
    robustness: dict[str, Any] | None


@exclusive
def run_evaluate(
    run: RunDirectory,
    data: DataOptions,
    progress: Progress,
    attack_options: AttackOptions | None = None,
) -> EvaluateResult:
    """Measure a run's model; write metrics.json, predictions.npz, examples.png and confusion.png.

    With an attack, also robustness.json, robustness.npz, robustness.png and adversaries.png.
    It is measured on the test part of the run's data, or, where ``data`` names another file, on all
    images of that file.

    Raises
    ------
    RunDirectoryError
        There is no model, or it was trained on images of another size or with other classes.
    """
    from mnistffn.figures.evaluate import draw_confusion, draw_examples

    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    tested = open_test_images(run, data, progress)
    dataset, index, record = tested.dataset, tested.index, tested.record
    check_fits(dataset, dataset.labels[index], classifier.n_features_in_, classifier.classes_)
    run.warn_if_stale(["model.pt"], record)
    images, labels = dataset.images[index], dataset.labels[index]
    source = f"test part of {dataset.source}" if record else f"all of {dataset.source}"
    options = {"source": source, "n": len(index), "device": "cpu"}
    with run.stage(
        "evaluate", command="evaluate", options=options, reads=["model.pt"], data=record
    ) as stage:
        probabilities = classifier.predict_proba(images.reshape(len(images), -1))
        metrics = measure(probabilities, labels, classifier.classes_)
        about = {"source": source, "n_trained_on": tested.n_trained_on}
        stage.write_json("metrics.json", asdict(metrics) | about)
        arrays = {"index": index, "label": labels, "probabilities": probabilities}
        arrays["classes"] = classifier.classes_
        stage.write_arrays("predictions.npz", arrays)
        names = [str(label) for label in classifier.classes_]
        stage.write_figure("confusion.png", draw_confusion, np.array(metrics.confusion), names)
        correct = classifier.classes_[probabilities.argmax(axis=1)] == labels
        kinds = choose_examples(probabilities, correct)
        shown = images, index, labels, probabilities, names, kinds
        stage.write_figure("examples.png", draw_examples, *shown)
    if attack_options is None:
        return EvaluateResult(metrics, source, tested.n_trained_on, None)
    attacked = _Attacked(classifier, images, labels, index, source)
    robustness = _evaluate_under_attack(run, attacked, record, attack_options, progress)
    return EvaluateResult(metrics, source, tested.n_trained_on, robustness)


@dataclass(frozen=True)
class _Attacked:
    """A classifier and the images that it is attacked on."""

    classifier: FeedForwardClassifier
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    index: NDArray[np.int64]
    source: str


def _evaluate_under_attack(
    run: RunDirectory,
    attacked: _Attacked,
    record: DataRecord | None,
    options: AttackOptions,
    progress: Progress,
) -> dict[str, Any]:
    """Attack, write what came of it, and return the summary that robustness.json holds."""
    from mnistffn.figures.robustness import draw_adversaries, draw_robustness

    classifier, images, labels = attacked.classifier, attacked.images, attacked.labels
    seed = options.seed if options.seed is not None else record.split_seed if record else 0
    options = replace(options, seed=seed)
    strengths = ",".join(f"{strength:g}" for strength in options.strengths)
    restarts = "" if options.n_restarts == 1 else f" --restarts {options.n_restarts}"
    command = f"evaluate --attack {strengths} --attack-norm {options.norm}{restarts}"
    resolved = asdict(options) | {"n_steps": PGD_STEPS, "source": attacked.source, "device": "cpu"}
    with run.stage(
        "attack", command=command, options=resolved, reads=["model.pt"], data=record
    ) as stage:
        targets = np.searchsorted(classifier.classes_, labels)
        X = images.reshape(len(images), -1)
        found = measure_robustness(classifier.module_, X, targets, options, progress)
        summary = {
            "norm": options.norm,
            "n_steps": PGD_STEPS,
            "n_restarts": options.n_restarts,
            "n": len(labels),
            "accuracies": [
                {"strength": strength, "accuracy": correct / len(labels), "interval": interval}
                for strength, correct in zip(options.strengths, found.correct.tolist(), strict=True)
                for interval in [wilson_interval(correct, len(labels))]
            ],
            "median_smallest_strength": found.median if isfinite(found.median) else None,
        }
        stage.write_json("robustness.json", summary | {"source": attacked.source})
        before = images[found.rows].astype(np.float32) / np.float32(255)
        after = found.adversaries.reshape(before.shape)
        arrays = {"index": attacked.index, "label": labels, "smallest_strength": found.smallest}
        examples = {"example_index": attacked.index[found.rows], "images": before, "adversaries": after}
        stage.write_arrays("robustness.npz", arrays | examples)
        curve = found.strengths, found.accuracies, found.smallest, options.norm
        stage.write_figure("robustness.png", draw_robustness, *curve)
        read_before = _read(classifier, before)
        captions = list(zip(read_before, _read(classifier, after), strict=True))
        largest = options.strengths[-1]
        pairs = before, after, captions, largest, options.norm
        stage.write_figure("adversaries.png", draw_adversaries, *pairs)
    return summary


def _read(classifier: FeedForwardClassifier, images: NDArray[np.float32]) -> list[str]:
    """Return what a classifier reads in images, with its probability."""
    if not len(images):
        return []
    probabilities = classifier.predict_proba(images.reshape(len(images), -1))
    names = classifier.classes_[probabilities.argmax(axis=1)]
    return [f"{name} ({top:.2f})" for name, top in zip(names, probabilities.max(axis=1), strict=True)]
