"""Activation maximization: images that excite a unit most, by gradient ascent on the image."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from shlex import quote
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.inside.ascent import (
    Ascent,
    Parameterisation,
    climb,
    free_images,
    shift_randomly,
    sigmoid_images,
    total_variation,
)
from mnistffn.inside.layer import OpenLayer, open_layer
from mnistffn.inside.objectives import Objective, Targets
from mnistffn.inside.options import MaximizeOptions
from mnistffn.inside.realimages import RealImages, Responses
from mnistffn.inside.scorecard import Score, score_images
from mnistffn.network.seeding import seeded
from mnistffn.network.tensors import as_float, as_tensor
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions

NO_UNIT = -1
SHOWN = 3  # real images of each sort
FRAMES = 40
# Standard deviation of the free numbers at the start, and around those of an image. With less noise all
# restarts end in the same image, which is not always the best, and their agreement says nothing.
NOISE = 2.0
NOISE_AROUND = 0.5

PARAMETERISATIONS: dict[str, Callable[[Tensor, float], Parameterisation]] = {
    "sigmoid": sigmoid_images,
    "free": free_images,
}


@dataclass(frozen=True)
class MaximizeResult:
    """Maximizing images of units, or of other directions, of a layer.

    Attributes
    ----------
    layer : int
    units : ndarray of shape (u,), int64
        -1 stands for a direction that is not a single unit.
    images : ndarray of shape (u, height, width), float32
        In [0, 1], unless pixels are free.
    most_real, least_real : ndarray of shape (u, k, height, width), float32 in [0, 1]
        The training images that excite most and least, the most extreme one first.
    scores : list of Score
    frames : dict of int to ndarray of shape (u, height, width), float32
        The images after some of the steps, for an animation.
    """

    layer: int
    units: NDArray[np.int64]
    images: NDArray[np.float32]
    most_real: NDArray[np.float32]
    least_real: NDArray[np.float32]
    scores: list[Score]
    frames: dict[int, NDArray[np.float32]]

    def rows(self) -> dict[str, NDArray[np.float32]]:
        """Return the maximizing images and the real ones as a picture calls them."""
        rows = {"maximizing": self.images}
        for name, images in (("most", self.most_real), ("least", self.least_real)):
            rows |= {f"{name} {place + 1}": images[:, place] for place in range(images.shape[1])}
        return rows


def make_ascent(real: RealImages, options: MaximizeOptions) -> Ascent:
    """Put parameterisation, penalties and transformations together as the options ask."""
    jitter = max(real.shape) // 14 if options.jitter is None else options.jitter
    return Ascent(
        PARAMETERISATIONS[options.pixels](real.varying, options.norm * real.norm),
        [(options.total_variation, total_variation)] if options.total_variation else [],
        [shift_randomly(jitter)] if jitter else [],
        options.steps,
        options.lr,
    )


def make_starts(
    real: RealImages,
    most_exciting: Tensor,
    parameterisation: Parameterisation,
    names: Sequence[str],
    options: MaximizeOptions,
) -> Tensor:
    """Return free numbers to start from, (u, restarts, height, width).

    Every objective has noise of its own, so that its image does not depend on what else is maximized.

    Parameters
    ----------
    real : RealImages
    most_exciting : Tensor of shape (u, k, height, width), float32 in [0, 1]
        Real images, of which the starts ``real`` take one after the other.
    parameterisation : Parameterisation
    names : sequence of str
        Of the objectives.
    options : MaximizeOptions
    """
    shape = (options.restarts, *real.shape)
    drawn = []
    for name in names:
        with seeded(crc32(f"{options.seed} {name}".encode())):
            drawn.append(torch.randn(shape))
    noise = torch.stack(drawn)
    if options.start == "mean":
        return NOISE_AROUND * noise + parameterisation.invert(real.mean)
    if options.start == "real":
        chosen = torch.arange(options.restarts) % most_exciting.shape[1]
        return NOISE_AROUND * noise + parameterisation.invert(most_exciting[:, chosen])
    return NOISE * noise


def maximize(
    opened: OpenLayer,
    targets: Targets,
    options: MaximizeOptions,
    progress: Progress | None = None,
    *,
    n_shown: int = SHOWN,
    n_frames: int = 0,
) -> MaximizeResult:
    """Find images that maximize directions in a layer, all of them in one batch, and judge them.

    Parameters
    ----------
    opened : OpenLayer
        The training part of its data gives bounds and comparisons.
    targets : Targets
    options : MaximizeOptions
    progress : Progress, optional
    n_shown : int
        How many real images of each sort to return.
    n_frames : int
        How many images to remember on the way.
    """
    X, shape = as_tensor(opened.run_data.X_train), opened.run_data.dataset.image_shape
    real = RealImages.of(X, shape, options.varying)
    objective = Objective.of(opened.layers[: opened.layer], targets.directions)
    responses = Responses.of([*objective.below, objective.readout()], X, n_shown)
    most, least = (as_float(X[rows]).unflatten(2, shape) for rows in (responses.most, responses.least))
    ascent = make_ascent(real, options)
    starts = make_starts(real, most, ascent.parameterisation, targets.names, options)
    steps = np.rint(options.steps * np.linspace(0, 1, n_frames + 1) ** 2).astype(int).tolist()
    with seeded(options.seed):
        # In units of its spread over real images, so that the penalties weigh the same for all.
        held = objective.hold(real.frame)
        scaled = held.divide(responses.std.clamp(min=1e-6))
        climbed = climb(scaled, ascent, starts, progress, steps[:-1])
    frames = climbed.frames | ({options.steps: climbed.images} if n_frames else {})
    scores = score_images(opened, targets, held, ascent.parameterisation, responses, climbed, real)
    return MaximizeResult(
        opened.layer,
        np.array([NO_UNIT if unit is None else unit for unit in targets.units]),
        (climbed.images + real.frame).numpy(),
        most.numpy(),
        least.numpy(),
        scores,
        {step: (images + real.frame).numpy() for step, images in frames.items()},
    )


@exclusive
def run_maximize(
    run: RunDirectory,
    options: MaximizeOptions,
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
    *,
    animate: bool = False,
) -> MaximizeResult:
    """Maximize units of a layer of a run's model.

    Writes maximize-layer<i>.npz, .json and .png, and with ``animate`` also .gif.

    Parameters
    ----------
    run : RunDirectory
    options : MaximizeOptions
    progress : Progress
    data : DataOptions
        Where the run's data are now, if not where they were.
    animate : bool
        Also draw the ascent.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    UsageError
        There is no such layer or unit.
    """
    from mnistffn.figures.maximize import draw_ascent, draw_maximized

    opened = open_layer(run, options.layer, progress, data)
    layer = opened.layer
    targets = Targets.of(options.units, options.objectives, opened.unit_names)
    name = f"maximize-layer{layer}"
    with opened.stage(run, name, _spell_command(layer, options), asdict(options)) as stage:
        found = maximize(opened, targets, options, progress, n_frames=FRAMES if animate else 0)
        arrays = {"units": found.units, "images": found.images}
        arrays |= {"most_real": found.most_real, "least_real": found.least_real}
        stage.write_arrays(f"{name}.npz", arrays)
        scores = [asdict(score) for score in found.scores]
        stage.write_json(f"{name}.json", {"layer": layer, "scores": scores})
        heading = f"Images that excite the units of {opened.description} most"
        stage.write_figure(f"{name}.png", draw_maximized, found.rows(), scores, heading)
        if animate:
            frames = (
                found.frames,
                targets.names,
                f"Ascent to the images that excite the units of {opened.description} most",
            )
            stage.write_figure(f"{name}.gif", draw_ascent, *frames)
    return found


def _spell_command(layer: int, options: MaximizeOptions) -> str:
    units = "" if options.units is None else f" --units {quote(options.units)}"
    objectives = "".join(f" --objective {quote(text)}" for text in options.objectives)
    return f"maximize --layer {layer}{units}{objectives}"
