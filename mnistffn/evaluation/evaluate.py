"""Measuring a trained network on images that it has never seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.calibration import Scored
from mnistffn.evaluation.findings import Findings, examine
from mnistffn.evaluation.heldout import find_validation_part
from mnistffn.evaluation.metrics import Metrics
from mnistffn.evaluation.names import ResultNames, name_results
from mnistffn.evaluation.pictures import draw_findings
from mnistffn.evaluation.robustness import AttackOptions
from mnistffn.evaluation.underattack import Attacked, evaluate_under_attack
from mnistffn.network.modelfile import Model
from mnistffn.network.probabilities import compute_log_probabilities
from mnistffn.progress import Progress
from mnistffn.run.data import TestImages, check_fits, open_test_images
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions
from mnistffn.training.trained import read_trained


@dataclass(frozen=True, eq=False)
class EvaluateResult:
    """What an evaluation found.

    Attributes
    ----------
    findings : Findings
    names : ResultNames
        Of what was written.
    source : str
        What was measured on.
    n_trained_on : int or None
        How many of these images the network was trained on; None where nobody can tell.
    robustness : dict or None
        What robustness.json holds, if it was attacked.
    """

    findings: Findings
    names: ResultNames
    source: str
    n_trained_on: int | None
    robustness: dict[str, Any] | None = None

    @property
    def metrics(self) -> Metrics:
        """The measures of its predictions and probabilities."""
        return self.findings.metrics

    @property
    def stages(self) -> list[str]:
        """Names of the stages that wrote files."""
        attack = [] if self.robustness is None else [self.names.attack_stage]
        return [self.names.stage, *attack]

    def summarise(self) -> dict[str, Any]:
        """Return what metrics.json holds, and robustness.json where there is one."""
        about = {"source": self.source, "n_trained_on": self.n_trained_on}
        attack = {} if self.robustness is None else {"robustness": self.robustness}
        return self.findings.summarise() | about | attack


@exclusive
def run_evaluate(
    run: RunDirectory,
    data: DataOptions,
    progress: Progress,
    attack_options: AttackOptions | None = None,
) -> EvaluateResult:
    """Measure a run's model; write metrics.json, predictions.npz and their pictures.

    These are examples.png, confusion.png, confused.png, calibration.png and labels.png. With an attack,
    also robustness.json, robustness.npz, robustness.png and adversaries.png. It is measured on the
    test part of the run's data, or, where ``data`` names another file, on all images of that file:
    then the files are named after it, as in metrics-other.json.

    Raises
    ------
    RunDirectoryError
        There is no model, or it was trained on images of another size or with other classes.
    """
    model = read_trained(run.path / "model.pt")
    tested = open_test_images(run, data, progress)
    dataset, index, record = tested.dataset, tested.index, tested.record
    check_fits(dataset, dataset.labels[index], model.network.widths[0], model.classes)
    run.warn_if_stale(["model.pt"], record)
    images, labels = dataset.images[index], dataset.labels[index]
    source = f"test part of {dataset.source}" if record else f"all of {dataset.source}"
    options = {"source": source, "n": len(index), "device": "cpu"}
    names, reads = ResultNames(), ["model.pt"]
    if record is None and data.path is not None:
        names = name_results(run, data.path, dataset.sha256)
        options["file"] = str(data.path.resolve())
        both = data.path, data.open(data.path).labels
        reads += [str(path.resolve()) for path in both if path and path.is_file()]  # no folder, no pipe
        progress.note(f"the results are named after this file: {names.of('metrics.json')} and others")
    with run.stage(
        names.stage, command=names.command, options=options, reads=reads, data=record
    ) as stage:
        found = _examine(run, model, tested)
        result = EvaluateResult(found, names, source, tested.n_trained_on)
        stage.write_json(names.of("metrics.json"), result.summarise())
        arrays = {"index": index, "label": labels, "probabilities": found.probabilities}
        arrays["classes"] = model.classes
        stage.write_arrays(names.of("predictions.npz"), arrays)
        draw_findings(stage, names, found, images)
    if attack_options is None:
        return result
    attacked = Attacked(model, images, labels, index, source, names, reads)
    robustness = evaluate_under_attack(run, attacked, record, attack_options, progress)
    return EvaluateResult(found, names, source, tested.n_trained_on, robustness)


def _examine(run: RunDirectory, model: Model, tested: TestImages) -> Findings:
    images, labels = tested.dataset.images[tested.index], tested.dataset.labels[tested.index]
    part = find_validation_part(run, model, tested)
    held_out = None if part is None else _score(model, *part)
    logits = _score(model, images.reshape(len(images), -1), labels).logits
    return examine(tested.index, labels, model.classes, logits, held_out)


def _score(model: Model, X: NDArray[np.uint8], labels: NDArray[np.int64]) -> Scored:
    found = compute_log_probabilities(model.network, X)
    return Scored(found, np.searchsorted(model.classes, labels))
