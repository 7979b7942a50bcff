"""Options that several commands share, and how their values are read."""

from pathlib import Path
from typing import Annotated, Literal

import typer

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
LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer",
        "-l",
        help="Layer, counted from 1. Default: the last, the output.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print results, warnings and errors only.")
]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="Print without colours.")]


def read_sizes(text: str | tuple[int, ...]) -> tuple[int, ...]:
    """Return layer sizes from text such as ``360,187``."""
    if isinstance(text, tuple):
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"{text!r} is no list of layer sizes such as 360,187"
        raise typer.BadParameter(msg) from error


def write_examples(*commands: str) -> str:
    """Return the examples that end a command's help."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"  $ {command}" for command in commands)])
