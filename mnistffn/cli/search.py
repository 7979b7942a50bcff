"""The face of the search."""

import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistffn.cli import completion
from mnistffn.cli import options as opt
from mnistffn.cli.command import Command, repeat_command
from mnistffn.search.options import Select, Strategy
from mnistffn.training.parameters import PARAMETERS
from mnistffn.training.recipes import (
    DEFAULT_RECIPE,
    DROPOUT_BOUNDS,
    OTHER_DROPOUT_BOUNDS,
    RECIPES,
    get_dropout_bounds,
)
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.search.forecast import Forecast

FITS, CHOICE = "Every fit", "How the search goes about it"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn search data/MNIST.mat",
        "mnistffn search --trials 50 --strategy halving --time-limit 10",
    )
    app.command(epilog=examples, cls=_SearchCommand)(search)


class _SearchCommand(Command):
    """Takes ``--layers 1 3`` as well as ``--layers 3``, which click does not know how to."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join two numbers behind ``--layers``."""
        for place in [n for n, arg in enumerate(args[:-2]) if arg == "--layers"]:
            if args[place + 1].isdecimal() and args[place + 2].isdecimal():
                args = [*args[: place + 1], " ".join(args[place + 1 : place + 3]), *args[place + 3 :]]
                break
        return super().parse_args(ctx, args)


def read_layers(text: str) -> tuple[int, int]:
    """Return the bounds of the number of layers from text such as ``2`` or ``1 3``."""
    try:
        fewest, most = (2 * text.split())[:2] if len(text.split()) == 1 else text.split()
        return int(fewest), int(most)
    except ValueError:
        msg = f"{text!r} is no number of layers such as 2, and no bounds such as 1 3"
        raise typer.BadParameter(msg, param_hint="--layers") from None


def _spell_dropout_bounds() -> str:
    others = (f"recipe {name}: {low:g} {high:g}" for name, (low, high) in DROPOUT_BOUNDS.items())
    return "; ".join(["{:g} {:g}".format(*OTHER_DROPOUT_BOUNDS), *others])


