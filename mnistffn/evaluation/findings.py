"""All that is found out about a network from its probabilities for the images of a test."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.calibration import (
    Reliability,
    Scaling,
    Scored,
    measure_reliability,
    scale_temperature,
)
from mnistffn.evaluation.metrics import Metrics, measure
from mnistffn.evaluation.mistakes import ConfusedPair, find_confused_pairs, find_doubtful_labels
from mnistffn.evaluation.selective import RiskCoverage, Threshold, find_threshold, measure_risk

MOST_LISTED = 100  # doubtful labels


@dataclass(frozen=True, eq=False)
class Findings:
    """What a test found.

    Attributes
    ----------
    index, labels : ndarray of shape (n,), int64
        Rows of the images in the data file, and their labels.
    classes : ndarray of shape (n_classes,), int64
    probabilities : ndarray of shape (n, n_classes), float64
    metrics : Metrics
    scaling : Scaling or None
        None where no temperature can be fitted.
    scaled : ndarray of shape (n, n_classes), float64, or None
        The probabilities at that temperature.
    """

    index: NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    metrics: Metrics
    scaling: Scaling | None
    scaled: NDArray[np.float64] | None

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the prediction is the label, shape (n,)."""
        return np.asarray(self.classes[self.probabilities.argmax(axis=1)] == self.labels)

    @property
    def confidences(self) -> NDArray[np.float64]:
        """Probability of the prediction, shape (n,)."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def reliability(self) -> Reliability:
        """Confidence against accuracy, as the network has it."""
        return measure_reliability(self.confidences, self.correct)

    @cached_property
    def scaled_reliability(self) -> Reliability | None:
        """The same after temperature scaling."""
        if self.scaled is None:
            return None
        return measure_reliability(self.scaled.max(axis=1), self.correct)

    @cached_property
    def risk(self) -> RiskCoverage:
        """What is left of the errors when the network answers only where it is sure."""
        return measure_risk(self.confidences, self.correct)

    @cached_property
    def threshold(self) -> Threshold | None:
        """The threshold for 99.9% accuracy."""
        return find_threshold(self.risk)

    @cached_property
    def pairs(self) -> list[ConfusedPair]:
        """The pairs of classes that are confused most often."""
        return find_confused_pairs(np.array(self.metrics.confusion), self.classes)

    @cached_property
    def doubtful(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the images whose label is doubtful, and indices of the classes suggested."""
        return find_doubtful_labels(self.probabilities, np.searchsorted(self.classes, self.labels))

    def summarise(self) -> dict[str, Any]:
        """Return what metrics.json holds, as plain values."""
        rows, suggested = self.doubtful
        own = np.searchsorted(self.classes, self.labels)
        doubtful = [
            {
                "index": int(self.index[row]),
                "label": self.classes[own[row]].item(),
                "suggested": self.classes[other].item(),
                "probability": float(self.probabilities[row, other]),
                "label_probability": float(self.probabilities[row, own[row]]),
            }
            for row, other in zip(rows[:MOST_LISTED], suggested[:MOST_LISTED], strict=True)
        ]
        bins = {name: values.tolist() for name, values in vars(self.reliability).items()}
        return asdict(self.metrics) | {
            "calibration_error": self.reliability.error,
            "calibration_bins": len(self.reliability.n),
            "reliability": bins,
            "temperature_scaling": self.scaling and asdict(self.scaling),
            "threshold": self.threshold and asdict(self.threshold),
            "confused_pairs": [asdict(pair) for pair in self.pairs],
            "n_labels_to_look_at": len(rows),
            "labels_to_look_at": doubtful,
        }


def examine(
    index: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
    log_probabilities: NDArray[np.float64],
    held_out: Scored | None,
) -> Findings:
    """Find out all that the log-probabilities (n, n_classes) of a test's images say.

    Parameters
    ----------
    index, labels, classes
        See :class:`Findings`.
    log_probabilities : ndarray of shape (n, n_classes), float64
    held_out : Scored or None
        Images that were neither trained on nor are tested.
    """
    probabilities = np.exp(log_probabilities)
    tested = Scored(log_probabilities, np.searchsorted(classes, labels))
    scaling, scaled = scale_temperature(tested, held_out) or (None, None)
    metrics = measure(probabilities, labels, classes)
    return Findings(index, labels, classes, probabilities, metrics, scaling, scaled)
