"""Comparing networks on the same images: whether one is better, where, and what each looks for."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.errors import UsageError
from mnistffn.evaluation.calibration import Reliability, measure_reliability
from mnistffn.evaluation.comparepictures import draw_comparison
from mnistffn.evaluation.contender import MODEL, Contender, open_contenders
from mnistffn.evaluation.mcnemar import PairedTest, compare_pairs
from mnistffn.evaluation.metrics import Metrics, measure
from mnistffn.evaluation.outputs import choose_classes, compute_output_fields, read_maximizing
from mnistffn.evaluation.resistance import (
    Conditions,
    Resistance,
    choose_conditions,
    list_missing,
    read_resistance,
)
from mnistffn.evaluation.verdict import describe_pairs
from mnistffn.network.network import count_parameters
from mnistffn.network.probabilities import compute_probabilities
from mnistffn.progress import Progress
from mnistffn.run.data import RunData
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions

STAGE = "compare"
MEASURES = ("accuracy", "interval", "errors", "balanced_accuracy", "log_loss", "brier")
# Where and from which start it was trained makes no other network on purpose.
NO_SETTINGS = {"device", "image_shape", "n_threads", "on_epoch", "random_state"}


@dataclass(frozen=True, eq=False)
class Standing:
    """How one network did.

    Attributes
    ----------
    contender : Contender
    probabilities : ndarray of shape (n, n_classes), float64
    metrics : Metrics
    reliability : Reliability
    resistance : Resistance or None
        None where it is not known what an attack leaves.
    """

    contender: Contender
    probabilities: NDArray[np.float64]
    metrics: Metrics
    reliability: Reliability
    resistance: Resistance | None

    def summarise(self, conditions: Conditions | None) -> dict[str, Any]:
        """Return what comparison.json holds of it, as plain values."""
        contender, metrics = self.contender, asdict(self.metrics)
        widths, found = contender.model.network.widths, self.resistance
        return {
            "name": contender.name,
            "path": str(contender.run.path),
            "widths": list(widths),
            "n_parameters": count_parameters(widths[0], widths[1:-1], widths[-1]),
            **contender.summarise_training(),
            **{name: metrics[name] for name in MEASURES},
            "calibration_error": self.reliability.error,
            "under_attack": found.accuracies.get(conditions) if found and conditions else None,
        }


@dataclass(frozen=True, eq=False)
class CompareResult:
    """What a comparison found.

    Attributes
    ----------
    standings : list of Standing
    pairs : list of PairedTest
    index, labels : ndarray of shape (n,), int64
        Rows of the images in the data file, and their labels.
    conditions : Conditions or None
        Of the attack in which most of the networks can be compared; None where none was attacked.
    differing : dict of str to list
        Settings of the training that are not the same for all networks: the value of each.
    """

    standings: list[Standing]
    pairs: list[PairedTest]
    index: NDArray[np.int64]
    labels: NDArray[np.int64]
    conditions: Conditions | None
    differing: dict[str, list[Any]]

    @property
    def names(self) -> list[str]:
        """How the networks are called."""
        return [standing.contender.name for standing in self.standings]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The labels in the order of the outputs."""
        classes: NDArray[np.int64] = self.standings[0].contender.model.classes
        return classes

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which images each network reads right, shape (networks, n)."""
        found = [self.classes[standing.probabilities.argmax(axis=1)] for standing in self.standings]
        return np.asarray(np.stack(found) == self.labels)

    def summarise(self) -> dict[str, Any]:
        """Return what comparison.json holds, as plain values."""
        names = self.names
        pairs = [
            asdict(pair) | {"first": names[pair.first], "second": names[pair.second]}
            for pair in self.pairs
        ]
        return {
            "n": len(self.labels),
            "verdict": describe_pairs(names, self.pairs, len(self.labels)),
            "attack": self.conditions and asdict(self.conditions),
            "runs": [standing.summarise(self.conditions) for standing in self.standings],
            "pairs": pairs,
            "settings_that_differ": self.differing,
        }


@exclusive
def run_compare(
    output: RunDirectory,
    paths: Sequence[Path],
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
) -> CompareResult:
    """Compare the models of runs on the images that all of them were tested on.

    Writes comparison.json, comparison.npz and its pictures: comparison.png, differences.png, fields.png
    and classes.png.

    Parameters
    ----------
    output : RunDirectory
        A folder of its own for what is written.
    paths : sequence of Path
        The run directories.
    progress : Progress
    data : DataOptions
        Where the runs' data are now, if not where they were.

    Raises
    ------
    UsageError
        There are fewer than two runs or more than 10, one is named twice, or ``output`` holds a run.
    RunDirectoryError
        A run has no model, or they were tested on different images.
    """
    if set(output.manifest().stages) - {STAGE}:
        msg = f"{output.path} is a run directory: give the comparison a folder of its own"
        raise UsageError(msg)
    contenders, opened = open_contenders(paths, data, progress)
    result = compare(contenders, opened)
    resistances = [standing.resistance for standing in result.standings]
    for line in list_missing(contenders, resistances, result.conditions):
        progress.note(line)
    arrays = _collect(result, opened, progress)
    folder = output.path.resolve()
    reads = [os.path.relpath(path.resolve() / MODEL, folder) for path in paths]
    words = ["compare", *map(str, paths), "--output", str(output.path)]
    options = {"runs": [str(path) for path in paths], "names": result.names, "device": "cpu"}
    with output.stage(STAGE, command=shlex.join(words), options=options, reads=reads) as stage:
        stage.write_json("comparison.json", result.summarise())
        stage.write_arrays("comparison.npz", arrays)
        draw_comparison(stage, result, arrays, opened.dataset.images[result.index])
    return result


def compare(contenders: Sequence[Contender], data: RunData) -> CompareResult:
    """Measure networks on the test part of their data, and test every pair of them."""
    dataset, index = data.dataset, data.split.test
    labels = dataset.labels[index]
    standings = []
    for contender in contenders:
        probabilities = compute_probabilities(contender.model.network, dataset.flat[index])
        classes = contender.model.classes
        metrics = measure(probabilities, labels, classes)
        correct = classes[probabilities.argmax(axis=1)] == labels
        reliability = measure_reliability(probabilities.max(axis=1), correct)
        found = read_resistance(contender)
        standings.append(Standing(contender, probabilities, metrics, reliability, found))
    conditions = choose_conditions([standing.resistance for standing in standings])
    differing = list_settings([contender.model.parameters for contender in contenders])
    result = CompareResult(standings, [], index, labels, conditions, differing)
    return replace(result, pairs=compare_pairs(result.correct))


def list_settings(parameters: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings in which trainings differ, with the value of each.

    Examples
    --------
    >>> list_settings([{"lr": 0.1, "dropout": 0.5}, {"lr": 0.1, "dropout": 0.0}])
    {'dropout': [0.5, 0.0]}
    """
    values = {name: [given[name] for given in parameters] for name in parameters[0]}
    return {
        name: [list(value) if isinstance(value, tuple) else value for value in found]
        for name, found in values.items()
        if name not in NO_SETTINGS and any(value != found[0] for value in found)
    }


def _collect(result: CompareResult, data: RunData, progress: Progress) -> dict[str, NDArray[Any]]:
    """Return what comparison.npz holds."""
    contenders = [standing.contender for standing in result.standings]
    targets = np.searchsorted(result.classes, result.labels)
    units = choose_classes(result.correct, targets, len(result.classes))
    arrays: dict[str, NDArray[Any]] = {
        "names": np.array(result.names),
        "index": result.index,
        "label": result.labels,
        "classes": result.classes,
        "probabilities": np.stack([standing.probabilities for standing in result.standings]),
        "shown_classes": result.classes[units],
    }
    arrays |= compute_output_fields(contenders, data, units, progress)
    images = read_maximizing(contenders, units, data.dataset.image_shape, progress)
    return arrays if images is None else arrays | {"maximizing": images}
