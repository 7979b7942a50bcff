"""Measuring a trained network on images that it has never seen."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from mnistffn.classifier import FeedForwardClassifier
from mnistffn.progress import Progress
from mnistffn.rundata import DataOptions, check_fits, open_test_images
from mnistffn.rundir import RunDirectory, exclusive

EXAMPLES_PER_KIND = 4


@dataclass(frozen=True)
class ClassMetrics:
    """How one class did: precision, recall, and the number of its images."""

    label: int
    precision: float
    recall: float
    n: int


@dataclass(frozen=True)
class Metrics:
    """What a network came to on a test part.

    Attributes
    ----------
    accuracy : float
        Part of the images whose most probable class is their label.
    interval : (float, float)
        95% confidence interval of the accuracy (Wilson, 1927).
    n, errors : int
        Images, and how many of them are classified wrongly.
    log_loss : float
        Mean negative log-likelihood of the label, in nats.
    per_class : list of ClassMetrics
    confusion : list of list of int
        Row: label; column: prediction; in the order of ``per_class``.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int
    errors: int
    log_loss: float
    per_class: list[ClassMetrics]
    confusion: list[list[int]]


def measure(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], classes: NDArray[np.int64]
) -> Metrics:
    """Compare probabilities with labels.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    labels : ndarray of shape (n,), int64
    classes : ndarray of shape (n_classes,), int64
        Label of every column of ``probabilities``.

    Examples
    --------
    >>> metrics = measure(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([3, 7]), np.array([3, 7]))
    >>> metrics.accuracy, metrics.errors, metrics.confusion
    (0.5, 1, [[1, 0], [1, 0]])
    """
    predictions = classes[probabilities.argmax(axis=1)]
    correct = int((predictions == labels).sum())
    interval = binomtest(correct, len(labels)).proportion_ci(0.95, method="wilson")
    precision, recall, _, support = precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=0
    )
    return Metrics(
        accuracy=correct / len(labels),
        interval=(float(interval.low), float(interval.high)),
        n=len(labels),
        errors=len(labels) - correct,
        log_loss=float(log_loss(labels, probabilities, labels=classes)),
        per_class=[
            ClassMetrics(int(label), float(precision[i]), float(recall[i]), int(support[i]))
            for i, label in enumerate(classes)
        ],
        confusion=confusion_matrix(labels, predictions, labels=classes).tolist(),
    )


def choose_examples(
    probabilities: NDArray[np.floating], correct: NDArray[np.bool_], count: int = EXAMPLES_PER_KIND
) -> dict[str, NDArray[np.int64]]:
    """Choose the rows that show best how sure a network is, and how rightly.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), floating
    correct : ndarray of shape (n,), bool
    count : int
        Rows of every kind, at the most.

    Returns
    -------
    dict of str to ndarray of int64
        Rows that are sure and right, unsure and right, sure and wrong (all by the probability of the
        prediction), and those whose probabilities are most spread out (by their entropy).
    """
    top = probabilities.max(axis=1)
    entropy = -(probabilities * np.log(np.clip(probabilities, 1e-300, None))).sum(axis=1)
    right, wrong = np.flatnonzero(correct), np.flatnonzero(~correct)
    return {
        "sure and right": right[np.argsort(-top[right], kind="stable")][:count],
        "unsure and right": right[np.argsort(top[right], kind="stable")][:count],
        "sure and wrong": wrong[np.argsort(-top[wrong], kind="stable")][:count],
        "most spread out": np.argsort(-entropy, kind="stable")[:count],
    }


@dataclass(frozen=True)
class EvaluateResult:
    """The metrics, and what they were measured on."""

    metrics: Metrics
    source: str


@exclusive
def run_evaluate(run: RunDirectory, data: DataOptions, progress: Progress) -> EvaluateResult:
    """Measure a run's model; write metrics.json, predictions.npz, examples.png and confusion.png.

    It is measured on the test part of the run's data, or, where ``data`` names another file, on all
    images of that file.

    Raises
    ------
    RunDirectoryError
        There is no model, or it was trained on images of another size or with other classes.
    """
    from mnistffn.figures.evaluate import draw_confusion, draw_examples

    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    dataset, index, record = open_test_images(run, data, progress)
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
        stage.write_json("metrics.json", asdict(metrics) | {"source": source})
        arrays = {"index": index, "label": labels, "probabilities": probabilities}
        stage.write_arrays("predictions.npz", arrays)
        names = [str(label) for label in classifier.classes_]
        stage.write_figure("confusion.png", draw_confusion(np.array(metrics.confusion), names))
        correct = classifier.classes_[probabilities.argmax(axis=1)] == labels
        kinds = choose_examples(probabilities, correct)
        figure = draw_examples(images, index, labels, probabilities, names, kinds)
        stage.write_figure("examples.png", figure)
    return EvaluateResult(metrics, source)
