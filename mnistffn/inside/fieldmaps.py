"""The maps of receptive fields, and how far to trust each.

Four kinds, for a weight is not a pattern: what a unit multiplies with an image must also cancel what
distracts from what it looks for (Haufe and others, 2014).

filter
    The weights propagated from the pixels, as if there were no activations in between.
gradient
    The mean over real images of the gradient of the pre-activation: the weights propagated through the
    activations as they are.
average
    The mean image weighted by the unit's activity (what of its activation is above 0), less the mean
    image.
pattern
    The covariance of pixel and pre-activation over the variance of the pre-activation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mnistffn.inside.realimages import find_varying
from mnistffn.inside.unitstats import BATCH, find_activity
from mnistffn.network.network import AffineLayer, propagate
from mnistffn.network.tensors import as_float

# Weights of a pixel that varies in fewer images are mostly what they were initialised with.
SMALLEST_PART = 0.001
# Enough for a slope and an intercept, and for a mean over images.
FIT_IMAGES = 5_000
DEEP_IMAGES = 2_000
# What varies by less than this part of its square, varies by rounding only.
CONSTANT = 1e-11
# Of what a pattern adds to the mean image. At 1 the mean shines through: a 1 looks like an 8.
EMPHASIS = 1.25


def propagate_weights(layers: Sequence[AffineLayer]) -> Tensor:
    """Propagate the weights from the pixels to the last of ``layers``.

    This is what the layer would compute if every unit below it passed on its pre-activation: a filter,
    which cancels what distracts as much as it looks for something.

    Parameters
    ----------
    layers : sequence of AffineLayer
        Batch normalisation folded in.

    Returns
    -------
    Tensor of shape (units, pixels), float32
    """
    product = layers[0].weight
    for affine in layers[1:]:
        product = affine.weight @ product
    return product


def average_gradient(layers: Sequence[AffineLayer], units: Sequence[int], X: Tensor) -> Tensor:
    """Average the gradient of units' pre-activations by the pixels over images.

    With the slopes d of the activations, of ReLUs 0 or 1, the gradient at one image is
    ``W3 diag(d2) W2 diag(d1) W1``. Its mean needs only the means of d1 in the second layer, and those
    of the products of d2 and d1 in the third, so that all images count; in deeper layers the gradient
    is taken image by image, at the first 2,000.

    Parameters
    ----------
    layers : sequence of AffineLayer
        Batch normalisation folded in; the units are of the last.
    units : sequence of int
    X : Tensor of shape (n, pixels), uint8 or float32

    Returns
    -------
    Tensor of shape (u, pixels), float32
    """
    first, last = layers[0].weight, layers[-1].weight[list(units)]
    if len(layers) == 1:
        return last
    if len(layers) > 3:
        X = X[:DEEP_IMAGES]
    total: Tensor | float = 0.0
    for batch in X.split(BATCH):
        preactivations = propagate(layers[:-1], as_float(batch))
        gates = [layer.slope(found) for layer, found in zip(layers[:-1], preactivations, strict=True)]
        if len(layers) == 2:
            total = total + gates[0].sum(dim=0)
        elif len(layers) == 3:
            total = total + gates[1].T @ gates[0]
        else:
            total = total + torch.stack([_walk_down(layers, gates, weight) for weight in last])
    mean = torch.as_tensor(total) / len(X)
    if len(layers) == 2:
        return (last * mean) @ first
    return (last @ (layers[1].weight * mean) if len(layers) == 3 else mean) @ first


def _walk_down(layers: Sequence[AffineLayer], gates: Sequence[Tensor], weight: Tensor) -> Tensor:
    """Return the gradient by the first layer's pre-activations, summed over images, (units,)."""
    gradient = weight * gates[-1]
    for affine, gate in zip(layers[-2:0:-1], gates[-2::-1], strict=True):
        gradient = (gradient @ affine.weight) * gate
    return gradient.sum(dim=0)


