"""A page of small panels in rows, each group of them under a heading of its own.

Everything is placed in inches: matplotlib's own layouts take seconds for a page of thirty axes.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistffn.figures.mosaic import DPI

SIDE, GAP, MARGIN = 1.4, 0.22, 0.4  # inches, as all below
PAGE_WIDTH = 8 * SIDE + 7 * GAP + 2 * MARGIN
TITLES, CAPTION, HEADING = 0.33, 0.2, 0.19
CHARACTERS, TEXT_CHARACTERS = 12.4, 13.3  # of a heading, and of the text, to an inch


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes
    ----------
    draw : callable
        Draws into the axes that it is given.
    title : str
        Above it, of one or two lines.
    caption : str
        Below it, of one line.
    width : float
        In panels of the usual width.
    inset : float
        Inches on the left, for what an axis is labelled with.
    color : str
        Of the title.
    """

    draw: Callable[[Axes], None]
    title: str = ""
    caption: str = ""
    width: float = 1.0
    inset: float = 0.0
    color: str = "black"

    @property
    def inches(self) -> float:
        """The width in inches."""
        return self.width * SIDE + (self.width - 1) * GAP


@dataclass(frozen=True)
class Group:
    """Panels that stand side by side under one heading, a sentence."""

    heading: str
    panels: Sequence[Panel]

    @property
    def inches(self) -> float:
        """The width in inches."""
        return sum(panel.inches for panel in self.panels) + GAP * (len(self.panels) - 1)


def draw_panels(title: str, text: str, rows: Sequence[Sequence[Group]]) -> Figure:
    """Draw a page.

    Parameters
    ----------
    title : str
    text : str
        Below it; is broken into lines.
    rows : sequence of sequence of Group
    """
    lines = textwrap.wrap(text, int((PAGE_WIDTH - 2 * MARGIN) * TEXT_CHARACTERS))
    heights = [_count_lines(row) * HEADING + TITLES + SIDE + CAPTION + 0.25 for row in rows]
    top = MARGIN + 0.36 + 0.19 * len(lines) + 0.2
    height = top + sum(heights) + 0.2
    figure = Figure((PAGE_WIDTH, height), dpi=DPI)
    left = MARGIN / PAGE_WIDTH
    figure.text(left, 1 - MARGIN / height, title, va="top", fontsize=15, fontweight="bold")
    below = 1 - (MARGIN + 0.36) / height
    figure.text(left, below, "\n".join(lines), va="top", fontsize=10, linespacing=1.35)
    for row, row_height in zip(rows, heights, strict=True):
        x = MARGIN
        for group in row:
            heading = "\n".join(_wrap(group))
            y = height - top
            figure.text(x / PAGE_WIDTH, y / height, heading, va="top", fontsize=10, fontweight="bold")
            bottom = y - _count_lines(row) * HEADING - TITLES - SIDE
            for panel in group.panels:
                _place(figure, panel, x, bottom)
                x += panel.inches + GAP
        top += row_height
    return figure


def _place(figure: Figure, panel: Panel, x: float, y: float) -> None:
    width, height = figure.get_size_inches()
    left, inner = x + panel.inset, panel.inches - panel.inset
    axes = figure.add_axes((left / width, y / height, inner / width, SIDE / height))
    panel.draw(axes)
    middle = (x + panel.inches / 2) / width
    title = figure.text(middle, (y + SIDE + 0.05) / height, panel.title, color=panel.color)
    title.set(ha="center", va="bottom", fontsize=8, linespacing=1.15)
    figure.text(middle, (y - 0.05) / height, panel.caption, ha="center", va="top", fontsize=7.5)


def _wrap(group: Group) -> list[str]:
    return textwrap.wrap(group.heading, int(group.inches * CHARACTERS))


def _count_lines(row: Sequence[Group]) -> int:
    return max(len(_wrap(group)) for group in row)
