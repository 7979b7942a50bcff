"""A stage: the files that one command puts into the run directory, all of them or none."""

import csv
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from mnistffn.run.files import to_json, write_beside


@dataclass
class Stage:
    """The files that one command is about to put into the run directory.

    They are written under temporary names and renamed together when the stage ends well.
    """

    directory: Path
    options: dict[str, Any]
    inputs: dict[str, str]
    pending: dict[str, Path] = field(default_factory=dict)
    drawings: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Let ``write`` fill the file ``name``, and sync it to the disk.

        Raises
        ------
        RunDirectoryError
            The system does not let it, for want of space for example.
        """
        self.pending[name] = write_beside(self.directory / name, write)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write ``content`` with the schema version in front."""
        self.write(name, lambda file: file.write(to_json(content)))

    def write_csv(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write a table with one header line."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
        self.write(name, lambda file: file.write(text.getvalue().encode()))

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write named NumPy arrays as .npz."""
        from numpy import savez_compressed  # noqa: PLC0415  # the only file here that needs more than Python

        self.write(name, lambda file: savez_compressed(file, **arrays))

    def write_figure(self, name: str, draw: Callable[..., Any], *args: Any) -> None:
        """Let ``draw`` make a matplotlib figure of ``args`` when all else is in its place.

        A picture that cannot be drawn or written is a warning: no result is lost to it.
        """
        self.drawings[name] = partial(draw, *args)

    def draw(self) -> None:
        """Draw the pictures, and write those that can be drawn."""
        from mnistffn.figures.render import render  # noqa: PLC0415  # matplotlib takes 0.3 s

        for name, draw in self.drawings.items():
            try:
                self.write(name, partial(_write_bytes, render(draw)))
            except Exception as error:  # a configuration can break matplotlib in any way
                reason = " ".join(str(error).split())[:200]
                msg = f"{name} is not drawn ({type(error).__name__}: {reason}); the results are kept"
                warnings.warn(msg, stacklevel=4)

    def discard(self) -> None:
        """Remove what was written so far."""
        for temporary in self.pending.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _write_bytes(content: bytes, file: BinaryIO) -> int:
    return file.write(content)
