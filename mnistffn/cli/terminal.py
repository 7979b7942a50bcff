"""What the commands print: results to stdout, progress and messages to stderr."""

import math
import shlex
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as ProgressBar
from rich.table import Column, Table
from rich.text import Text

from mnistffn.cli.options import DEFAULT_RUN_DIR
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import to_json

SECONDS_BETWEEN_LINES = 2.0
PIPE_WIDTH = 240
ENTRY = 8
BARS, SPARKS = "▁▂▃▄▅▆▇█", 8


class Terminal(Progress):
    """A listener that prints: a bar where stderr is a terminal, plain lines elsewhere.

    Parameters
    ----------
    run_dir : Path
        Becomes ``run``, the run directory that the command works in.
    json_output, quiet, no_color : bool
        The options of these names.
    command : str
        What ``--json`` is to name.
    """

    def __init__(
        self, run_dir: Path, *, json_output: bool, quiet: bool, no_color: bool, command: str = ""
    ) -> None:
        self.run = RunDirectory(run_dir)
        self.command = command
        self.json_output = json_output
        self.quiet = quiet
        color: Literal["auto"] | None = None if no_color else "auto"
        # A table in a pipe is for a program: it is not cut to a screen that is not there.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self.out = Console(highlight=False, color_system=color, width=width)
        self.err = Console(stderr=True, highlight=False, color_system=color)
        self.animated = sys.stderr.isatty() and not quiet and not self.err.is_dumb_terminal
        self.bar: ProgressBar | None = None
        self.last_line = -SECONDS_BETWEEN_LINES

    @classmethod
    def of(cls, context: typer.Context) -> Self:
        """Return the terminal that a command's shared options ask for."""
        given = context.params
        flags = {name: given[name] for name in ("json_output", "quiet", "no_color")}
        return cls(given["run_dir"], **flags, command=context.info_name or "")

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(warnings.catch_warnings())
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = self._show_warning
            # Before torch is imported: a command that has to wait is told at once.
            entered.enter_context(self.run.locked())
            self._entered = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()
        self._entered.__exit__(kind, error, trace)

    def note(self, message: str) -> None:
        """Print a message unless ``--quiet``; a warning in any case."""
        if not self.quiet or message.startswith("warning:"):
            style = "yellow" if message.startswith("warning:") else None
            self.err.print(message, markup=False, style=style, soft_wrap=not self.err.is_terminal)

    def step(self, done: int, total: int, message: str, trend: Sequence[float] = ()) -> None:
        """Move the bar, or print a line from time to time."""
        if self.animated:
            spark = "" if self.err.encoding == "ascii" else draw_spark(trend)
            self._move_bar(done, total, f"{spark} {message}".strip())
        elif not self.quiet and done:
            now = time.monotonic()
            if now - self.last_line >= SECONDS_BETWEEN_LINES or done == total:
                self.last_line = now
                self.note(f"{done}/{total}  {message}")

    def show(self, content: str | Table) -> None:
        """Print a result to stdout, unless ``--json`` asks for something else."""
        self._stop_bar()
        if not self.json_output:
            wrap = self.out.is_terminal or not isinstance(content, str)
            self.out.print(content, soft_wrap=not wrap)

    def show_entry(self, name: str, what: str) -> None:
        """Print a line of a list of names and what they stand for; a long one is indented."""
        self._stop_bar()
        if self.json_output:
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=ENTRY, no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(name, Text(what))
        self.out.print(grid)

    def finish(
        self, stages: str | Sequence[str], result: Mapping[str, Any], *next_commands: str
    ) -> None:
        """Print the result for ``--json``; name the files that were written and what comes next."""
        self._stop_bar()
        recorded = self.run.manifest().stages
        names = [stages] if isinstance(stages, str) else stages
        files = [str(self.run.path / file) for name in names for file in recorded[name].outputs]
        if self.json_output:
            about = {"command": self.command, "run_dir": str(self.run.path)}
            sys.stdout.write(to_json(about | dict(result) | {"files": files}).decode())
        if files:
            self.note(f"wrote {', '.join(files)}")
        if stale := self.run.stale_commands():
            self.note(f"out of date now: {', '.join(self._spell(command) for command in stale)}")
        if next_commands:
            self.note(f"next: {' or '.join(self._spell(command) for command in next_commands)}")

    def _spell(self, command: str) -> str:
        where = (
            "" if self.run.path == DEFAULT_RUN_DIR else f" --run-dir {shlex.quote(str(self.run.path))}"
        )
        return f"mnistffn {command}{where}"

    def _move_bar(self, done: int, total: int, message: str) -> None:
        if self.bar is None:
            # The message gives way where the terminal is narrow: all else is there in full.
            rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
            self.bar = ProgressBar(
                BarColumn(8),
                MofNCompleteColumn(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
                TextColumn("left", table_column=Column(no_wrap=True)),
                TextColumn("{task.description}", markup=False, table_column=rest),
                console=self.err,
                transient=True,
                expand=True,
            )
            self.bar.add_task(message, total=total)
            self.bar.start()
        self.bar.update(self.bar.task_ids[0], completed=done, total=total, description=message)

    def _stop_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _show_warning(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self.note(f"warning: {' '.join(str(message).split())}")


def draw_spark(values: Sequence[float]) -> str:
    """Return the last of some values as a line of bars, the highest and the lowest of them in full.

    Examples
    --------
    >>> draw_spark([0.91, 0.95, 0.97, 0.97])
    '▁▆██'
    """
    shown = [value for value in values if math.isfinite(value)][-SPARKS:]
    if len(shown) < 2:
        return ""
    low, high = min(shown), max(shown)
    heights = [(value - low) / (high - low or 1) for value in shown]
    return "".join(BARS[round(height * (len(BARS) - 1))] for height in heights)


def make_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    *,
    n_left: int = 0,
) -> Table:
    """Return a table with numbers to the right, and the first ``n_left`` columns to the left."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < n_left else "right")
    for row in rows:
        table.add_row(*row)
    return table
