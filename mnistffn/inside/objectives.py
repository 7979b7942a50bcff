"""What is maximized: directions in a layer, and how an image's gradient along them is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mnistffn.inside.units import parse_objective, parse_units
from mnistffn.network.network import AffineLayer


@dataclass(frozen=True)
class Targets:
    """What is maximized in a layer: one direction for every image.

    Attributes
    ----------
    names : list of str
    units : list of int or None
        Index of the unit that a direction is, None for any other.
    directions : Tensor of shape (u, units of the layer), float32
    """

    names: list[str]
    units: list[int | None]
    directions: Tensor

    @classmethod
    def of(
        cls, units_text: str | None, objectives: Sequence[str], unit_names: Sequence[str]
    ) -> "Targets":
        """Resolve units and objectives of a layer whose units have these names.

        Parameters
        ----------
        units_text : str or None
            What :func:`~mnistffn.inside.units.parse_units` reads; None for all units, or for none
            where there are objectives.
        objectives : sequence of str
            What :func:`~mnistffn.inside.units.parse_objective` reads.
        unit_names : sequence of str

        Raises
        ------
        UsageError
            One of them cannot be read, or is not there.
        """
        wanted = [] if units_text is None and objectives else [units_text]
        chosen = [unit for text in wanted for unit in parse_units(text, unit_names)]
        names = [unit_names[unit] for unit in chosen]
        units: list[int | None] = [*chosen]
        directions = [torch.eye(len(unit_names))[chosen]]
        for text in objectives:
            weights = parse_objective(text, unit_names)
            used = [unit for unit, weight in enumerate(weights) if weight]
            units.append(used[0] if [weights[unit] for unit in used] == [1] else None)
            names.append(text)
            directions.append(torch.tensor([weights]))
        return cls(names, units, torch.cat(directions))


def activate_leaking(layer: AffineLayer, preactivations: Tensor, leak: float) -> Tensor:
    """Return the activations of a layer; part of the gradient passes where a unit is off or saturated.

    By ``leak`` it is larger where a pre-activation is below 0; with tanh, which is flat on both sides,
    everywhere.
    """
    activations = layer.activate(preactivations)
    if not leak:
        return activations
    leaking = preactivations if layer.activation == "tanh" else preactivations.clamp(max=0)
    return activations + leak * (leaking - leaking.detach())


@dataclass(frozen=True)
class Objective:
    """For every image a direction in a layer: a weighted sum of its pre-activations.

    A single unit is a direction along one axis, a class logit one in the output layer.

    Attributes
    ----------
    below : list of AffineLayer
        The layers below, batch normalisation folded in.
    weight : Tensor of shape (n, inputs of the layer), float32
    bias : Tensor of shape (n,), float32
        Every direction, read out from the activations of the layer below.
    """

    below: Sequence[AffineLayer]
    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, layers: Sequence[AffineLayer], directions: Tensor) -> "Objective":
        """Read ``directions`` (n, units) of the last of ``layers``."""
        *below, last = layers
        return cls(below, directions @ last.weight, directions @ last.bias)

    def __call__(self, images: Tensor, leak: float = 0.0) -> Tensor:
        """Return the values (n,) for images (n, height, width), the i-th along the i-th direction.

        With a ``leak`` in (0, 1] that part of the gradient passes units that are off.
        """
        activations = images.flatten(1)
        for layer in self.below:
            preactivations = torch.addmm(layer.bias, activations, layer.weight.T)
            activations = activate_leaking(layer, preactivations, leak)
        return (activations * self.weight).sum(dim=1) + self.bias

    def hold(self, frame: Tensor) -> "Objective":
        """Return the objective for images in which the pixels that ``frame`` lights have its values.

        Whatever an image (height, width) has there does not count.
        """
        flat = frame.flatten()
        free = (flat == 0).float()
        if not self.below:
            return Objective((), self.weight * free, self.bias + self.weight @ flat)
        first, *others = self.below
        held = first._replace(weight=first.weight * free, bias=first.bias + first.weight @ flat)
        return Objective([held, *others], self.weight, self.bias)

    def readout(self) -> AffineLayer:
        """Return the directions as a layer, each of which is read on all images."""
        return AffineLayer(self.weight, self.bias)

    def divide(self, scale: Tensor) -> "Objective":
        """Return every direction in units of its ``scale`` (n,)."""
        return Objective(self.below, self.weight / scale[:, None], self.bias / scale)

    def repeat(self, count: int) -> "Objective":
        """Return every direction ``count`` times, one after the other."""
        weight, bias = (part.repeat_interleave(count, dim=0) for part in (self.weight, self.bias))
        return Objective(self.below, weight, bias)
