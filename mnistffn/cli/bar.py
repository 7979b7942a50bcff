"""The one line that tells how far a command is, where stderr is a terminal."""

import math
import time
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task
from rich.table import Column
from rich.text import Text

BARS, SPARKS = "▁▂▃▄▅▆▇█", 8
BAR = 6


class Pace:
    """Tells when the work will be done, at the mean pace so far.

    Rich's own estimate knows the last half minute only, in which a fit of a search may not end.
    """

    def __init__(self) -> None:
        self.begun, self.done_before = 0.0, 0
        self.done, self.total = 0, -1
        self.end: float | None = None

    def add(self, done: int, total: int) -> None:
        """Take the news that ``done`` of ``total`` parts are finished."""
        now = time.monotonic()
        if done < self.done or total != self.total:  # other work, of which some may be done before
            self.begun, self.done_before = now, done
        self.done, self.total = done, total
        n = done - self.done_before
        self.end = now + (now - self.begun) / n * (total - done) if n else None

    def __str__(self) -> str:
        """The time left, as in 1:05."""
        if self.end is None:
            return "-:--"
        left = str(timedelta(seconds=max(0, round(self.end - time.monotonic()))))
        return left.removeprefix("0:").removeprefix("0")


class Bar:
    """A bar, the time left, how much is done of all, and a message.

    Parameters
    ----------
    console : Console
    pace : Pace
    """

    def __init__(self, console: Console, pace: Pace) -> None:
        self.message = ""
        self.is_ascii = console.encoding == "ascii"
        self.bar = Progress(
            BarColumn(BAR),
            _TimeLeft(pace, Column(no_wrap=True)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            _Message(table_column=Column(ratio=1)),
            console=console,
            transient=True,
            expand=True,
        )
        self.bar.add_task("", total=None)

    def move(self, done: int, total: int, message: str, trend: Sequence[float] = ()) -> None:
        """Show the latest; without a message, the last one stays."""
        self.message = message or self.message
        spark = "" if self.is_ascii else draw_spark(trend)
        shown = f"{spark} {self.message}".strip()
        self.bar.update(self.bar.task_ids[0], completed=done, total=total, description=shown)
        self.bar.start()

    def stop(self) -> None:
        """Take it off the screen."""
        self.bar.stop()


class _TimeLeft(ProgressColumn):
    """What is left, whichever task."""

    def __init__(self, pace: Pace, table_column: Column) -> None:
        super().__init__(table_column)
        self.pace = pace

    def render(self, task: Task) -> Text:
        return Text(f"{self.pace} left", style="progress.remaining")


class _Message(ProgressColumn):
    """The task's description, as many of its parts as there is room for."""

    def render(self, task: Task) -> "_Parts":
        return _Parts(task.description)


class _Parts:
    """Text of which the last parts, behind commas, fall away where it is too wide."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(shorten(self.text, options.max_width), no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, max(1, len(self.text)))


def shorten(text: str, width: int) -> str:
    """Return as many parts of a text, which are separated by commas, as fit into a width.

    Examples
    --------
    >>> shorten("accuracy 0.9753, loss 0.770, validation 0.112", 30)
    'accuracy 0.9753, loss 0.770'
    """
    parts = text.split(", ")
    while len(", ".join(parts)) > width and len(parts) > 1:
        parts.pop()
    return ", ".join(parts)


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
