"""Training, epoch after epoch: when it stops, and which epoch's weights are kept."""

import math
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from torch import nn

from mnistffn.training.batching import Part
from mnistffn.training.checkpoint import Checkpoint
from mnistffn.training.net import Epoch, TrainingNet

# Signs of catastrophic overfitting, as differences of accuracies. In healthy single-step training on
# MNIST (strengths to 0.2) accuracy under PGD falls by 0.03 from one epoch to the next, and lies 0.25
# below that under the attack trained with, at the most. Where training has collapsed (0.3) it lies 0.6
# to 1 below and does not grow; in between (0.25) it lies 0.6 below, but grows from epoch to epoch.
LOST = 0.2
HIDDEN = 0.5
STALLED = 3  # epochs


class CatastrophicOverfittingWarning(ConvergenceWarning):  # type: ignore[misc]
    """Adversarial training has learned to defeat its own attack only."""


class BestWeights:
    """The weights of the epoch with the lowest score.

    Parameters
    ----------
    module : torch.nn.Module
        The module that is being trained; its initial weights count as epoch 0.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.epoch = 0
        self.score = math.inf
        self.state = deepcopy(module.state_dict())

    def update(self, epoch: int, score: float) -> None:
        """Keep the weights if their score is the lowest so far; NaN never is."""
        if score < self.score:
            self.epoch, self.score = epoch, score
            self.state = deepcopy(self.module.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` takes."""
        return {"epoch": self.epoch, "score": self.score, "state": self.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state."""
        self.epoch, self.score, self.state = state["epoch"], state["score"], state["state"]


def train_epochs(
    net: TrainingNet,
    parts: tuple[Part, Part | None],
    patience: int,
    min_delta: float = 0.0,
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[list[Epoch], int]:
    """Train a net, and leave the weights to be kept in its module, in evaluation mode.

    They are those of the last epoch; with ``patience`` those with the lowest validation loss, which
    are also kept where the loss becomes infinite or NaN, and after catastrophic overfitting those
    that were best under PGD.

    Parameters
    ----------
    net : TrainingNet
        Initialized.
    parts : (training part, validation part or None)
    patience : int
        Epochs without a lower validation loss after which training stops; 0: it does not.
    min_delta : float
        By how much the validation loss must be lower for patience to begin anew. The weights of the
        lowest are kept in any case.
    on_epoch : callable or None
        Told of every epoch that is trained.
    checkpoint : Checkpoint or None
        Where the state is kept, from which the training goes on after it was interrupted.

    Returns
    -------
    history : list of Epoch
    kept_epoch : int
        The epoch whose weights were kept; 0 for the initial ones.

    Warns
    -----
    ConvergenceWarning
        The loss or a weight became infinite or NaN, and training stopped there.
    CatastrophicOverfittingWarning
        Training stopped where :func:`has_collapsed` saw it.
    """
    by_loss, under_attack = BestWeights(net.kept), BestWeights(net.kept)
    best: BestWeights | None = by_loss if patience else None
    history: list[Epoch] = []
    kept: dict[str, TrainingNet | BestWeights] = {"net": net}
    kept |= {"by_loss": by_loss, "under_attack": under_attack}
    if checkpoint is not None and (state := checkpoint.load()):
        for name, part in kept.items():
            part.load_state_dict(state[name])
        history = [Epoch(*row) for row in state["history"]]
    while len(history) < net.max_epochs:
        if checkpoint is not None and history:
            checkpoint.save(
                lambda: (
                    {name: part.state_dict() for name, part in kept.items()}
                    | {"history": [list(epoch) for epoch in history]}
                )
            )
        epoch = net.train_epoch(parts)
        history.append(epoch)
        if on_epoch is not None:
            on_epoch(epoch)
        loss = epoch.train_loss if parts[1] is None else epoch.train_loss + epoch.valid_loss
        if not (math.isfinite(loss) and is_finite(net.kept)):
            what = "weights" if math.isfinite(loss) else "loss"
            msg = f"the {what} became infinite or NaN in epoch {epoch.epoch}: lower lr={net.lr}"
            warnings.warn(msg, ConvergenceWarning, stacklevel=4)
            best = by_loss
            break
        under_attack.update(epoch.epoch, -epoch.pgd_accuracy)
        if has_collapsed(history):
            best = under_attack
            warnings.warn(_describe_collapse(history, best.epoch), stacklevel=4)
            break
        by_loss.update(epoch.epoch, epoch.valid_loss)
        if patience and epoch.epoch - _find_last_fall(history, min_delta) >= patience:
            break
    net.module_.load_state_dict(best.state if best else net.kept.state_dict())
    net.module_.eval()
    return history, best.epoch if best else len(history)


def is_finite(network: nn.Module) -> bool:
    """Return whether all weights and running statistics of a network are finite numbers."""
    return all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values())


def _find_last_fall(history: list[Epoch], min_delta: float) -> int:
    """Return the last epoch whose validation loss was lower by more than ``min_delta``."""
    lowest, found = math.inf, 0
    for epoch in history:
        if epoch.valid_loss < lowest - min_delta:
            lowest, found = epoch.valid_loss, epoch.epoch
    return found


def has_collapsed(history: list[Epoch]) -> bool:
    """Return whether the last epoch shows catastrophic overfitting (Wong, Rice and Kolter, 2020).

    The network has learned to defeat the attack that it is trained with and no other. Its accuracy
    under PGD has fallen far below the best so far although the training loss is lower; or it lies far
    below that under the attack trained with, and has not grown for three epochs.
    """
    best = max(history, key=lambda epoch: epoch.pgd_accuracy)
    last = history[-1]
    fell = last.pgd_accuracy < best.pgd_accuracy - LOST and last.train_loss < best.train_loss
    hides = last.pgd_accuracy < last.attack_accuracy - HIDDEN
    return fell or (hides and last.epoch - best.epoch >= STALLED)


def _describe_collapse(history: list[Epoch], kept: int) -> CatastrophicOverfittingWarning:
    last, best = history[-1], history[kept - 1].pgd_accuracy
    return CatastrophicOverfittingWarning(
        f"catastrophic overfitting in epoch {last.epoch}: accuracy is {last.attack_accuracy:.2f} under "
        f"the attack of the training, but {last.pgd_accuracy:.2f} under PGD; epoch {kept}, with "
        f"{best:.2f}, is kept: take more adversarial steps, or a smaller strength"
    )
