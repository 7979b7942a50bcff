"""The face of the training."""

from math import isnan
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistffn.cli import options as opt
from mnistffn.cli.recipes import print_recipes
from mnistffn.training.parameters import Activation, Norm, Optimizer, Schedule
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.training.train import TrainResult


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn train --epochs 200 --patience 10",
        "mnistffn train data/MNIST.mat --hidden 360,187 --recipe robust",
    )
    app.command(epilog=examples)(train)


def train(
    context: typer.Context,
    data: opt.DataArgument = None,
    recipe: opt.RecipeOption = None,
    show_recipe: opt.ShowRecipeOption = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget a training that was stopped, and start over.")
    ] = False,
    hidden: Annotated[str | None, opt.parameter("hidden")] = None,
    dropout: Annotated[float | None, opt.parameter("dropout")] = None,
    input_dropout: Annotated[float | None, opt.parameter("input_dropout")] = None,
    max_epochs: Annotated[int | None, opt.parameter("max_epochs")] = None,
    patience: Annotated[int | None, opt.parameter("patience")] = None,
    min_delta: Annotated[float | None, opt.parameter("min_delta")] = None,
    class_weight: Annotated[Literal["balanced"] | None, opt.parameter("class_weight")] = None,
    validation_fraction: Annotated[float | None, opt.parameter("validation_fraction")] = None,
    activation: Annotated[Activation | None, opt.parameter("activation")] = None,
    optimizer: Annotated[Optimizer | None, opt.parameter("optimizer")] = None,
    lr: Annotated[float | None, opt.parameter("lr")] = None,
    schedule: Annotated[Schedule | None, opt.parameter("schedule")] = None,
    batch_size: Annotated[int | None, opt.parameter("batch_size")] = None,
    weight_decay: Annotated[float | None, opt.parameter("weight_decay")] = None,
    label_smoothing: Annotated[float | None, opt.parameter("label_smoothing")] = None,
    ema_decay: Annotated[float | None, opt.parameter("ema_decay")] = None,
    adversarial: Annotated[float | None, opt.parameter("adversarial")] = None,
    adversarial_norm: Annotated[Norm | None, opt.parameter("adversarial_norm")] = None,
    adversarial_steps: Annotated[int | None, opt.parameter("adversarial_steps")] = None,
    augment: Annotated[bool | None, opt.parameter("augment")] = None,
    rotation: Annotated[float | None, opt.parameter("rotation")] = None,
    scaling: Annotated[float | None, opt.parameter("scaling")] = None,
    shear: Annotated[float | None, opt.parameter("shear")] = None,
    shift: Annotated[float | None, opt.parameter("shift")] = None,
    elastic: Annotated[float | None, opt.parameter("elastic")] = None,
    elastic_width: Annotated[float | None, opt.parameter("elastic_width")] = None,
    device: opt.DeviceOption = "cpu",
    precision: opt.PrecisionOption = "float32",
    n_threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            help="Threads of torch.",
            show_default="one a free core",
            rich_help_panel=opt.COMPUTING,
        ),
    ] = None,
    test_size: opt.TestSizeOption = None,
    seed: opt.SeedOption = None,
    groups: opt.GroupsOption = None,
    resplit: opt.ResplitOption = False,
    unique: opt.UniqueOption = False,
    images: opt.ImagesOption = None,
    labels: opt.LabelsOption = None,
    orientation: opt.OrientationOption = None,
    polarity: opt.PolarityOption = None,
    labels_mean: opt.LabelsMeanOption = None,
    image_shape: opt.ImageShapeOption = None,
    max_size: opt.MaxSizeOption = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Train the network on the whole training part.

    What is not given comes from params.json, if the search was by the same recipe, else from the
    recipe; of a search by another recipe, the sizes of the layers, if the recipe has none.
    """
    if show_recipe:
        print_recipes(recipe, as_json=json_output)
        return
    from mnistffn.cli.terminal import Terminal

    parameters = opt.take_parameters(context)
    with Terminal.of(context) as terminal:
        from mnistffn.training.options import TrainOptions
        from mnistffn.training.train import run_train

        chosen = TrainOptions(recipe, parameters, precision, device, n_threads, seed)
        result = run_train(terminal.run, opt.take_data(context), chosen, terminal, fresh=fresh)
        terminal.show(_describe(result))
        terminal.finish("train", _summarise(result), "evaluate", "fields", "maximize")


def _describe(result: "TrainResult") -> str:
    best, classifier = result.best, result.classifier
    network = "-".join(map(str, classifier.module_.widths))
    kept = "the last" if best.epoch == len(classifier.history_) else f"epoch {best.epoch}"
    epochs = f"{count(len(classifier.history_), 'epoch')} in {result.seconds:.0f} s"
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
        "n_trained_on": result.n_trained_on,
        "best": best,
    }
