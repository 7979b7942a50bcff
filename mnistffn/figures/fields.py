"""Pictures of receptive fields."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import draw_mosaic


def draw_fields(filters: NDArray[np.float32], names: Sequence[str], heading: str) -> Figure:
    """Draw filters (u, height, width) side by side in diverging colours, all on one scale.

    The scale is symmetric about zero and leaves out the outermost thousandth of the values, so that a
    single pixel cannot wash out all others.
    """
    bound = float(np.quantile(np.abs(filters), 0.999)) or 1.0
    return draw_mosaic(
        filters, names, heading, color_label="weight", cmap="RdBu_r", vmin=-bound, vmax=bound
    )