def search(
    context: typer.Context,
    data: opt.DataArgument = None,
    n_trials: Annotated[int, typer.Option("--trials", "-n", help="Candidates to try.")] = 12,
    hidden: Annotated[
        tuple[int, int],
        typer.Option(
            metavar="LOW HIGH",
            help="Bounds of the first hidden layer; each further one has half.",
            show_default="100 600",
        ),
    ] = (100, 600),
    n_layers: Annotated[
        str, typer.Option("--layers", metavar="N [N]", help="Hidden layers; two numbers are bounds.")
    ] = "2",
    dropout: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LOW HIGH", help="Bounds of the dropout.", show_default=_spell_dropout_bounds()
        ),
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WHAT",
            help="Search another parameter too, repeatable: lr=1e-3:1e-1 between bounds, "
            "optimizer=adam,sgd among values; shear=0.1 sets it.",
            autocompletion=completion.complete_tuned,
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"How candidates train: {', '.join(RECIPES)}.",
            autocompletion=completion.complete_recipe,
        ),
    ] = DEFAULT_RECIPE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many fits, how long, how much memory.")
    ] = False,
    n_folds: Annotated[
        int,
        typer.Option("--folds", "-k", help="Of the cross-validation.", rich_help_panel=FITS),
    ] = 3,
    max_epochs: Annotated[
        int,
        typer.Option("--epochs", help="Epochs of one fit at the most.", rich_help_panel=FITS),
    ] = 5,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Epochs without a lower validation loss that end it; 0: never.",
            show_default="the recipe's",
            rich_help_panel=FITS,
        ),
    ] = None,
    class_weight: Annotated[
        Literal["balanced"] | None,
        typer.Option(
            metavar="HOW",
            help=PARAMETERS["class_weight"].help,
            show_default=False,
            rich_help_panel=FITS,
        ),
    ] = None,
    strategy: Annotated[
        Strategy,
        typer.Option(
            metavar="HOW",
            help="random: all candidates on all images; halving: all on few images, the best "
            "quarter on four times as many, and so on.",
            rich_help_panel=CHOICE,
        ),
    ] = "random",
    select: Annotated[
        Select,
        typer.Option(
            metavar="WHICH",
            help="What train is given: the best, or one-se: the smallest network within one "
            "standard error of it.",
            rich_help_panel=CHOICE,
        ),
    ] = "best",
    time_limit: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            help="Ends the search with what it has by then.",
            show_default=False,
            rich_help_panel=CHOICE,
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Forget a search that was stopped, and start over.", rich_help_panel=CHOICE
        ),
    ] = False,
    n_jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            help="Fits side by side.",
            show_default="one a core",
            rich_help_panel=opt.COMPUTING,
        ),
    ] = None,
    device: opt.DeviceOption = "cpu",
    precision: opt.PrecisionOption = "float32",
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a Dask cluster: tcp://HOST:PORT, or local:N for N workers here.",
            show_default="no cluster",
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
    """Choose layer sizes and dropout by random search with cross-validation.

    Numbers are drawn uniformly, learning rate and weight decay uniformly in the logarithm.
    """
    start = time.perf_counter()  # loading what the search needs takes a second or two
    from mnistffn.cli.terminal import Terminal

    bounds = dropout or get_dropout_bounds(recipe)
    further, given = read_further(tune or [])
    where = opt.take_data(context)
    given |= {} if patience is None else {"patience": patience}
    given |= {} if class_weight is None else {"class_weight": class_weight}
    with Terminal.of(context) as terminal:
        from mnistffn.cli.searchtable import make_search_table
        from mnistffn.search.options import SearchOptions
        from mnistffn.search.report import describe_result, list_findings
        from mnistffn.search.search import run_search
        from mnistffn.search.space import SearchSpace

        space = SearchSpace(hidden, read_layers(n_layers), bounds, further)
        chosen = SearchOptions(
            n_trials, n_folds, max_epochs, recipe, strategy,
            None if time_limit is None else 60 * time_limit,
            given, precision, device, n_jobs, seed, select, scheduler,
        )  # fmt: skip
        if dry_run:
            from mnistffn.search.forecast import forecast_search

            forecast = forecast_search(terminal.run, where, space, chosen, terminal, start)
            terminal.show(_describe(forecast, chosen.max_epochs))
            told = {"command": "search --dry-run", "forecast": asdict(forecast)}
            terminal.finish([], told, repeat_command(context, "--dry-run"))
            return
        result = run_search(terminal.run, where, space, chosen, terminal, fresh=fresh)
        terminal.show(make_search_table(result))
        terminal.show("\n".join(describe_result(result)))
        candidates = [asdict(candidate) for candidate in result.candidates]
        told = list_findings(result) | {"candidates": candidates, "failures": result.failures}
        told |= {"scheduler": scheduler} if scheduler else {}
        terminal.finish("search", told, "train")


def _describe(forecast: "Forecast", epochs: int) -> str:
    low, high = forecast.n_parameters
    minutes, seconds = divmod(round(forecast.seconds), 60)
    fits = f"{count(forecast.n_fits, 'fit')} of {count(epochs, 'epoch')} at the most"
    return (
        f"{fits}, {forecast.n_jobs} at a time, "
        f"of networks with {low:,} to {high:,} parameters: "
        f"about {minutes} min {seconds:02d} s and {forecast.memory / 1e9:.1f} GB"
    )


def read_further(
    texts: list[str],
) -> tuple[dict[str, tuple[float, float] | list[Any]], dict[str, Any]]:
    """Return what to search, by name, and what to fix at a single value.

    The texts are such as ``lr=1e-3:1e-1``, ``batch_size=64,512`` or ``label_smoothing=0.1``.
    """
    further: dict[str, tuple[float, float] | list[Any]] = {}
    fixed: dict[str, Any] = {}
    for text in texts:
        name, equals, what = text.partition("=")
        name, parts = name.strip().replace("-", "_"), what.split(":")
        if not equals or not what or len(parts) > 2:
            msg = f"{text!r} is not of the form NAME=LOW:HIGH or NAME=VALUE,VALUE"
            raise typer.BadParameter(msg, param_hint="--tune")
        values = [_read_value(text, part) for part in (parts if len(parts) == 2 else what.split(","))]
        if len(parts) == 2 and not all(type(value) in (int, float) for value in values):
            msg = f"{text!r} has bounds that are no numbers"
            raise typer.BadParameter(msg, param_hint="--tune")
        if len(values) == 1:
            fixed[name] = values[0]
        else:
            further[name] = (values[0], values[1]) if len(parts) == 2 else values
    return further, fixed


def _read_value(text: str, part: str) -> Any:
    word = part.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() == "none":
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    if not word:
        msg = f"{text!r} has an empty value"
        raise typer.BadParameter(msg, param_hint="--tune")
    return word
