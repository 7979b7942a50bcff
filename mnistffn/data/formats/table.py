"""Tables in text, such as CSV: a line for every image, with or without a header."""

import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistffn.data import names
from mnistffn.data.formats.damage import Budget, DamagedFileError
from mnistffn.data.formats.variable import Variable, hold, make_printable

CHUNK = 1_000_000  # cells
MOST_TEXTS = 8  # columns of words, such as a label or a file's name
FEWEST = 36  # columns that are pixels
GLANCE = 1 << 16  # bytes that tell whether this is a table
LONGEST_RAMP = 10  # columns numbered one by one are a header, not pixels
SHOWN = 20
UTF16 = (b"\xff\xfe", b"\xfe\xff")
UNNAMED = re.compile(r"(unnamed: ?\d+|x?\.?)?")  # how pandas and R call the numbers of the rows


@dataclass(frozen=True)
class Form:
    """How a table is written.

    Attributes
    ----------
    delimiter : str or None
        None for blanks.
    header : tuple of str
        Names of the columns; none where it has none.
    texts : tuple of int
        Columns that hold words.
    n_columns : int
    """

    delimiter: str | None
    header: tuple[str, ...]
    texts: tuple[int, ...]
    n_columns: int

    @property
    def has_decimal_commas(self) -> bool:
        """Whether a comma may be a decimal point, for it does not part the cells."""
        return self.delimiter in (";", "\t")

    def name(self, column: int) -> str:
        """Return what a message calls a column."""
        return f"column {column + 1}" + (f" ({self.header[column]})" if self.header else "")


def is_table(content: memoryview) -> bool:
    """Return whether text seems to be a table of numbers: two lines of cells, most of them numbers."""
    text = decode(content[:GLANCE])
    if "\0" in text:
        return False
    lines = [line for line in text.splitlines() if line.strip()][:2]
    if not lines:
        return False
    delimiter = _find_delimiter(lines[-1])
    cells = _split(lines[-1], delimiter)
    if len(content) > GLANCE and len(lines) == 1:  # a line of many cells, perhaps cut
        cells = cells[:-1]
    return 2 * sum(_is_number(cell, delimiter) for cell in cells) > len(cells)


def decode(content: memoryview) -> str:
    """Return text without the mark that some programs put before it."""
    encoding = "utf-16" if bytes(content[:2]) in UTF16 else "utf-8-sig"
    return bytes(content).decode(encoding, "replace")


