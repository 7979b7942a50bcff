"""The face of looking at a data file."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnistffn.cli import options as opt
from mnistffn.errors import UsageError

if TYPE_CHECKING:
    from mnistffn.cli.table import FittedTable
    from mnistffn.run.download import DownloadOptions
    from mnistffn.run.inspect import Inspection

# As run/download.py has them, which would load NumPy for a mere --help.
DownloadName = Literal["mnist", "fashion", "kmnist", "emnist-letters", "usps"]
DownloadPart = Literal["all", "train", "test"]
DOWNLOAD = "Published data sets"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    examples = opt.write_examples(
        "mnistffn data --download mnist",
        "mnistffn data train-images-idx3-ubyte.gz",
        "mnistffn data digits.mat --images X --labels Y --convert data/MNIST.mat",
    )
    app.command(epilog=examples)(data)


def data(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="MATLAB, NumPy, IDX or CSV file, or folder of PNG or JPEG images by class; also a "
            "pipe. Default: built-in digits; with --download data/MNIST.mat and so on, which is then "
            "written.",
            show_default=False,
        ),
    ] = None,
    convert: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mat",
            help="Write the images once more, in the layout of the document's course.",
            show_default=False,
        ),
    ] = None,
    download: Annotated[
        DownloadName | None,
        typer.Option(
            metavar="NAME",
            help="Fetch the original files of mnist, fashion, kmnist, emnist-letters (562 MB) or usps, "
            "and write DATA from them.",
            rich_help_panel=DOWNLOAD,
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        DownloadPart | None,
        typer.Option(
            metavar="PART",
            help="Write all, or only the train or the test part.",
            rich_help_panel=DOWNLOAD,
            show_default="all",
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Folder with the original files, if not where they were published.",
            rich_help_panel=DOWNLOAD,
            show_default=False,
        ),
    ] = None,
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
    """Tell what is in a data file and why it is read so, and draw its images.

    All other commands read the file in the same way, with the same options.
    --download fetches a published data set, whose own test part stays its test part.
    """
    from mnistffn.cli.terminal import Terminal

    with Terminal.of(context) as terminal:
        from mnistffn.data.formats.source import is_pipe
        from mnistffn.run.inspect import run_inspect

        fetched = _read_download(download, part, mirror)
        where = opt.take_data(context)
        found = run_inspect(terminal.run, where, terminal, convert, fetched)
        for name, what in _describe(found):
            terminal.show_entry(name, what)
        terminal.show(_make_table(found))
        if not found.dataset.is_builtin:
            told = Path(found.dataset.source)
            where = replace(where, path=Path("DATA") if is_pipe(told) else told)
        search = shlex.join(["search", *where.spell()])
        train = shlex.join(["train", *where.spell(), "--hidden", "360,187"])
        terminal.finish("data", found.summarise(), search, train)


def _read_download(
    name: DownloadName | None, part: DownloadPart | None, mirror: str | None
) -> "DownloadOptions | None":
    if name is not None:
        from mnistffn.run.download import DownloadOptions

        return DownloadOptions(name, part or "all", mirror)
    for option, value in (("--part", part), ("--mirror", mirror)):
        if value is not None:
            msg = f"{option} {value} says what to fetch: give --download NAME with it"
            raise UsageError(msg)
    return None


def _describe(found: "Inspection") -> list[tuple[str, str]]:
    dataset, layout = found.dataset, found.dataset.layout
    height, width = dataset.image_shape
    sizes = {part: end - first for part, (first, end) in dataset.parts.items()}
    parts = ", ".join(f"{n:,} {part}" for part, n in sizes.items() if part != "all")
    entries = [
        ("file", dataset.source),
        ("images", f"{layout.images}: {len(dataset.labels):,} of {height} by {width} pixels"),
        ("labels", f"{layout.labels}: {_give_reason(layout.labels_mean, layout.labels_evidence)}"),
        ("upright", _give_reason(layout.orientation, layout.evidence)),
        ("values", _give_reason(layout.value_range, layout.scale_evidence)),
        ("ink", _give_reason(layout.polarity, layout.polarity_evidence)),
        ("parts", parts or "none: a part for testing will be held out"),
        (
            "repeats",
            f"images that occurred before: {found.n_repeated:,}, blank ones: {found.n_blank:,}",
        ),
    ]
    if layout.unused:
        unused = ", ".join(f"{name} {shape}" for name, shape in layout.unused.items())
        entries.append(("not used", unused))
    return entries


def _give_reason(what: str, reason: str) -> str:
    return f"{what} ({reason})" if reason else what


def _make_table(found: "Inspection") -> "FittedTable":
    from mnistffn.cli.table import make_table

    parts = list(found.dataset.parts)
    columns = ["class", *("images" if part == "all" else part for part in parts)]
    rows = [
        [str(label), *(f"{counts[part]:,}" for part in parts)] for label, counts in found.counts.items()
    ]
    return make_table(columns, rows, n_kept=len(columns))
