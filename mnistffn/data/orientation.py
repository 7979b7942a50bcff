"""Which way up the images of a file lie, and what its labels mean."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistffn.data.dataset import Layout
from mnistffn.data.digits import COMPARED, Reading, compare_with_digits
from mnistffn.data.labels import MEANINGS, RANGES, LabelsMean, list_meanings
from mnistffn.data.pixels import draw_rows
from mnistffn.errors import DataError

Orientation = Literal["auto", "row-major", "column-major"]
BOTH: tuple[Literal["row-major", "column-major"], ...] = ("row-major", "column-major")
ENOUGH_IMAGES, ENOUGH_CLASSES = 100, 5  # to contradict what the run has settled
MIRRORED = 1.3  # times as many images: slant alone makes a mirrored 0 or 1 look better, by a tenth
SEVERAL = 10  # classes whose shapes may tell which way up they lie
TALL = 1.15


def turn(images: NDArray[Any], orientation: str) -> NDArray[Any]:
    """Return images (n, height, width) with rows and columns exchanged if they are column-major.

    Examples
    --------
    >>> turn(np.array([[[1, 2], [3, 4]]], np.uint8), "column-major")
    array([[[1, 3],
            [2, 4]]], dtype=uint8)
    """
    return np.ascontiguousarray(images.mT) if orientation == "column-major" else images


class Settler:
    """Settles meaning and orientation, by what was asked for, by the run, or by comparing with digits.

    Parameters
    ----------
    source : str
        The file, for messages.
    images : ndarray of shape (n, height, width), uint8
        Ink bright, not yet turned.
    labels : ndarray of shape (n,), int64 or str
    orientations : sequence of str
        Those that are possible.
    known : Layout or None
        How the data of the run were read.
    reason : str
        Why no other orientations are possible.

    Attributes
    ----------
    warnings : list of str
    """

    def __init__(
        self,
        source: str,
        images: NDArray[np.uint8],
        labels: NDArray[Any],
        orientations: Sequence[str],
        known: Layout | None,
        reason: str = "",
    ) -> None:
        self.source, self.images, self.labels = source, images, labels
        self.orientations, self.known, self.reason = orientations, known, reason
        self.warnings: list[str] = []
        self.readings: list[Reading] = []  # of the orientations that are possible
        self.every: list[Reading] = []

    def compare(self, requested: LabelsMean) -> list[str]:
        """Compare with digits, as far as the labels may mean some, and return what they may mean."""
        if self.labels.dtype.kind != "i":
            return []
        classes = np.unique(self.labels).tolist()
        meanings = list_meanings(classes)
        if requested != "auto":
            if not set(classes) <= set(RANGES.get(requested, classes)):
                msg = f"{self.source}: labels {classes[0]} to {classes[-1]} cannot be {requested}"
                raise DataError(msg)
            meanings = [requested] if set(classes) <= set(range(11)) else []
        if meanings:
            every = self.every = compare_with_digits(self.images, self.labels, meanings)
            self.readings = [r for r in every if r.orientation in self.orientations]
            self._check_upright(every[0])
        return meanings

    def _check_upright(self, best: Reading) -> None:
        """Raise DataError where images are rotated or mirrored."""
        own = self.readings[0]
        is_other = best.orientation not in BOTH and best.part > MIRRORED * own.part
        if is_other and best.tells and best.beats(own):
            shown = _compare(best, own, own.orientation)
            msg = f"{self.source}: the images lie {best.orientation} ({shown}): turn them upright"
            raise DataError(msg)

    def settle_meaning(self, requested: LabelsMean, meanings: Sequence[str]) -> tuple[str, str]:
        """Return what the labels mean, and what told."""
        if requested != "auto":
            return requested, "given"
        if self.known and meanings:
            if self.known.labels_mean in meanings:
                return self._follow_run(self.known.labels_mean)
            self.warnings.append(
                f"the labels of {self.source} cannot be {self.known.labels_mean}, as the run's are"
            )
        if len(meanings) < 2:
            return "as-is", ""
        best = self.readings[0]
        other = next(r for r in self.readings if r.meaning != best.meaning)
        shown = _compare(best, other, other.meaning)
        if best.tells and best.beats(other):
            return best.meaning, shown
        if best.tells and "as-is" not in meanings:
            msg = (
                f"{self.source}: the labels may be {best.meaning} or {other.meaning} ({shown}): "
                f"say which with --labels-mean"
            )
            raise DataError(msg)
        if meanings != ["as-is", "last-is-zero"] or best.tells:
            self.warnings.append(
                f"what the labels of {self.source} mean could not be told by comparing with digits: "
                f"they are taken as they are; --labels-mean says otherwise"
            )
        return "as-is", "taken as they are"

    def _follow_run(self, meaning: str) -> tuple[str, str]:
        best = self.readings[0]
        own = next(r for r in self.readings if r.meaning == meaning)
        if not best.tells or not best.beats(own) or best.meaning == meaning:
            return meaning, "the run's"
        taken = best.meaning if self._is_sure() else meaning
        self.warnings.append(
            f"the labels of {self.source} look {best.meaning}, the run's are {meaning}: they are read "
            f"as {taken}; --labels-mean says otherwise"
        )
        return taken, _compare(best, own, meaning) if taken == best.meaning else "the run's"

    def _is_sure(self) -> bool:
        """Return whether there is enough to contradict what the run has settled."""
        n_classes = len(np.unique(self.labels))
        return len(self.labels) >= ENOUGH_IMAGES and n_classes >= ENOUGH_CLASSES

    def settle_orientation(self, requested: Orientation, meaning: str, form: str) -> tuple[str, str]:
        """Return which way up the images lie, and what told."""
        if requested != "auto":
            return requested, "given"
        if len(self.orientations) == 1:
            self._question(meaning)
            return self.orientations[0], self.reason
        known = self.known.orientation if self.known and self.known.form == form else None
        readings = [r for r in self.readings if r.meaning == meaning]
        if not readings:
            return self._settle_by_shape(known)
        best, other = readings[:2]
        shown = _compare(best, other, other.orientation)
        if not best.tells:
            return self._assume(known, f"the images are not recognised as digits ({shown})")
        if not best.beats(other):
            return self._assume(known, f"too few images tell ({shown})")
        if known is None or known == best.orientation:
            return best.orientation, shown
        taken = best.orientation if self._is_sure() else known
        self.warnings.append(
            f"{self.source} looks {best.orientation}, the run's data are {known}: read as {taken} "
            f"({shown}); --orientation says otherwise"
        )
        return taken, shown if taken == best.orientation else "the run's"

    def _question(self, meaning: str) -> None:
        """Tell where images look as if they lay otherwise than the only way that is possible."""
        readings = [r for r in self.every if r.meaning == meaning and r.orientation in BOTH]
        if readings and readings[0].orientation != self.orientations[0]:
            best, own = readings
            if best.tells and best.beats(own):
                self.warnings.append(
                    f"the images of {self.source} look {best.orientation} "
                    f"({_compare(best, own, own.orientation)}): --orientation {best.orientation} "
                    f"turns them"
                )

    def _settle_by_shape(self, known: str | None) -> tuple[str, str]:
        """Tell by what is written: letters and digits are taller than they are wide, most of them."""
        tallness = measure_tallness(self.images)
        lies = tallness <= 1 / TALL
        n_classes = len(np.unique(self.labels))
        if (
            known
            or len(self.labels) < ENOUGH_IMAGES
            or n_classes < SEVERAL
            or 1 / TALL < tallness < TALL
        ):
            return self._assume(known, "the labels are not digits")
        ratio = 1 / tallness if lies else tallness
        shown = f"what is written is {ratio:.2f} times as tall as wide so, in the median"
        self.warnings.append(
            f"which way up the images of {self.source} lie was told by their shape alone ({shown}): "
            f"look at the contact sheet of mnistffn data; --orientation says otherwise"
        )
        return "column-major" if lies else "row-major", shown

    def _assume(self, known: str | None, reason: str) -> tuple[str, str]:
        if known is not None:
            return known, f"the run's, as {reason}"
        self.warnings.append(
            f"which way up the images of {self.source} lie could not be told, as {reason}: look at the "
            f"contact sheet of mnistffn data; --orientation column-major turns them"
        )
        return "row-major", f"assumed, as {reason}"


def _compare(best: Reading, other: Reading, name: str) -> str:
    return f"{best.part:.0%} of the images read as their digit, {other.part:.0%} if {name}"


def check_parts(
    source: str,
    parts: Mapping[str, tuple[NDArray[np.uint8], NDArray[Any]]],
    orientation: str,
    meaning: str,
    orientations: Sequence[str] = BOTH,
) -> None:
    """Raise DataError where a part of the data contradicts how all of them are read.

    Parameters
    ----------
    source : str
    parts : mapping of str to (ndarray of shape (n, height, width), ndarray of shape (n,))
        Images that are not yet turned, and labels as the file has them.
    orientation, meaning : str
        As they were settled.
    orientations : sequence of str
        Those that are possible; others are no contradiction.
    """
    for part, (images, labels) in parts.items():
        meanings = list_meanings(np.unique(labels).tolist()) if labels.dtype.kind == "i" else []
        if not meanings:
            continue
        readings = compare_with_digits(images, labels, list(dict.fromkeys([meaning, *meanings])))
        readings = [r for r in readings if r.orientation in orientations or r.orientation not in BOTH]
        own = next(r for r in readings if (r.orientation, r.meaning) == (orientation, meaning))
        best = readings[0]
        if best.tells and best.beats(own):
            msg = (
                f"{source}: the part {part} looks {best.orientation} with labels {best.meaning}, all "
                f"parts together {orientation} and {meaning}: read them one by one, with --images and "
                f"--labels"
            )
            raise DataError(msg)


def measure_tallness(images: NDArray[np.uint8]) -> float:
    """Return the median, over images, of the height of what is lit over its width.

    It is 1.19 to 1.33 for handwritten digits (MNIST, USPS, scikit-learn's), and 0.93 to 1.44 for the
    letters of twelve printed faces.
    """
    lit = images[draw_rows(len(images), COMPARED)]
    lit = lit > 0.25 * lit.max(axis=(1, 2), keepdims=True)
    heights, widths = (_span(lit.any(axis=axis)) for axis in (2, 1))
    there = widths > 0
    return float(np.median(heights[there] / widths[there])) if there.any() else 1.0


def _span(is_lit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how far the lit places of every row (n, length) reach, 0 where there is none."""
    length = is_lit.shape[1]
    reach = length - is_lit.argmax(axis=1) - is_lit[:, ::-1].argmax(axis=1)
    return np.where(is_lit.any(axis=1), reach, 0)


def apply_meaning(labels: NDArray[Any], meaning: str) -> NDArray[Any]:
    """Return the labels as the digits that they mean; strings as they are."""
    return MEANINGS[meaning](labels) if labels.dtype.kind == "i" else labels
