"""The picture of a calibration: confidence against accuracy, and answering only when sure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import DPI
from mnistffn.figures.panels import add_axes, measure_width

# Confidences crowd at 1: both axes are even in the logarithm of the odds, from 1 in 50 on.
TICKS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999, 0.9997, 0.9999)
SUREST = 0.99995  # what is nearer to 1 is drawn there
SIDE = 4.45  # inches of the diagram
GAP = 0.05  # between the labels of two ticks
FONT = 7  # points
MARKERS = "osD^v<>pPX"


def draw_calibration(
    bins: Mapping[str, Mapping[str, NDArray[np.float64]]],
    confidences: NDArray[np.float64],
    curve: tuple[NDArray[np.float64], NDArray[np.float64]],
    threshold: tuple[float, float, str],
    n: int,
) -> Figure:
    """Draw a reliability diagram above the confidences, and the risk-coverage curve beside them.

    Parameters
    ----------
    bins : mapping of str to mapping of str to ndarray of shape (bins,), float64
        By what they are: ``confidence``, ``accuracy``, and the ends of its interval, ``low``, ``high``.
    confidences : ndarray of shape (n,), float64
    curve : (ndarray of shape (k,), ndarray of shape (k,))
        Part of the images that is answered, and part of the answers that is wrong.
    threshold : (float, float, str)
        The point of the curve to mark, NaN for none, and what to say of it.
    n : int
        Images.
    """
    figure = Figure((10.5, 5.2), dpi=DPI)
    diagram = add_axes(figure, 0.75, 1.48, SIDE, 3.47)
    histogram = add_axes(figure, 0.75, 0.5, SIDE, 0.87)
    risk = add_axes(figure, 5.9, 0.5, 4.45, 4.45)
    draw_reliability(diagram, bins)
    start, end = diagram.get_xlim()
    start = min(start, float(_stretch(confidences.min())))  # of one image, where bins have the mean
    diagram.set_xlim(start, end)
    diagram.xaxis.set_ticks(*_thin(*_list_ticks(start), SIDE / (end - start)))
    histogram.sharex(diagram)
    _draw_confidences(histogram, confidences)
    _draw_risk(risk, curve, threshold, n)
    return figure


def _stretch(probability: NDArray[np.float64] | Sequence[float] | float) -> NDArray[np.float64]:
    """Return the logarithm of the odds, within the ends of the axes."""
    clipped = np.clip(np.asarray(probability, np.float64), 1 - SUREST, SUREST)
    return np.asarray(np.log10(clipped / (1 - clipped)))


def draw_reliability(axes: Axes, bins: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> None:
    """Draw confidence against accuracy, for up to ten names: see :func:`draw_calibration`."""
    lowest = min(min(bin_["confidence"].min(), bin_["low"].min()) for bin_ in bins.values())
    start = float(_stretch(max(lowest * 0.9, 0.005)))
    end = float(_stretch(1.0)) + 0.25
    axes.plot(
        (start, end), (start, end), "--", color="0.5", linewidth=1, label="right as often as sure"
    )
    for place, (name, bin_) in enumerate(bins.items()):
        x = _stretch(bin_["confidence"])
        low, middle, high = (_stretch(bin_[key]) for key in ("low", "accuracy", "high"))
        axes.vlines(x, np.maximum(low, start), high, color=f"C{place}", alpha=0.4, linewidth=2)
        marker = MARKERS[place]
        axes.plot(x, middle, marker, color=f"C{place}", markersize=5, label=name)
    axes.set(xlim=(start, end), ylim=(start, end), ylabel="accuracy, with 95% interval")
    axes.set_title("Reliability: are images right as often as they are sure?", fontsize=10)
    axes.yaxis.set_ticks(*_list_ticks(start))
    axes.xaxis.set_ticks(*_list_ticks(start))
    axes.tick_params(labelsize=FONT)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="best")


def _list_ticks(start: float) -> tuple[list[float], list[str]]:
    shown = [tick for tick in TICKS if _stretch(tick) >= start]
    return [*_stretch(shown).tolist(), float(_stretch(1.0))], [*(f"{tick:g}" for tick in shown), "1"]


def _thin(places: list[float], labels: list[str], inches: float) -> tuple[list[float], list[str]]:
    """Return the ticks, from the last one on, whose labels keep clear of each other side by side."""
    kept = [len(places) - 1]
    for place in reversed(range(len(places) - 1)):
        needed = GAP + sum(measure_width([labels[which]], FONT) for which in (place, kept[0])) / 2
        if (places[kept[0]] - places[place]) * inches > needed:
            kept.insert(0, place)
    return [places[place] for place in kept], [labels[place] for place in kept]


def _draw_confidences(axes: Axes, confidences: NDArray[np.float64]) -> None:
    start, end = axes.get_xlim()
    counts, edges = np.histogram(_stretch(confidences).clip(start, end), np.linspace(start, end, 41))
    axes.stairs(counts, edges, fill=True)
    # Nearly all are at 1: the others would not be seen beside them.
    axes.set(xlabel="confidence: the probability of the prediction", ylabel="images", yscale="log")
    axes.set_ylim(0.5, 1.5 * counts.max())
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.tick_params(labelsize=FONT)
    axes.tick_params(which="minor", labelleft=False)
    axes.grid(alpha=0.3)


def _draw_risk(
    axes: Axes,
    curve: tuple[NDArray[np.float64], NDArray[np.float64]],
    threshold: tuple[float, float, str],
    n: int,
) -> None:
    coverage, risk = curve
    axes.step(100 * coverage, 100 * risk, where="post", color="tab:purple")
    x, y, told = threshold
    if np.isfinite(x):
        axes.axvline(100 * x, color="black", linestyle="--", linewidth=1)
        axes.plot(100 * x, 100 * y, "o", color="black", markersize=5)
    top = max(1.35 * 100 * float(risk.max()), 0.5)
    axes.set(xlim=(0, 101), ylim=(-0.02 * top, top))
    axes.set(xlabel=f"answered, the surest first (% of {n:,} images)", ylabel="wrong among them (%)")
    axes.set_title("Answer only when sure", fontsize=10)
    text = axes.text(0.03, 0.97, told, transform=axes.transAxes, va="top", fontsize=8)
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2})
    axes.grid(alpha=0.3)
