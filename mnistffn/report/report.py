"""The report's work: all that a run directory holds on one page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnistffn.errors import RunDirectoryError
from mnistffn.progress import Progress
from mnistffn.report.blocks import Picture, Section
from mnistffn.report.inside import tell_inside
from mnistffn.report.others import tell_explanations, tell_others
from mnistffn.report.page import render
from mnistffn.report.pictures import Encoded, encode_all
from mnistffn.report.reproduction import STAGE, list_missing, tell_missing, tell_reproduction
from mnistffn.report.results import list_sizes, spell_layers, tell_data, tell_search, tell_training
from mnistffn.report.source import Source
from mnistffn.report.tested import tell_document, tell_evaluation, tell_robustness, tell_summary
from mnistffn.run.directory import RunDirectory, exclusive

FILE = "report.html"
LARGEST = 5_000_000  # bytes of the page
LEAST = 1_000_000  # of them for pictures, whatever the text takes

TELLERS: tuple[Callable[[Source], Section | None], ...] = (
    tell_summary,
    tell_data,
    tell_search,
    tell_training,
    tell_evaluation,
    tell_document,
    tell_robustness,
    tell_inside,
    tell_explanations,
    tell_others,
    tell_reproduction,
    tell_missing,
)


@dataclass(frozen=True)
class ReportResult:
    """What the page holds.

    Attributes
    ----------
    sections : list of Section
    pictures : dict of str to Encoded
    size : int
        Bytes of the file.
    missing : list of str
        Commands that would add what is not there.
    stale : list of str
        Commands that would renew what is out of date, or write again what is missing.
    """

    sections: list[Section]
    pictures: dict[str, Encoded]
    size: int
    missing: list[str]
    stale: list[str]

    def summarise(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "sections": [section.title for section in self.sections],
            "n_pictures": len(self.pictures),
            "size": self.size,
            "missing": self.missing,
            "stale": self.stale,
        }


@exclusive
def run_report(run: RunDirectory, progress: Progress) -> ReportResult:
    """Write report.html: one file with everything that the run directory holds.

    Nothing is computed here: numbers and pictures are those of the other commands. What one of them
    has not written is named with its command, and so is what is out of date.

    Raises
    ------
    RunDirectoryError
        There is nothing to report, or a file is damaged.
    """
    source = Source(run)
    if not set(source.manifest.stages) - {STAGE}:
        msg = f"{run.path} has nothing to report: run {run.spell('train --hidden 360,187')} first"
        raise RunDirectoryError(msg)
    sections = [section for tell in TELLERS if (section := tell(source))]
    shown = [block for section in sections for block in section.blocks if isinstance(block, Picture)]
    title = _spell_title(source)
    notes = list(dict.fromkeys(source.notes))
    text = render(title, sections, {}, notes)
    pictures = encode_all(
        run.path, [picture.file for picture in shown], max(LEAST, LARGEST - len(text))
    )
    page = render(title, sections, pictures, notes)
    for picture in shown:
        if picture.file not in pictures:
            progress.note(f"warning: {run.path / picture.file} cannot be read as a picture: left out")
    if len(page) > LARGEST:
        progress.note(f"warning: the page has {len(page) / 1e6:.1f} MB, which is much for a phone")
    with run.stage(STAGE, command=STAGE, options={}, reads=_list_inputs(source)) as stage:
        stage.write(FILE, lambda file: file.write(page))
    return ReportResult(
        sections,
        pictures,
        len(page),
        [command for command, _ in list_missing(source)],
        list(dict.fromkeys(note.command for note in notes)),
    )


def _list_inputs(source: Source) -> list[str]:
    """Return what the page was made from, and files that would belong in it but are not there yet.

    Their hash is that of nothing, so that the page is out of date when they come.
    """
    names = ["data.json", "params.json", "history.csv", "metrics.json", "robustness.json"]
    layers = range(1, len(list_sizes(source)) + 1)
    names += [f"{kind}-layer{layer}.json" for layer in layers for kind in ("fields", "maximize")]
    return sorted(source.reads | set(names))


def _spell_title(source: Source) -> str:
    data = source.manifest.data
    where = "scikit-learn's digits" if data is None or not data.path else data.path.replace("\\", "/")
    return f"Network {spell_layers(source)} on {where.rpartition('/')[2]}"
