"""The face of the report."""

from typing import TYPE_CHECKING

import typer

from mnistffn.cli import options as opt
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.report.report import ReportResult


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples("mnistffn report", "mnistffn report --run-dir runs/robust")
    app.command(epilog=examples)(report)


def report(
    context: typer.Context,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Put everything that the run directory holds on one page, report.html.

    The page is a single file that needs no network. It computes nothing. What is
    not there yet is left out, and the page names the command that would add it.
    """
    from mnistffn.cli.terminal import Terminal

    with Terminal.of(context) as terminal:
        from mnistffn.report.report import run_report

        result = run_report(terminal.run, terminal)
        for name, what in _describe(result):
            terminal.show_entry(name, what)
        terminal.finish("report", result.summarise())


def _describe(result: "ReportResult") -> list[tuple[str, str]]:
    parts = f"{count(len(result.sections), 'section')}, {count(len(result.pictures), 'picture')}"
    entries = [("page", f"{parts}, {result.size / 1e6:.1f} MB")]
    if result.missing:
        entries.append(("missing", "; ".join(result.missing)))
    if result.stale:
        entries.append(("renew", "; ".join(result.stale)))
    return entries
