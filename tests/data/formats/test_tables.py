"""Tables in text: what programs write, and what is wrong in them."""

from pathlib import Path

import numpy as np
import pytest

from mnistffn.data import builtin_digits, load_dataset
from mnistffn.errors import DataError

DIGITS = builtin_digits()
N = 300
ROWS = DIGITS.flat[:N].tolist()
LABELS = DIGITS.labels[:N].tolist()
NAMES = [f"pixel{k}" for k in range(64)]


def make_table(mark: str = ",", end: str = "\n", header: list[str] | None = None) -> str:
    lines = [mark.join(map(str, [label, *row])) for label, row in zip(LABELS, ROWS, strict=True)]
    return end.join([*([mark.join(header)] if header else []), *lines]) + end


PLAIN = make_table(header=["label", *NAMES])
SHUFFLED = sorted(range(64), key=str)
WRITTEN = {
    "CRLF": make_table(end="\r\n", header=["label", *NAMES]).encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "semicolons": make_table(";").encode(),
    "tabs": make_table("\t").encode(),
    "blanks": make_table("  ").encode(),
    "empty lines": PLAIN.replace("\n", "\n\n").encode(),
    "no line end at the end": PLAIN.rstrip().encode(),
    "numbered columns": make_table(header=list(map(str, range(65)))).encode(),
    "quoted": "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.splitlines()
    ).encode(),
    "decimal points": "\n".join(
        [",".join(["class", *NAMES]), *(",".join(map(str, [y, *(v / 255 for v in x)])) for x, y in zip(ROWS, LABELS, strict=True))]  # noqa: E501
    ).encode(),
    "decimal commas": "\n".join(
        ";".join([str(y), *(f"{v / 255:.6f}".replace(".", ",") for v in x)]) for x, y in zip(ROWS, LABELS, strict=True)  # noqa: E501
    ).encode(),
    "the rows' numbers, as pandas has it": "\n".join(
        [",".join(["", "label", *NAMES]), *(",".join(map(str, [k, y, *x])) for k, (x, y) in enumerate(zip(ROWS, LABELS, strict=True)))]  # noqa: E501
    ).encode(),
    "the rows' numbers, as R has it": "\n".join(
        [" ".join(["label", *NAMES]), *(" ".join(map(str, [f'"{k}"', y, *x])) for k, (x, y) in enumerate(zip(ROWS, LABELS, strict=True), 1))]  # noqa: E501
    ).encode(),
    "columns in another order": "\n".join(
        [",".join([*(f"p{k}" for k in SHUFFLED), "label"]), *(",".join(map(str, [*(x[k] for k in SHUFFLED), y])) for x, y in zip(ROWS, LABELS, strict=True))]  # noqa: E501
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("how", WRITTEN)
def test_tables_are_read_however_they_are_written(tmp_path: Path, how: str) -> None:
    (tmp_path / "d.csv").write_bytes(WRITTEN[how])
    found = load_dataset(tmp_path / "d.csv")
    np.testing.assert_array_equal(found.images, DIGITS.images[:N])
    np.testing.assert_array_equal(found.labels, DIGITS.labels[:N])


def test_words_are_labels(tmp_path: Path) -> None:
    lines = [",".join(map(str, [*x, f"class {y}"])) for x, y in zip(ROWS, LABELS, strict=True)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    found = load_dataset(tmp_path / "d.csv")
    assert found.labels[:2].tolist() == ["class 0", "class 1"]
    np.testing.assert_array_equal(found.images, DIGITS.images[:N])


def change(line: int, cell: int, value: str | None) -> str:
    lines = [row.split(",") for row in PLAIN.splitlines()]
    lines[line - 1][cell] = value or ""
    if value is None:
        del lines[line - 1][cell]
    return "\n".join(map(",".join, lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (change(7, 3, "abc"), r"line 7, column 4 \(pixel2\) is 'abc', which is no number"),
        (change(7, 3, ""), r"line 7, column 4 \(pixel2\) is empty"),
        (change(7, 3, None), "line 7 has 64 cells, those before it 65"),
        (change(7, 3, "1,2"), "line 7 has 66 cells, those before it 65"),
        (change(7, 3, "NaN"), "holds pixels that are NaN or infinite: 1 of them"),
        (change(7, 3, "1e400"), "holds pixels that are NaN or infinite: 1 of them"),
        (change(7, 3, "1e12"), "these are no pixels"),
        (change(7, 0, "3.5"), "labels must be whole numbers"),
        (PLAIN.splitlines()[0], "a text file without a table"),
        ("one\ntwo\n", "a text file without a table"),
        ("\n\n\n", "a text file without a table"),
        ("\n".join(",".join(map(str, row)) for row in ROWS), "holds no labels"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(tmp_path / "d.csv")
    assert "\n" not in str(caught.value)
