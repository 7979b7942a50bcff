"""The face of the evaluation."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mnistffn.cli import options as opt
from mnistffn.errors import GateError

if TYPE_CHECKING:
    from rich.table import Table

    from mnistffn.evaluate import Metrics


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples("mnistffn evaluate", "mnistffn evaluate --fail-under 0.96 --json")
    app.command(epilog=examples)(evaluate)


def evaluate(
    data: opt.DataArgument = None,
    fail_under: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="<float>",
            help="Exit with 3 if the accuracy is lower.",
            show_default=False,
        ),
    ] = None,
    orientation: opt.OrientationOption = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Measure the network on the test part, which neither search nor train has seen.

    With another file as DATA, it is measured on all images of that file.
    """
    from mnistffn.cli.terminal import Terminal
    from mnistffn.evaluate import run_evaluate
    from mnistffn.rundata import DataOptions

    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_evaluate(terminal.run, DataOptions(data, orientation), terminal)
        terminal.show(_describe(result.metrics))
        terminal.show(_make_table(result.metrics))
        terminal.finish(
            "evaluate", asdict(result.metrics) | {"source": result.source}, "fields", "maximize"
        )
    if fail_under is not None and result.metrics.accuracy < fail_under:
        msg = f"accuracy {result.metrics.accuracy:.4f} is under {fail_under}"
        raise GateError(msg)


def _describe(metrics: "Metrics") -> str:
    low, high = metrics.interval
    return (
        f"accuracy {metrics.accuracy:.4f}, 95% interval {low:.4f} to {high:.4f}, "
        f"{metrics.errors:,} errors in {metrics.n:,} images"
    )


def _make_table(metrics: "Metrics") -> "Table":
    from mnistffn.cli.terminal import make_table

    rows = [
        [str(c.label), f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.n:,}"] for c in metrics.per_class
    ]
    return make_table(["class", "precision", "recall", "images"], rows, "")