def read_table(content: memoryview, name: str, budget: Budget) -> list[Variable]:
    """Return the columns of a table as variables, those that are numbered in a row as one matrix.

    Parameters
    ----------
    content : memoryview
    name : str
        Of the matrix where there is no header.
    budget : Budget

    Raises
    ------
    DamagedFileError
        A line has more or fewer cells than those before it, or a cell is no number. The message names
        the line and the column.
    TooLargeError
    """
    if bytes(content[:2]) in UTF16:
        budget.unpack(len(content))
        content = memoryview(decode(content).encode())
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace")
    lines = ((n, line) for n, line in enumerate(text, start=1) if line.strip())
    first = list(islice(lines, 2))
    form = _find_form([line for _, line in first])
    start = first[1:] if form.header else first
    numbers: list[NDArray[Any]] = []
    words: list[NDArray[Any]] = []
    for chunk in _chunks(start, lines, max(1, CHUNK // form.n_columns)):
        found = _read_chunk(chunk, form)
        budget.unpack(found[0].nbytes + found[1].nbytes)
        numbers.append(found[0])
        words.append(found[1])
    if not numbers:
        msg = "a header and no lines"
        raise DamagedFileError(msg)
    dtype = np.result_type(*numbers)
    budget.unpack(sum(part.size for part in numbers) * dtype.itemsize)
    return _name_columns(np.concatenate(numbers), np.concatenate(words), name, form)


def _chunks(
    start: list[tuple[int, str]], lines: Iterator[tuple[int, str]], size: int
) -> Iterator[list[tuple[int, str]]]:
    while chunk := start + list(islice(lines, size)):
        yield chunk
        start = []


def _find_form(lines: Sequence[str]) -> Form:
    delimiter = _find_delimiter(lines[-1])
    first, second = (_split(line, delimiter) for line in (lines[0], lines[-1]))
    n_words = sum(not _is_number(cell, delimiter) for cell in first)
    numbered = [str(k) for k in range(len(first) + 1)]
    is_ramp = len(first) >= LONGEST_RAMP and first in (numbered[:-1], numbered[1:])
    header: list[str] = []
    if len(lines) > 1 and (2 * n_words > len(first) or is_ramp):
        header = [make_printable(cell.strip()) for cell in first]
        header[0] = header[0].removeprefix("# ")
        if len(header) == len(second) - 1:  # R leaves out the name of the rows' names
            header = ["", *header]
        if len(header) != len(second):
            msg = f"the header has {len(header)} cells, and the line after it {len(second)}"
            raise DamagedFileError(msg)
    texts = tuple(
        k for k, cell in enumerate(second) if cell.strip() and not _is_number(cell, delimiter)
    )
    if len(texts) > MOST_TEXTS:
        msg = f"{len(texts)} of the {len(second)} columns are no numbers, such as {second[texts[0]][:SHOWN]!r}"  # noqa: E501
        raise DamagedFileError(make_printable(msg))
    return Form(delimiter, tuple(header), texts, len(second))


def _find_delimiter(line: str) -> str | None:
    unquoted = re.sub(r'"[^"]*"', "", line)
    return next((mark for mark in "\t;," if mark in unquoted.strip()), None)


def _split(line: str, delimiter: str | None) -> list[str]:
    line = line.rstrip("\r\n")
    if delimiter is None:
        return [cell.strip('"') for cell in line.split()]
    return next(csv.reader([line], delimiter=delimiter), [])


def _is_number(cell: str, delimiter: str | None = None) -> bool:
    if delimiter in (";", "\t"):
        cell = cell.replace(",", ".")
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _read_chunk(chunk: list[tuple[int, str]], form: Form) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the numbers (n, columns) of some lines, and the words (n, columns of words)."""
    lines = [line for _, line in chunk]
    _check_lengths(chunk, form)
    columns = [k for k in range(form.n_columns) if k not in form.texts]
    if form.has_decimal_commas:
        lines = [line.replace(",", ".") for line in lines]
    for dtype in (np.int64, np.float64):  # whole numbers are read four times as fast
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                values = np.loadtxt(
                    lines, dtype, comments=None, delimiter=form.delimiter, quotechar='"', ndmin=2,
                    usecols=columns if form.texts else None,
                )  # fmt: skip
            break
        except (ValueError, OverflowError, Warning) as error:
            problem = str(error)
    else:
        raise DamagedFileError(_find_bad_cell(chunk, form) or make_printable(problem))
    if values.dtype.kind == "i" and values.size and values.min() >= 0 and values.max() <= 255:
        values = values.astype(np.uint8)
    if not form.texts:
        return values, np.empty((len(values), 0), "U1")
    words = [
        [cells[k].strip() for k in form.texts]
        for cells in (_split(line, form.delimiter) for line in lines)
    ]
    return values, np.array(words)


def _check_lengths(chunk: list[tuple[int, str]], form: Form) -> None:
    for number, line in chunk:
        if form.delimiter is not None and '"' not in line:
            n = line.count(form.delimiter) + 1
        else:
            n = len(_split(line, form.delimiter))
        if n != form.n_columns:
            msg = f"line {number} has {n} cells, those before it {form.n_columns}"
            raise DamagedFileError(msg)


def _find_bad_cell(chunk: list[tuple[int, str]], form: Form) -> str | None:
    """Return what is wrong with the first cell that is no number."""
    for number, line in chunk:
        for column, cell in enumerate(_split(line, form.delimiter)):
            if column in form.texts or _is_number(cell, form.delimiter):
                continue
            what = (
                f"is {make_printable(cell[:SHOWN])!r}, which is no number"
                if cell.strip()
                else "is empty"
            )
            return f"line {number}, {form.name(column)} {what}"
    return None


def _name_columns(numbers: NDArray[Any], words: NDArray[Any], name: str, form: Form) -> list[Variable]:
    """Return columns as variables: those whose names differ in their numbers as one, in that order."""
    texts = [
        hold(form.header[k] if form.header else f"column{k + 1}", words[:, place], "text")
        for place, k in enumerate(form.texts)
    ]
    if not form.header:
        return [hold(name, numbers, numbers.dtype.name), *texts]
    header = [cell for k, cell in enumerate(form.header) if k not in form.texts]
    groups: dict[str, list[int]] = {}
    for place, cell in enumerate(header):
        if not _counts_rows(cell, numbers[:, place]):
            groups.setdefault(re.sub(r"\d+", "#", cell), []).append(place)
    others = [places[0] for places in groups.values() if len(places) == 1]
    pixels = [k for k in others if not names.rate_label(header[k])]
    if len(pixels) >= FEWEST:  # pixels with names of their own
        groups = {key: places for key, places in groups.items() if places[0] not in pixels}
        groups["pixels"] = pixels
    found: list[Variable] = []
    for pattern, places in groups.items():
        label = header[places[0]] if len(places) == 1 else pattern.replace("#", "").strip(" ._-")
        taken = {variable.name for variable in found}
        label = label if label and label not in taken else f"pixels{len(found) or ''}"
        ordered = sorted(places, key=lambda k: [int(part) for part in re.findall(r"\d+", header[k])])
        values = numbers[:, places[0]] if len(places) == 1 else numbers[:, ordered]
        found.append(hold(label, np.ascontiguousarray(values), values.dtype.name))
    return [*found, *texts]


def _counts_rows(name: str, values: NDArray[Any]) -> bool:
    """Return whether a column without a name numbers the rows, as programs write it."""
    if not UNNAMED.fullmatch(name.lower()):
        return False
    return bool(np.array_equal(values, np.arange(len(values)) + values[0]) and values[0] in (0, 1))
