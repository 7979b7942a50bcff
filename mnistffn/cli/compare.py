"""The face of the comparison of runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import completion
from mnistffn.cli import options as opt
from mnistffn.cli.values import read_run_dir
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable

DEFAULT_OUTPUT = Path("comparison")
WIDEST = 3  # runs side by side on a screen


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn train data/MNIST.mat --recipe document -r plain --hidden 360,187",
        "mnistffn train data/MNIST.mat --recipe robust -r robust --hidden 360,187",
        "mnistffn compare plain robust",
    )
    app.command(epilog=examples)(compare)


def compare(
    context: typer.Context,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run directories with a model, from 2 to 10 of them.",
            parser=read_run_dir,
            autocompletion=completion.complete_run_dir,
            show_default=False,
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="The file that the networks were trained on, if it lies elsewhere now.",
            show_default=False,
        ),
    ] = None,
    run_dir: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="<path>",
            help="Folder for the comparison.",
            parser=read_run_dir,
        ),
    ] = DEFAULT_OUTPUT,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Compare networks on the test part that they share: is one better by more than chance?

    Accuracy, calibration, accuracy under attack where evaluate --attack
    measured it, the images that only one of two networks reads right, with
    McNemar's exact test, and what the outputs look for. It is networks that
    are told apart: another seed of the same recipe gives another network.
    """
    from mnistffn.cli.terminal import Terminal

    with Terminal.of(context) as terminal:
        from mnistffn.evaluation.compare import run_compare

        result = run_compare(terminal.run, runs, terminal, opt.take_data(context))
        content = result.summarise()
        for text, table in _describe(content):
            terminal.show(text)
            terminal.show(table)
            terminal.show("")
        terminal.show(content["verdict"])
        terminal.finish("compare", content)


def _describe(content: Mapping[str, Any]) -> "Iterator[tuple[str, FittedTable]]":
    """Yield the tables of a comparison, each with a line that goes before it."""
    attack, differing = content["attack"], content["settings_that_differ"]
    text = f"all were tested on the same {count(content['n'], 'image')}"
    if attack:
        text += f"; under {attack['strength']:g}: accuracy under PGD ({attack['norm']})"
    yield text, _make_table(content)
    corrected = ", Holm's correction" if len(content["pairs"]) > 1 else ""
    text = f"read right by only one of two; p: McNemar's exact test{corrected}"
    yield text, _make_pairs_table(content)
    if differing and len(content["runs"]) <= WIDEST:
        alone = "" if len(differing) == 1 else ", any of which may be the reason"
        yield f"settings in which the trainings differ{alone}", _make_settings_table(content)


def _make_table(content: Mapping[str, Any]) -> "FittedTable":
    from mnistffn.cli.table import make_table

    attack = content["attack"]
    columns = ["run", "accuracy", "95% interval", "calibration error", "parameters", "seconds"]
    if attack:
        columns.insert(4, f"accuracy under {attack['strength']:g}")
    rows = []
    for run in content["runs"]:
        low, high = run["interval"]
        found, seconds = run["under_attack"], run["seconds"]
        row = [run["name"], f"{run['accuracy']:.4f}", f"{low:.4f} to {high:.4f}"]
        row += [f"{run['calibration_error']:.4f}"]
        row += [f"{found['accuracy']:.4f}" if found else "-"] if attack else []
        rows.append([*row, f"{run['n_parameters']:,}", "-" if seconds is None else f"{seconds:.1f}"])
    return make_table(columns, rows, n_kept=2)


def _make_pairs_table(content: Mapping[str, Any]) -> "FittedTable":
    from mnistffn.cli.table import make_table

    columns = ["first", "second", "only first", "only second", "difference in points (95%)", "p"]
    rows = []
    for pair in content["pairs"]:
        found, *ends = (f"{100 * end + 0.0:+.2f}" for end in (pair["difference"], *pair["interval"]))
        row = [pair["first"], pair["second"], f"{pair['only_first']:,}", f"{pair['only_second']:,}"]
        row += [f"{found} ({' to '.join(ends)})", f"{pair['p_corrected']:.2g}"]
        rows.append(row)
    return make_table(columns, rows, n_kept=len(columns))


def _make_settings_table(content: Mapping[str, Any]) -> "FittedTable":
    from mnistffn.cli.table import make_table

    differing = content["settings_that_differ"]
    rows = [[name, *map(_spell, values)] for name, values in differing.items()]
    columns = ["", *(run["name"] for run in content["runs"])]
    return make_table(columns, rows, n_kept=len(columns))


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
