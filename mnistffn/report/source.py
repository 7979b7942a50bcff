"""Where the page is from: files of a run directory, with what must be known of each."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mnistffn.errors import RunDirectoryError
from mnistffn.report.blocks import Block, Note, Picture
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import hash_file

T = TypeVar("T")


class Source:
    """Reads what the stages of a run have written, and keeps account of what was read.

    Parameters
    ----------
    run : RunDirectory

    Attributes
    ----------
    manifest : Manifest
    stale : dict of str to str
        Why each of the stages that are out of date is so.
    reads : set of str
        Files that the page is made from.
    notes : list of Note
        All that was given out.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.manifest = run.manifest()
        stages = self.manifest.stages.items()
        reasons = {name: self.manifest.why_stale(stage, run.path) for name, stage in stages}
        self.stale = {name: reason for name, reason in reasons.items() if reason}
        self.reads: set[str] = set()
        self.notes: list[Note] = []

    def has(self, stage: str) -> bool:
        """Return whether a stage has been run."""
        return stage in self.manifest.stages

    def find(self, pattern: str) -> list[str]:
        """Return the stages whose whole name fits a pattern, by the numbers in their names."""
        found = [name for name in self.manifest.stages if re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])

    def read(self, stage: str, file: str, tell: Callable[[Any], T], default: T) -> T:
        """Return what ``tell`` makes of a JSON file or a table; the default where it is missing.

        Parameters
        ----------
        stage : str
            Has written it.
        file : str
            Of a table ``tell`` is given the rows, a dict of str each.
        tell : callable
        default : object

        Raises
        ------
        RunDirectoryError
            The file is damaged.
        """
        if not self._is_there(stage, file):
            return default
        command = self.manifest.stages[stage].command
        try:
            content = self._read_table(file) if file.endswith(".csv") else self.run.read_json(file)
            return tell(content)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, csv.Error) as error:
            reason = f"{type(error).__name__}: {error}"
            msg = f"{self.run.path / file} is damaged ({reason}): run {self.run.spell(command)} again"
            raise RunDirectoryError(msg) from error
        except OSError as error:
            msg = f"{self.run.path / file} cannot be read: {error.strerror or error}"
            raise RunDirectoryError(msg) from error

    def show(self, stage: str, file: str, alt: str, caption: str) -> list[Block]:
        """Return a picture, nothing where the stage draws none, or what became of it."""
        if file not in self.manifest.stages[stage].outputs:
            return []
        return [Picture(file, alt, caption)] if self._is_there(stage, file) else []

    def warn(self, stage: str) -> list[Block]:
        """Return what is to be said against a stage: it is out of date, or files are not its own."""
        record = self.manifest.stages[stage]
        again = self.run.spell(record.command)
        if stage in self.stale:
            return [self._note(f"Out of date: {self.stale[stage]}.", again)]
        notes: list[Block] = []
        for file, digest in record.outputs.items():
            found = hash_file(self.run.path / file)
            if not found:
                notes.append(self._note(f"{file} is missing.", again))
            elif found != digest:
                notes.append(self._note(f"{file} has changed since it was written.", again))
        return notes

    def _is_there(self, stage: str, file: str) -> bool:
        self.reads.add(file)
        return file in self.manifest.stages[stage].outputs and (self.run.path / file).is_file()

    def _read_table(self, file: str) -> Sequence[dict[str, str]]:
        text = (self.run.path / file).read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
        if any(None in row or None in row.values() for row in rows):
            msg = "a row has more or fewer cells than the first"
            raise ValueError(msg)
        return rows

    def _note(self, text: str, command: str) -> Note:
        self.notes.append(Note(text, command))
        return self.notes[-1]
