"""What is known of the real images that maximizing images are held to and compared with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnistffn.errors import DataError, UsageError
from mnistffn.inside.unitstats import BATCH
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float


@dataclass(frozen=True)
class RealImages:
    """Bounds that training images give.

    Attributes
    ----------
    shape : (int, int)
        Height and width.
    lit : Tensor of shape (height, width), bool
        Pixels that enough of the images light.
    norm : float
        Median Euclidean norm of an image, pixels in [0, 1].
    mean : Tensor of shape (height, width), float32 in [0, 1]
        The mean image.
    """

    shape: tuple[int, int]
    lit: Tensor
    norm: float
    mean: Tensor

    @classmethod
    def of(cls, X: Tensor, shape: tuple[int, int], smallest_lit_part: float) -> "RealImages":
        """Measure images (n, pixels), uint8."""
        batches = X.split(BATCH)
        norm = float(torch.cat([as_float(batch).norm(dim=1) for batch in batches]).median())
        lit = find_lit(X, smallest_lit_part).view(shape)
        mean = torch.stack([as_float(batch).sum(dim=0) for batch in batches]).sum(dim=0) / len(X)
        if not norm:
            msg = "half of the training images are blank: there is no norm to hold an image to"
            raise DataError(msg)
        if not lit.any():
            msg = f"lit={smallest_lit_part}: no pixel is lit in so large a part of the training images"
            raise UsageError(msg)
        return cls(shape, lit, norm, mean.view(shape))


def find_lit(X: Tensor, smallest_part: float) -> Tensor:
    """Return which pixels (pixels,) at least this part of the images (n, pixels), uint8, light."""
    n_lit = torch.stack([(batch > 0).sum(dim=0) for batch in X.split(BATCH)]).sum(dim=0)
    return n_lit >= max(1, smallest_part * len(X))


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
