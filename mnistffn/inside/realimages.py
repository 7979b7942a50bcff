"""What is known of the real images that maximizing images are held to and compared with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnistffn.errors import DataError, ParameterError
from mnistffn.inside.unitstats import BATCH
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float

SAMPLE = 1000  # images that tell the usual value of a pixel


@dataclass(frozen=True)
class RealImages:
    """Bounds that training images give.

    Attributes
    ----------
    shape : (int, int)
        Height and width.
    varying : Tensor of shape (height, width), bool
        Pixels that differ from their usual value in enough of the images.
    frame : Tensor of shape (height, width), float32 in [0, 1]
        The usual value of all other pixels, such as that of a bright frame; 0 where ``varying`` is set.
    norm : float
        Median Euclidean norm of an image without the frame, pixels in [0, 1].
    mean : Tensor of shape (height, width), float32 in [0, 1]
        The mean image.
    """

    shape: tuple[int, int]
    varying: Tensor
    frame: Tensor
    norm: float
    mean: Tensor

    @classmethod
    def of(cls, X: Tensor, shape: tuple[int, int], smallest_part: float) -> "RealImages":
        """Measure images (n, pixels), uint8.

        Raises
        ------
        DataError
            Half of the images are blank.
        ParameterError
            No pixel varies in ``smallest_part`` of the images.
        """
        batches = X.split(BATCH)
        varying, usual = find_varying(X, smallest_part)
        frame = as_float(usual) * ~varying
        own = (frame == 0).float()
        norm = float(torch.cat([(as_float(batch) * own).norm(dim=1) for batch in batches]).median())
        mean = torch.stack([as_float(batch).sum(dim=0) for batch in batches]).sum(dim=0) / len(X)
        if not norm:
            msg = "half of the training images are blank: there is no norm to hold an image to"
            raise DataError(msg)
        if not varying.any():
            problem = "is too much: no pixel varies in so large a part of the training images"
            raise ParameterError(problem, varying=smallest_part)
        return cls(shape, varying.view(shape), frame.view(shape), norm, mean.view(shape))


def find_varying(X: Tensor, smallest_part: float) -> tuple[Tensor, Tensor]:
    """Return which pixels vary, and the usual value of each.

    Parameters
    ----------
    X : Tensor of shape (n, pixels), uint8
    smallest_part : float in [0, 1)
        Of the images in which a pixel that varies differs from its usual value.

    Returns
    -------
    varying : Tensor of shape (pixels,), bool
    usual : Tensor of shape (pixels,), uint8
        The median over images spread evenly over all: the value of nearly all images where a pixel
        does not vary.
    """
    usual = X[:: max(1, len(X) // SAMPLE)].median(dim=0).values
    n_different = torch.stack([(batch != usual).sum(dim=0) for batch in X.split(BATCH)]).sum(dim=0)
    return n_different >= max(1, smallest_part * len(X)), usual


@dataclass(frozen=True)
class Responses:
    """How real images excite units, or directions, of a layer.

    Attributes
    ----------
    mean, std : Tensor of shape (u,), float32
        Of the pre-activation over the images.
    most, least : Tensor of shape (u, k), int64
        Rows of the images that excite most, the most exciting one first, and least.
    highest : Tensor of shape (u,), float32
        Pre-activation on the most exciting one.
    """

    mean: Tensor
    std: Tensor
    most: Tensor
    least: Tensor
    highest: Tensor

    @classmethod
    def of(cls, layers: list[AffineLayer], X: Tensor, count: int) -> "Responses":
        """Measure the pre-activations of the last of ``layers`` on images (n, pixels), uint8.

        Batch by batch: those of all images at once would take gigabytes for wide layers.
        """
        count = min(count, len(X))
        n_units = len(layers[-1].bias)
        total, square = torch.zeros(2, n_units, dtype=torch.float64)
        extremes = {
            sign: (torch.empty(0, n_units), torch.empty(0, n_units, dtype=torch.int64))
            for sign in (1, -1)
        }
        for first, batch in zip(range(0, len(X), BATCH), X.split(BATCH), strict=True):
            found = propagate(layers, as_float(batch))[-1]
            total += found.double().sum(dim=0)
            square += (found.double() ** 2).sum(dim=0)
            rows = torch.arange(first, first + len(batch))[:, None].expand_as(found)
            for sign, (values, places) in extremes.items():
                together = torch.cat([values, sign * found])
                top = together.topk(min(count, len(together)), dim=0)
                extremes[sign] = top.values, torch.cat([places, rows]).gather(0, top.indices)
        mean = total / len(X)
        std = (square / len(X) - mean**2).clamp(min=0).sqrt()
        (highest, most), (_, least) = extremes[1], extremes[-1]
        return cls(mean.float(), std.float(), most.T, least.T, highest[0])
