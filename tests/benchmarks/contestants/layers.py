"""The network of PyTorch's own layers, for all that build on PyTorch."""

import itertools

import torch
from torch import nn

HIDDEN = (360, 187)
DROPOUT = 0.2


class Network(nn.Module):
    """Linear layers, each hidden one with batch normalisation, ReLU and dropout.

    ``as_probabilities`` adds the softmax that skorch's classifier expects.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden: tuple[int, ...] = HIDDEN,
        dropout: float = DROPOUT,
        as_probabilities: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_inputs, n_units in itertools.pairwise((n_features, *hidden)):
            layers += [nn.Linear(n_inputs, n_units), nn.BatchNorm1d(n_units)]
            layers += [nn.ReLU(), nn.Dropout(dropout)]
        layers.append(nn.Linear(hidden[-1], n_classes))
        if as_probabilities:
            layers.append(nn.Softmax(dim=-1))
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits, or probabilities."""
        return self.layers(inputs)
