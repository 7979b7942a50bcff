"""The face of reading one's own pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable

LONGEST_NAME = 30


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn predict mine.png", "mnistffn predict photos/ --json", "mnistffn predict - < mine.jpg"
    )
    app.command(epilog=examples)(predict)


def predict(
    context: typer.Context,
    image: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...",
            help="Pictures (PNG, JPEG), folders of them, or data files of images without labels; "
            "- for standard input.",
            show_default=False,
            allow_dash=True,
        ),
    ],
    as_is: Annotated[
        bool,
        typer.Option("--as-is", help="Take pictures as they are: of the network's size, ink bright."),
    ] = False,
    polarity: Annotated[
        opt.Polarity,
        typer.Option(
            metavar="HOW", help="Ink of the pictures: bright, dark, or auto: the smaller part."
        ),
    ] = "auto",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="The file that the network was trained on, if it lies elsewhere now.",
            show_default=False,
        ),
    ] = None,
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Read pictures of your own, such as a photograph of a digit on paper.

    Each is brought to what the network knows: the digit is found on its
    paper, cut out, and laid into a frame as the training images lie in
    theirs. predictions.png shows what the network saw.
    """
    from mnistffn.cli.terminal import Terminal

    with Terminal.of(context) as terminal:
        from mnistffn.prediction.predict import run_predict
        from mnistffn.run.options import DataOptions

        result = run_predict(
            terminal.run, image, terminal, DataOptions(path=data), as_is=as_is, polarity=polarity
        )
        terminal.show(_make_table(result.list_readings()))
        terminal.finish("predict", result.summarise())


def _make_table(readings: Sequence[Mapping[str, Any]]) -> "FittedTable":
    from mnistffn.cli.table import make_table

    rows = [
        [
            _shorten(reading["file"]),
            f"{reading['prediction']} ({reading['probability']:.2f})",
            f"{reading['next']} ({reading['next_probability']:.2f})",
            {None: "", True: "yes", False: "no"}[reading["is_new"]],
        ]
        for reading in readings
    ]
    return make_table(["picture", "read as", "next class", "unlike training"], rows, n_kept=2)


def _shorten(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
