"""Which way up the images of a file lie."""

from math import isqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Orientation = Literal["auto", "row-major", "column-major"]
ORIENTATIONS = ("auto", "row-major", "column-major")

# Below these bounds the images are no digits, and a guess would be worth nothing.
MINIMUM_AGREEMENT = 0.4
MINIMUM_MARGIN = 0.2


def unflatten(rows: NDArray[Any], orientation: str) -> NDArray[Any]:
    """Return upright images (n, side, side) from rows of pixels (n, side * side).

    Examples
    --------
    >>> unflatten(np.array([[1, 2, 3, 4]], np.uint8), "column-major")
    array([[[1, 3],
            [2, 4]]], dtype=uint8)
    """
    side = isqrt(rows.shape[1])
    images = rows.reshape(-1, side, side)
    return np.ascontiguousarray(images.mT) if orientation == "column-major" else images


def recognise_orientation(
    rows: NDArray[np.uint8], labels: NDArray[np.int64], requested: Orientation = "auto"
) -> tuple[str, str]:
    """Tell how the pixels of an image lie in its row.

    For digits, the mean image of every class is compared with that of scikit-learn's built-in
    digits, upright and transposed.

    Parameters
    ----------
    rows : ndarray of shape (n, side * side), uint8
    labels : ndarray of shape (n,), int64
    requested : {"auto", "row-major", "column-major"}
        Anything but "auto" is taken as it is.

    Returns
    -------
    orientation : {"row-major", "column-major"}
    evidence : str
        What was compared and how it came out, for a person to read.
    """
    if requested != "auto":
        return requested, "given"
    if not set(np.unique(labels)) <= set(range(10)):
        return "row-major", "assumed, as the labels are not digits"
    classes = np.unique(labels)
    means = np.stack([rows[labels == label].mean(axis=0) for label in classes])
    agreement = {name: _agreement(unflatten(means, name), classes) for name in ORIENTATIONS[1:]}
    best, other = sorted(agreement, key=lambda name: -agreement[name])
    evidence = f"agreement with upright digits {agreement[best]:.2f}, {other} {agreement[other]:.2f}"
    if agreement[best] < MINIMUM_AGREEMENT or agreement[best] - agreement[other] < MINIMUM_MARGIN:
        return "row-major", f"assumed, as the images are not recognised as digits ({evidence})"
    return best, evidence


def _agreement(means: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Return the mean correlation of class means (n_classes, side, side) with the built-in digits'."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    digits = load_digits()
    window = _bounding_box(means.mean(axis=0))
    correlations = []
    for label, mean in zip(classes, means[:, *window], strict=True):
        factors = [8 / length for length in mean.shape]
        resized = zoom(mean, factors, order=1, grid_mode=True, mode="nearest")
        reference = digits.images[digits.target == label].mean(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):  # a class of blank images
            correlations.append(np.corrcoef(resized.ravel(), reference.ravel())[0, 1])
    return float(np.nan_to_num(correlations).mean())


def _bounding_box(mean: NDArray[np.float64]) -> tuple[slice, slice]:
    lit = mean > 0.1 * mean.max()
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
