"""The table of a search."""

from typing import TYPE_CHECKING

from mnistffn.cli.table import FittedTable
from mnistffn.search.report import spell_name, spell_value
from mnistffn.wording import count

if TYPE_CHECKING:
    from mnistffn.search.result import SearchResult

ROWS = 10


def make_search_table(result: "SearchResult") -> FittedTable:
    """Return the table of the best candidates; the best one is told in full elsewhere."""
    shown = result.candidates[:ROWS]
    n_rounds = len({candidate.n_images for candidate in result.candidates})
    columns = {
        "": _rank(result, len(shown)),
        "accuracy": [f"{c.mean:.4f} ± {c.std:.4f}" for c in shown],
    }
    if n_rounds > 1:
        columns["images"] = ["all" if c.n_images is None else f"{c.n_images:,}" for c in shown]
    n_kept = len(columns)
    columns |= {
        spell_name(name): [spell_value(c.parameters[name]) for c in shown]
        for name in result.best.parameters
    }
    columns["epochs"] = [f"{c.epochs:.0f}" for c in shown]
    columns["seconds"] = [f"{c.seconds:.1f}" for c in shown]
    what = "candidates" if n_rounds == 1 else f"results of {n_rounds} rounds, the last round first"
    title = f"best {len(shown)} of {len(result.candidates)} {what}"
    title += f" (mean ± standard deviation over {count(len(result.best.accuracies), 'fold')})"
    if result.findings.n_within > 1:
        title += "; 1=: within one standard error of the best, so that their order may be chance"
    return FittedTable(columns, title, n_kept, file="search.csv")


def _rank(result: "SearchResult", n: int) -> list[str]:
    """Return the places, of which those that the folds cannot tell apart are shared."""
    n_first = result.findings.n_within
    first = "1=" if n_first > 1 else "1"
    return [first if place <= n_first else str(place) for place in range(1, n + 1)]