def average_images(
    layers: Sequence[AffineLayer], units: Sequence[int], X: Tensor, *, is_output: bool
) -> dict[str, Tensor]:
    """Return the fields ``average`` and ``pattern`` of units, and the image that a pattern stands for.

    Parameters
    ----------
    layers : sequence of AffineLayer
        Batch normalisation folded in; the units are of the last.
    units : sequence of int
    X : Tensor of shape (n, pixels), uint8 or float32
    is_output : bool
        Whether the last of the layers is the network's: its activity is the probability.

    Returns
    -------
    dict of str to Tensor of shape (u, pixels), float32
        ``average`` and ``pattern``, all 0 for a unit that is never on, and one that does not vary; and
        ``pattern_image``, in [0, 1]: what the pattern expects of an image whose pre-activation is a
        quarter further above the mean than the highest, which is the mean image and so many times the
        pattern.
    """
    chosen = list(units)
    sums: list[Tensor] = []
    # Variances are differences: taken about the first image's value they lose no digits.
    origin = propagate(layers, as_float(X[:1]))[-1][:, chosen]
    highest = torch.full((len(chosen),), -torch.inf)
    for batch in X.split(BATCH):
        inputs = as_float(batch)
        found = propagate(layers, inputs)[-1]
        activations = find_activity(layers[-1], found, is_output=is_output)[:, chosen]
        found = found[:, chosen] - origin
        highest = torch.maximum(highest, found.amax(dim=0))
        terms = [inputs.sum(0), found.sum(0), (found**2).sum(0), activations.sum(0)]
        terms += [found.T @ inputs, activations.T @ inputs]
        sums = [old + new for old, new in zip(sums, terms, strict=True)] if sums else _double(terms)
    mean, mean_found, square, weight, product, weighted = (total / len(X) for total in sums)
    average = weighted / weight.clamp(min=1e-30)[:, None] - mean
    variance = (square - mean_found**2)[:, None]
    covariance = product - mean_found[:, None] * mean
    varies = variance > CONSTANT * (square + origin[0].double() ** 2)[:, None]
    pattern = torch.where(varies, covariance / variance.clamp(min=1e-30), 0.0)
    expected = mean + EMPHASIS * (highest - mean_found)[:, None] * pattern
    return {
        "average": torch.where(weight[:, None] > 0, average, 0.0).float(),
        "pattern": pattern.float(),
        "pattern_image": expected.clamp(0, 1).float(),
    }


def _double(terms: Sequence[Tensor]) -> list[Tensor]:
    return [term.double() for term in terms]


def explained_variance(fields: Tensor, targets: Sequence[Tensor], X: Sequence[Tensor]) -> Tensor:
    """Return R² on held-out images of the linear prediction from each unit's field.

    Parameters
    ----------
    fields : Tensor of shape (u, pixels), float32
    targets : (Tensor of shape (n, u), Tensor of shape (m, u)), float32
        Pre-activations on images to fit a slope and an intercept on, and on held-out ones.
    X : (Tensor of shape (n, pixels), Tensor of shape (m, pixels)), float32
        Those images.

    Returns
    -------
    Tensor of shape (u,), float64
        NaN for a unit whose pre-activation does not vary.
    """
    (fit, held_out), (product, other) = targets, (images @ fields.T for images in X)
    centred = product - product.mean(dim=0)
    slope = (centred * fit).sum(dim=0) / (centred**2).sum(dim=0).clamp(min=1e-30)
    predicted = fit.mean(dim=0) + slope * (other - product.mean(dim=0))
    residual = ((held_out - predicted).double() ** 2).sum(dim=0)
    total = ((held_out - held_out.mean(dim=0)).double() ** 2).sum(dim=0)
    varies = total > CONSTANT * (held_out.double() ** 2).sum(dim=0)
    return torch.where(varies, 1 - residual / total, torch.nan)


def compute_fields(
    layers: Sequence[AffineLayer],
    layer: int,
    units: Sequence[int],
    kinds: Sequence[str],
    train: Tensor,
    held_out: Tensor,
) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Compute receptive fields and how far to trust each.

    Parameters
    ----------
    layers : sequence of AffineLayer
        All layers of the network, batch normalisation folded in.
    layer : int
        Counted from 1.
    units : sequence of int
    kinds : sequence of {"filter", "gradient", "average", "pattern"}
    train, held_out : Tensor of shape (n, pixels), uint8

    Returns
    -------
    fields : dict of kind to Tensor of shape (u, pixels), float32
        With the pattern also ``pattern_image``.
    r2 : dict of kind to Tensor of shape (u,), float64
    varying : Tensor of shape (pixels,), bool
        Elsewhere the fields are 0.
    """
    chosen, until = list(units), layers[:layer]
    varying, _ = find_varying(train, SMALLEST_PART)
    found: dict[str, Tensor] = {}
    if "filter" in kinds:
        found["filter"] = propagate_weights([*until[:-1], _select(until[-1], chosen)])
    if "gradient" in kinds:
        found["gradient"] = average_gradient(until, chosen, train)
    if {"average", "pattern"} & set(kinds):
        is_output = layer == len(layers)
        found |= average_images(until, chosen, train, is_output=is_output)
    fields = {kind: found[kind] * varying for kind in kinds}
    images = [as_float(train[:FIT_IMAGES]), as_float(held_out)]
    targets = [propagate(until, X)[-1][:, chosen] for X in images]
    r2 = {kind: explained_variance(field, targets, images) for kind, field in fields.items()}
    if "pattern" in kinds:
        fields["pattern_image"] = found["pattern_image"]
    return fields, r2, varying


def _select(layer: AffineLayer, units: list[int]) -> AffineLayer:
    return layer._replace(weight=layer.weight[units], bias=layer.bias[units])
