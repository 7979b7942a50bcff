"""From a photograph of a page to the one shape that is drawn on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistffn.data.pixels import Polarity

# Pixels of the longer side: to tell the ink's polarity, to find a shape, and to cut it out.
ROUGH, COARSE, FINE = 64, 320, 224
ABOUT = 0.4  # of a page, whose median is paper
AROUND = 0.3  # of a digit's longer side, that is looked at about it
WIDEST_STROKE = 0.3  # of the shorter side of a page
FAINTEST = 0.06  # of the range: what differs less from the paper is no ink
NOISES = 4.0  # standard deviations of the paper
SHARE_OF_INK = 0.001  # of a page, that at least is as dark as its ink
GAP = 0.08  # of a digit's height, that may be between its strokes
SPECK, SHAPE = 0.02, 0.2  # of the largest shape: what is dust, and what is another shape
SMALLEST, EDGE = 0.03, 0.05  # of the longer side of a page: a shape, and what lies along its edge
MIDDLE = (0.2, 0.8)  # of a page, where the middle of what touches its edge must be to be a shape
ALONG = 0.9  # of height and width of a piece, that a shadow in a corner lies along the edge
ROUNDS = 4


@dataclass(frozen=True)
class Shape:
    """The largest shape on a page.

    Attributes
    ----------
    ink : ndarray of shape (height, width), bool
        Where its ink is, cut out along its box and enlarged or reduced.
    box : (float, float, float, float)
        Top, left, height and width in the picture, in pixels.
    n_shapes : int
        How many there are of about this size.
    polarity : {"bright", "dark"}
        Of its ink.
    touches : bool
        Whether it reaches the edge of the picture.
    """

    ink: NDArray[np.bool_]
    box: tuple[float, float, float, float]
    n_shapes: int
    polarity: str
    touches: bool


def find_shape(picture: NDArray[np.uint8], polarity: Polarity = "auto") -> Shape | None:
    """Find the largest shape that is drawn on a page.

    Paper is what the picture shows without structures narrower than 0.3 of its shorter side (a grey
    closing of dark ink, an opening of bright ink), so that shading and soft or broad shadows do not
    count as ink. Ink is what differs from it by more than half of what the strongest of it does. What
    lies along the edge of the picture is no shape.

    Parameters
    ----------
    picture : ndarray of shape (height, width), uint8
    polarity : {"auto", "bright", "dark"}
        Of the ink; auto: ink is the smaller part of the picture.

    Returns
    -------
    Shape or None
        None where there is no ink.
    """
    page, scale = _resize(picture, COARSE)
    found = find_polarity(picture) if polarity == "auto" else polarity
    contrast = measure_contrast(page if found == "dark" else 1 - page)
    shapes = _separate(contrast)
    if not shapes:
        return None
    level = float(np.median(contrast[shapes[0]]))
    ink, box = _cut_out(picture, shapes[0], scale, level, is_dark=found == "dark")
    if not ink.any():
        return None
    edge = 1.5 * scale
    beyond = box[0] + box[2] - picture.shape[0], box[1] + box[3] - picture.shape[1]
    touches = min(box[:2]) < edge or max(beyond) > -edge
    return Shape(ink, box, len(shapes), found, touches)


def _cut_out(
    picture: NDArray[np.uint8], shape: NDArray[np.bool_], scale: float, level: float, *, is_dark: bool
) -> tuple[NDArray[np.bool_], tuple[float, float, float, float]]:
    """Return the ink of a shape that was found on a reduced page, and its box in the picture."""
    top, left, bottom, right = _find_box(shape)
    margin = AROUND * max(bottom - top, right - left)
    first = max(0, int((top - margin) * scale)), max(0, int((left - margin) * scale))
    last = int((bottom + margin) * scale) + 1, int((right + margin) * scale) + 1
    closer, fine_scale = _resize(picture[first[0] : last[0], first[1] : last[1]], FINE)
    wanted = _resample(shape, scale, first, fine_scale, closer.shape)
    contrast = measure_contrast(closer if is_dark else 1 - closer)
    found = contrast[wanted & (contrast > level / 2)]
    strength = float(np.median(found)) if found.size else level
    ink = _keep(contrast > strength / 2, wanted)
    if not ink.any():
        return ink, (0.0, 0.0, 0.0, 0.0)
    top, left, bottom, right = _find_box(ink)
    corner = first[0] + top * fine_scale, first[1] + left * fine_scale
    size = (bottom - top) * fine_scale, (right - left) * fine_scale
    return ink[top:bottom, left:right], (*corner, *size)


def find_polarity(picture: NDArray[np.uint8]) -> str:
    """Return whether the ink of a picture (height, width) is bright or dark: it is the smaller part.

    The median of what is about a pixel is paper. What departs from that on one side more strongly
    than on the other is ink; the edge of the picture, where other things may be, does not count.
    """
    from scipy import ndimage  # takes a tenth of a second

    page, _ = _resize(picture, ROUGH)
    departs = page - ndimage.median_filter(page, round(ABOUT * ROUGH))
    strip = round(EDGE * ROUGH)
    inner = departs[strip:-strip, strip:-strip] if min(page.shape) > 4 * strip else departs
    return "bright" if (inner**3).sum() > 0 else "dark"


def measure_contrast(page: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return by which part every pixel of a page with dark ink is darker than its paper."""
    from scipy import ndimage  # takes a tenth of a second

    smooth = ndimage.gaussian_filter(page, 1.2)
    reach = max(3, round(WIDEST_STROKE * min(page.shape)))
    paper = ndimage.gaussian_filter(ndimage.grey_closing(smooth, (reach, reach)), reach / 8)
    contrast = (paper - smooth) / np.maximum(paper, 0.1)
    return np.asarray(contrast - np.median(contrast))


