"""Measure the recipes on real data, and write the table in the README anew.

    python tests/benchmarks/recipes.py MNIST.mat

Every row is trained and evaluated by the command line as a user would, once for every seed, on one
split (seed 0). Within a seed the rows follow one another, and times are ratios to the document's recipe
in the same round. Leave the machine alone meanwhile.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

from commandline import run, spell, write_table

ROOT = Path(__file__).parents[2]
REFERENCE = "document"
ROWS = {
    "document": ["--hidden", "360,187", "--recipe", "document"],
    "fast": ["--hidden", "360,187", "--recipe", "fast"],
    "robust": ["--hidden", "360,187", "--recipe", "robust"],
    "both": ["--hidden", "360,187", "--augment", "--adversarial", "0.05"],
    "best": ["--recipe", "best"],
}


def measure(row: list[str], data: list[str], seed: int, run_dir: str) -> dict[str, Any]:
    """Train and evaluate once."""
    start = time.perf_counter()
    trained = run("train", *data, *row, "--seed", str(seed), "--run-dir", run_dir)
    process = time.perf_counter() - start
    metrics = run("evaluate", "--attack", "0.1", "--run-dir", run_dir)
    return {
        "seed": seed,
        "accuracy": metrics["accuracy"],
        "interval": metrics["interval"],
        "pgd_accuracy": metrics["robustness"]["accuracies"][0]["accuracy"],
        "median_smallest_strength": metrics["robustness"]["median_smallest_strength"],
        "epochs": trained["epochs"],
        "training_seconds": trained["seconds"],
        "process_seconds": process,
    }


def measure_all(
    rows: dict[str, list[str]], data: list[str], seeds: list[int]
) -> dict[str, list[dict[str, Any]]]:
    """Measure every row with every seed, the rows of a seed one after another."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory(prefix="mnistffn-") as folder:
        for name in rows:  # the first training of a run directory settles its split
            run("train", *data, "--hidden", "8", "--epochs", "1", "-r", f"{folder}/{name}")
        for seed in seeds:
            for name, row in rows.items():
                result = measure(row, data, seed, f"{folder}/{name}")
                results[name].append(result)
                reference = results[REFERENCE][-1]
                for kind in ("training", "process"):
                    ratio = result[f"{kind}_seconds"] / reference[f"{kind}_seconds"]
                    result[f"{kind}_ratio"] = ratio
                print(name, json.dumps(result), file=sys.stderr, flush=True)
    return results


def make_table(rows: dict[str, list[str]], results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| `mnistffn train MNIST.mat` and | accuracy | PGD-20, L∞ 0.1 | seconds | to document's |",
        "|---|---|---|---|---|",
    ]
    for name, found in results.items():
        seconds = mean(result["training_seconds"] for result in found)
        ratio = median(result["training_ratio"] for result in found)
        cells = [
            f"`{' '.join(rows[name])}`",
            spell([result["accuracy"] for result in found]),
            spell([result["pgd_accuracy"] for result in found]),
            f"{seconds:.0f}",
            f"{ratio:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write the JSON file and the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    rows = {name: ROWS[name] for name in ROWS if name == REFERENCE or name in options.rows}
    results = measure_all(rows, [options.data] if options.data else [], options.seeds)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    write_table(make_table(rows, results), options.readme, "recipes")


if __name__ == "__main__":
    main()
