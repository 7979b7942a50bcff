"""The skorch net that the classifier holds: one epoch of training, and what is measured after it."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from skorch import NeuralNet
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mnistffn.network.network import FeedForwardNetwork
from mnistffn.training.adversarial import Adversary, accuracy_under_attack, attack
from mnistffn.training.augment import Distortion
from mnistffn.training.batching import ArrayBatches, Part
from mnistffn.training.device import has_bfloat16, mixed
from mnistffn.training.optimizers import AdamW
from mnistffn.training.parameters import Precision, Schedule

Batch = tuple[Tensor, Tensor]

PGD_STEPS = 10
PGD_IMAGES = 1000
FEWEST = 50  # images that say something of the accuracy under attack


class Epoch(NamedTuple):
    """What one pass over the training part came to.

    The losses are mean negative log-likelihoods in nats. ``train_loss`` is measured in training, with
    modified images, label smoothing and dropout on and the weights still moving. ``valid_loss`` and
    ``valid_accuracy`` are measured after it in evaluation mode; in adversarial training also
    ``attack_accuracy``, under the attack of the training, and ``pgd_accuracy``, under PGD of the same
    strength, both on the validation part's first 1,000 images at the most and 50 at the least. What is
    not measured is NaN. ``threads`` are those that torch had.
    """

    epoch: int
    train_loss: float
    valid_loss: float
    valid_accuracy: float
    attack_accuracy: float
    pgd_accuracy: float
    lr: float
    seconds: float
    threads: int = 1


class TrainingNet(NeuralNet):  # type: ignore[misc]  # skorch is not typed
    """A skorch net over tensors in memory that keeps its books once an epoch, not once a batch.

    Parameters
    ----------
    n_steps : int
        Steps of the whole training, for the schedule.
    schedule : {"one-cycle", "plateau", "constant"}
        ``one-cycle``: the learning rate rises to ``lr`` over the first quarter and falls to nearly
        nothing (Smith, 2018). ``plateau``: it falls to a fifth whenever the validation loss has not
        fallen for ``plateau_epochs``.
    plateau_epochs : int
    ema_decay : float in [0, 1)
        Decay of an exponential moving average of the weights, at every step; 0: none. It is the
        average that is validated and kept.
    distortion : Distortion or None
        Distorts the images of every batch.
    adversary : Adversary or None
        Makes the images of every batch adversarial, after the distortion.
    precision : {"float32", "tf32", "bf16"}
        See :func:`~mnistffn.training.device.mixed`.
    **kwargs
        What :class:`skorch.NeuralNet` takes; the network's parameters as ``module__n_features`` etc.
    """

    def __init__(
        self,
        *,
        n_steps: int,
        schedule: Schedule,
        plateau_epochs: int,
        ema_decay: float,
        distortion: Distortion | None,
        adversary: Adversary | None,
        precision: Precision,
        **kwargs: Any,
    ) -> None:
        defaults = {
            "module": FeedForwardNetwork,
            "criterion": nn.CrossEntropyLoss,
            "optimizer": AdamW,
            "iterator_train": ArrayBatches,
            "iterator_train__shuffle": True,
            "iterator_valid": ArrayBatches,
            "verbose": 0,
        }
        super().__init__(**defaults | kwargs)
        self.n_steps = n_steps
        self.schedule = schedule
        self.plateau_epochs = plateau_epochs
        self.ema_decay = ema_decay
        self.distortion = distortion
        self.adversary = adversary
        self.precision = precision
        # Of an attack's gradients hardly more than the sign counts, whatever the precision.
        self.attack_dtype = torch.bfloat16 if has_bfloat16(torch.device(self.device)) else torch.float32

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    @property
    def kept(self) -> FeedForwardNetwork:
        """The network that is validated and kept: the average, or else the one in training."""
        kept: FeedForwardNetwork = self.average.network if self.average else self.module_
        return kept

    def initialize_optimizer(self, triggered_directly: None = None) -> "TrainingNet":
        """Make the optimizer, its schedule, and the average of the weights."""
        super().initialize_optimizer()
        self.cycle = self.plateau = None
        if self.schedule == "one-cycle":
            self.cycle = OneCycleLR(
                self.optimizer_,
                self.lr,
                total_steps=self.n_steps + 1,  # it is asked once after the last step too
                pct_start=0.25 if self.n_steps != 3 else 0.3,  # a quarter of 4 makes it divide by 0
                cycle_momentum=False,
            )
        elif self.schedule == "plateau":
            self.plateau = ReduceLROnPlateau(
                self.optimizer_, factor=0.2, patience=self.plateau_epochs - 1
            )
        self.average = WeightAverage(self.module_, self.ema_decay) if self.ema_decay else None
        return self

    def get_split_datasets(
        self, X: tuple[Part, Part | None], y: None = None, **_: Any
    ) -> tuple[Part, Part | None]:
        """Return ``X``: the classifier has parted training from validation images already."""
        return X

    def train_step(self, batch: Batch, **_: Any) -> dict[str, Tensor]:
        """Modify the images of a batch and take a step of optimizer, schedule and average.

        In place of skorch's, which for other optimizers wraps the step in a closure and for the
        callbacks passes everything on: a thirtieth of an epoch.
        """
        images, targets = batch
        if self.distortion is not None:
            images = self.distortion(images)
        self.optimizer_.zero_grad()
        if self.adversary is not None:
            images = attack(self.module_, images, targets, self.adversary, self.attack_dtype)
        with mixed(self.precision, images.device):
            logits = self.module_(images)
            loss: Tensor = self.criterion_(logits.float(), targets)
        loss.backward()
        self.optimizer_.step()
        if self.cycle is not None:
            self.cycle.step()
        if self.average is not None:
            self.average.update()
        return {"loss": loss.detach(), "y_pred": logits}

    def validation_step(self, batch: Batch, **_: Any) -> dict[str, Tensor]:
        """Measure the network that would be kept, on images as they are."""
        images, targets = batch
        with torch.no_grad(), mixed(self.precision, images.device):
            logits = self.kept(images).float()
        return {"loss": cross_entropy(logits, targets), "y_pred": logits}

    def run_single_epoch(
        self, iterator: Iterable[Batch] | None, training: bool, prefix: str, step_fn: Any, **_: Any
    ) -> None:
        """Run one pass and record its mean loss, in validation the accuracy too.

        What the steps yield is looked at after the last one: a GPU would have to wait for every look.
        """
        if training:
            self.module_.train()
        else:
            self.kept.eval()
        sizes, losses, right = [], [], []
        for batch in iterator or ():
            step = step_fn(batch)
            sizes.append(len(batch[1]))
            losses.append(step["loss"])
            if not training:
                right.append((step["y_pred"].argmax(dim=1) == batch[1]).sum())
        n, ones = sum(sizes), [1] * len(right)
        self.history.record(f"{prefix}_loss", _sum(losses, sizes) / n if n else math.nan)
        if not training:
            self.history.record(f"{prefix}_accuracy", _sum(right, ones) / n if n else math.nan)

    def train_epoch(self, parts: tuple[Part, Part | None]) -> Epoch:
        """Train for one epoch and measure it.

        ``fit`` and ``partial_fit`` of skorch swallow KeyboardInterrupt; ``fit_loop`` does not.
        """
        start = time.perf_counter()
        self.fit_loop(parts, epochs=1)
        row = self.history[-1]
        lr = self.optimizer_.param_groups[0]["lr"]
        if self.plateau is not None:
            self.plateau.step(row["valid_loss"])
        return Epoch(
            len(self.history),
            row["train_loss"],
            row["valid_loss"],
            row["valid_accuracy"],
            *self._measure_under_attack(parts[1]),
            lr,
            time.perf_counter() - start,
            torch.get_num_threads(),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next epoch depends on, the random numbers too."""
        parts = {name: part.state_dict() for name, part in self._list_parts().items()}
        random = {"cpu": torch.get_rng_state()}
        if (gpu := torch.device(self.device).type) != "cpu":
            random[gpu] = getattr(torch, gpu).get_rng_state()
        return {"parts": parts, "random": random, "epochs": len(self.history)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from an earlier state."""
        for name, part in self._list_parts().items():
            part.load_state_dict(state["parts"][name])
        for device, numbers in state["random"].items():
            (torch if device == "cpu" else getattr(torch, device)).set_rng_state(numbers)
        for _ in range(state["epochs"]):
            self.history.new_epoch()

    def _list_parts(self) -> dict[str, Any]:
        parts = {"module": self.module_, "optimizer": self.optimizer_, "cycle": self.cycle}
        parts |= {"plateau": self.plateau, "average": self.average and self.average.averaged}
        return {name: part for name, part in parts.items() if part is not None}

    def _measure_under_attack(self, part: Part | None) -> tuple[float, float]:
        """Return the accuracies under the attack that is trained with, and under PGD."""
        if self.adversary is None or part is None or len(part.rows) < FEWEST:
            return math.nan, math.nan
        images, targets = part.take(torch.arange(min(PGD_IMAGES, len(part.rows)), device=self.device))
        network = self.kept.eval()
        pgd = self.adversary._replace(n_steps=max(PGD_STEPS, self.adversary.n_steps))
        own, strong = (
            accuracy_under_attack(network, images, targets, adversary, self.attack_dtype)
            for adversary in (self.adversary, pgd)
        )
        return own, strong


class WeightAverage:
    """An exponential moving average of a network's weights and buffers.

    The first steps' average is a plain mean, so that the initial weights are soon forgotten.

    Parameters
    ----------
    source : FeedForwardNetwork
        The network in training.
    decay : float in (0, 1)
        At every step.
    """

    def __init__(self, source: FeedForwardNetwork, decay: float) -> None:
        self.source = source
        self.decay = decay
        self.averaged = AveragedModel(source, multi_avg_fn=self._average, use_buffers=True)

    @property
    def network(self) -> FeedForwardNetwork:
        """The network with the averaged weights."""
        return self.averaged.module  # type: ignore[return-value]

    def update(self) -> None:
        """Take in the weights as they are now."""
        self.averaged.update_parameters(self.source)

    def _average(self, averages: Any, values: Any, n_averaged: Tensor | int) -> None:
        steps = int(n_averaged)
        decay = min(self.decay, steps / (steps + 1))
        get_ema_multi_avg_fn(decay)(averages, values, n_averaged)


def _sum(values: list[Tensor], weights: list[int]) -> float:
    """Return the weighted sum of scalars that may lie on a GPU."""
    return float(torch.stack(values).cpu().double() @ torch.tensor(weights, dtype=torch.float64))
