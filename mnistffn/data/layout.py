"""Which array of a file is what: images, labels, and the parts that they belong to."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import names
from mnistffn.data.columns import (
    drop_bias,
    find_label_column,
    is_one_more_than_square,
    take_label_column,
)
from mnistffn.data.formats.variable import Variable
from mnistffn.data.labels import RawLabels, find_labels
from mnistffn.data.pair import (
    WHOLE,
    Pair,
    Read,
    add_mean,
    can_be_image,
    divide_by_set,
    drop_copies,
    find_axes,
    may_be_images,
)
from mnistffn.data.perclass import find_arrays_of_classes, find_grid_of_classes
from mnistffn.data.pixels import correlate, is_image_like, put_samples_first
from mnistffn.data.unused import question_unused
from mnistffn.errors import DataError

SHOWN = 12
MOST_SINGLES = 30  # images that may all be of different classes
CLEAR = 0.1  # difference of correlations
COLUMN = re.compile(r"(.*)\(:,\s*(1|end)\)$")


class Finder:
    """Looks for images and labels among the variables of a file.

    Parameters
    ----------
    source : str
        The file, for messages.
    variables : sequence of Variable
    read : callable
        Returns the values of a variable.
    images, labels : str or None
        Names that the user gave.
    """

    def __init__(
        self,
        source: str,
        variables: Sequence[Variable],
        read: Read,
        images: str | None = None,
        labels: str | None = None,
    ) -> None:
        self.source, self.variables, self.read = source, variables, read
        self.wanted_images, self.wanted_labels = images, labels
        self.doubts: list[str] = []

    def find(self) -> tuple[list[Pair], list[str]]:
        """Return images with labels, a pair for every part of the data, and what to tell of others.

        Raises
        ------
        DataError
            There are none, or several that fit equally. The message names the variables with their
            shapes and the option that would settle it.
        """
        pairs = self._find()
        return pairs, self.doubts or question_unused(self.variables, pairs)

    def _find(self) -> list[Pair]:
        images, labels = self._list_images(), self._list_labels()
        if not self.wanted_images and not self.wanted_labels and not self._belongs(images, labels):
            found = find_arrays_of_classes(self.variables, self.read)
            if found := found or find_grid_of_classes(self.variables, self.read):
                return found
        pairs = self._pair_by_parts(images, labels)
        if pairs:
            return pairs
        pair = self._pair(WHOLE, images, labels) or self._pair_single(labels)
        if pair is None:
            self._refuse_pairing(images, labels)
        others = [v for v in self.variables if v.name != self.wanted_labels]
        return divide_by_set(pair, others, self.read)

    def _belongs(self, images: Sequence[Variable], labels: Sequence[RawLabels]) -> bool:
        """Return whether some labels are as many as some images, and not those of one class only."""
        return any(find_axes(v, label.n) for v in images for label in labels if label.n > 1)

    def _match(self, option: str, name: str) -> list[Variable]:
        column = COLUMN.match(name)
        wanted = column[1] if column else name
        matched = [v for v in self.variables if v.name == wanted or v.name.startswith(f"{wanted}{{")]
        if not matched:
            self._refuse(f"has no variable {name}", f"give {option} one of these names")
        return matched

    def _list_images(self) -> list[Variable]:
        if self.wanted_images is None:
            return [drop_bias(v, self.read) for v in self.variables if may_be_images(v)]
        matched = self._match("--images", self.wanted_images)
        if unfit := [v for v in matched if v.kind != "numbers" or v.size == max(v.shape)]:
            what = "a vector" if unfit[0].kind == "numbers" else unfit[0].kind
            self._refuse(f"has {unfit[0]}, which is {what} and no images", "give --images another name")
        return matched

    def _list_labels(self) -> list[RawLabels]:
        """Return all that may be labels, as far as they are variables of their own."""
        if self.wanted_labels is None:
            images = [v for v in self.variables if may_be_images(v)]
            counts = Counter(length for v in images for length in set(v.shape))
            found = []
            for v in self.variables:
                own = Counter(set(v.shape)) if v in images else Counter()
                found += find_labels(v, self.read, {1, *(counts - own)})
            # A lone number may be anything.
            return [x for x in found if x.n > 1 or names.says(x.variable.name, names.LABELS)]
        matched = self._match("--labels", self.wanted_labels)
        if COLUMN.match(self.wanted_labels):
            return []
        labels = [label for v in matched for label in find_labels(v, self.read, None)]
        if not labels:
            self._refuse(f"has {matched[0]}, which holds no labels", "give --labels another name")
        return labels

    def _pair_by_parts(self, images: list[Variable], labels: list[RawLabels]) -> list[Pair]:
        """Return a pair for each part that names speak of; nothing where they speak of none."""
        found: dict[str, Pair] = {}
        for part in (*names.PARTS, None):
            if part is None and (not found or "train" in found):
                break  # else such as I and labels beside I_test and labels_test
            of_images = [v for v in images if names.find_part(v.name)[0] == part]
            of_labels = [label for label in labels if names.find_part(label.variable.name)[0] == part]
            if part and not of_images:
                of_labels = [x for x in of_labels if names.rate_label(x.variable.name) > 0]
                of_images = [v for v in images if of_labels and not names.find_part(v.name)[0]]
            if of_images and (pair := self._pair(part or "train", of_images, of_labels)):
                found[part or "train"] = pair
            elif part and of_images and self._names_labels(part):
                self._refuse_pairing(of_images, of_labels)
        if set(found) == {"test"} or set(found) == {"validation"}:
            return []
        return [found[part] for part in names.PARTS if part in found]

    def _names_labels(self, part: str) -> bool:
        """Return whether a variable is called the labels of a part: then the part must have them."""
        own = [v for v in self.variables if names.find_part(v.name)[0] == part and v.size > 1]
        return any(names.rate_label(v.name) > 0 for v in own)

    def _pair(self, part: str, images: list[Variable], labels: list[RawLabels]) -> Pair | None:
        """Return images and labels that belong together; refuse where several do equally well."""
        fitting = [
            (variable, label)
            for variable in images
            for label in labels
            if variable.name != label.variable.name and find_axes(variable, label.n)
        ]
        odd = {v for v, label in fitting if is_one_more_than_square(v.size // label.n)}
        beside = [v for v in images if not fitting or v in odd]
        if beside and (pair := self._pair_with_column(part, beside, labels)):
            return pair
        if not fitting:
            return None
        candidates = list(dict.fromkeys(variable for variable, _ in fitting))
        if part == WHOLE:
            candidates = [v for v in candidates if not names.find_part(v.name)[0]] or candidates
        if len(candidates) > 1:
            candidates = [v for v in candidates if self._is_image_like(v, fitting)] or candidates
        candidates = drop_copies(candidates, self.read)
        variable = self._choose("images", part, candidates, names.IMAGES)
        label = self._choose_labels(part, [label for v, label in fitting if v is variable])
        axis = self._choose_axis(variable, label.n, label.values)
        pixels = put_samples_first(self.read(variable), axis)
        pixels = add_mean(pixels, variable, self.variables, self.read)
        return Pair(part, str(variable), pixels, label, variable.is_upright)

    def _pair_single(self, labels: list[RawLabels]) -> Pair | None:
        """Return a single image in a row of pixels, with its label."""
        single = [label for label in labels if label.n == 1]
        rows = [v for v in self.variables if v.kind == "numbers" and can_be_image(v.size)]
        return self._pair(WHOLE, rows, single) if single else None

    def _pair_with_column(
        self, part: str, images: list[Variable], labels: list[RawLabels]
    ) -> Pair | None:
        """Return images whose labels are a column, or a row, of their own matrix."""
        column = COLUMN.match(self.wanted_labels) if self.wanted_labels else None
        places = {v: find_label_column(v, self.read, column and column[2]) for v in images}
        candidates = [variable for variable, found in places.items() if found]
        if not candidates or (self.wanted_labels and not column):
            return None
        variable = self._choose("images", part, candidates, names.IMAGES)
        found = places[variable]
        if len(found) > 1:
            self._refuse(
                f"has labels in {variable}, in its first or in its last column",
                f"choose with --labels '{variable.name}(:,1)' or --labels '{variable.name}(:,end)'",
            )
        pair = take_label_column(part, variable, self.read, found[0])
        for label in labels:
            is_rival = label.n == len(pair.pixels) and names.rate_label(label.variable.name) >= 0
            if is_rival and not label.agrees_with(pair.raw_labels):
                self._refuse(f"has labels in {label.variable} and others in {pair.labels}")
        return pair

    def _is_image_like(self, variable: Variable, fitting: list[tuple[Variable, RawLabels]]) -> bool:
        axes = {axis for v, label in fitting if v is variable for axis in find_axes(v, label.n)}
        values = self.read(variable)
        return any(is_image_like(put_samples_first(values, axis)) for axis in axes)

    def _choose(
        self, what: str, part: str, candidates: Sequence[Variable], words: set[str]
    ) -> Variable:
        """Return the only candidate, or the only one that its name speaks for."""
        named = [v for v in candidates if names.says(v.name, words)]
        for group in (candidates, named):
            if len(group) == 1:
                others = ", ".join(str(v) for v in candidates if v is not group[0])
                if others:
                    self.doubts.append(f"{group[0]} is read for its name, and not {others}")
                return group[0]
        return self._refuse_choice(what, part, candidates)

    def _refuse_choice(self, what: str, part: str, candidates: Sequence[Variable]) -> NoReturn:
        where = "" if part == WHOLE else f" of the part {part}"
        shown = ", ".join(map(str, candidates))
        self._refuse(
            f"holds several variables that could be {what}{where}: {shown}", f"choose with --{what}"
        )

    def _choose_labels(self, part: str, candidates: list[RawLabels]) -> RawLabels:
        """Return the labels among what has as many entries as there are images."""
        if self.wanted_labels is None:
            candidates = [c for c in candidates if c.are_whole] or candidates
            if names.rate_label(candidates[0].variable.name) < 0 and len(candidates) == 1:
                only = candidates[0].variable
                self._refuse(
                    f"holds no labels but {only}, by its name something else", "or give --labels"
                )
            best = max(names.rate_label(c.variable.name) for c in candidates)
            candidates = [c for c in candidates if names.rate_label(c.variable.name) == best]
        if len(candidates) > 1 and all(candidates[0].agrees_with(other) for other in candidates[1:]):
            candidates = sorted(candidates, key=lambda candidate: candidate.is_one_hot)[:1]
        if len(candidates) > 1:
            self._refuse_choice("labels", part, [candidate.variable for candidate in candidates])
        values = candidates[0].values
        are_single = candidates[0].are_whole and len(np.unique(values)) == len(values)
        if len(values) > MOST_SINGLES and are_single:
            only = candidates[0].variable
            self._refuse(f"has {only}, of which no two entries are equal: these are no labels")
        return candidates[0]

    def _choose_axis(self, variable: Variable, n: int, labels: NDArray[Any]) -> int:
        """Return the axis that counts the samples: the one as long as there are labels."""
        axes = find_axes(variable, n)
        if len(axes) == 1:
            return axes[0]
        # Several are: samples are the ones whose neighbours are least alike, unless they are sorted.
        moved = [np.moveaxis(self.read(variable), axis, 0) for axis in axes]
        likeness = [correlate(values[1:], values[:-1]) for values in moved]
        order = np.argsort(likeness)
        are_sorted = len(labels) and bool((labels[1:] >= labels[:-1]).all())
        if likeness[order[1]] - likeness[order[0]] < CLEAR or are_sorted:
            self._refuse(f"has {variable}, in which several axes are as long as there are labels")
        return axes[int(order[0])]

    def _refuse(self, problem: str, remedy: str = "") -> NoReturn:
        """Raise DataError with what was found."""
        found = ", ".join(map(str, self.variables[:SHOWN])) or "nothing"
        more = f" and {len(self.variables) - SHOWN} more" if len(self.variables) > SHOWN else ""
        msg = f"{self.source} {problem}; found {found}{more}{remedy and f': {remedy}'}"
        raise DataError(msg)

    def _refuse_pairing(self, images: list[Variable], labels: list[RawLabels]) -> NoReturn:
        if not images:
            odd = [v for v in self.variables if v.kind in ("complex", "object", "function")]
            reason = f", for {odd[0]} is {odd[0].kind}" if odd else ""
            self._refuse(
                f"holds no images{reason}; expected such as (n, pixels) or (height, width, n)",
                "name them with --images",
            )
        vectors = labels or [
            label for v in self.variables for label in find_labels(v, self.read, None) if label.n > 1
        ]
        if not vectors:
            self._refuse(
                "holds no labels; expected one for every image", "name the labels with --labels"
            )
        largest = max(images, key=lambda variable: variable.size)
        counts = ", ".join(f"{label.n} labels in {label.variable}" for label in vectors[:3])
        self._refuse(f"has not as many labels as images: there are {counts} for {largest}")
