"""The face of the training."""

from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from mnistffn.train import TrainResult


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn train --epochs 200 --patience 10",
        "mnistffn train data/MNIST.mat --hidden 360,187 --dropout 0.5782",
    )
    app.command(epilog=examples)(train)


def train(
    data: opt.DataArgument = None,
    hidden: Annotated[
        str | None,
        typer.Option(help="Sizes of the hidden layers, such as 360,187.", show_default="params.json"),
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="Dropout.", show_default="params.json")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.", show_default="params.json")] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Decoupled weight decay.", show_default="params.json")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Images of one step.", show_default="params.json")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Epochs at the most.")] = 200,
    patience: Annotated[
        int,
        typer.Option(
            help="Epochs without a lower validation loss that end it; 0: never, validate on nothing."
        ),
    ] = 10,
    validation_fraction: Annotated[
        float, typer.Option(help="Part of the training images that is held out for early stopping.")
    ] = 0.1,
    threads: Annotated[
        int | None, typer.Option(help="Threads of torch.", show_default="one a core")
    ] = None,
    seed: opt.SeedOption = None,
    test_size: opt.TestSizeOption = None,
    orientation: opt.OrientationOption = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Train the network on the whole training part, with early stopping, and keep the best epoch.

    Parameters that are not given come from the search (params.json).
    """
    from mnistffn.cli.terminal import Terminal
    from mnistffn.rundata import DataOptions
    from mnistffn.train import TrainOptions, run_train

    sizes = None if hidden is None else opt.read_sizes(hidden)
    tuned = (sizes, dropout, lr, weight_decay, batch_size)
    chosen = TrainOptions(*tuned, epochs, patience, validation_fraction, threads, seed)
    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_train(terminal.run, DataOptions(data, orientation, test_size), chosen, terminal)
        terminal.show(_describe(result))
        terminal.finish("train", _summarise(result), "evaluate", "fields", "maximize")


def _describe(result: "TrainResult") -> str:
    best, classifier = result.best, result.classifier
    network = "-".join(map(str, classifier.module_.widths))
    epochs = f"{len(classifier.history_)} epochs in {result.seconds:.0f} s"
    trained = f"{network}, dropout {classifier.dropout:.4g}: {epochs}"
    if not classifier.patience:
        return f"{trained}, kept the last"
    return (
        f"{trained}, kept epoch {best.epoch} with validation loss {best.valid_loss:.4f} "
        f"and accuracy {best.valid_accuracy:.4f}"
    )


def _summarise(result: "TrainResult") -> dict[str, Any]:
    best = {name: None if isnan(value) else value for name, value in result.best._asdict().items()}
    parameters = result.parameters | {"seed": result.classifier.random_state}
    return {"parameters": parameters, "epochs": len(result.classifier.history_), "best": best}
