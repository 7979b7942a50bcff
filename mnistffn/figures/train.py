"""The picture of a training: learning curves."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray


def draw_curves(history: Mapping[str, NDArray[np.float64]], best_epoch: int) -> Figure:
    """Draw losses and accuracy against the epoch, and mark the epoch whose weights were kept.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (epochs,)
        ``epoch``, ``train_loss``, ``valid_loss``, ``valid_accuracy``.
    best_epoch : int
    """
    figure = Figure((9, 3.8), dpi=150, layout="constrained")
    losses, accuracy = figure.subplots(1, 2)
    epoch = history["epoch"]
    losses.semilogy(epoch, history["train_loss"], label="training (dropout on)", color="tab:gray")
    if np.isfinite(history["valid_loss"]).any():
        losses.semilogy(epoch, history["valid_loss"], label="validation", color="tab:blue")
    losses.set(xlabel="epoch", ylabel="negative log-likelihood (nats)", title="Loss")
    accuracy.plot(epoch, 100 * history["valid_accuracy"], label="validation", color="tab:blue")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)", title="Accuracy")
    for axes in (losses, accuracy):
        axes.axvline(
            best_epoch, color="tab:red", linestyle="--", linewidth=1, label=f"kept: epoch {best_epoch}"
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
