"""What the outputs of networks look for: fields, and maximizing images where runs hold them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistffn.evaluation.contender import Contender
from mnistffn.inside.fieldmaps import compute_fields
from mnistffn.inside.unitstats import MOST_IMAGES
from mnistffn.network.network import fold_batch_norm
from mnistffn.network.tensors import as_tensor
from mnistffn.progress import Progress
from mnistffn.run.data import RunData

KINDS = ("gradient", "pattern")
MOST_CLASSES = 12  # side by side
OTHERS = {"layer", "units", "objectives", "seed"}  # options that make no other kind of image


def choose_classes(correct: NDArray[np.bool_], targets: NDArray[np.int64], n_classes: int) -> list[int]:
    """Return up to a dozen classes, those on whose images the networks agree least.

    Parameters
    ----------
    correct : ndarray of shape (networks, n), bool
    targets : ndarray of shape (n,), int64
        Class indices.
    n_classes : int
    """
    differ = correct.any(axis=0) & ~correct.all(axis=0)
    counts = np.bincount(targets[differ], minlength=n_classes)
    return sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())


def compute_output_fields(
    contenders: Sequence[Contender], data: RunData, units: Sequence[int], progress: Progress
) -> dict[str, NDArray[Any]]:
    """Compute receptive fields of some outputs of every network, as ``fields`` does.

    Parameters
    ----------
    contenders : sequence of Contender
    data : RunData
        The training part is averaged over, the held-out part measured on.
    units : sequence of int
        Class indices.
    progress : Progress

    Returns
    -------
    dict of str to ndarray
        ``gradient``, ``pattern`` and ``pattern_image``, float32 of shape (networks, u, height, width);
        ``r2_gradient`` and ``r2_pattern``, float64 of shape (networks, u); ``varying``, bool of shape
        (height, width): elsewhere the fields are 0.
    """
    dataset, split = data.dataset, data.split
    train, held_out = (
        as_tensor(dataset.flat[rows[:MOST_IMAGES]]) for rows in (split.train, split.test)
    )
    found = []
    for done, contender in enumerate(contenders):
        progress.step(done, len(contenders), f"fields of {contender.name}")
        layers = fold_batch_norm(contender.model.network)
        with torch.inference_mode():
            found.append(compute_fields(layers, len(layers), units, KINDS, train, held_out))
    shape = (len(contenders), len(units), *dataset.image_shape)
    kinds = (*KINDS, "pattern_image")
    arrays = {
        kind: torch.stack([fields[kind] for fields, _, _ in found]).numpy().reshape(shape)
        for kind in kinds
    }
    arrays |= {f"r2_{kind}": torch.stack([r2[kind] for _, r2, _ in found]).numpy() for kind in KINDS}
    return arrays | {"varying": found[0][2].numpy().reshape(dataset.image_shape)}


def read_maximizing(
    contenders: Sequence[Contender], units: Sequence[int], shape: tuple[int, ...], progress: Progress
) -> NDArray[np.float32] | None:
    """Return the maximizing images of some outputs that runs hold.

    Parameters
    ----------
    contenders : sequence of Contender
    units : sequence of int
        Class indices.
    shape : (int, int)
        Height and width.
    progress : Progress
        Is told which command makes what a run does not hold.

    Returns
    -------
    ndarray of shape (networks, u, height, width), float32
        NaN where a run does not hold an image that is up to date. None where no run does.
    """
    images = np.full((len(contenders), len(units), *shape), np.nan, np.float32)
    options = []
    for place, contender in enumerate(contenders):
        name = f"maximize-layer{contender.model.network.n_layers}"
        if stage := contender.run.find_current(name, f"{name}.npz"):
            options.append({key: stage.options[key] for key in stage.options.keys() - OTHERS})
            with np.load(contender.run.path / f"{name}.npz") as arrays:
                held = {int(unit): row for row, unit in enumerate(arrays["units"])}
                for column, unit in enumerate(units):
                    if unit in held:
                        images[place, column] = arrays["images"][held[unit]]
        if np.isnan(images[place]).any():
            lacking = f"{contender.name} has no maximizing images of these outputs that are up to date"
            progress.note(f"{lacking}: run {contender.spell('maximize')}")
    if any(other != options[0] for other in options[1:]):
        progress.note("warning: the maximizing images were made with different options")
    return None if np.isnan(images).all() else images
