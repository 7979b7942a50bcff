"""The picture of a search: accuracy against every searched parameter."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_COLUMNS = 4


def draw_search(columns: Mapping[str, NDArray[Any]], logarithmic: Collection[str] = ()) -> Figure:
    """Draw the candidates' accuracy, mean and range over the folds, against each parameter.

    Parameters
    ----------
    columns : mapping of str to ndarray
        ``accuracies`` (candidates, folds), the best candidate first, and one array (candidates,) for
        every searched parameter, of numbers or of names.
    logarithmic : collection of str
        Parameters that were drawn uniformly in the logarithm.
    """
    accuracies = 100 * columns["accuracies"]
    mean = accuracies.mean(axis=1)
    spread = np.abs(np.stack([accuracies.min(axis=1), accuracies.max(axis=1)]) - mean)
    names = [name for name in columns if name != "accuracies"]
    n_columns = min(len(names), MOST_COLUMNS)
    n_rows = -(-len(names) // n_columns)
    size = (3.2 * n_columns + 0.8, 3.4 * n_rows + 0.2)
    figure = Figure(size, dpi=150, layout="constrained")
    grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(names) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, names, strict=False):
        values = columns[name]
        axes.errorbar(values, mean, yerr=spread, fmt="o", color="tab:blue", ecolor="0.75", markersize=4)
        axes.plot(
            values[0], mean[0], "*", color="tab:red", markersize=13, label=f"best: {_spell(values[0])}"
        )
        if name in logarithmic and values.min() > 0 and values.min() < values.max():
            axes.set_xscale("log")
        label = name.replace("hidden ", "units of hidden layer ").replace("_", " ")
        axes.set_xlabel("learning rate" if name == "lr" else label)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower center")
    for axes in grid[:, 0]:
        axes.set_ylabel("cross-validated accuracy (%)")
    figure.suptitle(
        f"{len(mean)} candidates: mean and range over {accuracies.shape[1]} folds", fontsize=11
    )
    return figure


def _spell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
