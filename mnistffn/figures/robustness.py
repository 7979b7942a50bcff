"""Pictures of attacks: accuracy against their strength, and images that they have changed."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

NARROWEST = 4.5  # inches: what the heading takes
UNITS = {
    "linf": "largest change of a pixel (L∞; pixels in [0, 1])",
    "l2": "Euclidean length of the change",
}


def draw_robustness(
    strengths: NDArray[np.float64],
    accuracies: NDArray[np.float64],
    smallest: NDArray[np.float64],
    norm: str,
) -> Figure:
    """Draw accuracy against strength, and the distribution of the smallest strength that fools.

    Parameters
    ----------
    strengths, accuracies : ndarray of shape (s,), float64
        What was attacked with each strength.
    smallest : ndarray of shape (n,), float64
        Of every image; infinite where none fools.
    norm : {"linf", "l2"}
    """
    figure = Figure((9.5, 3.9), dpi=150, layout="constrained")
    curve, histogram = figure.subplots(1, 2)
    reached = np.sort(smallest[np.isfinite(smallest) & (smallest > 0)])
    clean = float(np.mean(smallest > 0))
    end = max(strengths[-1] * 1.1, float(np.quantile(reached, 0.99)) if len(reached) else 0.0)
    left = clean - np.arange(1, len(reached) + 1) / len(smallest)
    curve.plot(
        np.append(0, reached),
        100 * np.append(clean, left),
        drawstyle="steps-post",
        color="tab:purple",
        label="from each image's smallest strength",
    )
    curve.plot(strengths, 100 * accuracies, "o", color="tab:red", label="attacked with this strength")
    curve.set(
        xlim=(0, end),
        ylim=(0, 101),
        ylabel="accuracy under PGD (%)",
        title="Accuracy under an attack that grows",
    )
    bins = np.linspace(0, end, 41)
    histogram.hist(smallest[(smallest > 0) & (smallest <= end)], bins=bins, color="tab:purple")
    median = float(np.median(smallest))
    if np.isfinite(median):
        histogram.axvline(
            median, color="black", linestyle="--", linewidth=1, label=f"median {median:.3g}"
        )
        histogram.legend(fontsize=8)
    histogram.set(ylabel="images", title="Smallest strength that changes the reading", xlim=(0, end))
    for axes in (curve, histogram):
        axes.set_xlabel(UNITS[norm])
        axes.grid(alpha=0.3)
    curve.legend(fontsize=8)
    return figure


def draw_adversaries(
    images: NDArray[np.float32],
    adversaries: NDArray[np.float32],
    captions: Sequence[tuple[str, str]],
    strength: float,
    norm: str,
) -> Figure:
    """Draw images, their adversaries and the differences, one below the other.

    Parameters
    ----------
    images, adversaries : ndarray of shape (m, height, width), float32 in [0, 1]
    captions : sequence of (str, str)
        What the network reads in each image and each adversary.
    strength : float
    norm : {"linf", "l2"}
    """
    n = max(1, len(images))
    figure = Figure((max(1.05 * n + 0.9, NARROWEST), 4.5), dpi=150, layout="constrained")
    distance = {"linf": f"{strength:g} a pixel (L∞)", "l2": f"a length of {strength:g} (L2)"}[norm]
    heading = f"What the network reads in images, and after PGD\nhas changed them by at most {distance}"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=10)
    panels = figure.subplots(3, n, squeeze=False)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    for axes, name in zip(panels[:, 0], ("image", "adversary", "difference"), strict=True):
        axes.set_ylabel(name, fontsize=9)
    bound = max((float(np.abs(adversaries - images).max()) if len(images) else 0.0), 1e-3)
    artist = None
    for column, (image, adversary, caption) in enumerate(
        zip(images, adversaries, captions, strict=True)
    ):
        panels[0, column].imshow(image, cmap="gray", vmin=0, vmax=1)
        panels[0, column].set_title(caption[0], fontsize=8)
        panels[1, column].imshow(adversary, cmap="gray", vmin=0, vmax=1)
        panels[1, column].set_title(caption[1], fontsize=8)
        artist = panels[2, column].imshow(adversary - image, cmap="RdBu_r", vmin=-bound, vmax=bound)
    if artist is not None:
        figure.colorbar(artist, ax=panels[2, :], shrink=0.9, pad=0.01)
    return figure
