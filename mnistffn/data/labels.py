"""Labels: the forms that they come in, and what their numbers mean."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import names
from mnistffn.data.formats.variable import Variable
from mnistffn.errors import DataError

LabelsMean = Literal["auto", "as-is", "ten-is-zero", "digit-plus-one", "last-is-zero"]
MEANINGS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "as-is": lambda labels: labels,
    "ten-is-zero": lambda labels: labels % 10,
    "digit-plus-one": lambda labels: labels - 1,
    "last-is-zero": lambda labels: (labels + 1) % 10,  # the places of 1, 2, ... 9, 0
}
RANGES = {"ten-is-zero": range(1, 11), "digit-plus-one": range(1, 11), "last-is-zero": range(10)}
MOST_CLASSES = 1000
LARGEST_LABEL = 2**53
GLANCE = 200  # samples that tell what is no one-hot matrix


@dataclass(frozen=True)
class RawLabels:
    """Labels as a file has them.

    Attributes
    ----------
    variable : Variable
    n : int
        How many there are.
    description : str
        What they were read from.
    load : callable
        Returns numbers or strings, (n,); of one-hot labels the place of the class, from 0.
    is_one_hot : bool
    """

    variable: Variable
    n: int
    description: str
    load: Callable[[], NDArray[Any]]
    is_one_hot: bool = False

    @property
    def values(self) -> NDArray[Any]:
        """The labels, shape (n,)."""
        return self.load()

    @classmethod
    def of(cls, variable: Variable, columns: NDArray[Any], description: str) -> "RawLabels":
        """Return the labels in columns (n, 1) of numbers or strings, or (n, k) of one-hot."""
        is_one_hot = columns.shape[1] > 1
        values = np.asarray(columns.argmax(axis=1)) if is_one_hot else columns[:, 0]
        form = ", one-hot" if is_one_hot else ""
        return cls(variable, len(values), f"{description}{form}", lambda: values, is_one_hot)

    @property
    def are_whole(self) -> bool:
        """Whether all are strings or whole numbers."""
        values = self.values
        return values.dtype.kind != "f" or bool(np.array_equal(values, np.rint(values)))

    def take(self, rows: NDArray[np.int64], description: str) -> "RawLabels":
        """Return some of them."""
        values = self.values[rows]
        return replace(self, n=len(rows), description=description, load=lambda: values)

    def agrees_with(self, other: "RawLabels") -> bool:
        """Return whether others part the samples in the same way, whatever they call the classes.

        Where no class has two samples, every other vector would.
        """
        if self.n != other.n or len(np.unique(self.values)) == self.n:
            return False
        _, mine = np.unique(self.values, return_inverse=True)
        _, theirs = np.unique(other.values, return_inverse=True)
        pairs = np.unique(np.stack([mine, theirs]), axis=1).shape[1]
        return bool(pairs == mine.max(initial=-1) + 1 == theirs.max(initial=-1) + 1)


def find_labels(
    variable: Variable, read: Callable[[Variable], NDArray[Any]], lengths: Collection[int] | None
) -> list[RawLabels]:
    """Return what labels a variable may be, which depends on how its samples are counted.

    Parameters
    ----------
    variable : Variable
    read : callable
        Returns its values.
    lengths : collection of int or None
        Numbers of samples that are of interest; None for all.
    """
    size = variable.size
    if variable.kind == "text":
        strings = read(variable)
        if len(strings) == 1 and len(strings[0]) > 1:  # a letter for every sample
            strings = np.array(list(strings[0]))
        found = [RawLabels(variable, len(strings), str(variable), lambda: strings)]
    elif variable.kind == "numbers" and 0 < size == max(variable.shape, default=0):
        found = [RawLabels(variable, size, str(variable), lambda: read(variable).ravel())]
    elif variable.kind != "numbers" or not size or len(variable.shape) > 2:
        return []
    else:
        found = _find_one_hot(variable, read, lengths)
    return [labels for labels in found if lengths is None or labels.n in lengths]


def _find_one_hot(
    variable: Variable, read: Callable[[Variable], NDArray[Any]], lengths: Collection[int] | None
) -> list[RawLabels]:
    found = []
    for axis, form in ((0, "one-hot"), (1, "one-hot, a class in every row")):
        n, n_classes = variable.shape[axis], variable.shape[1 - axis]
        if n_classes > MOST_CLASSES or (lengths is not None and n not in lengths):
            continue
        if (classes := read_one_hot(np.moveaxis(read(variable), axis, 0))) is not None:
            found.append(_make_one_hot(variable, classes, f"{variable}, {form}"))
    return found


def _make_one_hot(variable: Variable, classes: NDArray[np.int64], description: str) -> RawLabels:
    return RawLabels(variable, len(classes), description, lambda: classes, is_one_hot=True)


def read_one_hot(matrix: NDArray[Any]) -> NDArray[np.int64] | None:
    """Return the classes (n,) of one-hot labels (n, k), or None where they are something else.

    There are two values, the higher one once in every row.
    """
    if not _is_one_hot(matrix[:GLANCE]) or not _is_one_hot(matrix):
        return None
    return np.asarray(matrix.argmax(axis=1))


def _is_one_hot(matrix: NDArray[Any]) -> bool:
    if matrix.dtype.kind == "f" and not np.isfinite(matrix).all():
        return False
    low, high = matrix.min(), matrix.max()
    if low == high or matrix.shape[1] < 2:
        return False
    is_high = matrix == high
    return bool((is_high.sum(axis=1) == 1).all() and (is_high | (matrix == low)).all())


def clean_labels(source: str, parts: Sequence[RawLabels]) -> NDArray[Any]:
    """Return the labels of all parts, one after the other, as whole numbers or as strings.

    Raises
    ------
    DataError
        There are numbers that are not whole, or not finite.
    """
    values = [_check(source, raw) for raw in parts]
    if any(found.dtype.kind == "U" for found in values):
        return _take_digits(np.concatenate([found.astype(str) for found in values]))
    return np.concatenate(values).astype(np.int64)


def _check(source: str, raw: RawLabels) -> NDArray[Any]:
    values = raw.values
    if values.dtype.kind != "f":
        return values
    if not np.isfinite(values).all():
        count = np.sum(~np.isfinite(values))
        msg = f"{source}: {raw.description} holds labels that are not numbers: {count} of them"
        raise DataError(msg)
    if (odd := values[(values != np.rint(values)) | (np.abs(values) > LARGEST_LABEL)]).size:
        msg = f"{source}: {raw.description} holds {odd[0]:g}, but labels must be whole numbers"
        raise DataError(msg)
    return values


def list_meanings(classes: Sequence[int]) -> list[str]:
    """Return what the numbers of classes may mean as digits; nothing where they can be none.

    Examples
    --------
    >>> list_meanings(range(10)), list_meanings([1, 2, 10]), list_meanings([1, 2])
    (['as-is', 'last-is-zero'], ['ten-is-zero', 'digit-plus-one'], ['as-is', 'digit-plus-one'])
    """
    found = set(classes)
    if found == set(range(10)):
        return ["as-is", "last-is-zero"]
    if found < set(range(10)):
        return ["as-is"] if 0 in found else ["as-is", "digit-plus-one"]
    return ["ten-is-zero", "digit-plus-one"] if found <= set(range(1, 11)) else []


@dataclass(frozen=True)
class NamedLabels:
    """Labels by the names that a file has for its classes, and the variable that tells them."""

    labels: NDArray[Any]
    variable: str


def name_classes(
    labels: NDArray[Any], variables: Sequence[Variable], read: Callable[[Variable], NDArray[Any]]
) -> NamedLabels | None:
    """Return the labels by the names of their classes, if a variable tells these.

    Either a table with the number of a class and the code of its letter in every row, as EMNIST's
    ``mapping`` is, or a list of as many words as there are classes.
    """
    if labels.dtype.kind != "i":
        return None
    classes = np.unique(labels).tolist()
    for variable in variables:
        name = variable.name
        if not names.says(name, names.CLASS_NAMES) or names.says(name, names.NO_CLASS_NAMES):
            continue
        if variable.size == len(labels):  # one for every image
            continue
        found = _read_class_names(variable, classes, read)
        if found and set(classes) <= set(found) and len(set(found.values())) == len(found):
            words = np.array([found[label] for label in labels.tolist()])
            return NamedLabels(_take_digits(words), variable.name)
    return None


def _read_class_names(
    variable: Variable, classes: Sequence[int], read: Callable[[Variable], NDArray[Any]]
) -> dict[int, str]:
    if variable.kind == "text":
        words = [str(word) for word in read(variable)]
        first = _find_first(classes, len(words))
        return {} if first is None else dict(enumerate(words, start=first))
    if variable.kind == "numbers" and len(variable.shape) == 2 and variable.shape[1] in (2, 3):
        table = read(variable)
        if table.dtype.kind in "bui" or np.isfinite(table).all():
            rows = table.astype(np.int64).tolist()
            if all(32 < row[1] < 127 for row in rows):
                return {row[0]: chr(row[1]) for row in rows}
    return {}


def _find_first(classes: Sequence[int], n_names: int) -> int | None:
    """Return the number of the first class of a list of names, if only one is possible."""
    if n_names > MOST_CLASSES or classes[0] < 0:
        return None
    if classes[0] == 0:
        return 0 if n_names > classes[-1] else None
    if n_names == classes[-1]:
        return 1
    return classes[0] if n_names == len(classes) == classes[-1] - classes[0] + 1 else None


def _take_digits(words: NDArray[Any]) -> NDArray[Any]:
    """Return strings as numbers if all of them are digits."""
    are_digits = set(np.unique(words).tolist()) <= set("0123456789")
    return words.astype(np.int64) if are_digits else words
