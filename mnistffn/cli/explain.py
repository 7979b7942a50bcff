"""The face of the explanations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistffn.cli import completion
from mnistffn.cli import options as opt

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable

OWN = "Pictures of your own"
LONGEST = 16  # letters of a picture's name in the table


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn explain 1234 59001", "mnistffn explain --image mine.png --label 7"
    )
    app.command(epilog=examples)(explain)


def explain(
    context: typer.Context,
    index: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="[INDEX]...",
            help="Images, as predictions.npz and examples.png number them. Default: the four surest "
            "errors and the four least sure hits of the test part.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            help="The file that the network was trained on, if it lies elsewhere now.",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            metavar="IMAGE",
            help="A picture of your own, as predict takes it; may be given several times.",
            rich_help_panel=OWN,
            show_default=False,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="CLASS",
            help="What the picture shows.",
            autocompletion=completion.complete_class,
            rich_help_panel=OWN,
            show_default=False,
        ),
    ] = None,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-is",
            help="Take it as it is: of the network's size, ink bright.",
            rich_help_panel=OWN,
        ),
    ] = False,
    polarity: Annotated[
        opt.Polarity,
        typer.Option(
            metavar="HOW",
            help="Its ink: bright, dark, or auto: the smaller part.",
            rich_help_panel=OWN,
        ),
    ] = "auto",
    run_dir: opt.RunDirOption = opt.DEFAULT_RUN_DIR,
    json_output: opt.JsonOption = False,
    quiet: opt.QuietOption = False,
    no_color: opt.NoColorOption = False,
) -> None:
    """Explain why the network reads images as it does, on a page for each.

    Which pixels and units spoke for the class that it reads rather than
    another (of an error its label, of a hit the next class), how well each
    class's pattern fits, the nearest training images, and the smallest
    change that turns the reading over.
    """
    from mnistffn.cli.terminal import Terminal

    if not image and (label is not None or as_is or polarity != "auto"):
        msg = "--label, --as-is and --polarity are of use with --image only"
        raise typer.BadParameter(msg)
    with Terminal.of(context) as terminal:
        from mnistffn.explanation.explain import run_explain
        from mnistffn.explanation.own import OwnPictures
        from mnistffn.run.options import DataOptions

        own = OwnPictures(image, label, as_is, polarity) if image else None
        result = run_explain(terminal.run, index or (), terminal, DataOptions(path=data), own)
        terminal.show(_make_table(result.images))
        terminal.finish(result.stages, {"images": result.images})


def _make_table(images: Sequence[Mapping[str, Any]]) -> "FittedTable":
    from mnistffn.cli.table import make_table

    rows = [_spell(image) for image in images]
    columns = [
        "image", "label", "read as", "next class", "strongest unit", "smallest change", "nearest image",
        "pattern fits",
    ]  # fmt: skip
    told = "percent: of what spoke for the class; nearest image, pattern: of which class"
    return make_table(columns, rows, told, n_kept=3)


def _spell(image: Mapping[str, Any]) -> list[str]:
    probability = dict(zip(image["classes"], image["probabilities"], strict=True))
    chain = image["units"]
    unit = chain[0]["strongest"][0] if chain and chain[0]["strongest"] else None
    fits = [(value, name) for value, name in zip(image["agreement"], image["classes"], strict=True)]
    known = [pair for pair in fits if pair[0] is not None]
    size = image["change"]["strength"]
    return [
        str(image["index"]) if image["file"] is None else Path(image["file"]).name[-LONGEST:],
        "" if image["label"] is None else str(image["label"]),
        f"{image['prediction']} ({probability[image['prediction']]:.2f})",
        f"{image['rival']} ({probability[image['rival']]:.2f})",
        "" if unit is None else f"{unit['unit']} ({unit['share']:.0%})",
        "none" if size is None else f"{size:.2g} to {image['change']['read_as']}",
        str(image["nearest"]["pixels"]["any"]["label"]),
        str(max(known, key=lambda pair: pair[0])[1]) if known else "",
    ]
