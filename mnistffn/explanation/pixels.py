"""Evidence by pixel: integrated gradients (Sundararajan, Taly and Yan, 2017) from a black image.

The evidence of a pixel is its brightness times the mean gradient by it, over all images on the straight
line from black to the image. The evidence of all pixels adds up to what the image adds to the number
that is explained (completeness). A black pixel has none: the baseline is black.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mnistffn.network.network import AffineLayer, propagate

TOLERANCE = 1e-3  # of completeness, in logits
FEWEST_CELLS = 64
MOST_CELLS = 2**13


class PixelEvidence(NamedTuple):
    """What every pixel of an image adds to some numbers that a network computes.

    Attributes
    ----------
    values : Tensor of shape (k, pixels), float64
    reached : Tensor of shape (k,), float64
        What the image adds to each of the numbers, over a black one.
    black : Tensor of shape (k,), float64
        The numbers for a black image.
    gaps : Tensor of shape (k,), float64
        How far the sum of the values is from that.
    n_steps : int
        Gradients that were taken on the way from black to the image.
    """

    values: Tensor
    reached: Tensor
    black: Tensor
    gaps: Tensor
    n_steps: int


def attribute_pixels(
    layers: Sequence[AffineLayer], image: Tensor, directions: Tensor, tolerance: float = TOLERANCE
) -> PixelEvidence:
    """Integrate the gradient of weighted sums of pre-activations along the way from black to an image.

    With ReLUs the gradient is constant between the places where a unit turns on or off. These are
    found, so that the integral is exact. With other activations the way is cut into ever more equal
    steps, until what is missing is below the tolerance.

    Parameters
    ----------
    layers : sequence of AffineLayer
        Batch normalisation folded in; the pre-activations are of the last.
    image : Tensor of shape (pixels,), floating
    directions : Tensor of shape (k, units of the last layer), floating
        Weights of the pre-activations in each of the sums.
    tolerance : float

    Returns
    -------
    PixelEvidence
    """
    exact = in_double(layers)
    pixels, weights = image.double(), directions.double()
    # The network as a function of the brightness alone: one input, 0 for black and 1 for the image.
    ray = [exact[0]._replace(weight=(exact[0].weight @ pixels)[:, None]), *exact[1:]]
    ends = propagate(ray, torch.tensor([[0.0], [1.0]], dtype=torch.float64))[-1]
    reached = weights @ (ends[1] - ends[0])
    is_piecewise_linear = all(layer.activation == "relu" for layer in layers[:-1])
    edges = find_kinks(ray) if is_piecewise_linear else torch.linspace(0, 1, FEWEST_CELLS + 1).double()
    while True:
        values = _integrate(ray, edges, weights) @ exact[0].weight * pixels
        gaps = (values.sum(dim=1) - reached).abs()
        n_steps = len(edges) - 1
        if is_piecewise_linear or gaps.max() <= tolerance or n_steps >= MOST_CELLS:
            return PixelEvidence(values, reached, weights @ ends[0], gaps, n_steps)
        edges = torch.linspace(0, 1, 2 * n_steps + 1, dtype=torch.float64)


def in_double(layers: Sequence[AffineLayer]) -> list[AffineLayer]:
    """Return layers in double precision, so that sums of evidence lose no digits."""
    return [layer._replace(weight=layer.weight.double(), bias=layer.bias.double()) for layer in layers]


def find_kinks(ray: Sequence[AffineLayer]) -> Tensor:
    """Return where between 0 and 1 the ReLUs of a network of one input change sides, and both ends.

    Layer by layer: between the kinks of the layers below, a pre-activation is a straight line.

    Returns
    -------
    Tensor of shape (n,), float64, ascending
    """
    edges = torch.tensor([0.0, 1.0], dtype=torch.float64)
    for depth in range(1, len(ray)):
        found = propagate(ray[:depth], edges[:, None])[-1]
        low, high = found[:-1], found[1:]
        cell, unit = (low * high < 0).nonzero(as_tuple=True)
        part = low[cell, unit] / (low - high)[cell, unit]
        edges = torch.cat([edges, edges[cell] + part * edges.diff()[cell]]).unique()
    return edges


def _integrate(ray: Sequence[AffineLayer], edges: Tensor, weights: Tensor) -> Tensor:
    """Return the mean gradient by the first layer's pre-activations (k, units): midpoint rule."""
    middles, lengths = (edges[1:] + edges[:-1]) / 2, edges.diff()
    preactivations = propagate(ray[:-1], middles[:, None])
    if not preactivations:  # a linear network
        return weights
    gradient = (weights @ ray[-1].weight)[:, None]
    for depth in range(len(ray) - 2, -1, -1):
        gradient = gradient * ray[depth].slope(preactivations[depth])
        if depth:
            gradient = gradient @ ray[depth].weight
    return (gradient * lengths[:, None]).sum(dim=1)
