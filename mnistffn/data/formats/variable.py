"""What a data file holds: variables with names, whatever the format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# What cannot be taken for images or labels is kept with its kind, so that a message can name it.
Kind = Literal["numbers", "text", "complex", "object", "cell", "function"]

LARGEST_ITEM = 128 * 128  # elements of an array that may be one image of a cell of images
MOST_ITEMS = 100  # cells that get a name each


@dataclass(frozen=True)
class Variable:
    """A variable of a file. Its ``str`` is its name and shape.

    Attributes
    ----------
    name : str
        With the way to it, as in ``dataset.train.images`` or ``X{2}``.
    shape : tuple of int
    kind : {"numbers", "text", "complex", "object", "cell", "function"}
    dtype : str
        Type of the elements as the file calls it: ``double``, ``uint8``, ``logical`` and so on.
    read : callable
        Returns the values: for numbers an ndarray of ``shape``, for text the strings, (n,).
    is_stack : bool
        Whether its first axis counts the samples for certain: it was a cell of arrays, for example.
    grid : tuple of int
        The shape of that cell, in MATLAB's order.
    is_upright : bool
        Whether its images lie upright for certain, as pictures do.
    """

    name: str
    shape: tuple[int, ...]
    kind: Kind
    dtype: str
    read: Callable[[], NDArray[Any]]
    is_stack: bool = False
    grid: tuple[int, ...] = ()
    is_upright: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.shape}"

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def rename(self, name: str) -> "Variable":
        """Return the same variable under another name."""
        return replace(self, name=name)


def make_printable(text: str) -> str:
    """Return text of a file without what would move a terminal's cursor, or worse."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def hold(
    name: str, values: NDArray[Any], dtype: str, *, is_stack: bool = False, is_upright: bool = False
) -> Variable:
    """Return a variable of values that are in memory already."""
    kind: Kind = "text" if values.dtype.kind == "U" else "numbers"
    return Variable(
        name, values.shape, kind, dtype, lambda: values, is_stack=is_stack, is_upright=is_upright
    )


def describe(name: str, kind: Kind, shape: tuple[int, ...] = ()) -> Variable:
    """Return a variable that has no values for us."""
    return Variable(name, shape, kind, kind, lambda: np.empty(0))


def gather(name: str, shape: tuple[int, ...], items: Sequence[Sequence[Variable]]) -> list[Variable]:
    """Return the variables that a cell, or a field of many structs, amounts to.

    Strings become one variable of text, numbers one vector, and images of one shape a stack; cells of
    structs become such for every field. Of anything else every item is a variable of its own, unless
    there are too many.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Of the cell.
    items : sequence of sequence of Variable
        What every cell holds, in MATLAB's order.
    """
    singles = [found[0] for found in items if len(found) == 1]
    if singles and len(singles) == len(items):
        kinds = {single.kind for single in singles}
        if kinds == {"text"}:
            words = [make_printable(str(word)) for single in singles for word in single.read()]
            if len(words) == len(singles):
                return [hold(name, np.array(words), "text")]
        shapes = {single.shape for single in singles}
        if kinds == {"numbers"} and len(shapes) == 1 and 0 < singles[0].size <= LARGEST_ITEM:
            return [_stack(name, shape, singles)]
    fields = [variable.name for variable in items[0]] if items else []
    are_structs = len(items) > 1 and len(fields) > 1
    if are_structs and all([v.name for v in found] == fields for found in items):
        columns = ([[found[place].rename("")] for found in items] for place in range(len(fields)))
        gathered = zip(fields, columns, strict=True)
        return [part for field, column in gathered for part in gather(f"{name}{field}", shape, column)]
    if len(items) > MOST_ITEMS:
        return [describe(name, "cell", shape)]
    every = enumerate(items, start=1)
    return [part.rename(f"{name}{{{n}}}{part.name}") for n, found in every for part in found]


def _stack(name: str, shape: tuple[int, ...], singles: Sequence[Variable]) -> Variable:
    first = singles[0]
    if first.size == 1:
        values = np.array([single.read().ravel()[0] for single in singles])
        return hold(name, values, first.dtype)
    return Variable(
        name,
        (len(singles), *first.shape),
        "numbers",
        first.dtype,
        lambda: np.stack([single.read() for single in singles]),
        is_stack=True,
        grid=shape,
    )
