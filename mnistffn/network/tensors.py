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
