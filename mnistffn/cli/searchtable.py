"""The table of a search, as wide as the terminal and no wider."""

from typing import TYPE_CHECKING

from mnistffn.cli.terminal import make_table
from mnistffn.search.report import spell_name, spell_value
from mnistffn.wording import count

if TYPE_CHECKING:
    from rich.table import Table

    from mnistffn.search.result import SearchResult

ROWS = 10
GAP = 2  # spaces between two columns
KEPT = ("", "accuracy", "images")  # what goes last, if at all


def make_search_table(result: "SearchResult", width: int) -> tuple[str, "Table"]:
    """Return a caption and the table of the best candidates, in ``width`` letters.

    What all of them share stands in the caption. What has no room is left out, from the right; the
    best candidate is told in full elsewhere, and search.csv has all.
    """
    shown = result.candidates[:ROWS]
    columns = {
        "": [str(rank) for rank in range(1, len(shown) + 1)],
        "accuracy": [f"{c.mean:.4f} ± {c.std:.4f}" for c in shown],
        **{
            spell_name(name): [spell_value(c.parameters[name]) for c in shown]
            for name in result.best.parameters
        },
        "images": ["all" if c.n_images is None else f"{c.n_images:,}" for c in shown],
        "epochs": [f"{c.epochs:.0f}" for c in shown],
        "seconds": [f"{c.seconds:.1f}" for c in shown],
    }
    n_rounds = len({candidate.n_images for candidate in result.candidates})
    what = "candidates" if n_rounds == 1 else f"results of {n_rounds} rounds, the last round first"
    caption = f"best {len(shown)} of {len(result.candidates)} {what}"
    n_folds = len(result.best.accuracies)
    caption += f" (mean ± standard deviation over {count(n_folds, 'fold')})"
    shared = [n for n in columns if n not in KEPT[:2] and len(set(columns[n])) == 1]
    if len(shown) > 1:
        caption += "".join(f", {name} {columns.pop(name)[0]}" for name in shared)
    left_out = []
    while _measure(columns) > width and len(columns) > len(KEPT):
        name = next(name for name in reversed(columns) if name not in KEPT)
        left_out.append(name)
        del columns[name]
    if left_out:
        caption += f"; in search.csv also {', '.join(reversed(left_out))}"
    rows = list(zip(*columns.values(), strict=True))
    table = make_table(list(columns), rows)
    # Rich would rather cut cells than fold a heading.
    for column, (name, cells) in zip(table.columns, columns.items(), strict=True):
        column.width = _measure_column(name, cells)
    return caption, table


def _measure(columns: dict[str, list[str]]) -> int:
    widths = [_measure_column(name, cells) for name, cells in columns.items()]
    return sum(widths) + GAP * (len(widths) - 1)


def _measure_column(name: str, cells: list[str]) -> int:
    """Return how wide a column is whose heading is folded between words only."""
    return max(map(len, [*name.split(), *cells]))
