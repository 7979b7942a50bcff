"""Evidence by unit: what the units of a layer gave to one number of the layer above.

A pre-activation is a sum over the units below, of the weight times the activation, and a bias. So is
the difference of two logits. Nothing is estimated here: the parts add up to the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.explanation.pixels import in_double
from mnistffn.network.network import AffineLayer, propagate

SHOWN_FOR, SHOWN_AGAINST = 4, 2
SMALLEST_SHARE = 0.01  # less decides nothing


@dataclass(frozen=True)
class UnitEvidence:
    """What the units of one layer gave to a number of the layer above.

    Attributes
    ----------
    layer : int
        Of the units, counted from 1.
    unit_above : int or None
        The unit of the layer above whose pre-activation it is; None for the difference of two logits.
    sign : {1, -1}
        -1 where it is the negative of the pre-activation: what decided was that the unit is below 0, as
        units of tanh can be.
    total : float
        The number: all contributions and the bias.
    bias : float
    activations, contributions : ndarray of shape (units,), float64
    """

    layer: int
    unit_above: int | None
    sign: int
    total: float
    bias: float
    activations: NDArray[np.float64]
    contributions: NDArray[np.float64]

    @property
    def strongest(self) -> list[int]:
        """The units that raised it most, the strongest first: four at the most."""
        return self._choose(self.contributions, SHOWN_FOR, self.raised)

    @property
    def opposed(self) -> list[int]:
        """Those that lowered it most: two at the most."""
        lowered = float((-self.contributions).clip(min=0).sum() + max(-self.bias, 0))
        return self._choose(-self.contributions, SHOWN_AGAINST, lowered)

    @property
    def raised(self) -> float:
        """The sum of all that raised it, the bias too."""
        return float(self.contributions.clip(min=0).sum() + max(self.bias, 0))

    def share(self, unit: int) -> float | None:
        """Return a unit's part of all that raised the number; None for one that did not."""
        part = float(self.contributions[unit])
        return part / self.raised if part > 0 else None

    def _choose(self, parts: NDArray[np.float64], count: int, whole: float) -> list[int]:
        order = np.argsort(-parts, kind="stable")[:count]
        return [int(unit) for unit in order if parts[unit] > SMALLEST_SHARE * whole]


def attribute_units(
    layers: Sequence[AffineLayer],
    image: Tensor,
    direction: Tensor,
    unit_above: int | None = None,
    sign: int = 1,
) -> UnitEvidence:
    """Take a weighted sum of the last layer's pre-activations apart, into what the units below gave.

    Parameters
    ----------
    layers : sequence of AffineLayer
        Batch normalisation folded in; two at the least.
    image : Tensor of shape (pixels,), floating
    direction : Tensor of shape (units of the last layer,), floating
    unit_above : int, optional
    sign : {1, -1}
        What the evidence is to say of the direction.
    """
    *below, last = in_double(layers)
    activations = below[-1].activate(propagate(below, image.double()[None])[-1][0])
    weights = direction.double()
    contributions = (weights @ last.weight) * activations
    bias = float(weights @ last.bias)
    total = float(contributions.sum()) + bias
    found = activations.numpy(), contributions.numpy()
    return UnitEvidence(len(below), unit_above, sign, total, bias, *found)


def trace_units(layers: Sequence[AffineLayer], image: Tensor, direction: Tensor) -> list[UnitEvidence]:
    """Follow the strongest unit of the last hidden layer one layer further down.

    Parameters
    ----------
    layers : sequence of AffineLayer
        All layers of the network.
    image : Tensor of shape (pixels,), floating
    direction : Tensor of shape (classes,), floating
        Weights of the logits.

    Returns
    -------
    list of UnitEvidence
        Of the last hidden layer, and of the layer below for its strongest unit; what there is of it.
    """
    if len(layers) < 2:
        return []
    found = [attribute_units(layers, image, direction)]
    if len(layers) > 2 and found[0].strongest:
        unit = found[0].strongest[0]
        sign = -1 if found[0].activations[unit] < 0 else 1
        found.append(attribute_units(layers[:-1], image, sign * pick(unit, layers[-2]), unit, sign))
    return found


def pick(unit: int, layer: AffineLayer) -> Tensor:
    """Return the direction (units,) that is one unit of a layer."""
    direction = layer.bias.new_zeros(len(layer.bias))
    direction[unit] = 1
    return direction
