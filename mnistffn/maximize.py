"""Activation maximization: images that excite a unit most, by gradient ascent on the image.

An image is written as a sigmoid of free numbers, so that every pixel stays in [0, 1]; pixels that
hardly a training image lights stay dark, and the whole has the norm of a real image. Small shifts and a
penalty on total variation keep the ascent from noise that only this network takes for signal (after
Erhan and others, 2009; Mahendran and Vedaldi, 2015; Olah and others, 2017).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnistffn.batching import as_float, as_tensor
from mnistffn.classifier import PREDICTION_BATCH, FeedForwardClassifier
from mnistffn.errors import DataError, UsageError
from mnistffn.network import FeedForwardNetwork
from mnistffn.progress import Progress
from mnistffn.rundata import DataOptions, check_fits, open_run_data
from mnistffn.rundir import RunDirectory, exclusive
from mnistffn.seeding import seeded
from mnistffn.units import check_layer, describe_layer, name_units, parse_units

# Where only pixels that are never lit are held dark, the ascent feeds on the border, where training has
# had little say: a 1 was read as a 2. With this bound two plain networks read all ten as asked for.
SMALLEST_LIT_PART = 0.02
MEAN = "mean"
MEAN_UNIT = -1

Objective = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class MaximizeOptions:
    """How the ascent goes about it.

    Attributes
    ----------
    steps : int
        Steps of Adam.
    lr : float
        Its learning rate, on the free numbers behind the pixels.
    tv_weight : float
        Weight of the total variation against an activation in units of its spread over real images.
    jitter : int or None
        Largest random shift in pixels at every step; None for a fourteenth of the image's side.
    seed : int
        Of the images' start and the shifts.
    """

    steps: int = 256
    lr: float = 0.1
    tv_weight: float = 4.0
    jitter: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        rules = {"steps": self.steps >= 1, "lr": self.lr > 0, "tv_weight": self.tv_weight >= 0}
        rules["jitter"] = self.jitter is None or self.jitter >= 0
        for name, holds in rules.items():
            if not holds:
                msg = f"{name}={getattr(self, name)} is too small"
                raise UsageError(msg)


@dataclass(frozen=True)
class RealImages:
    """What maximizing images are held to.

    Attributes
    ----------
    shape : (int, int)
        Height and width.
    lit : Tensor of shape (pixels,), bool
        Pixels that at least a fiftieth of the training images light.
    norm : float
        Median Euclidean norm of a training image, pixels in [0, 1].
    """

    shape: tuple[int, int]
    lit: Tensor
    norm: float

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> "RealImages":
        """Measure ``images``, an ndarray of shape (n, height, width), uint8."""
        flat = as_tensor(images.reshape(len(images), -1))
        norms = torch.cat([as_float(batch).norm(dim=1) for batch in flat.split(PREDICTION_BATCH)])
        n_lit = sum((batch > 0).sum(dim=0) for batch in flat.split(PREDICTION_BATCH))
        lit = torch.as_tensor(n_lit) >= SMALLEST_LIT_PART * len(images)
        norm = float(norms.median())
        if not norm or not lit.any():
            msg = "nearly all training images are blank: there is nothing to hold an image to"
            raise DataError(msg)
        return cls(images.shape[1:], lit, norm)


@dataclass(frozen=True)
class Score:
    """How well one unit was maximized.

    Attributes
    ----------
    unit : int or "mean"
    activation : float
        Pre-activation (logit, in the output layer) on the maximizing image.
    best_real : float
        The highest one that a training image reaches.
    predicted : label
        Class that the network gives the maximizing image.
    probability : float
        And its probability.
    """

    unit: int | str
    activation: float
    best_real: float
    predicted: Any
    probability: float


@dataclass(frozen=True)
class MaximizeResult:
    """Maximizing images of some units of a layer.

    Attributes
    ----------
    layer : int
    units : ndarray of shape (u,), int64
        -1 stands for the mean of the layer.
    images : ndarray of shape (u, height, width), float32 in [0, 1]
    scores : list of Score
    """

    layer: int
    units: NDArray[np.int64]
    images: NDArray[np.float32]
    scores: list[Score]


def ascend(
    network: FeedForwardNetwork,
    layer: int,
    objective: Objective,
    n_images: int,
    real: RealImages,
    options: MaximizeOptions,
) -> Tensor:
    """Climb from noise to images that maximize an objective.

    Parameters
    ----------
    network : FeedForwardNetwork
    layer : int
        Layer whose pre-activations the objective sees.
    objective : callable
        From pre-activations (n_images, units) to values (n_images,), every image on its own.
    n_images : int
    real : RealImages
    options : MaximizeOptions

    Returns
    -------
    Tensor of shape (n_images, pixels), float32 in [0, 1]
    """
    network.eval()
    side = max(real.shape)
    jitter = side // 14 if options.jitter is None else options.jitter
    with seeded(options.seed), read_preactivations(network, layer) as preactivations:
        free = (0.1 * torch.randn(n_images, *real.shape)).requires_grad_()
        optimizer = torch.optim.Adam([free], lr=options.lr)
        for _ in range(options.steps):
            optimizer.zero_grad()
            images = render(free, real)
            network(shift(images, jitter).flatten(1))
            loss = options.tv_weight * total_variation(images) - objective(preactivations())
            loss.sum().backward(inputs=[free])
            optimizer.step()
    return render(free, real).detach().flatten(1)


def render(free: Tensor, real: RealImages) -> Tensor:
    """Return images in [0, 1], lit and scaled like real ones, from free numbers (n, height, width)."""
    images = torch.sigmoid(free) * real.lit.view(real.shape)
    norms = images.flatten(1).norm(dim=1)
    scaled: Tensor = images * (real.norm / norms)[:, None, None]
    return scaled.clamp(max=1)


def shift(images: Tensor, jitter: int) -> Tensor:
    """Shift all images (n, height, width) by up to ``jitter`` pixels; what leaves comes in opposite."""
    offsets = torch.randint(-jitter, jitter + 1, (2,)).tolist()
    return images.roll(offsets, dims=(1, 2))


def total_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference between neighbours, (n,), of images (n, height, width)."""
    down = images.diff(dim=1).abs().flatten(1).mean(dim=1)
    across = images.diff(dim=2).abs().flatten(1).mean(dim=1)
    return down + across


