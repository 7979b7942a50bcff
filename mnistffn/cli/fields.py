"""The face of the receptive fields."""

from typing import Annotated

import typer

from mnistffn.cli import options as opt


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn fields --layer 1", "mnistffn fields --layer 2 --units 0,3,5-9"
    )
    app.command(epilog=examples)(fields)


def fields(
    layer: opt.LayerOption = None,
    units: Annotated[
        str | None,
        typer.Option("--units", "-u", help="Units from 0, such as 0,3,5-9.", show_default="all"),
    ] = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Draw the receptive fields of a layer: the weights propagated from the pixels to its units."""
    from mnistffn.cli.terminal import Terminal
    from mnistffn.fields import run_fields

    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_fields(terminal.run, layer, units)
        picture = terminal.run.path / f"fields-layer{result.layer}.png"
        terminal.show(f"{len(result.units)} receptive fields of layer {result.layer} in {picture}")
        content = {"layer": result.layer, "units": result.units.tolist()}
        terminal.finish(f"fields-layer{result.layer}", content, f"maximize --layer {result.layer}")
