"""Options that several commands share, and how their values are read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnistffn import wording
from mnistffn.cli import completion
from mnistffn.cli.values import (
    read_run_dir,
    read_seed,
    read_shape,
    read_size,
    read_sizes,
    read_strength,
)
from mnistffn.training.parameters import PARAMETERS, RECIPE_PARAMETERS, Device, Precision
from mnistffn.training.recipes import DEFAULT_RECIPE, RECIPES

if TYPE_CHECKING:
    from mnistffn.run.options import DataOptions

# As the data wing has them, which would load NumPy for a mere --help.
Polarity = Literal["auto", "bright", "dark"]
LabelsMean = Literal["auto", "as-is", "ten-is-zero", "digit-plus-one", "last-is-zero"]

DEFAULT_RUN_DIR = wording.DEFAULT_RUN_DIR
# Panels of the helps that several commands have
SPLIT, DATA = "Which images", "How the data file is read"
COMPUTING, COMMON = "Computing", "Run directory and output"

DataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="MATLAB, NumPy, IDX or CSV file, or a folder of images by class. "
        "Default: the run's, else built-in digits.",
        show_default=False,
    ),
]


RunDirOption = Annotated[
    Path,
    typer.Option(
        "--run-dir",
        "-r",
        envvar=wording.RUN_DIR_VARIABLE,
        help="Folder that the commands share.",
        rich_help_panel=COMMON,
        parser=read_run_dir,
        autocompletion=completion.complete_run_dir,
        metavar="<path>",
    ),
]
OwnDataArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA",
        help="The data that the network was trained on, if elsewhere now.",
        show_default=False,
    ),
]
ImagesOption = Annotated[
    str | None,
    typer.Option(
        "--images",
        metavar="NAME",
        help="Its variable with the images, as in train.images.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="NAME",
        help="Its variable with the labels; X(:,end) is a column.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
PolarityOption = Annotated[
    Polarity | None,
    typer.Option(
        metavar="HOW",
        help="Ink: bright, dark, or auto: unlike the border.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
LabelsMeanOption = Annotated[
    LabelsMean | None,
    typer.Option(
        metavar="HOW",
        help="as-is, ten-is-zero, digit-plus-one, last-is-zero or auto: compare with digits.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
ImageShapeOption = Annotated[
    str | None,
    typer.Option(
        metavar="HxW",
        help="Height and width, as in 20x16.",
        rich_help_panel=DATA,
        show_default="recognised",
    ),
]
GroupsOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Variable with the writer of each image: none in two parts.",
        rich_help_panel=SPLIT,
        show_default=False,
    ),
]
ResplitOption = Annotated[
    bool,
    typer.Option(
        "--resplit", help="Hold out a test part even if the file has one.", rich_help_panel=SPLIT
    ),
]
UniqueOption = Annotated[
    bool,
    typer.Option("--unique", help="Leave out images that occur a second time.", rich_help_panel=SPLIT),
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
        help="row-major, column-major, or auto: compare with digits.",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
TestSizeOption = Annotated[
    float | None,
    typer.Option(
        help="Part held out for testing.",
        rich_help_panel=SPLIT,
        show_default="the run's, the file's own, or 0.1",
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        help="Of all that is random; a run's first also fixes its split.",
        rich_help_panel=SPLIT,
        parser=read_seed,
        metavar="<int>",
        show_default="the run's first, or 0",
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        metavar="HOW",
        help="Of matrix products: float32, tf32 (CUDA) or bf16.",
        rich_help_panel=COMPUTING,
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option(
        metavar="WHERE",
        help="cpu, cuda, cuda:1, mps, or auto: a GPU if there is one.",
        autocompletion=completion.complete_device,
        rich_help_panel=COMPUTING,
    ),
]
LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer",
        "-l",
        help="Layer, counted from 1.",
        autocompletion=completion.complete_layer,
        show_default="the last, the output",
    ),
]
UnitsOption = Annotated[
    str | None,
    typer.Option(
        "--units",
        "-u",
        help="From 0, as in 0,3,5-9; in the output layer, classes.",
        autocompletion=completion.complete_units,
        show_default="all",
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help=f"Way to train: {', '.join(RECIPES)}.",
        autocompletion=completion.complete_recipe,
        show_default=f"the search's, else {DEFAULT_RECIPE}",
    ),
]
ShowRecipeOption = Annotated[
    bool, typer.Option("--show-recipe", help="Only print what each recipe sets.")
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object.", rich_help_panel=COMMON),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print results, warnings and errors only.", rich_help_panel=COMMON
    ),
]
NoColorOption = Annotated[
    bool, typer.Option("--no-color", help="Print without colours.", rich_help_panel=COMMON)
]


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


def write_examples(*commands: str) -> str:
    """Return the examples that end a command's help."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  $ {command}" for command in commands)])
