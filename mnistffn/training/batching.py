"""Mini-batches cut from arrays that are already in memory."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mnistffn.network.tensors import as_float
from mnistffn.training.weights import draw_copies


class Part(NamedTuple):
    """Some rows of a data set, which are not copied.

    Attributes
    ----------
    inputs : Tensor of shape (n, features)
        Float32 as they are, or uint8 to be divided by 255.
    targets : Tensor of shape (n,), int64
        Class indices.
    rows : Tensor of shape (n_rows,), int64
        Which of them belong to the part. All three are on the same device.
    weights : Tensor of shape (n_rows,), float64, or None
        How often each of the rows is to be met, relative to the others; None: all alike. On
        the CPU.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor
    weights: Tensor | None = None

    def take(self, order: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs, as float32, and the targets of some of the part's rows."""
        rows = self.rows.index_select(0, order)
        return as_float(self.inputs.index_select(0, rows)), self.targets.index_select(0, rows)


class ArrayBatches:
    """Mini-batches of a data set that fits into memory: one indexing operation each.

    A ``DataLoader`` collates item by item, which for a small network takes longer than the network.
    Images may stay uint8 (a quarter of the memory of float32) and are scaled batch by batch.

    Parameters
    ----------
    dataset : Part
    batch_size : int
        Rows of a batch. A last batch of a single row joins the one before it, for batch
        normalisation cannot train on one row.
    shuffle : bool
        Draw a new order from torch's global generator for every pass, and where the rows have weights
        also how many copies there are of each.
    """

    def __init__(self, dataset: Part, batch_size: int, *, shuffle: bool = False) -> None:
        self.part = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        n, device = len(self.part.rows), self.part.rows.device
        order = torch.randperm(n, device=device) if self.shuffle else torch.arange(n, device=device)
        if self.part.weights is not None:
            start = float(torch.rand(())) if self.shuffle else 0.5
            copies = draw_copies(self.part.weights, start).to(device)
            order = torch.repeat_interleave(copies)[order]
        for some in order.split(batch_sizes(n, self.batch_size)):
            yield self.part.take(some)


def choose_batch_size(asked: int | None, n: int) -> int:
    """Return the batch size asked for, or else a fiftieth of ``n`` images, but from 32 to 512."""
    return asked or min(512, max(32, n // 50))


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """Split ``n`` rows into batches of ``batch_size``, the last one never of a single row.

    Examples
    --------
    >>> batch_sizes(10, 4)
    [4, 4, 2]
    >>> batch_sizes(9, 4)
    [4, 5]
    """
    whole, rest = divmod(n, batch_size)
    sizes = [batch_size] * whole
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes
