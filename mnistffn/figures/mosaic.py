"""Many small images on one page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

MARGIN = 0.3
LINE = 0.19  # of the heading
COLOR_BAR = 1.0
ROW_LABELS = 0.9
NARROWEST = 5.0
WIDEST = 12.0
DPI = 150
MASKED = (224, 224, 224, 255)  # grey of pixels that are masked

MARK = "tab:red"

# More units than this are too many for columns of their own, and for captions that can be read.
MOST_COLUMNS = 12
MOST_CAPTIONS = 60


@dataclass(frozen=True)
class Tiles:
    """Images in rows and columns, with what is written beside them.

    Attributes
    ----------
    images : ndarray of shape (n, height, width), float32
        Row by row.
    n_columns : int
    titles : sequence of str
        Above every image.
    captions : sequence of str
        Below every image; may have several lines. Empty for none.
    row_labels : sequence of str
        To the left of every row. Empty for none.
    masked : ndarray of shape (height, width), bool, or None
        Pixels that are drawn grey, whatever they are.
    n_gray : int
        So many of the last images are pictures in [0, 1]: white ink on black, nothing masked.
    marked : sequence of int
        Images that stand out by a red frame and red captions.
    """

    images: NDArray[np.float32]
    n_columns: int
    titles: Sequence[str]
    captions: Sequence[str] = ()
    row_labels: Sequence[str] = ()
    masked: NDArray[np.bool_] | None = None
    n_gray: int = 0
    marked: Sequence[int] = ()


def choose_columns(n: int) -> int:
    """Return how many of ``n`` images stand side by side, so that a page of them is a little wide."""
    return n if n <= 6 else max(-(-min(n, 10) // 2), round((1.5 * n) ** 0.5))


def join_tiles(
    groups: Sequence[NDArray[np.float32]], n_columns: int, filling: float = np.nan
) -> NDArray[np.float32]:
    """Join the i-th images of all groups into one, with a pixel between them.

    Parameters
    ----------
    groups : sequence of ndarray of shape (n, height, width), float32
    n_columns : int
        Images side by side.
    filling : float
        Value of what lies between.

    Returns
    -------
    ndarray of shape (n, rows * (height + 1) - 1, n_columns * (width + 1) - 1), float32
    """
    n, height, width = groups[0].shape
    n_rows = -(-len(groups) // n_columns)
    shape = (n, n_rows * (height + 1) - 1, n_columns * (width + 1) - 1)
    joined = np.full(shape, filling, groups[0].dtype)
    for index, images in enumerate(groups):
        row, column = divmod(index, n_columns)
        y, x = row * (height + 1), column * (width + 1)
        joined[:, y : y + height, x : x + width] = images
    return joined


class _Pixels(Artist):
    """An image that fills axes, every pixel a square of whole dots.

    ``Axes.imshow`` resamples instead: 0.8 s for 360 units, and squares of unequal sizes.

    Parameters
    ----------
    canvas : ndarray of shape (height, width, 4), uint8
    n_dots : int
        Dots along the side of a pixel.
    """

    def __init__(self, axes: Axes, canvas: NDArray[np.uint8], n_dots: int) -> None:
        super().__init__()
        self.canvas = canvas.repeat(n_dots, axis=0).repeat(n_dots, axis=1)[::-1]
        axes.set(xlim=(0, canvas.shape[1]), ylim=(canvas.shape[0], 0))
        axes.add_artist(self)

    def draw(self, renderer: RendererBase) -> None:
        """Copy the dots to the page."""
        if self.axes is not None:
            context = renderer.new_gc()
            corner = np.rint(self.axes.bbox.min)
            renderer.draw_image(context, float(corner[0]), float(corner[1]), self.canvas)
            context.restore()


def draw_mosaic(
    tiles: Tiles,
    heading: str,
    *,
    cmap: str,
    vmin: float,
    vmax: float,
    color_label: str | None = None,
) -> Figure:
    """Draw images as the tiles of one large image, for hundreds of axes would take tens of seconds.

    Parameters
    ----------
    tiles : Tiles
    heading : str
        Written above all; may have several lines.
    cmap : str
        Name of the colours.
    vmin, vmax : float
        The values at their ends. NaN is drawn white.
    color_label : str, optional
        What the colours stand for; draws a colour bar.
    """
    n, height, width = tiles.images.shape
    n_dots = max(2, round(min(1.5, WIDEST / tiles.n_columns) * DPI / width))
    tile = n_dots * width / DPI  # inches
    font = 9.0 if tile > 1 else max(4.5, 8 * tile)
    line = font * 1.3 / 72 / tile * width  # in pixels of the tiles, as are the steps
    caption_font = min(font - 1, 6.5 * tile)
    step_x = width + max(1, width // 8)
    tops, bottom = _place_rows(tiles, line, line * (caption_font + 0.5) / font)
    corners = [(index % tiles.n_columns * step_x, tops[index // tiles.n_columns]) for index in range(n)]
    colors = ScalarMappable(Normalize(vmin, vmax), colormaps[cmap].with_extremes(bad="white"))
    canvas = np.full((bottom, tiles.n_columns * step_x, 4), 255, np.uint8)
    for image, (x, y) in zip(_color(tiles, colors), corners, strict=True):
        canvas[y : y + height, x : x + width] = image
    figure, axes, color_axes = _lay_out(
        canvas.shape,
        n_dots / DPI,
        heading,
        left=ROW_LABELS if tiles.row_labels else 0,
        colors=color_label is not None,
    )
    _Pixels(axes, canvas, n_dots)
    for index, (x, y) in enumerate(corners):
        middle = x + width / 2
        axes.text(middle, y - 0.2 * line, tiles.titles[index], ha="center", va="bottom", fontsize=font)
        if tiles.captions:
            caption = axes.text(middle, y + height + 0.2 * line, tiles.captions[index])
            caption.set(ha="center", va="top", fontsize=caption_font, linespacing=1.2)
            caption.set_color(MARK if index in tiles.marked else "black")
        if index in tiles.marked:
            axes.add_patch(
                Rectangle((x, y), width, height, fill=False, edgecolor=MARK, lw=2, clip_on=False)
            )
    for label, top in zip(tiles.row_labels, tops, strict=False):
        axes.text(-width / 8, top + height / 2, label, ha="right", va="center", fontsize=9)
    if color_axes is not None:
        figure.colorbar(colors, cax=color_axes, label=color_label, extend="both" if vmin < 0 else None)
    return figure


def _color(tiles: Tiles, colors: ScalarMappable) -> NDArray[np.uint8]:
    """Return the images in colours, (n, height, width, 4)."""
    n, height, width = tiles.images.shape
    flat = tiles.images.reshape(n * height, width)
    coloured = colors.to_rgba(flat, bytes=True).reshape(n, height, width, 4)
    if tiles.masked is not None:
        coloured[:, tiles.masked] = MASKED
    first = n - tiles.n_gray
    ink = np.rint(255 * tiles.images[first:].clip(0, 1)).astype(np.uint8)
    coloured[first:, ..., :3] = ink[..., None]
    return np.asarray(coloured)


def _place_rows(tiles: Tiles, line: float, caption_line: float) -> tuple[list[int], int]:
    """Return where the images of every row begin, and where the last row's captions end.

    Titles and captions take so many pixels a line.
    """
    tops, y = [], 0
    height = tiles.images.shape[1]
    for start in range(0, len(tiles.images), tiles.n_columns):
        row = slice(start, start + tiles.n_columns)
        above = 1.2 if any(tiles.titles[row]) else 0.2
        captions = [caption for caption in tiles.captions[row] if caption]
        below = max((caption.count("\n") + 1.2 for caption in captions), default=0.0)
        y += int(above * line)
        tops.append(y)
        y += height + int(np.ceil(below * caption_line)) + 1
    return tops, y


def _lay_out(
    canvas: tuple[int, ...], scale: float, heading: str, *, left: float, colors: bool
) -> tuple[Figure, Axes, Axes | None]:
    """Return a page with axes for a canvas of ``scale`` inches a pixel, and some for a colour bar."""
    width, height = canvas[1] * scale, canvas[0] * scale
    title, _, legend = heading.partition("\n")
    longest = max(0.1 * len(title), *(0.075 * len(text) for text in legend.split("\n")))
    page_width = max(left + width + (COLOR_BAR if colors else 0), longest, NARROWEST) + 2 * MARGIN
    page_height = height + 2 * MARGIN + 0.15 + LINE * (heading.count("\n") + 1)
    figure = Figure((page_width, page_height), dpi=DPI)
    x = (MARGIN + left) / page_width
    axes = figure.add_axes((x, MARGIN / page_height, width / page_width, height / page_height))
    axes.set_axis_off()
    top = 1 - MARGIN / page_height
    figure.text(MARGIN / page_width, top, title, va="top", fontsize=11)
    below = top - 1.1 * LINE / page_height
    figure.text(MARGIN / page_width, below, legend, va="top", fontsize=9, linespacing=1.25, color="0.3")
    if not colors:
        return figure, axes, None
    bar = min(height, 4)
    bottom = (MARGIN + height - bar) / page_height
    right = x + (width + 0.1) / page_width
    color_axes = figure.add_axes((right, bottom, 0.15 / page_width, bar / page_height))
    return figure, axes, color_axes
