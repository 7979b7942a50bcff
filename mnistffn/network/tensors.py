"""Images as the network takes them."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor


def as_float(inputs: Tensor) -> Tensor:
    """Return float32 inputs: uint8 images scaled to [0, 1], everything else as it is."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs


def as_tensor(array: NDArray[Any]) -> Tensor:
    """Return a tensor over the memory of ``array``, which torch cannot tell to be read-only.

    joblib hands workers read-only memory maps; torch warns of them although nothing here writes.
    """
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def draw_bits(like: Tensor) -> Tensor:
    """Return 16 random bits for every element of a tensor on the CPU, as int16, of its shape.

    Torch's own uniform numbers take 32 or 64 bits each, and twelve times as long.
    """
    words = torch.empty((like.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    return words.view(torch.int16)[: like.numel()].view(like.shape)
