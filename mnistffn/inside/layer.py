"""Opening a layer of a run's network, together with the data that it was trained on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mnistffn.inside.units import check_layer, describe_layer, name_units
from mnistffn.network.modelfile import read_model
from mnistffn.network.network import AffineLayer, FeedForwardNetwork, fold_batch_norm
from mnistffn.progress import Progress
from mnistffn.run.data import RunData, check_fits, open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.options import DataOptions
from mnistffn.run.stage import Stage


@dataclass(frozen=True)
class OpenLayer:
    """What is to be looked into.

    Attributes
    ----------
    layers : list of AffineLayer
        All layers of the network, batch normalisation folded in.
    layer : int
        The one that is looked into, counted from 1.
    widths : tuple of int
        Of the input and of all layers.
    classes : list of label
        In the order of the outputs.
    run_data : RunData
    network : FeedForwardNetwork
        In evaluation mode: what the layers were taken from.
    """

    layers: list[AffineLayer]
    layer: int
    widths: tuple[int, ...]
    classes: list[Any]
    run_data: RunData
    network: FeedForwardNetwork

    @cached_property
    def names(self) -> list[list[str]]:
        """How pictures and users call the units of every layer, the first one first."""
        return name_units(self.widths, self.classes)

    @property
    def unit_names(self) -> list[str]:
        """How they call the units of this one."""
        return self.names[self.layer - 1]

    @property
    def description(self) -> str:
        """How a picture's heading calls it."""
        return describe_layer(self.layer, self.widths)

    @contextmanager
    def stage(
        self, run: RunDirectory, name: str, command: str, options: Mapping[str, Any]
    ) -> Iterator[Stage]:
        """Run a stage of a run that looks into this layer.

        Parameters
        ----------
        run : RunDirectory
        name, command : str
            As :meth:`~mnistffn.run.directory.RunDirectory.stage` takes them.
        options : mapping
            Resolved, the layer aside.
        """
        with run.stage(
            name,
            command=command,
            options=dict(options) | {"layer": self.layer, "device": "cpu"},
            reads=["model.pt"],
            data=self.run_data.record,
        ) as stage:
            yield stage

    @property
    def is_output(self) -> bool:
        """Whether this is the last layer."""
        return self.layer == len(self.layers)


def open_layer(
    run: RunDirectory,
    layer: int | None,
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
) -> OpenLayer:
    """Open a layer, None for the output, of a run's model, and the run's data.

    ``data`` says where these are now, if not where they were.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    UsageError
        There is no such layer.
    """
    model = read_model(run.path / "model.pt")
    widths = model.network.widths
    layer = model.network.n_layers if layer is None else layer
    check_layer(layer, model.network.n_layers)
    run_data = open_run_data(run, data, None, progress, may_settle=False)
    check_fits(run_data.dataset, run_data.dataset.labels, widths[0], model.classes)
    run.warn_if_stale(["model.pt"], run_data.record)
    layers = fold_batch_norm(model.network)
    return OpenLayer(layers, layer, widths, model.classes.tolist(), run_data, model.network)
