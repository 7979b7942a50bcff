"""Which pictures a test is given, and what is written beside its images."""

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.calibration import Reliability
from mnistffn.evaluation.findings import Findings
from mnistffn.evaluation.mistakes import choose_confused, choose_examples
from mnistffn.evaluation.names import ResultNames
from mnistffn.run.stage import Stage
from mnistffn.wording import count

MOST_DOUBTFUL = 30  # images of labels.png
SHORT = 8  # letters of two names that fit on one line beside a row


def draw_findings(stage: Stage, names: ResultNames, found: Findings, images: NDArray[np.uint8]) -> None:
    """Have the pictures of a test's images, shape (n, height, width), drawn at the end of a stage."""
    from mnistffn.figures.calibration import draw_calibration
    from mnistffn.figures.evaluate import draw_confusion, draw_examples

    classes = [str(label) for label in found.classes]
    counts = np.array(found.metrics.confusion)
    stage.write_figure(names.of("confusion.png"), draw_confusion, counts, classes)
    kinds = choose_examples(found.probabilities, found.correct)
    shown = images, found.index, found.labels, found.probabilities, classes, kinds
    stage.write_figure(names.of("examples.png"), draw_examples, *shown)
    bins = {"as the network says": _list_bins(found.reliability)}
    if found.scaling and found.scaled_reliability:
        name = f"at temperature {found.scaling.temperature:.3g}"
        bins[name] = _list_bins(found.scaled_reliability)
    curve = found.risk.coverage, found.risk.risk
    told = found.confidences, curve, _mark_threshold(found), found.metrics.n
    stage.write_figure(names.of("calibration.png"), draw_calibration, bins, *told)
    _draw_confused(stage, names, found, images)
    _draw_doubtful(stage, names, found, images)


def _list_bins(reliability: Reliability) -> dict[str, NDArray[np.float64]]:
    return {name: getattr(reliability, name) for name in ("confidence", "accuracy", "low", "high")}


def _mark_threshold(found: Findings) -> tuple[float, float, str]:
    """Return the coverage and the risk that are to be marked, NaN for none, and what is to be said."""
    threshold = found.threshold
    if threshold is None:
        return np.nan, np.nan, "no threshold keeps 99.9% of the answers right"
    told = (
        f"99.9% right: answer from a probability of {threshold.spelled} on,\n"
        f"{threshold.coverage:.1%} of the images, {count(threshold.errors, 'error')}"
    )
    return threshold.coverage, threshold.errors / threshold.answered, told


def _draw_confused(
    stage: Stage, names: ResultNames, found: Findings, images: NDArray[np.uint8]
) -> None:
    """Draw the pairs that are confused most often: a row each, one way to the left of the other."""
    from mnistffn.figures.evaluate import shorten
    from mnistffn.figures.mistakes import draw_confused

    told = found.probabilities, found.labels, found.classes
    chosen = [choose_confused(pair, *told) for pair in found.pairs]
    widths = [max((len(ways[way]) for ways in chosen), default=0) for way in (0, 1)]
    places = np.full((len(chosen), sum(widths)), -1)
    row_labels = []
    for row, (pair, ways) in enumerate(zip(found.pairs, chosen, strict=True)):
        places[row, : len(ways[0])] = ways[0]
        places[row, widths[0] : widths[0] + len(ways[1])] = ways[1]
        first, second = (shorten(str(label)) for label in pair.labels)
        between = "\n" if len(first + second) > SHORT else " "
        row_labels.append(f"{first}{between}and {second}:\n{pair.counts[0]:,} + {pair.counts[1]:,}")
    flat = places.ravel()
    titles = [f"image {found.index[place]}" if place >= 0 else "" for place in flat]
    predictions = found.classes[found.probabilities.argmax(axis=1)]
    captions = [
        f"label {shorten(str(found.labels[place]))}\n"
        f"read as {shorten(str(predictions[place]))} ({found.confidences[place]:.3f})"
        if place >= 0
        else ""
        for place in flat
    ]
    heading = (
        "Which classes are confused most often\n"
        "beside each pair: how often each way; the surest errors first"
    )
    shown = _take(images, flat), sum(widths), titles, captions, row_labels
    stage.write_figure(
        names.of("confused.png"), draw_confused, *shown, heading if chosen else "No image is misread"
    )


def _draw_doubtful(
    stage: Stage, names: ResultNames, found: Findings, images: NDArray[np.uint8]
) -> None:
    """Draw the images whose label is probably wrong."""
    from mnistffn.figures.evaluate import shorten
    from mnistffn.figures.mistakes import draw_doubtful

    n = len(found.doubtful[0])
    rows, suggested = (values[:MOST_DOUBTFUL] for values in found.doubtful)
    own = np.searchsorted(found.classes, found.labels[rows])
    titles = [f"image {found.index[row]}" for row in rows]
    captions = [
        f"label {shorten(str(found.classes[mine]))} ({found.probabilities[row, mine]:.3f})\n"
        f"or {shorten(str(found.classes[other]))} ({found.probabilities[row, other]:.3f})?"
        for row, mine, other in zip(rows, own, suggested, strict=True)
    ]
    some = f"{n:,}, of which {len(rows)} are shown" if n > len(rows) else f"{n}"
    heading = f"Labels to look at: {some}\nthe network doubts them, and may be wrong itself"
    shown = _take(images, rows), titles, captions
    stage.write_figure(
        names.of("labels.png"), draw_doubtful, *shown, heading if n else "The network doubts no label"
    )


def _take(images: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return images at some places, float32 in [0, 1]; NaN where a place is -1."""
    taken = (images[places] / np.float32(255)).astype(np.float32)
    taken[places < 0] = np.nan
    return taken
