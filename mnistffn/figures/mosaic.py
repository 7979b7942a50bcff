"""Many small images on one page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

MARGIN = 0.3
HEADING = 0.45
COLOR_BAR = 1.0
NARROWEST = 5.0
WIDEST = 12.0


def draw_mosaic(
    images: NDArray[np.float32],
    titles: Sequence[str],
    heading: str,
    *,
    captions: Sequence[str] | None = None,
    color_label: str | None = None,
    **style: Any,
) -> Figure:
    """Draw images as the tiles of one large image, for hundreds of axes would take tens of seconds.

    Parameters
    ----------
    images : ndarray of shape (n, height, width), float32
    titles : sequence of str
        Written above every tile.
    heading : str
        Written above all.
    captions : sequence of str, optional
        Written below every tile; may have several lines.
    color_label : str, optional
        What the colours stand for; draws a colour bar.
    **style
        ``cmap``, ``vmin``, ``vmax`` of :meth:`matplotlib.axes.Axes.imshow`.
    """
    n, height, width = images.shape
    n_columns = n if n <= 6 else max(-(-min(n, 10) // 2), round((1.5 * n) ** 0.5))
    n_rows = -(-n // n_columns)
    tile = min(1.5, WIDEST / n_columns)  # inches
    font = 9.0 if tile > 1 else max(4.5, 8 * tile)
    n_lines = 1.2 + max((caption.count("\n") + 1.2 for caption in captions or ()), default=0)
    line = font * 1.3 / 72 / tile * width  # in pixels of the tiles, as are the steps
    step_x, step_y = width + max(1, width // 8), height + int(np.ceil(n_lines * line)) + 1
    canvas = np.full((n_rows * step_y, n_columns * step_x), np.nan, np.float32)
    corners = [
        (index % n_columns * step_x, index // n_columns * step_y + int(1.2 * line))
        for index in range(n)
    ]
    for image, (x, y) in zip(images, corners, strict=True):
        canvas[y : y + height, x : x + width] = image
    figure, axes, color_axes = _lay_out(canvas.shape, tile / width, colors=color_label is not None)
    artist = axes.imshow(
        canvas, interpolation="nearest", extent=(0, canvas.shape[1], canvas.shape[0], 0), **style
    )
    for index, (x, y) in enumerate(corners):
        axes.text(x + width / 2, y - 0.2 * line, titles[index], ha="center", va="bottom", fontsize=font)
        if captions:
            caption = axes.text(x + width / 2, y + height + 0.2 * line, captions[index])
            caption.set(ha="center", va="top", fontsize=font - 1, linespacing=1.2)
    if color_axes is not None:
        figure.colorbar(artist, cax=color_axes, label=color_label)
    figure.text(
        MARGIN / figure.get_figwidth(),
        1 - MARGIN / figure.get_figheight(),
        heading,
        va="top",
        fontsize=11,
    )
    return figure


def _lay_out(
    canvas: tuple[int, int], scale: float, *, colors: bool
) -> tuple[Figure, Axes, Axes | None]:
    """Return a page with axes for a canvas of ``scale`` inches a pixel, and some for a colour bar."""
    width, height = canvas[1] * scale, canvas[0] * scale
    page_width = max(width + (COLOR_BAR if colors else 0), NARROWEST) + 2 * MARGIN
    page_height = height + 2 * MARGIN + HEADING
    figure = Figure((page_width, page_height), dpi=150)
    axes = figure.add_axes(
        (MARGIN / page_width, MARGIN / page_height, width / page_width, height / page_height)
    )
    axes.set_axis_off()
    if not colors:
        return figure, axes, None
    left, bar_height = (width + MARGIN) / page_width, min(height, 4)
    color_axes = figure.add_axes(
        (
            left,
            (MARGIN + height - bar_height) / page_height,
            0.15 / page_width,
            bar_height / page_height,
        )
    )
    return figure, axes, color_axes
