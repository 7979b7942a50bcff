"""Pictures of what a network errs on: pairs of classes that it confuses, and doubtful labels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import DPI, Tiles, choose_columns, draw_mosaic


def draw_confused(
    images: NDArray[np.float32],
    n_columns: int,
    titles: Sequence[str],
    captions: Sequence[str],
    row_labels: Sequence[str],
    heading: str,
) -> Figure:
    """Draw a row of images for every pair of classes.

    Parameters
    ----------
    images : ndarray of shape (rows * n_columns, height, width), float32 in [0, 1]
        NaN where there is none. There may be no rows.
    n_columns : int
    titles, captions : sequence of str
        Above and below every image.
    row_labels : sequence of str
    heading : str
    """
    if not len(images):
        return draw_sentence(heading)
    tiles = Tiles(images, n_columns, titles, captions, row_labels)
    return draw_mosaic(tiles, heading, cmap="gray", vmin=0, vmax=1)


def draw_doubtful(
    images: NDArray[np.float32], titles: Sequence[str], captions: Sequence[str], heading: str
) -> Figure:
    """Draw images (n, height, width) in [0, 1], of which there may be none, with their doubts."""
    if not len(images):
        return draw_sentence(heading)
    tiles = Tiles(images, min(6, choose_columns(len(images))), titles, captions)
    return draw_mosaic(tiles, heading, cmap="gray", vmin=0, vmax=1)


def draw_sentence(text: str) -> Figure:
    """Draw a sentence in the place of a picture that would be empty."""
    figure = Figure((5, 0.8), dpi=DPI)
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=11)
    return figure
