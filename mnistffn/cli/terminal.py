"""What the commands print: results to stdout, progress and messages to stderr."""

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

from mnistffn.cli.bar import Bar, Pace
from mnistffn.cli.command import repeat_command
from mnistffn.cli.table import FittedTable
from mnistffn.cli.wrap import TOGETHER, wrap
from mnistffn.progress import Progress
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import to_json

SECONDS_BETWEEN_LINES = 2.0
PIPE_WIDTH = 240
ENTRY = 8


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
        self.pace = Pace()
        self.bar: Bar | None = None
        self.last_line = -SECONDS_BETWEEN_LINES

    @classmethod
    def of(cls, context: typer.Context) -> Self:
        """Return the terminal that a command's shared options ask for."""
        given = context.params
        flags = {name: given[name] for name in ("json_output", "quiet", "no_color")}
        terminal = cls(given["run_dir"], **flags, command=context.info_name or "")
        terminal.run.command = repeat_command(context, "--fresh")
        return terminal

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
            text = wrap(message, self.err.width if self.err.is_terminal else None)
            self.err.print(text, markup=False, style=style, soft_wrap=True)

    def step(self, done: int, total: int, message: str = "", trend: Sequence[float] = ()) -> None:
        """Move the bar, or print a line from time to time, if there is something to say."""
        self.pace.add(done, total)
        if self.animated:
            self.bar = self.bar or Bar(self.err, self.pace)
            self.bar.move(done, total, message, trend)
        elif not self.quiet and done and message:
            now = time.monotonic()
            if now - self.last_line >= SECONDS_BETWEEN_LINES or done == total:
                self.last_line = now
                left = "" if done == total else f"; {self.pace} left"
                self.note(f"{done}/{total} {message}{left}")

    def show(self, content: str | FittedTable) -> None:
        """Print a result to stdout, unless ``--json`` asks for something else."""
        self._stop_bar()
        if not self.json_output:
            if isinstance(content, str):
                width = self.out.width if self.out.is_terminal else None
                content = "\n".join(wrap(line, width) for line in content.split("\n"))
            self.out.print(content, soft_wrap=isinstance(content, str))

    def show_entry(self, name: str, what: str) -> None:
        """Print a line of a list of names and what they stand for; a long one is indented."""
        self._stop_bar()
        if self.json_output:
            return
        width = self.out.width - ENTRY - 1 if self.out.is_terminal else None
        text = wrap(what, width).replace("\n", "\n" + " " * (ENTRY + 1))
        self.out.print(f"{name:<{ENTRY}} {text}", markup=False, soft_wrap=True)

    def finish(
        self, stages: str | Sequence[str], result: Mapping[str, Any], *next_commands: str
    ) -> None:
        """Print the result for ``--json``; name the files that were written and what comes next."""
        self._stop_bar()
        names = [stages] if isinstance(stages, str) else stages
        recorded = self.run.manifest().stages if names else {}  # info serves where it is damaged, too
        files = [str(self.run.path / file) for name in names for file in recorded[name].outputs]
        if self.json_output:
            about = {"command": self.command, "run_dir": str(self.run.path)}
            sys.stdout.write(to_json(about | dict(result) | {"files": files}).decode())
        if files:
            self.note(f"wrote {', '.join(files)}")
        if names and (stale := self.run.stale_commands()):
            self.note(f"out of date now: {', '.join(map(self._spell, stale))}")
        if next_commands:
            self.note(f"next: {' or '.join(map(self._spell, next_commands))}")

    def _spell(self, command: str) -> str:
        return self.run.spell(command).replace(" ", TOGETHER)

    def _stop_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _show_warning(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self.note(f"warning: {' '.join(str(message).split())}")
