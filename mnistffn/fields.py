"""Receptive fields: what every unit of a layer computes from the pixels, drawn as an image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnistffn.modelfile import read_model
from mnistffn.network import FeedForwardNetwork, fold_batch_norm
from mnistffn.rundata import image_shape
from mnistffn.rundir import RunDirectory, exclusive
from mnistffn.units import check_layer, describe_layer, name_units, parse_units


@dataclass(frozen=True)
class FieldsResult:
    """The receptive fields of some units of a layer.

    Attributes
    ----------
    layer : int
        Counted from 1; the last is the output.
    units : ndarray of shape (u,), int64
    filter : ndarray of shape (u, height, width), float32
        Product of the weights from the pixels to the unit.
    """

    layer: int
    units: NDArray[np.int64]
    filter: NDArray[np.float32]


def propagate_weights(network: FeedForwardNetwork, layer: int) -> NDArray[np.float32]:
    """Propagate the weights from the first layer to ``layer``, batch normalisation folded in.

    This is what the layer would compute if every ReLU below it let everything pass: a filter, which
    cancels what distracts as much as it looks for something.

    Parameters
    ----------
    network : FeedForwardNetwork
    layer : int
        1 to ``network.n_layers``.

    Returns
    -------
    ndarray of shape (units, n_features), float32
    """
    first, *above = fold_batch_norm(network)[:layer]
    product = first.weight
    for affine in above:
        product = affine.weight @ product
    return np.asarray(product.numpy(), dtype=np.float32)


@exclusive
def run_fields(run: RunDirectory, layer: int | None, units: str | None) -> FieldsResult:
    """Draw the receptive fields of a layer of a run's model.

    Writes fields-layer<i>.npz and fields-layer<i>.png.

    Parameters
    ----------
    run : RunDirectory
    layer : int or None
        None for the output layer.
    units : str or None
        What :func:`~mnistffn.units.parse_units` reads; None for all.

    Raises
    ------
    RunDirectoryError
        There is no model.
    UsageError
        There is no such layer or unit.
    """
    from mnistffn.figures.fields import draw_fields

    model = read_model(run.path / "model.pt")
    network = model.network
    layer = network.n_layers if layer is None else layer
    check_layer(layer, network.n_layers)
    chosen = np.array(parse_units(units, network.widths[layer]))
    shape = image_shape(run, network.widths[0])
    run.warn_if_stale(["model.pt"])
    name = f"fields-layer{layer}"
    with run.stage(
        name,
        command=f"fields --layer {layer}",
        options={"layer": layer, "units": units or "all", "kind": "filter"},
        reads=["model.pt"],
    ) as stage:
        filters = propagate_weights(network, layer)[chosen].reshape(-1, *shape)
        arrays = {"units": chosen, "filter": filters}
        stage.write_arrays(f"{name}.npz", arrays)
        names = name_units(chosen.tolist(), layer, network.widths, model.classes.tolist())
        heading = f"Receptive fields, {describe_layer(layer, network.widths)}"
        stage.write_figure(f"{name}.png", draw_fields(filters, names, heading))
    return FieldsResult(layer, chosen, filters)
