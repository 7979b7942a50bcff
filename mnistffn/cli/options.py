"""Options that several commands share, and how their values are read."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistffn.cli import completion
from mnistffn.training.parameters import PARAMETERS, RECIPE_PARAMETERS, Device, Precision
from mnistffn.training.recipes import DEFAULT_RECIPE, RECIPES

if TYPE_CHECKING:
    from mnistffn.run.options import DataOptions

# As the data wing has them, which would load NumPy for a mere --help.
Polarity = Literal["auto", "bright", "dark"]
LabelsMean = Literal["auto", "as-is", "ten-is-zero", "digit-plus-one", "last-is-zero"]

DEFAULT_RUN_DIR = Path("run")
DATA = "Data"  # the panel of what says how a data file is read
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}

DataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="MATLAB, NumPy, IDX or CSV file, or folder of PNG or JPEG images by class; also a pipe. "
        "Default: the run directory's, else built-in digits.",
        show_default=False,
    ),
]


def read_run_dir(text: str | Path) -> Path:
    """Return the path of a run directory; the empty path would be the current folder."""
    if not str(text).strip():
        msg = "the run directory has no name: give one, such as run, or . for the current folder"
        raise typer.BadParameter(msg)
    return Path(text)


RunDirOption = Annotated[
    Path,
    typer.Option(
        "--run-dir",
        "-r",
        envvar="MNISTFFN_RUN_DIR",
        help="Folder that the commands share.",
        parser=read_run_dir,
        autocompletion=completion.complete_run_dir,
        metavar="<path>",
    ),
]
OwnDataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="The data that the network was trained on, if they lie elsewhere now.",
        show_default=False,
    ),
]
ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        metavar="NAME",
        help="Variable with the images, such as dataset.train.images.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="NAME",
        help="Variable with the labels; X(:,1) or X(:,end) for a column of the images.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
PolarityOption = Annotated[
    Polarity | None,
    typer.Option(
        metavar="HOW",
        help="Ink of the file: bright, dark, or auto: unlike the border.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
LabelsMeanOption = Annotated[
    LabelsMean | None,
    typer.Option(
        metavar="HOW",
        help="as-is, ten-is-zero, digit-plus-one, last-is-zero (one-hot) or auto: compare with digits.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
ImageShapeOption = Annotated[
    str | None,
    typer.Option(
        metavar="HxW",
        help="Height and width, where pixels lie in a row, as in 20x16.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
GroupsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Variable with the writer of every image: each goes to one side of the split.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
ResplitOption = Annotated[
    bool,
    typer.Option(
        "--resplit", help="Hold out a test part even if the file has one.", rich_help_panel=DATA
    ),
]
UniqueOption = Annotated[
    bool,
    typer.Option("--unique", help="Leave out images that occur a second time.", rich_help_panel=DATA),
]
MaxSizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="What a file may unpack to, as in 4GB.",
        rich_help_panel=DATA,
        show_default="1GB",
    ),
]
OrientationOption = Annotated[
    Literal["auto", "row-major", "column-major"] | None,
    typer.Option(
        metavar="HOW",
        help="How pixels lie in a row: row-major, column-major, or auto: compare with digits.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
TestSizeOption = Annotated[
    float | None,
    typer.Option(
        help="Part held out for testing. Default: the file's own, the run directory's, or 0.1.",
        rich_help_panel=DATA,
        show_default=False,
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
        metavar="WHERE",
        help="Where to train: cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.",
        autocompletion=completion.complete_device,
    ),
]
LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer",
        "-l",
        help="Layer, counted from 1. Default: the last, the output.",
        autocompletion=completion.complete_layer,
        show_default=False,
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(
        "--units",
        "-u",
        help="Units from 0, such as 0,3,5-9; classes, in the output layer.",
        autocompletion=completion.complete_units,
        show_default="all",
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        help=f"Named way to train: {', '.join(RECIPES)}. Default: that of the search, else "
        f"{DEFAULT_RECIPE}.",
        autocompletion=completion.complete_recipe,
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
        parser=read_strength if name == "adversarial" else None,
    )


def take_parameters(context: typer.Context) -> dict[str, Any]:
    """Return those parameters of the table that were given to a command, by name."""
    names = [row.name for row in RECIPE_PARAMETERS]
    given = {name: context.params[name] for name in names if context.params[name] is not None}
    return given | ({"hidden": read_sizes(given["hidden"])} if "hidden" in given else {})


def take_data(context: typer.Context) -> "DataOptions":
    """Return what was said about the data, whichever of the options a command has."""
    from mnistffn.run.options import DataOptions

    given = context.params
    names = {name: name for name in DataOptions.__dataclass_fields__} | {"path": "data"}
    found = {name: given[said] for name, said in names.items() if given.get(said) is not None}
    if "image_shape" in found:
        found["image_shape"] = read_shape(found["image_shape"])
    if "max_size" in found:
        found["max_size"] = read_size(found["max_size"])
    return DataOptions(**found)


def read_shape(text: str) -> tuple[int, int]:
    """Return height and width from text such as ``20x16``."""
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) > 1 and int(width) > 1):
        msg = f"{text!r} is no height and width such as 20x16"
        raise typer.BadParameter(msg, param_hint="--image-shape")
    return int(height), int(width)


def read_size(text: str) -> int:
    """Return bytes from text such as ``4GB`` or ``500MB``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper())
    if not found or not (size := int(float(found[1]) * UNITS[found[2]])):
        msg = f"{text!r} is no size such as 4GB"
        raise typer.BadParameter(msg, param_hint="--max-size")
    return size


def read_strength(text: str | float) -> float:
    """Return a number from text such as ``0.03`` or ``8/255``."""
    over, _, under = str(text).partition("/")
    try:
        return float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError) as error:
        msg = f"{text!r} is no strength such as 0.03 or 8/255"
        raise typer.BadParameter(msg) from error


def read_sizes(text: str) -> tuple[int, ...]:
    """Return layer sizes from text such as ``360,187``."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{text!r} is no list of layer sizes such as 360,187"
        raise typer.BadParameter(msg) from error


def write_examples(*commands: str) -> str:
    """Return the examples that end a command's help."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  $ {command}" for command in commands)])
