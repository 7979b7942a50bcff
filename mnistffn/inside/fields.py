"""Receptive fields: pictures of what the units of a layer compute from the pixels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from shlex import quote
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistffn.errors import ParameterError
from mnistffn.inside.fieldmaps import compute_fields
from mnistffn.inside.layer import OpenLayer, open_layer
from mnistffn.inside.options import KINDS, FieldsOptions
from mnistffn.inside.units import parse_units
from mnistffn.inside.unitstats import UnitStatistics, describe_units, finite_or_none, label_images
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions


@dataclass(frozen=True)
class FieldsResult:
    """The receptive fields of some units of a layer.

    Attributes
    ----------
    layer : int
        Counted from 1; the last is the output.
    units : ndarray of shape (u,), int64
    fields : mapping of kind to ndarray of shape (u, height, width), float32
        0 where ``varying`` is not set. With the pattern comes its ``pattern_image``, in [0, 1].
    r2 : mapping of kind to ndarray of shape (u,), float64
        How far to trust a field: the part of the variance of the unit's pre-activation on held-out
        images that the image's product with the field explains, by a slope and an intercept fitted on
        training images. NaN for a unit whose pre-activation does not vary.
    varying : ndarray of shape (height, width), bool
        Pixels that differ from their usual value in at least a thousandth of the training images.
    statistics : list of UnitStatistics
    """

    layer: int
    units: NDArray[np.int64]
    fields: Mapping[str, NDArray[np.float32]]
    r2: Mapping[str, NDArray[np.float64]]
    varying: NDArray[np.bool_]
    statistics: list[UnitStatistics]

    @property
    def kind_names(self) -> dict[str, str]:
        """What tables call every kind; equal ones, as in the first layer, stand once."""
        from mnistffn.figures.fields import name_kinds

        return name_kinds({kind: self.fields[kind] for kind in self.r2})

    def take(self, order: Sequence[int]) -> "FieldsResult":
        """Return some of the units, in the given order."""
        rows = list(order)
        return replace(
            self,
            units=self.units[rows],
            fields={kind: fields[rows] for kind, fields in self.fields.items()},
            r2={kind: values[rows] for kind, values in self.r2.items()},
            statistics=[self.statistics[row] for row in rows],
        )


def examine_units(
    opened: OpenLayer,
    units: Sequence[int],
    kinds: Sequence[str] = KINDS,
    progress: Progress | None = None,
) -> FieldsResult:
    """Compute the receptive fields of units of a layer, and measure what the units do.

    Parameters
    ----------
    opened : OpenLayer
        The training part of its data is averaged over, the held-out part measured on.
    units : sequence of int
    kinds : sequence of {"filter", "gradient", "average", "pattern"}
    progress : Progress, optional
    """
    layers, data = opened.layers, opened.run_data
    with torch.inference_mode():
        train, held_out = label_images(data.dataset, data.split, opened.classes)
        fields, r2, varying = compute_fields(layers, opened.layer, units, kinds, train.X, held_out.X)
        statistics = describe_units(opened, units, train, held_out, progress)
    shape = data.dataset.image_shape
    return FieldsResult(
        opened.layer,
        np.array(units),
        {kind: field.view(-1, *shape).numpy() for kind, field in fields.items()},
        {kind: values.numpy() for kind, values in r2.items()},
        varying.view(shape).numpy(),
        statistics,
    )


def sort_units(result: FieldsResult, key: str) -> list[int]:
    """Return the rows of a result in an order, ties as they are.

    ``key`` is one of :data:`~mnistffn.inside.options.SORTS`: classes and units ascend, all others
    descend.
    """
    if key in KINDS:
        r2 = np.nan_to_num(result.r2[key], nan=-np.inf)
        return [int(row) for row in np.argsort(-r2, kind="stable")]
    values: dict[str, Callable[[UnitStatistics], float]] = {
        "unit": lambda s: s.unit,
        "class": lambda s: int(np.argmax(s.class_means)) if s.prefers else len(s.class_means),
        "selectivity": lambda s: -s.selectivity,
        "on": lambda s: -s.on,
        "outgoing": lambda s: -abs(s.outgoing[0][1]) if s.outgoing else 0.0,
        "effect": lambda s: -(s.effect or 0.0),
        "ablation": lambda s: -s.ablation,
    }
    return sorted(range(len(result.units)), key=lambda row: values[key](result.statistics[row]))


@exclusive
def run_fields(
    run: RunDirectory,
    options: FieldsOptions,
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
) -> FieldsResult:
    """Draw the receptive fields of a layer of a run's model, and measure its units.

    Writes fields-layer<i>.npz, .json and .png.

    Parameters
    ----------
    run : RunDirectory
    options : FieldsOptions
    progress : Progress
    data : DataOptions
        Where the run's data are now, if not where they were.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    UsageError
        There is no such layer or unit.
    """
    from mnistffn.figures.fields import draw_fields

    opened = open_layer(run, options.layer, progress, data)
    layer = opened.layer
    chosen = parse_units(options.units, opened.unit_names)
    name = f"fields-layer{layer}"
    default_sort = "ablation" if opened.is_output else "effect"
    if opened.is_output and options.sort == "effect":
        problem = "is not for the output layer, whose units have no effect of this kind: take ablation"
        raise ParameterError(problem, sort=options.sort)
    with opened.stage(run, name, _spell_command(layer, options), asdict(options)) as stage:
        result = examine_units(opened, chosen, options.kinds, progress)
        if sort := options.sort or (default_sort if options.top else None):
            result = result.take(sort_units(result, sort)[: options.top])
            if sort == "ablation":
                _warn_of_noise(result, progress)
        stage.write_arrays(
            f"{name}.npz", {"units": result.units, "varying": result.varying} | dict(result.fields)
        )
        units = summarise(result)
        content = {"layer": layer, "kinds": list(options.kinds), "units": units}
        stage.write_json(f"{name}.json", content)
        heading = f"What the units of {opened.description} compute from the pixels"
        drawn = result.fields, result.varying, units, heading
        stage.write_figure(f"{name}.png", draw_fields, *drawn)
    return result


def _warn_of_noise(result: FieldsResult, progress: Progress) -> None:
    """Tell for how many units the order by what accuracy loses says nothing."""
    n_noise = sum(abs(unit.ablation) <= 2 * unit.ablation_se for unit in result.statistics)
    if n_noise:
        progress.note(
            f"warning: sorted by ablation: {n_noise:,} of {len(result.units):,} units cost no more "
            "accuracy than two standard errors, so that their order is noise; --sort effect is steadier"
        )


def _spell_command(layer: int, options: FieldsOptions) -> str:
    given = {"units": options.units, "sort": options.sort, "top": options.top}
    kinds = "" if options.kinds == KINDS else "".join(f" --kind {kind}" for kind in options.kinds)
    others = (f" --{name} {quote(str(value))}" for name, value in given.items() if value is not None)
    return f"fields --layer {layer}{kinds}{''.join(others)}"


def summarise(result: FieldsResult) -> list[dict[str, Any]]:
    """Return what is known of every unit as plain values."""
    return [
        vars(statistics)
        | {"r2": {kind: finite_or_none(values[row]) for kind, values in result.r2.items()}}
        for row, statistics in enumerate(result.statistics)
    ]
