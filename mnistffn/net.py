"""The skorch net that the classifier holds: training, one epoch after another."""

import math
import time
from collections.abc import Iterable
from copy import deepcopy
from typing import Any, NamedTuple, TypeAlias

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from mnistffn.batching import ArrayBatches
from mnistffn.network import FeedForwardNetwork

Part: TypeAlias = tuple[Tensor, Tensor]


class Epoch(NamedTuple):
    """What one pass over the training part came to.

    The losses are mean negative log-likelihoods in nats. ``train_loss`` is measured in training, with
    dropout on and the weights still moving, ``valid_loss`` and ``valid_accuracy`` after it in
    evaluation mode; without a validation part they are NaN.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    seconds: float


class TrainingNet(NeuralNet):  # type: ignore[misc]  # skorch is not typed
    """A skorch net over tensors in memory that keeps its books once an epoch, not once a batch.

    Parameters
    ----------
    **kwargs
        What :class:`skorch.NeuralNet` takes; the network's parameters as ``module__n_features`` etc.
    """

    def __init__(self, **kwargs: Any) -> None:
        defaults = {
            "module": FeedForwardNetwork,
            "criterion": nn.CrossEntropyLoss,
            "optimizer": torch.optim.AdamW,
            "iterator_train": ArrayBatches,
            "iterator_train__shuffle": True,
            "iterator_valid": ArrayBatches,
            "verbose": 0,
        }
        super().__init__(**defaults | kwargs)

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    def get_split_datasets(
        self, X: tuple[Part, Part | None], y: None = None, **_: Any
    ) -> tuple[Part, Part | None]:
        """Return ``X``: the classifier has parted training from validation images already."""
        return X

    def run_single_epoch(
        self, iterator: Iterable[Part] | None, training: bool, prefix: str, step_fn: Any, **_: Any
    ) -> None:
        """Run one pass and record its mean loss and accuracy."""
        loss = torch.zeros((), dtype=torch.float64)
        correct = torch.zeros((), dtype=torch.int64)
        n = 0
        for batch in iterator or ():
            step = step_fn(batch)
            loss += step["loss"].detach() * len(batch[1])
            correct += (step["y_pred"].argmax(dim=1) == batch[1]).sum()
            n += len(batch[1])
        self.history.record(f"{prefix}_loss", loss.item() / n if n else math.nan)
        self.history.record(f"{prefix}_accuracy", correct.item() / n if n else math.nan)

    def train_epoch(self, parts: tuple[Part, Part | None]) -> Epoch:
        """Train for one epoch and measure it.

        ``fit`` and ``partial_fit`` of skorch swallow KeyboardInterrupt; ``fit_loop`` does not.
        """
        start = time.perf_counter()
        self.fit_loop(parts, epochs=1)
        row = self.history[-1]
        return Epoch(
            len(self.history),
            row["train_loss"],
            row["valid_loss"],
            row["valid_accuracy"],
            time.perf_counter() - start,
        )


class BestWeights:
    """The weights of the epoch with the lowest validation loss, and how long ago that was.

    Parameters
    ----------
    module : torch.nn.Module
        The module that is being trained; its initial weights count as epoch 0.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.epoch = 0
        self.loss = math.inf
        self.state = deepcopy(module.state_dict())

    def update(self, epoch: Epoch) -> int:
        """Keep the weights if ``epoch`` is the best so far; return the epochs since the best."""
        if epoch.valid_loss < self.loss:
            self.epoch, self.loss = epoch.epoch, epoch.valid_loss
            self.state = deepcopy(self.module.state_dict())
        return epoch.epoch - self.epoch

    def restore(self) -> None:
        """Put the best weights back into the module."""
        self.module.load_state_dict(self.state)
