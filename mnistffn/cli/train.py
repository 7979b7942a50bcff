"""The face of the training."""

from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from mnistffn.training.train import TrainResult

NETWORK, OPTIMIZATION, IMAGES = "Network", "Optimization", "Modified images"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn train --epochs 200 --patience 10",
        "mnistffn train data/MNIST.mat --hidden 360,187 --recipe robust",
    )
    app.command(epilog=examples)(train)


def _option(help_text: str, panel: str, *names: str, **extra: Any) -> Any:
    """Return an option of one of the panels, whose value is the recipe's unless it is given."""
    return typer.Option(*names, help=help_text, rich_help_panel=panel, show_default=False, **extra)


def train(
    data: opt.DataArgument = None,
    recipe: opt.RecipeOption = None,
    show_recipe: opt.ShowRecipeOption = False,
    hidden: Annotated[
        str | None,
        _option("Sizes of the hidden layers, as in 360,187.", NETWORK),
    ] = None,
    dropout: Annotated[float | None, _option("Dropout after every hidden layer.", NETWORK)] = None,
    input_dropout: Annotated[float | None, _option("Dropout of the pixels.", NETWORK)] = None,
    epochs: Annotated[int | None, _option("Epochs at the most.", OPTIMIZATION)] = None,
    patience: Annotated[
        int | None,
        _option("Epochs without a lower validation loss that end it; 0: never.", OPTIMIZATION),
    ] = None,
    validation_fraction: Annotated[
        float | None,
        _option("Part of the training images that only measures progress; 0: none.", OPTIMIZATION),
    ] = None,
    lr: Annotated[
        float | None, _option("Learning rate, the highest of the schedule.", OPTIMIZATION)
    ] = None,
    schedule: Annotated[
        Literal["one-cycle", "plateau", "constant"] | None,
        _option("How it changes: one-cycle, plateau or constant.", OPTIMIZATION, metavar="HOW"),
    ] = None,
    batch_size: Annotated[
        int | None,
        _option("Images of one step; n/50 is a fiftieth of all, 32 to 512.", OPTIMIZATION),
    ] = None,
    weight_decay: Annotated[float | None, _option("Decoupled weight decay.", OPTIMIZATION)] = None,
    label_smoothing: Annotated[
        float | None, _option("Part of the target spread over all classes.", OPTIMIZATION)
    ] = None,
    ema_decay: Annotated[
        float | None,
        _option("Decay at each step of the average of the weights; 0: no average.", OPTIMIZATION),
    ] = None,
    adversarial: Annotated[
        float | None,
        _option("Train on adversarial images that differ by EPS; 0: not.", IMAGES, metavar="EPS"),
    ] = None,
    adversarial_norm: Annotated[
        Literal["linf", "l2"] | None,
        _option("What EPS bounds: each pixel, or their norm.", IMAGES, metavar="linf|l2"),
    ] = None,
    adversarial_steps: Annotated[
        int | None, _option("Gradient steps to an adversarial image.", IMAGES, metavar="K")
    ] = None,
    augment: Annotated[
        bool | None, _option("Distort every image at random.", IMAGES, "--augment/--no-augment")
    ] = None,
    rotation: Annotated[float | None, _option("Largest rotation, in degrees.", IMAGES)] = None,
    scaling: Annotated[float | None, _option("Largest change of width and height.", IMAGES)] = None,
    shear: Annotated[float | None, _option("Largest shear.", IMAGES)] = None,
    shift: Annotated[
        float | None, _option("Largest shift, as a part of the image's side.", IMAGES)
    ] = None,
    elastic: Annotated[
        float | None,
        _option("Standard deviation of the elastic displacement, as a part of the side.", IMAGES),
    ] = None,
    elastic_width: Annotated[
        float | None, _option("Width of its bumps, as a part of the side.", IMAGES)
    ] = None,
    precision: opt.PrecisionOption = "float32",
    device: opt.DeviceOption = "cpu",
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
    """Train the network on the whole training part.

    Parameters that are not given come from the recipe; those that were searched by the same recipe from
    params.json, and the sizes of the layers in any case.
    """
    given = {
        "hidden": None if hidden is None else opt.read_sizes(hidden),
        "dropout": dropout,
        "input_dropout": input_dropout,
        "max_epochs": epochs,
        "patience": patience,
        "validation_fraction": validation_fraction,
        "lr": lr,
        "schedule": schedule,
        "batch_size": batch_size,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "ema_decay": ema_decay,
        "adversarial": adversarial,
        "adversarial_norm": adversarial_norm,
        "adversarial_steps": adversarial_steps,
        "augment": augment,
        "rotation": rotation,
        "scaling": scaling,
        "shear": shear,
        "shift": shift,
        "elastic": elastic,
        "elastic_width": elastic_width,
    }
    if show_recipe:
        opt.print_recipes(recipe, as_json=json_output)
        return
    from mnistffn.cli.terminal import Terminal
    from mnistffn.run.data import DataOptions
    from mnistffn.training.train import TrainOptions, run_train

    parameters = {name: value for name, value in given.items() if value is not None}
    chosen = TrainOptions(recipe, parameters, precision, device, threads, seed)
    with Terminal(run_dir, json_output=json_output, quiet=quiet, no_color=no_color) as terminal:
        result = run_train(terminal.run, DataOptions(data, orientation, test_size), chosen, terminal)
        terminal.show(_describe(result))
        terminal.finish("train", _summarise(result), "evaluate", "fields", "maximize")


def _describe(result: "TrainResult") -> str:
    best, classifier = result.best, result.classifier
    network = "-".join(map(str, classifier.module_.widths))
    kept = "the last" if best.epoch == len(classifier.history_) else f"epoch {best.epoch}"
    epochs = f"{len(classifier.history_)} epochs in {result.seconds:.0f} s"
    trained = f"{network}, recipe {result.recipe}: {epochs}"
    if isnan(best.valid_loss):
        return f"{trained}, kept {kept}"
    measured = f"validation loss {best.valid_loss:.4f} and accuracy {best.valid_accuracy:.4f}"
    under_attack = "" if isnan(best.pgd_accuracy) else f", {best.pgd_accuracy:.4f} under PGD"
    return f"{trained}, kept {kept} with {measured}{under_attack}"


def _summarise(result: "TrainResult") -> dict[str, Any]:
    best = {name: None if isnan(value) else value for name, value in result.best._asdict().items()}
    parameters = result.parameters | {"seed": result.classifier.random_state}
    return {
        "recipe": result.recipe,
        "parameters": parameters,
        "epochs": len(result.classifier.history_),
        "seconds": result.seconds,
        "best": best,
    }
