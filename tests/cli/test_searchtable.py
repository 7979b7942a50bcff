"""The table of a search fits its terminal, and claims no order that the folds cannot tell."""

import io

import pytest
from rich.console import Console

from mnistffn.cli.searchtable import make_search_table
from mnistffn.search.analysis import analyse
from mnistffn.search.result import Candidate, SearchResult
from mnistffn.search.space import SearchSpace

MANY = {"lr": 0.001234, "schedule": "one-cycle", "label_smoothing": 0.1234, "weight_decay": 1.234e-05}


def search(n: int, further: dict[str, object], apart: float = 0.01) -> SearchResult:
    candidates = [
        Candidate(
            {"hidden": [360 - row, 187], "dropout": 0.1 + row / 100} | further,
            (0.98 - apart * row, 0.98), 0.0, 5.0, 1.5 + row, None if row < n / 2 else 2250,
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
    console.print(make_search_table(result))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("further", [{}, MANY])
def test_sizes_and_accuracy_of_every_candidate_stand_in_one_line(width: int, further) -> None:
    text = show(search(12, further), width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    first = next(place for place, line in enumerate(lines) if line.startswith(" 1  "))
    assert [line.split()[0] for line in lines[first:]] == list(map(str, range(1, 11)))
    for row, line in enumerate(lines[first:]):
        assert "±" in line
        assert f"{360 - row}-187" in line
        assert line.split()[4] == ("all" if row < 6 else "2,250")
    for name in ["learning rate", "label smoothing"] if further else ["dropout"]:
        for word in name.split():
            assert word in text, "as a column, or among what search.csv has besides"


def test_columns_fall_away_from_the_right_and_are_told() -> None:
    assert "no room" not in show(search(12, MANY), 120)
    text = " ".join(show(search(12, MANY), 60).split())
    assert "no room here for label smoothing, seconds, but in search.csv" in text


def test_results_of_several_rounds_are_no_further_candidates() -> None:
    assert "best 10 of 12 results of 2 rounds, the last round first" in show(search(12, {}), 200)


def test_what_all_candidates_share_stands_above() -> None:
    above, table = show(search(12, MANY), 200).split("accuracy", 1)
    assert "all: schedule one-cycle, weight decay 1.234e-05, epochs 5" in above
    assert "one-cycle" not in table


def test_a_single_candidate_keeps_its_columns() -> None:
    text = show(search(1, {}), 80)
    assert "best 1 of 1 candidates" in text
    assert "360-187" in text


def test_candidates_that_the_folds_cannot_tell_apart_share_the_first_place() -> None:
    found = search(8, {}, apart=0.0)  # all accuracies are equal
    assert found.findings.n_within == 4
    text = show(found, 80)
    assert [line.split()[0] for line in text.splitlines()[-8:]] == ["1="] * 4 + ["5", "6", "7", "8"]
    assert "1=: within one standard error of the best" in " ".join(text.split())
    assert "1=" not in show(search(8, {}, apart=0.05), 80)
