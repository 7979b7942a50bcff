"""The face of the receptive fields."""

from typing import TYPE_CHECKING, Annotated

import typer

from mnistffn.cli import options as opt
from mnistffn.inside.options import KINDS, SORTS, FieldsOptions
from mnistffn.wording import list_few

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable
    from mnistffn.inside.fields import FieldsResult
    from mnistffn.inside.unitstats import UnitStatistics

ROWS = 20


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn fields --layer 1 --top 60",
        "mnistffn fields --layer 2 --units 0,3,5-9 --kind pattern",
    )
    app.command(epilog=examples)(fields)


def _spell_sorts() -> str:
    own = {key: meaning for key, meaning in SORTS.items() if key not in KINDS}
    return ", ".join(f"{key} ({meaning})" if meaning else key for key, meaning in own.items())


def fields(
    context: typer.Context,
    data: opt.OwnDataArgument = None,
    layer: opt.LayerOption = None,
    units: opt.UnitsOption = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help=f"What to draw: {', '.join(KINDS[:-1])} or {KINDS[-1]}. Repeatable.",
            show_default="all",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help=f"Order of the units: {_spell_sorts()}, or a kind: by its R².",
            show_default="as named",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            help="Only the first of them; without --sort by effect, in the output layer by ablation.",
            show_default="all",
        ),
    ] = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Draw the receptive fields of a layer, and measure what its units do.

    Four kinds: the weights propagated as if there were no activations (filter), and with these as they
    are (gradient), the mean of the images that turn a unit on (average), and what goes with its
    activation (pattern). R² says how far to trust each.
    """
    from mnistffn.cli.terminal import Terminal

    chosen = FieldsOptions(layer, units, tuple(dict.fromkeys(kinds or KINDS)), sort, top)
    with Terminal.of(context) as terminal:
        from mnistffn.inside.fields import run_fields, summarise

        result = run_fields(terminal.run, chosen, terminal, opt.take_data(context))
        terminal.show(_make_table(result))
        content = {"layer": result.layer, "units": summarise(result)}
        terminal.finish(f"fields-layer{result.layer}", content, f"maximize --layer {result.layer}")


def _make_table(result: "FieldsResult") -> "FittedTable":
    from mnistffn.cli.table import make_table

    names = result.kind_names
    rows = [
        [
            unit.name,
            list_few(unit.prefers),
            "dead" if unit.dead else f"{100 * unit.on:.1f}%",
            *([] if unit.effect is None else [f"{unit.effect:.1e}"]),
            _spell_lost(unit),
            *(f"{result.r2[kind][row]:.3f}".replace("nan", "-") for kind in names),
        ]
        for row, unit in enumerate(result.statistics[:ROWS])
    ]
    effect = [] if any(unit.effect is None for unit in result.statistics) else ["effect"]
    columns = ["unit", "prefers", "active for", *effect, "accuracy lost", *names.values()]
    shown = "" if len(rows) == len(result.units) else f", {ROWS} of {len(result.units)} units"
    meanings = ["effect: nats"] * len(effect) + ["accuracy lost: points", "fields: R²"]
    return make_table(columns, rows, f"layer {result.layer}{shown}; {'; '.join(meanings)}", n_kept=2)


def _spell_lost(unit: "UnitStatistics") -> str:
    """Return how many points of accuracy a unit is worth, if that is more than noise."""
    if abs(unit.ablation) <= 2 * unit.ablation_se:
        return "noise"
    return f"{100 * unit.ablation:.2f}"
