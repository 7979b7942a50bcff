"""A page of small panels in rows, each group of them under a heading of its own.

Everything is placed in inches, and all images lie in one pair of axes: matplotlib's own layouts take
seconds for a page of thirty axes, and the axes themselves one second.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from mnistffn.figures.mosaic import DPI

SIDE, GAP, MARGIN = 1.4, 0.22, 0.4  # inches, as all below
PAGE_WIDTH = 8 * SIDE + 7 * GAP + 2 * MARGIN
EDGE, TITLES, CAPTION, HEADING = 0.02, 0.33, 0.2, 0.19
CHARACTERS, TEXT_CHARACTERS = 12.4, 13.3  # of a heading, and of the text, to an inch


@dataclass(frozen=True)
class Frame:
    """Where on a page a panel is drawn.

    Attributes
    ----------
    figure : Figure
    page : Axes
        Of the whole page, in inches from its lower left corner.
    left, bottom, width, height : float
        In inches.
    """

    figure: Figure
    page: Axes
    left: float
    bottom: float
    width: float
    height: float

    def fit(self, shape: tuple[int, ...]) -> tuple[float, float, float, float]:
        """Return left, right, bottom and top of an image in the middle of the frame, undistorted."""
        scale = min(self.width / shape[1], self.height / shape[0])
        x, y = self.left + self.width / 2, self.bottom + self.height / 2
        width, height = scale * shape[1] / 2, scale * shape[0] / 2
        return x - width, x + width, y - height, y + height

    def make_axes(self, inset: float = 0.0) -> Axes:
        """Return axes of their own, with so many inches on the left for what they are labelled with."""
        place = self.left + inset, self.bottom, self.width - inset, self.height
        return add_axes(self.figure, *place)


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes
    ----------
    draw : callable
        Draws into the frame that it is given.
    title : str
        Above it, of one or two lines.
    caption : str
        Below it, of one line.
    width : float
        In panels of the usual width.
    color : str
        Of the title.
    """

    draw: Callable[[Frame], None]
    title: str = ""
    caption: str = ""
    width: float = 1.0
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


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes to a page, placed in inches from its lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def measure_width(texts: Iterable[str], fontsize: float) -> float:
    """Return the width in inches of the widest of some texts, 0 without any."""
    font = FontProperties(size=fontsize)
    sizes = [text_to_path.get_text_width_height_descent(text, font, ismath=False) for text in texts]
    return max((width for width, _, _ in sizes), default=0.0) / 72


def make_page(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure, and axes of the whole page, in inches from its lower left corner."""
    figure = Figure((width, height), dpi=DPI)
    page = add_axes(figure, EDGE, EDGE, width - 2 * EDGE, height - 2 * EDGE)
    page.set(xlim=(EDGE, width - EDGE), ylim=(EDGE, height - EDGE))
    page.set_autoscale_on(False)
    page.set_axis_off()
    return figure, page


def draw_gray(frame: Frame, image: NDArray[Any]) -> None:
    """Draw an image of [0, 1], or of bytes, with white ink."""
    frame.page.imshow(
        image,
        "gray",
        aspect="auto",
        extent=frame.fit(image.shape),
        vmin=0,
        vmax=255 if image.dtype == np.uint8 else 1,
        interpolation="nearest",
    )


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
    figure, page = make_page(PAGE_WIDTH, height)
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
                _place(page, panel, x, bottom)
                x += panel.inches + GAP
        top += row_height
    return figure


def _place(page: Axes, panel: Panel, x: float, y: float) -> None:
    figure = page.get_figure(root=True)
    assert figure is not None
    panel.draw(Frame(figure, page, x, y, panel.inches, SIDE))
    middle = x + panel.inches / 2
    title = page.text(middle, y + SIDE + 0.05, panel.title, color=panel.color)
    title.set(ha="center", va="bottom", fontsize=8, linespacing=1.15)
    page.text(middle, y - 0.05, panel.caption, ha="center", va="top", fontsize=7.5)


def _wrap(group: Group) -> list[str]:
    return textwrap.wrap(group.heading, int(group.inches * CHARACTERS))


def _count_lines(row: Sequence[Group]) -> int:
    return max(len(_wrap(group)) for group in row)
