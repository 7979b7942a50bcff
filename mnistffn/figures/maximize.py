"""Pictures of maximizing images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnistffn.figures.mosaic import draw_mosaic

# More captions than this would be too small to read.
MOST_CAPTIONS = 60


def draw_maximized(
    images: NDArray[np.float32],
    names: Sequence[str],
    scores: Sequence[Mapping[str, Any]],
    heading: str,
) -> Figure:
    """Draw maximizing images (u, height, width) in [0, 1] with what the network makes of them.

    Under each: its activation, that of the best training image, and the class that the network reads,
    with its probability.
    """
    captions = [
        f"activation {score['activation']:.1f}\n"
        f"best real image {score['best_real']:.1f}\n"
        f"read as {score['predicted']} ({score['probability']:.2f})"
        for score in scores
    ]
    shown = captions if len(images) <= MOST_CAPTIONS else None
    return draw_mosaic(images, names, heading, captions=shown, cmap="gray", vmin=0, vmax=1)
