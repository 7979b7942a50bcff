"""Attacking the images that a run's network is tested on, and writing what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.metrics import wilson_interval
from mnistffn.evaluation.names import ResultNames
from mnistffn.evaluation.robustness import PGD_STEPS, AttackOptions, measure_robustness
from mnistffn.network.modelfile import Model
from mnistffn.network.probabilities import compute_probabilities
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.manifest import DataRecord


@dataclass(frozen=True)
class Attacked:
    """A network and the images that it is attacked on.

    Attributes
    ----------
    model : Model
    images : ndarray of shape (n, height, width), uint8
    labels, index : ndarray of shape (n,), int64
        Their labels, and their rows in the data file.
    source : str
        Where they are from.
    names : ResultNames
    reads : sequence of str
        Files that they and the model are read from.
    """

    model: Model
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    index: NDArray[np.int64]
    source: str
    names: ResultNames
    reads: Sequence[str]


def evaluate_under_attack(
    run: RunDirectory,
    attacked: Attacked,
    record: DataRecord | None,
    options: AttackOptions,
    progress: Progress,
) -> dict[str, Any]:
    """Attack, write what came of it, and return the summary that robustness.json holds."""
    from mnistffn.figures.robustness import draw_adversaries, draw_robustness

    model, images, labels = attacked.model, attacked.images, attacked.labels
    seed = options.seed if options.seed is not None else record.split_seed if record else 0
    options = replace(options, seed=seed)
    strengths = ",".join(f"{strength:g}" for strength in options.strengths)
    restarts = "" if options.n_restarts == 1 else f" --restarts {options.n_restarts}"
    names = attacked.names
    command = f"{names.command} --attack {strengths} --attack-norm {options.norm}{restarts}"
    resolved = asdict(options) | {"n_steps": PGD_STEPS, "source": attacked.source, "device": "cpu"}
    with run.stage(
        names.attack_stage, command=command, options=resolved, reads=attacked.reads, data=record
    ) as stage:
        targets = np.searchsorted(model.classes, labels)
        X = images.reshape(len(images), -1)
        found = measure_robustness(model.network, X, targets, options, progress)
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
        stage.write_json(names.of("robustness.json"), summary | {"source": attacked.source})
        before = images[found.rows].astype(np.float32) / np.float32(255)
        after = found.adversaries.reshape(before.shape)
        arrays = {"index": attacked.index, "label": labels, "smallest_strength": found.smallest}
        examples = {"example_index": attacked.index[found.rows], "images": before, "adversaries": after}
        stage.write_arrays(names.of("robustness.npz"), arrays | examples)
        curve = found.strengths, found.accuracies, found.smallest, options.norm
        stage.write_figure(names.of("robustness.png"), draw_robustness, *curve)
        read_before = _read(model, before)
        captions = list(zip(read_before, _read(model, after), strict=True))
        largest = options.strengths[-1]
        pairs = before, after, captions, largest, options.norm
        stage.write_figure(names.of("adversaries.png"), draw_adversaries, *pairs)
    return summary


def _read(model: Model, images: NDArray[np.float32]) -> list[str]:
    """Return what a network reads in images, with its probability."""
    if not len(images):
        return []
    probabilities = compute_probabilities(model.network, images.reshape(len(images), -1))
    names = model.classes[probabilities.argmax(axis=1)]
    return [f"{name} ({top:.2f})" for name, top in zip(names, probabilities.max(axis=1), strict=True)]