@contextmanager
def read_preactivations(network: FeedForwardNetwork, layer: int) -> Iterator[Callable[[], Tensor]]:
    """Hook a layer; yield a function that returns its pre-activations in the latest forward pass.

    The hook hands out the tensor itself: a copy would be cut from the graph and leave no gradient.
    """
    latest: list[Tensor] = []

    def remember(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        latest[:] = [output]

    handle = network.preactivation_module(layer).register_forward_hook(remember)
    try:
        yield lambda: latest[0]
    finally:
        handle.remove()


def compute_preactivations(network: FeedForwardNetwork, layer: int, inputs: Tensor) -> Tensor:
    """Return what ``layer`` computes before its ReLU, (n, units), for inputs (n, pixels)."""
    rows = []
    with torch.inference_mode(), read_preactivations(network.eval(), layer) as preactivations:
        for batch in inputs.split(PREDICTION_BATCH):
            network(as_float(batch))
            rows.append(preactivations())
    return torch.cat(rows)


def maximize_units(
    classifier: FeedForwardClassifier,
    layer: int,
    units: list[int] | None,
    images: NDArray[np.uint8],
    options: MaximizeOptions,
) -> MaximizeResult:
    """Find images that maximize units of a layer, all of them in one batch.

    Parameters
    ----------
    classifier : FeedForwardClassifier
    layer : int
    units : list of int or None
        None for the mean of the layer.
    images : ndarray of shape (n, height, width), uint8
        Training images, which give the bounds and the scale.
    options : MaximizeOptions
    """
    network, real = classifier.module_, RealImages.of(images)
    flat = as_tensor(images.reshape(len(images), -1))
    reached = _select(compute_preactivations(network, layer, flat), units)
    spread = reached.std(dim=0).clamp(min=1e-6)

    def objective(preactivations: Tensor) -> Tensor:
        return _select(preactivations, units).diagonal() / spread

    found = ascend(network, layer, objective, len(spread), real, options)
    activations = _select(compute_preactivations(network, layer, found), units).diagonal()
    probabilities = classifier.predict_proba(found.numpy())
    scores = [
        Score(
            MEAN if units is None else units[i],
            float(activations[i]),
            float(reached[:, i].max()),
            classifier.classes_[probabilities[i].argmax()].item(),
            float(probabilities[i].max()),
        )
        for i in range(len(found))
    ]
    indices = np.array([MEAN_UNIT] if units is None else units, dtype=np.int64)
    return MaximizeResult(layer, indices, found.view(-1, *real.shape).numpy(), scores)


def _select(preactivations: Tensor, units: list[int] | None) -> Tensor:
    """Return the columns (n, u) of the units, or the mean of the layer as one column."""
    return preactivations.mean(dim=1, keepdim=True) if units is None else preactivations[:, units]


@exclusive
def run_maximize(
    run: RunDirectory,
    layer: int | None,
    units: str | None,
    options: MaximizeOptions,
    progress: Progress,
) -> MaximizeResult:
    """Maximize units of a layer of a run's model.

    Writes maximize-layer<i>.npz, .json and .png.

    Parameters
    ----------
    run : RunDirectory
    layer : int or None
        None for the output layer.
    units : str or None
        What :func:`~mnistffn.units.parse_units` reads, or "mean" for the layer's mean; None for all.
    options : MaximizeOptions
    progress : Progress

    Raises
    ------
    RunDirectoryError
        There is no model.
    UsageError
        There is no such layer or unit.
    """
    from mnistffn.figures.maximize import draw_maximized

    classifier = FeedForwardClassifier.load(run.path / "model.pt")
    widths = classifier.module_.widths
    layer = len(widths) - 1 if layer is None else layer
    check_layer(layer, len(widths) - 1)
    chosen = None if units == MEAN else parse_units(units, widths[layer])
    run_data = open_run_data(run, DataOptions(), None, progress)
    check_fits(run_data.dataset, run_data.y_train, widths[0], classifier.classes_)
    run.warn_if_stale(["model.pt"], run_data.record)
    name = f"maximize-layer{layer}"
    with run.stage(
        name,
        command=f"maximize --layer {layer}",
        options={"layer": layer, "units": units or "all", "device": "cpu"} | asdict(options),
        reads=["model.pt"],
        data=run_data.record,
    ) as stage:
        images = run_data.dataset.images[run_data.split.train]
        result = maximize_units(classifier, layer, chosen, images, options)
        arrays = {"units": result.units, "images": result.images}
        stage.write_arrays(f"{name}.npz", arrays)
        scores = [asdict(score) for score in result.scores]
        stage.write_json(f"{name}.json", {"layer": layer, "scores": scores})
        names = (
            [MEAN]
            if chosen is None
            else name_units(chosen, layer, widths, classifier.classes_.tolist())
        )
        heading = f"Maximizing images, {describe_layer(layer, widths)}"
        stage.write_figure(f"{name}.png", draw_maximized(result.images, names, scores, heading))
    return result
