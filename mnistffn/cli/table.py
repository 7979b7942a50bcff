"""Tables that are as wide as the terminal and no wider."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 2  # spaces between two columns
SCREEN = 80  # a heading in one line makes no table wider than this
LINES = 2  # of a heading, where there is no room for it in one


@dataclass(frozen=True)
class FittedTable:
    """A table of which no word is cut.

    What all rows share stands in a line above it. Where there is no room, headings are folded first;
    then columns fall away, and a line says which.

    Attributes
    ----------
    columns : dict of str to list of str
        Cells by heading, the most important columns first.
    title : str
        What stands above it.
    n_kept : int
        Columns, from the left, that always stay.
    n_left : int
        Columns, from the left, that are no numbers.
    file : str
        What has all columns.
    """

    columns: dict[str, list[str]]
    title: str = ""
    n_kept: int = 1
    n_left: int = 0
    file: str = ""

    @property
    def kept(self) -> list[str]:
        """The columns that always stay."""
        return list(self.columns)[: self.n_kept]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shared, rest = self._fold()
        shown, left_out = self._fit(rest, options.max_width)
        lines = [self.title]
        if told := [f"{name} {value}" for name, value in shared.items() if value]:
            lines.append(f"all: {', '.join(told)}")
        if left_out:
            where = f", but in {self.file}" if self.file else ""
            lines.append(f"no room here for {', '.join(left_out)}{where}")
        yield from (Text(line) for line in lines if line)
        yield self._lay_out(shown, options.max_width)

    def _fold(self) -> tuple[dict[str, str], dict[str, list[str]]]:
        """Return what all rows share, and the columns in which they differ."""
        shared = {
            name: cells[0]
            for name, cells in self.columns.items()
            if name not in self.kept and len(cells) > 1 and len(set(cells)) == 1
        }
        return shared, {name: cells for name, cells in self.columns.items() if name not in shared}

    def _fit(self, columns: dict[str, list[str]], width: int) -> tuple[dict[str, list[str]], list[str]]:
        """Return the columns that there is room for, and the names of the others."""
        left_out: list[str] = []
        for name in [name for name in reversed(columns) if name not in self.kept]:
            if _measure(columns, LINES) <= width:
                break
            left_out.insert(0, name)
            columns = {other: cells for other, cells in columns.items() if other != name}
        return columns, left_out

    def _lay_out(self, columns: dict[str, list[str]], width: int) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        n_lines = 1 if _measure(columns, 1) <= min(width, SCREEN) else LINES
        for place, (name, cells) in enumerate(columns.items()):
            table.add_column(
                Text(name),
                justify="left" if place < self.n_left else "right",
                width=_measure_column(name, cells, n_lines),
            )
        for row in zip(*columns.values(), strict=True):
            table.add_row(*map(Text, row))
        return table


def make_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", **options: int | str
) -> FittedTable:
    """Return a table of rows; for the options see :class:`FittedTable`."""
    cells = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in columns]
    return FittedTable(dict(zip(columns, cells, strict=True)), title, **options)  # type: ignore[arg-type]


def _measure(columns: dict[str, list[str]], n_lines: int) -> int:
    widths = [_measure_column(name, cells, n_lines) for name, cells in columns.items()]
    return sum(widths) + GAP * (len(widths) - 1)


def _measure_column(name: str, cells: Sequence[str], n_lines: int) -> int:
    """Return how wide a column is whose heading is folded between words into so many lines."""
    widest = max([len(word) for word in name.split()] + [len(cell) for cell in cells], default=0)
    while len(textwrap.wrap(name, widest, break_on_hyphens=False) if name else "") > n_lines:
        widest += 1
    return widest
