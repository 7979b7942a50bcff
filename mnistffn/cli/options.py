"""Options that several commands share, and how their values are read."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mnistffn.training.parameters import PARAMETERS, RECIPE_PARAMETERS, Device, Precision
from mnistffn.training.recipes import DEFAULT_RECIPE, RECIPES, get_recipe

DEFAULT_RUN_DIR = Path("run")

DataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="MATLAB file with images and labels. Default: the run directory's, else built-in digits.",
        show_default=False,
    ),
]
RunDirOption = Annotated[
    Path,
    typer.Option("--run-dir", "-r", envvar="MNISTFFN_RUN_DIR", help="Folder that the commands share."),
]
OrientationOption = Annotated[
    Literal["auto", "row-major", "column-major"] | None,
    typer.Option(
        metavar="HOW",
        help="How pixels lie in a row of DATA: row-major, column-major, or auto: compare with digits.",
        show_default=False,
    ),
]
TestSizeOption = Annotated[
    float | None,
    typer.Option(
        help="Part held out for testing. Default: the run directory's, else 0.1.", show_default=False
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=2**32 - 1,
        metavar="<int>",
        help="Seed of all that is random; a run's first one also fixes the split. Default: that, or 0.",
        show_default=False,
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        metavar="HOW",
        help="Numbers of the matrix products in training: float32, tf32 (CUDA) or bf16 (CPU or GPU).",
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option(
        metavar="WHERE", help="Where to train: cpu, cuda, mps, or auto: a GPU if there is one."
    ),
]
LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer",
        "-l",
        help="Layer, counted from 1. Default: the last, the output.",
        show_default=False,
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(
        "--units",
        "-u",
        help="Units from 0, such as 0,3,5-9; classes, in the output layer.",
        show_default="all",
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        help=f"Named way to train: {', '.join(RECIPES)}. Default: that of the search, else "
        f"{DEFAULT_RECIPE}.",
        show_default=False,
    ),
]
ShowRecipeOption = Annotated[
    bool, typer.Option("--show-recipe", help="Print what each recipe sets, and do nothing else.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print results, warnings and errors only.")
]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="Print without colours.")]


def parameter(name: str) -> Any:
    """Return the option of a parameter of the table; not given, it is the recipe's."""
    row = PARAMETERS[name]
    return typer.Option(
        *([row.option] if row.option else []),
        help=row.help,
        rich_help_panel=row.panel,
        metavar=row.metavar,
        show_default=False,
    )


def take_parameters(context: typer.Context) -> dict[str, Any]:
    """Return those parameters of the table that were given to a command, by name."""
    names = [row.name for row in RECIPE_PARAMETERS]
    given = {name: context.params[name] for name in names if context.params[name] is not None}
    return given | ({"hidden": read_sizes(given["hidden"])} if "hidden" in given else {})


def read_sizes(text: str) -> tuple[int, ...]:
    """Return layer sizes from text such as ``360,187``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{text!r} is no list of layer sizes such as 360,187"
        raise typer.BadParameter(msg) from error


def print_recipes(name: str | None, *, as_json: bool) -> None:
    """Print what one recipe sets, or all of them, a column each."""
    columns = RECIPES if name is None else {name: get_recipe(name)}
    if as_json:
        typer.echo(json.dumps({"schema": 1, "recipes": columns}, indent=2))
        return
    rows = [["", *columns]]
    for parameter in (row.name for row in RECIPE_PARAMETERS):
        values = (_spell(parameter, recipe.get(parameter)) for recipe in columns.values())
        rows.append([parameter, *values])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        typer.echo("  ".join([f"{first:<{widths[0]}}", *cells]))


def _spell(parameter: str, value: object) -> str:
    if value is None:
        return "n/50" if parameter == "batch_size" else "any"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def write_examples(*commands: str) -> str:
    """Return the examples that end a command's help."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  $ {command}" for command in commands)])
