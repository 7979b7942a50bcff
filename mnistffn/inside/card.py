"""One page about one unit: its fields, its maximizing image, what it does and what hangs on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from mnistffn.errors import UsageError
from mnistffn.inside.fields import FieldsResult, examine_units, summarise
from mnistffn.inside.layer import open_layer
from mnistffn.inside.maximize import MaximizeResult, maximize
from mnistffn.inside.objectives import Targets
from mnistffn.inside.options import MEANINGS, MaximizeOptions
from mnistffn.inside.scorecard import Score
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.options import DataOptions

SHOWN = 8  # real images of each sort
MOST_CARDS = 50


@dataclass(frozen=True)
class CardsResult:
    """What was written: a page for every unit.

    Attributes
    ----------
    layer : int
    scores : list of Score
    stages : list of str
        One for every page.
    """

    layer: int
    scores: list[Score]
    stages: list[str]


@exclusive
def run_cards(
    run: RunDirectory,
    options: MaximizeOptions,
    progress: Progress,
    data: DataOptions = DataOptions(),  # noqa: B008  # it is frozen
) -> CardsResult:
    """Write a page about every one of some units of a run's model.

    Writes card-layer<i>-unit<u>.npz, .json and .png for each.

    Parameters
    ----------
    run : RunDirectory
    options : MaximizeOptions
        Its units get a page each.
    progress : Progress
    data : DataOptions
        Where the run's data are now, if not where they were.

    Raises
    ------
    RunDirectoryError
        There is no model, or it does not fit the data.
    UsageError
        There is no such layer or unit, or there are more than 50.
    """
    from mnistffn.figures.card import draw_card

    opened = open_layer(run, options.layer, progress, data)
    layer = opened.layer
    targets = Targets.of(options.units, (), opened.unit_names)
    if len(targets.names) > MOST_CARDS:
        msg = f"{len(targets.names)} units are too many for a page each: name {MOST_CARDS} at the most"
        raise UsageError(msg)
    found = maximize(opened, targets, options, progress, n_shown=SHOWN)
    fields = examine_units(opened, found.units.tolist(), progress=progress)
    stages = []
    for row, name in enumerate(targets.names):
        stages.append(f"card-layer{layer}-unit{name}")
        command = f"maximize --layer {layer} --units {name} --card"
        with opened.stage(run, stages[-1], command, asdict(options) | {"units": name}) as stage:
            arrays, content = _take_unit(fields, found, row, opened.classes)
            stage.write_arrays(f"{stages[-1]}.npz", arrays)
            stage.write_json(f"{stages[-1]}.json", {"layer": layer} | content)
            heading = f"What unit {name} of {opened.description} computes, and what excites it"
            stage.write_figure(f"{stages[-1]}.png", draw_card, arrays, content, heading, MEANINGS)
    return CardsResult(layer, found.scores, stages)


def _take_unit(
    fields: FieldsResult, found: MaximizeResult, row: int, classes: list[Any]
) -> tuple[Mapping[str, NDArray[Any]], dict[str, Any]]:
    """Return arrays and plain values of one unit."""
    arrays = {kind: images[row] for kind, images in fields.fields.items()}
    arrays |= {"varying": fields.varying, "maximizing": found.images[row]}
    arrays |= {"most_real": found.most_real[row], "least_real": found.least_real[row]}
    [unit] = summarise(fields.take([row]))
    return arrays, unit | {"classes": classes, "score": asdict(found.scores[row])}
