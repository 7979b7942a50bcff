"""Pictures of a training: learning curves, and what augmentation does to images."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from mnistffn.figures.mosaic import Tiles, choose_columns, draw_mosaic, join_tiles


def draw_curves(history: Mapping[str, NDArray[np.float64]], best_epoch: int) -> Figure:
    """Draw losses and accuracy against the epoch, and mark the epoch whose weights were kept.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (epochs,)
        ``epoch``, ``train_loss``, ``valid_loss``, ``valid_accuracy``,
        ``attack_accuracy``, ``pgd_accuracy``, ``lr``.
    best_epoch : int
    """
    figure = Figure((12, 3.8), dpi=150, layout="constrained")
    losses, accuracy, rate = figure.subplots(1, 3, width_ratios=(4, 4, 3))
    epoch = history["epoch"]
    losses.semilogy(
        epoch, history["train_loss"], label="training, images as modified", color="tab:gray"
    )
    if np.isfinite(history["valid_loss"]).any():
        losses.semilogy(epoch, history["valid_loss"], label="validation", color="tab:blue")
    losses.set(xlabel="epoch", ylabel="negative log-likelihood (nats)", title="How wrong: the loss")
    accuracy.plot(epoch, 100 * history["valid_accuracy"], label="validation", color="tab:blue")
    if np.isfinite(history["pgd_accuracy"]).any():
        own, pgd = 100 * history["attack_accuracy"], 100 * history["pgd_accuracy"]
        accuracy.plot(epoch, own, ":", label="under the attack of the training", color="tab:purple")
        accuracy.plot(epoch, pgd, label="under PGD", color="tab:purple")
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)", title="How often right: the accuracy")
    rate.plot(epoch, history["lr"], color="tab:green")
    rate.set(xlabel="epoch", ylabel="learning rate", title="How large the steps")
    rate.set_ylim(bottom=0)
    for axes in (losses, accuracy, rate):
        axes.axvline(
            best_epoch, color="tab:red", linestyle="--", linewidth=1, label=f"kept: epoch {best_epoch}"
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure


def draw_augmented(before: NDArray[np.float32], after: NDArray[np.float32]) -> Figure:
    """Draw images (n, height, width) in [0, 1], each beside itself as augmentation has distorted it."""
    pairs = join_tiles([before, after], 2, filling=0.5)
    tiles = Tiles(pairs, choose_columns(len(pairs)), [""] * len(pairs))
    heading = "Training images, and beside each what augmentation has made of it"
    return draw_mosaic(tiles, heading, cmap="gray", vmin=0, vmax=1)
