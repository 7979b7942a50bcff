"""The face of where a run stands, and of what a bug report needs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import options as opt
from mnistffn.cli.values import read_run_dir
from mnistffn.wording import DEFAULT_RUN_DIR, RUN_DIR_VARIABLE

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable
    from mnistffn.cli.terminal import Terminal
    from mnistffn.run.status import RunStatus


SCHEMA = Path(__file__).with_name("schema.json")
PIPELINE = {
    "data": "tells what is in a data file; --download fetches one",
    "search": "chooses layer sizes and dropout by cross-validation",
    "train": "trains the chosen network",
    "evaluate": "measures it on images held out",
    "explain": "tells why it reads an image as it does",
    "fields": "draws what the units of a layer compute",
    "maximize": "makes images that excite them most",
    "compare": "tells whether one network is better than another",
    "export": "writes the network for other programs",
    "report": "puts everything of a run on one page",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog=opt.write_examples("mnistffn status", "mnistffn status -r other --json"))(status)
    app.command(epilog=opt.write_examples("mnistffn info", "mnistffn info --schema"))(info)


def status(
    context: typer.Context,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Tell where a run stands: what is there, out of date or stopped, and what comes next."""
    from mnistffn.cli.terminal import Terminal
    from mnistffn.run.status import read_status

    terminal = Terminal.of(context)  # it is not locked: another command may be at work in it
    found = read_status(terminal.run)
    show_status(terminal, found)
    terminal.finish([], found.summarise(), *found.next_commands)


def info(
    context: typer.Context,
    schema: Annotated[
        bool,
        typer.Option("--schema", help="Print the JSON Schema of what --json prints, and nothing else."),
    ] = False,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Tell what a bug report needs: versions, device, cores, memory, folders."""
    if schema:
        typer.echo(SCHEMA.read_text("utf-8"), nl=False)
        return
    from mnistffn.cli.terminal import Terminal

    terminal = Terminal.of(context)
    from mnistffn.training.info import describe_machine

    found = describe_machine(terminal.run)
    for name, value in found.items():
        terminal.show_entry(name.replace("_", " "), _spell(value))
    terminal.finish([], found)


def show_pipeline() -> None:
    """Print what the commands are for, and where the run stands that they would work in."""
    from mnistffn.cli.terminal import Terminal
    from mnistffn.run.status import read_status

    run_dir = os.environ.get(RUN_DIR_VARIABLE) or DEFAULT_RUN_DIR
    terminal = Terminal(read_run_dir(run_dir), json_output=False, quiet=False, no_color=False)
    for name, what in PIPELINE.items():
        terminal.show_entry(name, what)
    terminal.show("")
    found = read_status(terminal.run)
    show_status(terminal, found)
    terminal.finish([], {}, *found.next_commands)
    terminal.note("help: mnistffn --help, mnistffn COMMAND --help")


def show_status(terminal: "Terminal", found: "RunStatus") -> None:
    """Print where a run stands."""
    if not found.data and not found.stages:
        terminal.show(f"{terminal.run.path}: nothing is there yet")
    if found.data:
        terminal.show_entry("data", found.data)
    if found.stages:
        terminal.show(_make_table(found))
    for stopped in found.stopped:
        terminal.show_entry("stopped", stopped)
    if found.at_work:
        terminal.show_entry("at work", found.at_work)


def _make_table(found: "RunStatus") -> "FittedTable":
    from mnistffn.cli.table import make_table

    rows = []
    for stage in found.stages:
        state = "out of date" if stage.stale else "as written"
        state = f"{len(stage.damaged)} changed or gone" if stage.damaged else state
        rows.append([stage.name, f"{stage.ended[:16].replace('T', ' ')}", state, stage.stale or ""])
    columns = ["stage", "done (UTC)", "files", "why"]
    if not any(stage.stale for stage in found.stages):
        columns, rows = columns[:3], [row[:3] for row in rows]
    return make_table(columns, rows, n_kept=len(columns), n_left=4)


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "unknown" if value is None else str(value)
