"""Which pictures a comparison is given, and what is written beside its images."""

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.evaluation.resistance import Resistance
from mnistffn.run.stage import Stage

if TYPE_CHECKING:
    from mnistffn.evaluation.compare import CompareResult

MOST_IMAGES = 8  # of a row
MOST_ROWS = 12
BINS = ("confidence", "accuracy", "low", "high")


def draw_comparison(
    stage: Stage,
    result: "CompareResult",
    arrays: Mapping[str, NDArray[Any]],
    images: NDArray[np.uint8],
) -> None:
    """Have the pictures of a comparison drawn at the end of a stage.

    Parameters
    ----------
    stage : Stage
    result : CompareResult
    arrays : mapping of str to ndarray
        What comparison.npz holds.
    images : ndarray of shape (n, height, width), uint8
        Those that were tested on.
    """
    from mnistffn.figures.compare import draw_classes, draw_measures, draw_output_fields

    content = result.summarise()
    names, how = result.names, result.conditions
    reliabilities = [vars(standing.reliability) for standing in result.standings]
    bins = [{key: found[key] for key in BINS} for found in reliabilities]
    curves = {
        name: draw_curve(found)
        for name, found in zip(names, (s.resistance for s in result.standings), strict=True)
        if found and how in found.accuracies
    }
    intervals = [(run["accuracy"], *run["interval"]) for run in content["runs"]]
    measured = names, intervals, bins, curves, how.norm if how else "", content["verdict"]
    stage.write_figure("comparison.png", draw_measures, *measured)
    _draw_differences(stage, result, images)
    stage.write_figure("fields.png", draw_output_fields, names, arrays)
    stage.write_figure("classes.png", draw_classes, names, arrays)


def draw_curve(found: Resistance) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return strengths, ascending from 0, and what part of the images is read right up to each.

    Parameters
    ----------
    found : Resistance

    Returns
    -------
    strengths, accuracies : ndarray of shape (k,), float64
    """
    n = len(found.smallest)
    reached = np.sort(found.smallest[np.isfinite(found.smallest) & (found.smallest > 0)])
    clean = int((found.smallest > 0).sum())
    return np.append(0, reached), (clean - np.arange(len(reached) + 1)) / n


def _draw_differences(stage: Stage, result: "CompareResult", images: NDArray[np.uint8]) -> None:
    """Draw a row of images for every two networks of which one reads them right, the other wrong."""
    from mnistffn.figures.compare import draw_differences

    correct, names = result.correct, result.names
    rows = []
    for right, wrong in permutations(range(len(names)), 2):
        found = np.flatnonzero(correct[right] & ~correct[wrong])
        if len(found):
            rows.append((right, wrong, found))
    n_all = len(rows)
    if n_all > MOST_ROWS:
        rows = sorted(rows, key=lambda row: -len(row[2]))[:MOST_ROWS]
    n_columns = max((min(len(found), MOST_IMAGES) for *_, found in rows), default=1)
    places = np.full((len(rows), n_columns), -1)
    captions: list[str] = []
    for place, (right, wrong, found) in zip(places, rows, strict=True):
        chosen = _choose(result, right, wrong, found)[:n_columns]
        place[: len(chosen)] = chosen
        captions += [_caption(result, right, wrong, row) for row in chosen]
        captions += [""] * (n_columns - len(chosen))
    flat = places.ravel()
    shown = (images[flat] / np.float32(255)).astype(np.float32)
    shown[flat < 0] = np.nan
    titles = [f"image {result.index[place]}" if place >= 0 else "" for place in flat]
    labels = [(names[right], names[wrong], len(found)) for right, wrong, found in rows]
    left_out = n_all - len(rows)
    drawn = shown, n_columns, titles, captions, labels, left_out
    stage.write_figure("differences.png", draw_differences, *drawn)


def _choose(
    result: "CompareResult", right: int, wrong: int, found: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the images of a row, those first of whose label the two think most differently."""
    own = np.searchsorted(result.classes, result.labels[found])
    sure, unsure = (result.standings[which].probabilities[found, own] for which in (right, wrong))
    return found[np.argsort(unsure - sure, kind="stable")]


def _caption(result: "CompareResult", right: int, wrong: int, row: int) -> str:
    from mnistffn.figures.evaluate import shorten

    lines = []
    for what, which in (("right", right), ("wrong", wrong)):
        probabilities = result.standings[which].probabilities[row]
        read = shorten(str(result.classes[probabilities.argmax()]))
        lines.append(f"{what}: {read} ({probabilities.max():.3f})")
    return "\n".join(lines)
