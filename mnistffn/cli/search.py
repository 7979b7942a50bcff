"""The face of the search."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from rich.table import Table

    from mnistffn.search import SearchResult

ROWS = 10
NAMES = {"weight_decay": "weight decay"}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn search data/MNIST.mat", "mnistffn search --trials 30 --folds 5 --hidden 32 128"
    )
    app.command(epilog=examples)(search)


def search(
    data: opt.DataArgument = None,
    trials: Annotated[int, typer.Option("--trials", "-n", help="Candidates to try.")] = 12,
    folds: Annotated[int, typer.Option("--folds", "-k", help="Folds of the cross-validation.")] = 3,
    hidden: Annotated[
        tuple[int, int],
        typer.Option(help="Bounds of the first hidden layer; each further one has half."),
    ] = (100, 600),
    layers: Annotated[int, typer.Option(help="Hidden layers.")] = 2,
    dropout: Annotated[tuple[float, float], typer.Option(help="Bounds of the dropout.")] = (0.1, 0.7),
    lr: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Search the learning rate too, within these bounds.", show_default="0.001"),
    ] = None,
    weight_decay: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Search weight decay too, within these bounds.", show_default="0"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images of one step.", show_default="a fiftieth of the images, 32 to 512"),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Epochs of one fit at the most.")] = 20,
    patience: Annotated[
        int, typer.Option(help="Epochs without improvement that end a fit; 0: never.")
    ] = 5,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Fits side by side.", show_default="one a core")
    ] = None,
    seed: opt.SeedOption = None,
    test_size: opt.TestSizeOption = None,
    orientation: opt.OrientationOption = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Choose layer sizes and dropout by random search with cross-validation.

    Sizes and dropout are drawn uniformly, learning rate and weight decay uniformly in the logarithm.
    """
    from mnistffn.cli.terminal import Terminal
    from mnistffn.rundata import DataOptions
    from mnistffn.search import SearchOptions, SearchSpace, run_search

    space = SearchSpace(hidden, layers, dropout, lr, weight_decay)
    where = DataOptions(data, orientation, test_size)
    chosen = SearchOptions(trials, folds, epochs, patience, batch_size, n_jobs=jobs, seed=seed)
    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_search(terminal.run, where, space, chosen, terminal)
        terminal.show(_make_table(result))
        best = {"parameters": result.parameters, "mean": result.best.mean, "std": result.best.std}
        candidates = [asdict(candidate) for candidate in result.candidates]
        terminal.finish("search", {"best": best, "candidates": candidates}, "train")


def _make_table(result: "SearchResult") -> "Table":
    from mnistffn.cli.terminal import make_table

    names = list(result.best.parameters)
    columns = ["", *(NAMES.get(name, name) for name in names), "accuracy", "epochs", "seconds"]
    rows = [
        [
            str(rank),
            *(_format(candidate.parameters[name]) for name in names),
            f"{candidate.mean:.4f} ± {candidate.std:.4f}",
            f"{candidate.epochs:.0f}",
            f"{candidate.seconds:.1f}",
        ]
        for rank, candidate in enumerate(result.candidates[:ROWS], start=1)
    ]
    shown = f"best {len(rows)} of {len(result.candidates)} candidates"
    return make_table(
        columns, rows, f"{shown} (mean ± spread over {len(result.best.accuracies)} folds)"
    )


def _format(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else f"{value:.4g}"
