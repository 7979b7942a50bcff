"""Looking at a data file: what was recognised in it, and why, and what its images look like."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import Dataset, ReadOptions, builtin_digits, read_dataset
from mnistffn.data.convert import lay_out, write_document_layout
from mnistffn.data.repeats import count_shared, find_first, hash_images
from mnistffn.data.split import IMBALANCE
from mnistffn.errors import UsageError
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.download import DownloadOptions, download
from mnistffn.run.files import replace_file
from mnistffn.run.options import DataOptions
from mnistffn.wording import count

SHOWN = 12  # images of a class


@dataclass(frozen=True)
class Inspection:
    """What a data file holds.

    Attributes
    ----------
    dataset : Dataset
    counts : mapping of label to mapping of part to int
        Images of every class in every part.
    n_blank : int
        Images without ink.
    n_repeated : int
        Images that occurred before in the same file.
    n_shared : int
        Images of the file's own test part that are among its others as well.
    warnings : tuple of str
    """

    dataset: Dataset
    counts: Mapping[Any, Mapping[str, int]]
    n_blank: int
    n_repeated: int
    n_shared: int
    warnings: tuple[str, ...]

    def summarise(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        dataset = self.dataset
        return {
            "source": dataset.source,
            "sha256": dataset.sha256,
            "n": len(dataset.labels),
            "image_shape": list(dataset.image_shape),
            "layout": asdict(dataset.layout),
            "parts": {part: end - first for part, (first, end) in dataset.parts.items()},
            "counts": {str(label): dict(counts) for label, counts in self.counts.items()},
            "n_blank": self.n_blank,
            "n_repeated": self.n_repeated,
            "n_shared": self.n_shared,
            "warnings": list(self.warnings),
        }


def inspect(dataset: Dataset) -> Inspection:
    """Count what is in a data set."""
    hashes = hash_images(dataset.images)
    rows = np.arange(len(hashes))
    test = dataset.test_rows
    n_shared = 0 if test is None else count_shared(hashes, test, np.setdiff1d(rows, test))
    counts = {
        label: {
            part: int((dataset.labels[slice(*ends)] == label).sum())
            for part, ends in dataset.parts.items()
        }
        for label in dataset.classes.tolist()
    }
    n_blank = int((~dataset.flat.any(axis=1)).sum())
    n_repeated = len(rows) - len(find_first(hashes, rows))
    found = Inspection(dataset, counts, n_blank, n_repeated, n_shared, dataset.layout.warnings)
    return Inspection(
        dataset, counts, n_blank, n_repeated, n_shared, (*dataset.layout.warnings, *_warn(found))
    )


def _warn(found: Inspection) -> list[str]:
    warnings = []
    sizes = {label: sum(parts.values()) for label, parts in found.counts.items()}
    smallest, largest = min(sizes.values()), max(sizes.values())
    if len(sizes) == 1:
        warnings.append("there is one class only: it can be evaluated on, but not trained")
    elif largest > IMBALANCE * smallest:
        warnings.append(
            f"the classes are unbalanced: the largest is {largest / smallest:.1f} times the smallest"
        )
    if found.n_blank:
        warnings.append(count(found.n_blank, "blank image"))
    if found.n_shared:
        warnings.append(
            f"images of the test part that are among those to train on as well: {found.n_shared:,}"
        )
    return warnings


@exclusive
def run_inspect(
    run: RunDirectory,
    options: DataOptions,
    progress: Progress,
    convert: Path | None = None,
    fetched: DownloadOptions | None = None,
) -> Inspection:
    """Read a data file; write data.json and data.png, its contact sheet.

    Parameters
    ----------
    run : RunDirectory
        Keeps what is written; its own data stay as they are.
    options : DataOptions
    progress : Progress
    convert : Path or None
        Where to write the images once more, in the layout of the document's course.
    fetched : DownloadOptions or None
        A published data set, which is fetched first and written to the file that is then read.
    """
    from mnistffn.figures.data import draw_contact_sheet  # noqa: PLC0415  # takes 0.3 s

    if fetched is not None:
        options = replace(options, path=download(fetched, options.path, progress))
    if options.path is None:
        options.refuse_without_file()
    read = options.over(ReadOptions())
    dataset = builtin_digits() if options.path is None else read_dataset(options.path, read)
    found = inspect(dataset)
    for warning in found.warnings:
        progress.note(f"warning: {warning}")
    if convert is not None:
        _check_target(convert, options.path)
        content = lay_out(dataset.images / 255, dataset.labels)
        replace_file(convert, lambda file: write_document_layout(file, content))
        progress.note(f"converted to {convert}")
    command = shlex.join(["data", *options.spell()])
    resolved = asdict(read) | ({} if fetched is None else {"download": fetched.describe()})
    with run.stage("data", command=command, options=resolved) as stage:
        stage.write_json("data.json", found.summarise())
        images, n_columns = choose_shown(dataset)
        names = [str(label) for label in dataset.classes.tolist()]
        name = dataset.source if dataset.is_builtin else Path(dataset.source).name
        heading = f"{name}: images of every class, as they are read"
        stage.write_figure("data.png", draw_contact_sheet, images, names, n_columns, heading)
    return found


def choose_shown(dataset: Dataset) -> tuple[NDArray[np.float32], int]:
    """Return the first images of every class, float32 in [0, 1], and how many there are of each."""
    rows = [np.flatnonzero(dataset.labels == label)[:SHOWN] for label in dataset.classes]
    n_columns = max(len(row) for row in rows)
    shown = np.full((len(rows), n_columns, *dataset.image_shape), np.nan, np.float32)
    for place, row in enumerate(rows):
        shown[place, : len(row)] = dataset.images[row] / np.float32(255)
    return shown.reshape(-1, *dataset.image_shape), n_columns


def _check_target(convert: Path, path: Path | None) -> None:
    if convert.suffix.lower() != ".mat":
        msg = f"--convert {convert} must end in .mat"
        raise UsageError(msg)
    if path is not None and convert.exists() and convert.samefile(path):
        msg = f"--convert {convert} is the file that is read: give another name"
        raise UsageError(msg)
