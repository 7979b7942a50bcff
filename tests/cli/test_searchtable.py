"""The table of a search fits its terminal, and what it leaves out is told."""

import io

import pytest
from rich.console import Console

from mnistffn.cli.searchtable import make_search_table
from mnistffn.search.analysis import analyse
from mnistffn.search.result import Candidate, SearchResult
from mnistffn.search.space import SearchSpace

MANY = {"lr": 0.001234, "schedule": "one-cycle", "label_smoothing": 0.1234, "weight_decay": 1.234e-05}


def search(n: int, further: dict[str, object]) -> SearchResult:
    candidates = [
        Candidate(
            {"hidden": [360 - row, 187], "dropout": 0.1 + row / 100} | further,
            (0.98 - row / 100, 0.98), 0.0, 5.0, 1.5 + row, None if row < n / 2 else 2250,
        )
        for row in range(n)
    ]  # fmt: skip
    for row, candidate in enumerate(candidates):
        if "lr" in further:
            candidate.parameters["lr"] = 0.001234 * (1 + row)
            candidate.parameters["label_smoothing"] = 0.1234 / (1 + row)
    space = SearchSpace(further={name: [value] for name, value in further.items() if name != "lr"})
    distributions = {
        "hidden": space.distributions()["hidden"],
        "dropout": space.distributions()["dropout"],
    }
    return SearchResult(candidates, 0, "fast", {}, analyse(candidates, distributions, 784, 10))


def show(result: SearchResult, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), highlight=False)
    caption, table = make_search_table(result, width)
    console.print(caption)
    console.print(table)
    text = console.file.getvalue()
    words = text.split()
    for column in table.columns:
        for part in (str(column.header), *map(str, column.cells)):
            assert set(part.split()) <= set(words), "a word or a number is cut"
    return text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("further", [{}, MANY])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_cut(width: int, further) -> None:
    text = show(search(12, further), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(" 1  "))
    assert [line.split()[0] for line in lines[first:]] == list(map(str, range(1, 11))), (
        "a cell is folded"
    )
    assert "0.9800 ± 0.0000" in text
    for name in ["learning rate", "label smoothing"] if further else ["dropout"]:
        for word in name.split():
            assert word in text, "as a column, or among what search.csv has besides"


def test_a_wide_table_is_folded_before_a_column_is_left_out() -> None:
    text = show(search(12, MANY), 80)
    assert "search.csv" not in text
    assert "10.5" in text
    assert "search.csv also label smoothing" in " ".join(show(search(12, MANY), 60).split())


def test_results_of_several_rounds_are_no_further_candidates() -> None:
    assert "best 10 of 12 results of 2 rounds, the last round first" in show(search(12, {}), 200)


def test_what_all_candidates_share_stands_in_the_caption() -> None:
    caption, table = show(search(12, MANY), 200).split("accuracy", 1)
    assert "schedule one-cycle" in caption
    assert "epochs 5" in caption
    assert "one-cycle" not in table


def test_a_single_candidate_keeps_its_columns() -> None:
    text = show(search(1, {}), 80)
    assert "best 1 of 1 candidates" in text
    assert "360-187" in text
