"""The contact sheet of a data file: images of every class, as a person sees them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import Tiles, draw_mosaic

MOST_ROWS = 62  # classes; as many as EMNIST has


def draw_contact_sheet(
    images: NDArray[np.float32], names: Sequence[str], n_columns: int, heading: str
) -> Figure:
    """Draw some images of every class, a row for each class.

    Parameters
    ----------
    images : ndarray of shape (n_classes * n_columns, height, width), float32 in [0, 1]
        Class by class; NaN where a class has fewer images than there are columns.
    names : sequence of str
        Of the classes.
    n_columns : int
    heading : str
    """
    shown = images[: MOST_ROWS * n_columns]
    rows = [str(name)[:10] for name in names[:MOST_ROWS]]
    tiles = Tiles(shown, n_columns, [""] * len(shown), row_labels=rows)
    left_out = len(names) - len(rows)
    more = f"\n{left_out} more classes are not shown" if left_out > 0 else ""
    return draw_mosaic(tiles, f"{heading}{more}", cmap="gray", vmin=0, vmax=1)
