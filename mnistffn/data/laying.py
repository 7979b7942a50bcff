"""From a shape to an image as those of a data set are."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistffn.data.frame import Frame, find_masses, measure_thickness

ROUNDS = 4
CLOSE = 0.05  # pixels


def lay_out(ink: NDArray[np.bool_], frame: Frame) -> NDArray[np.uint8]:
    """Draw a shape as the images of a data set are drawn, MNIST's by LeCun and others (1998).

    Strokes that are thinner or thicker than those of most images of the data set are made as thick as
    the thinnest or the thickest of these; and so that there is as much ink, where all images have
    about as much. Then the shape is brought into the data set's box,
    in proportion unless it is narrower or wider than nearly all images are, every pixel the mean of
    what it covers, and moved by whole pixels to where the data set has its centre.

    Parameters
    ----------
    ink : ndarray of shape (height, width), bool
        As large as its ink.
    frame : Frame

    Returns
    -------
    ndarray of shape ``frame.shape``, uint8
    """
    from scipy.ndimage import distance_transform_edt

    pad = max(ink.shape) // 4
    padded = np.pad(ink, pad)
    depth = distance_transform_edt(padded) - distance_transform_edt(~padded)  # below 0 outside
    depth -= np.sign(depth) / 2
    limit = float(depth.max()) / 2
    change, image = 0.0, _draw(padded, frame)
    scale = max(frame.box[0] / ink.shape[0], frame.box[1] / ink.shape[1])
    for _ in range(ROUNDS):
        missing = _find_missing(image, frame)
        if abs(missing) < CLOSE:
            break
        change = float(np.clip(change + missing / 2 / scale, -limit, pad - 1))
        image = _draw(depth > -change, frame)
    return image


def _find_missing(image: NDArray[np.uint8], frame: Frame) -> float:
    """Return by how many pixels strokes are too thin, below 0 if too thick."""
    thickness = measure_thickness(image.astype(np.float32))
    ink = float(image.sum()) / frame.peak
    wanted = float(np.clip(ink, *frame.ink)) / ink * thickness
    return float(np.clip(wanted, *frame.thickness)) - thickness


def _draw(ink: NDArray[np.bool_], frame: Frame) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = _fit(cut.shape, frame)
    shape = Image.fromarray(cut.astype(np.float32))
    small = np.asarray(shape.resize((width, height), Image.Resampling.BOX))
    if frame.centring == "mass":
        middle = find_masses(small[None])[:, 0]
    else:
        middle = (np.array([height, width]) - 1) / 2
    top, left = (
        int(np.clip(round(centre - place), 0, side - length))
        for centre, place, side, length in zip(
            frame.centre, middle, frame.shape, (height, width), strict=True
        )
    )
    image = np.zeros(frame.shape, np.uint8)
    values = small * (frame.peak / max(float(small.max()), 1e-6))
    image[top : top + height, left : left + width] = np.rint(values)
    return image


def _fit(size: tuple[int, ...], frame: Frame) -> tuple[int, int]:
    """Return the height and the width, in pixels of the data set, of a shape of some size."""
    aspect = float(np.clip(size[1] / size[0], *frame.aspects))
    height = min(frame.box[0], frame.box[1] / aspect)
    return max(1, round(height)), max(1, round(height * aspect))
