"""The picture of a search: accuracy against every searched parameter."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

LABELS = {"lr": "learning rate", "weight_decay": "weight decay"}


def draw_search(columns: Mapping[str, NDArray[np.float64]]) -> Figure:
    """Draw the candidates' accuracy, mean and range over the folds, against each parameter.

    Parameters
    ----------
    columns : mapping of str to ndarray
        ``accuracies`` (candidates, folds), the best candidate first, and one array (candidates,) for
        every searched parameter.
    """
    accuracies = 100 * columns["accuracies"]
    mean = accuracies.mean(axis=1)
    spread = np.abs(np.stack([accuracies.min(axis=1), accuracies.max(axis=1)]) - mean)
    names = [name for name in columns if name != "accuracies"]
    figure = Figure((3.2 * len(names) + 0.8, 3.6), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        values = columns[name]
        axes.errorbar(values, mean, yerr=spread, fmt="o", color="tab:blue", ecolor="0.75", markersize=4)
        axes.plot(
            values[0], mean[0], "*", color="tab:red", markersize=13, label=f"best: {values[0]:.4g}"
        )
        if name in LABELS:
            axes.set_xscale("log")
        axes.set_xlabel(LABELS.get(name, name.replace("hidden", "units of hidden layer")))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower center")
    panels[0].set_ylabel("cross-validated accuracy (%)")
    figure.suptitle(
        f"{len(mean)} candidates: mean and range over {accuracies.shape[1]} folds", fontsize=11
    )
    return figure