def _separate(contrast: NDArray[np.floating]) -> list[NDArray[np.bool_]]:
    """Return the shapes that ink draws, the largest first."""
    from scipy import ndimage

    below = contrast[contrast < 0]
    noise = 1.4826 * float(np.median(-below)) if below.size else 0.0
    faintest = max(FAINTEST, NOISES * noise)
    left = contrast.copy()
    for _ in range(ROUNDS):
        strongest = float(np.quantile(left, 1 - SHARE_OF_INK))
        if strongest < faintest:
            break
        ink = left > max(faintest, strongest / 2)
        edge = _find_edge(ink)
        shapes = _group(ink & ~edge)
        if shapes:
            sizes = [shape.sum() for shape in shapes]
            return [
                shape for shape, size in zip(shapes, sizes, strict=True) if size >= SHAPE * sizes[0]
            ]
        left[ndimage.binary_dilation(ink, iterations=round(EDGE * max(ink.shape) / 2))] = 0
    return []


def _group(ink: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return shapes, the largest first: strokes that are nearer to each other than a small gap."""
    from scipy import ndimage

    pieces, _ = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    if not sizes.size:
        return []
    top, _, bottom, _ = _find_box(pieces == sizes.argmax() + 1)
    near = ndimage.distance_transform_edt(~ink) <= max(1.0, GAP * (bottom - top) / 2)
    areas, n = ndimage.label(near)
    areas[~ink] = 0
    sizes = np.bincount(areas.ravel(), minlength=n + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:50]
    shapes = [areas == place + 1 for place in order if sizes[place]]
    return [shape for shape in shapes if _measure_side(shape) >= SMALLEST * max(ink.shape)]


def _find_edge(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those pieces of ink that are a shadow, a line or a thing at the edge of the picture."""
    from scipy import ndimage

    pieces, n = ndimage.label(ink, np.ones((3, 3)))
    height, width = ink.shape
    strip = round(EDGE * max(ink.shape))
    border = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    found = np.zeros(n + 1, bool)
    for piece in np.unique(border[border > 0]):
        rows, columns = np.nonzero(pieces == piece)
        middle = rows.mean() / height, columns.mean() / width
        is_off = any(not MIDDLE[0] < place < MIDDLE[1] for place in middle)
        away = np.minimum.reduce([rows, height - 1 - rows, columns, width - 1 - columns])
        reach = np.ptp(rows) + np.ptp(columns) + 2
        is_off |= bool((away == 0).sum() > ALONG * reach)
        found[piece] = is_off or (away < strip).mean() > 0.5
    return np.asarray(found[pieces])


def _keep(ink: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return those pieces of ink that meet a shape, without dust."""
    from scipy import ndimage

    pieces, n = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    meets = np.bincount(pieces[wanted], minlength=n + 1) > 0
    kept = meets & (sizes >= SPECK * sizes[1:][meets[1:]].sum())
    kept[0] = False
    return np.asarray(kept[pieces])


def _resize(picture: NDArray[np.uint8], side: int) -> tuple[NDArray[np.floating], float]:
    """Return a picture in [0, 1] with so many pixels on its longer side, and the old pixels of each."""
    height, width = picture.shape
    scale = max(height, width) / side
    size = max(1, round(width / scale)), max(1, round(height / scale))
    how = Image.Resampling.BOX if scale > 1 else Image.Resampling.BICUBIC
    image = Image.fromarray(picture).resize(size, how)
    return np.asarray(image, np.float32) / 255, scale


def _resample(
    shape: NDArray[np.bool_],
    scale: float,
    first: tuple[int, int],
    fine_scale: float,
    size: tuple[Any, ...],
) -> NDArray[np.bool_]:
    """Return a shape as it lies in an enlarged part of the picture."""
    places = [
        (((np.arange(n) + 0.5) * fine_scale + start) / scale).astype(int).clip(0, limit - 1)
        for n, start, limit in zip(size, first, shape.shape, strict=True)
    ]
    return np.asarray(shape[np.ix_(*places)])


def _find_box(shape: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return top, left, and the row and column behind the last."""
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _measure_side(shape: NDArray[np.bool_]) -> int:
    top, left, bottom, right = _find_box(shape)
    return max(bottom - top, right - left)
