"""The face of the activation maximization."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from rich.table import Table

    from mnistffn.maximize import MaximizeResult

ROWS = 20


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn maximize --layer 3", "mnistffn maximize --layer 1 --units mean"
    )
    app.command(epilog=examples)(maximize)


def maximize(
    layer: opt.LayerOption = None,
    units: Annotated[
        str | None,
        typer.Option(
            "--units",
            "-u",
            help="Units from 0, such as 0,3,5-9, or mean: the mean of the layer.",
            show_default="all",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps of gradient ascent.")] = 256,
    seed: Annotated[
        int,
        typer.Option(min=0, max=2**32 - 1, metavar="<int>", help="Seed of the start and the shifts."),
    ] = 0,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Find the images that excite units most, by gradient ascent on the image."""
    from mnistffn.cli.terminal import Terminal
    from mnistffn.maximize import MaximizeOptions, run_maximize

    chosen = MaximizeOptions(steps=steps, seed=seed)
    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_maximize(terminal.run, layer, units, chosen, terminal)
        terminal.show(_make_table(result))
        content = {"layer": result.layer, "scores": [asdict(score) for score in result.scores]}
        terminal.finish(f"maximize-layer{result.layer}", content)


def _make_table(result: "MaximizeResult") -> "Table":
    from mnistffn.cli.terminal import make_table

    rows = [
        [
            str(score.unit),
            f"{score.activation:.2f}",
            f"{score.best_real:.2f}",
            str(score.predicted),
            f"{score.probability:.4f}",
        ]
        for score in result.scores[:ROWS]
    ]
    shown = (
        "" if len(rows) == len(result.scores) else f", the first {ROWS} of {len(result.scores)} units"
    )
    columns = ["unit", "activation", "best real image", "read as", "probability"]
    return make_table(columns, rows, f"layer {result.layer}{shown}")
