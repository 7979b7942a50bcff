"""Measure the most accurate recipes over several splits, and write the table in the README anew.

    python tests/benchmarks/record.py MNIST.mat --train='--precision bf16'

A round has one seed: of the tenth that is held out, and of the training. Every recipe trains and is
evaluated by the command line as a user would. Finished rounds are kept in ``record.json``, and the same
command goes on behind them: a round takes three quarters of an hour with one thread in bfloat16.
"""

import argparse
import shlex
from pathlib import Path
from statistics import median
from typing import Any

from commandline import run, spell, write_table
from racing import ROOT, Record, describe, run_rounds

from mnistffn.data import load_dataset
from mnistffn.evaluation.metrics import wilson_interval

RECIPES = ("best", "record")
STRENGTH = 0.1


def measure(
    recipe: str, seed: int, folder: Path, data: list[str], options: list[str]
) -> dict[str, Any]:
    """Train and evaluate once."""
    place = ["-r", str(folder / "run")]
    trained = run("train", *data, "--recipe", recipe, "--seed", str(seed), *options, *place)
    tested = run("evaluate", "--attack", str(STRENGTH), *place)
    return {
        "n": tested["n"],
        "errors": tested["errors"],
        "accuracy": tested["accuracy"],
        "pgd_accuracy": tested["robustness"]["accuracies"][0]["accuracy"],
        "seconds": trained["seconds"],
    }


def make_table(record: Record) -> str:
    """Return the results as a Markdown table."""
    lines = [
        f"| `--recipe` | accuracy | errors | 95% interval | PGD-20, L∞ {STRENGTH} | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for recipe in RECIPES:
        if rows := record.find(contestant=recipe):
            n, n_errors = (sum(row[what] for row in rows) for what in ("n", "errors"))
            low, high = wilson_interval(n - n_errors, n)
            cells = [
                f"`{recipe}`",
                spell([row["accuracy"] for row in rows]),
                f"{n_errors} of {n:,}",
                f"{low:.4f} to {high:.4f}",
                spell([row["pgd_accuracy"] for row in rows]),
                f"{median(row['seconds'] for row in rows) / 60:.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="one round each")
    parser.add_argument("--train", default="", metavar="OPTIONS", help="of every training")
    parser.add_argument("--fresh", action="store_true", help="forget the rounds that are kept")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    data = [options.data] if options.data else []
    trained = shlex.split(options.train)
    conditions = describe(options.data, load_dataset(options.data)) | {"train": options.train}
    record = Record(options.output, conditions, fresh=options.fresh)
    run_rounds(
        record,
        [(recipe, seed) for seed in options.seeds for recipe in RECIPES],
        lambda recipe, seed, folder: measure(recipe, seed, folder, data, trained),
        None,
    )
    write_table(make_table(record), options.readme, "record")


if __name__ == "__main__":
    main()
