"""Images that lie by class: an array for each, an axis that counts the classes, or a grid of cells."""

from collections.abc import Sequence

import numpy as np

from mnistffn.data import names
from mnistffn.data.formats.variable import Variable
from mnistffn.data.labels import RawLabels
from mnistffn.data.pair import WHOLE, Pair, Read, can_be_image, may_be_images
from mnistffn.data.pixels import is_image_like, put_samples_first


def find_arrays_of_classes(variables: Sequence[Variable], read: Read) -> list[Pair]:
    """Return images that lie in an array for each class, such as ``train0`` to ``test9``."""
    groups: dict[str, dict[int, Variable]] = {}
    for variable in variables:
        named = names.find_class(variable.name)
        if named and may_be_images(variable):
            groups.setdefault(named[0], {})[named[1]] = variable
    pairs: dict[str, Pair] = {}
    for stem, members in groups.items():
        numbers = sorted(members)
        axis = _find_common_axis([members[number].shape for number in numbers])
        is_batch = names.says(stem, names.BATCHES) or not names.split_words(stem)
        if axis is None or is_batch or not _are_classes(numbers):
            continue
        arrays = [put_samples_first(read(members[number]), axis) for number in numbers]
        labels = np.repeat(numbers, [len(array) for array in arrays])
        first, last = members[numbers[0]], members[numbers[-1]]
        shown = f"{first.name} to {last.name}"
        raw = RawLabels.of(first, labels[:, None], "the numbers in these names")
        part = names.find_part(stem)[0] or WHOLE
        if part in pairs:
            return []  # two families: nobody knows which
        pairs[part] = Pair(part, shown, np.concatenate(arrays), raw)
    return [pairs[part] for part in (*names.PARTS, WHOLE) if part in pairs]


def find_grid_of_classes(variables: Sequence[Variable], read: Read) -> list[Pair]:
    """Return images whose class is told by an axis: (pixels, n, 10), or a grid of cells.

    USPS is kept as the former, binary alphadigits are as the latter, with a list of the classes' names.
    """
    candidates = [v for v in variables if may_be_images(v)]
    for variable in candidates:
        if variable.is_stack and len(variable.grid) == 2:
            words = [v for v in variables if v.kind == "text" and v.shape[0] in variable.grid]
            if len(words) == 1 and variable.grid[0] != variable.grid[1]:
                names_of_classes = read(words[0])
                axis = variable.grid.index(len(names_of_classes))
                places = np.unravel_index(np.arange(variable.shape[0]), variable.grid, order="F")[axis]
                raw = RawLabels.of(words[0], names_of_classes[places][:, None], str(words[0]))
                return [Pair(WHOLE, str(variable), read(variable), raw)]
    if len(candidates) != 1 or candidates[0].is_stack or len(candidates[0].shape) != 3:
        return []
    [variable] = candidates
    pixels = [
        axis for axis, n in enumerate(variable.shape) if round(n**0.5) ** 2 == n and can_be_image(n)
    ]
    if len(pixels) > 1:  # the number of samples is a square as well
        moved = (np.moveaxis(read(variable), axis, -1) for axis in pixels)
        rows = [values.reshape(-1, values.shape[-1]) for values in moved]
        pixels = [axis for axis, own in zip(pixels, rows, strict=True) if is_image_like(own)]
    classes = [axis for axis, n in enumerate(variable.shape) if n == 10 and axis not in pixels]
    if len(pixels) != 1 or len(classes) != 1:
        return []
    samples = 3 - pixels[0] - classes[0]
    values = np.transpose(read(variable), (classes[0], samples, pixels[0]))
    labels = np.repeat(np.arange(1, 11), variable.shape[samples])
    raw = RawLabels.of(variable, labels[:, None], f"axis {classes[0] + 1} of {variable.name}, from 1")
    return [Pair(WHOLE, str(variable), values.reshape(len(labels), -1), raw)]


def _are_classes(numbers: Sequence[int]) -> bool:
    """Return whether numbers in names go from 0 or 1 on without a gap."""
    return len(numbers) > 1 and numbers[0] in (0, 1) and numbers[-1] - numbers[0] == len(numbers) - 1


def _find_common_axis(shapes: Sequence[tuple[int, ...]]) -> int | None:
    """Return the axis in which the arrays of all classes may differ, if there is one."""
    if len({len(shape) for shape in shapes}) != 1:
        return None
    varying = [axis for axis in range(len(shapes[0])) if len({shape[axis] for shape in shapes}) > 1]
    if varying:
        return varying[0] if len(varying) == 1 else None
    shape = shapes[0]  # all classes are equally large
    if len(shape) == 2:
        square = [axis for axis in (0, 1) if round(shape[1 - axis] ** 0.5) ** 2 == shape[1 - axis]]
        fits = [axis for axis in square if can_be_image(shape[1 - axis])]
        return fits[0] if len(fits) == 1 else None
    if shape[0] == shape[1] == shape[-1]:
        return None
    if shape[0] == shape[1]:
        return len(shape) - 1
    return 0 if len(shape) == 3 and shape[1] == shape[2] else None
