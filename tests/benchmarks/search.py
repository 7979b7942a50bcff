"""Measure what a search costs, side by side with scikit-learn's over skorch as it comes.

    python tests/benchmarks/search.py MNIST.mat

The same candidates (12 of 784-h-h/2-10), folds (3), epochs (5), batches (512) and jobs for all:

random, halving
    This program's strategies, trained as the recipe ``document`` does, without patience; in float32,
    and in bfloat16 where the processor has it.
stock
    ``RandomizedSearchCV`` over ``NeuralNetClassifier``.

Every search is a process of its own, its workers' start included. For every seed, the winner of each is
looked up in the table of ``random``: the difference to its best candidate, and the standard error of
that difference over the folds. Leave the machine alone meanwhile: it takes a quarter of an hour.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from commandline import write_table
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
from skorch import NeuralNetClassifier
from speed import make_network
from torch import nn

from mnistffn.data import load_dataset
from mnistffn.data.split import split_labels
from mnistffn.search.options import SearchOptions
from mnistffn.search.random_search import random_search
from mnistffn.search.space import SearchSpace
from mnistffn.training.device import has_bfloat16

ROOT = Path(__file__).parents[2]
PROGRAMS = ("stock", "random", "random bf16", "halving", "halving bf16")
EPOCHS, FOLDS, BATCH, LR = 5, 3, 512, 1e-3
DROPOUT_BOUNDS = (0.1, 0.7)


class Network(nn.Module):
    """PyTorch's own layers, with the sizes that a search draws."""

    def __init__(
        self, n_features: int, hidden: tuple[int, ...], n_classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = make_network(n_features, n_classes, hidden, dropout)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.layers(inputs)


def run(program: str, X: np.ndarray, y: np.ndarray, seed: int, n_trials: int, jobs: int) -> Any:
    """Search, and return [hidden, dropout, accuracies] of every candidate, the winner first."""
    space = SearchSpace((100, 600), (2, 2), DROPOUT_BOUNDS)
    if program != "stock":
        strategy, _, precision = program.partition(" ")
        options = SearchOptions(
            n_trials,
            FOLDS,
            EPOCHS,
            recipe="document",
            strategy=strategy,
            parameters={"patience": 0},
            precision=precision or "float32",
            n_jobs=jobs,
            seed=seed,
        )
        found = random_search(X, y, space, options).candidates
        return [[*c.parameters.values(), c.accuracies] for c in found]
    net = NeuralNetClassifier(
        Network, module__n_features=X.shape[1], module__n_classes=len(np.unique(y)),
        criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=LR, batch_size=BATCH,
        max_epochs=EPOCHS, iterator_train__shuffle=True, train_split=None, verbose=0,
    )  # fmt: skip
    search = RandomizedSearchCV(
        net,
        {f"module__{name}": values for name, values in space.distributions().items()},
        n_iter=n_trials,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed),
        scoring="accuracy",
        n_jobs=jobs,
        random_state=seed,
        refit=False,
    ).fit(X.astype(np.float32) / 255, y)
    results = search.cv_results_
    folds = np.stack([results[f"split{fold}_test_score"] for fold in range(FOLDS)], axis=1).tolist()
    found = [
        [drawn["module__hidden"], drawn["module__dropout"], accuracies]
        for drawn, accuracies in zip(results["params"], folds, strict=True)
    ]
    return sorted(found, key=lambda candidate: -np.mean(candidate[2]))


def compare(winner: list[Any], full: list[list[Any]]) -> dict[str, float]:
    """Return how far the winner of a search lies below the best of the full one, and the noise."""
    best = np.array(full[0][2])
    own = np.array(next(c[2] for c in full if list(c[0]) == list(winner[0])))
    difference = best - own
    return {
        "rank": 1 + [list(c[0]) for c in full].index(list(winner[0])),
        "below_best": float(difference.mean()),
        "noise": float(np.std(own, ddof=1)),
    }


def make_table(rows: list[dict[str, Any]]) -> str:
    """Return the times and winners as a Markdown table."""
    lines = [
        "| search | seconds | to stock | to random | winner's rank in random (points below its best) |",
        "|---|---|---|---|---|",
    ]
    times = {(row["program"], row["seed"]): row["seconds"] for row in rows}
    for program in PROGRAMS:
        own = [row for row in rows if row["program"] == program]
        if not own:
            continue
        cells = [f"{median(row['seconds'] for row in own):.0f}"]
        for reference in ("stock", "random"):
            ratios = sorted(
                row["seconds"] / times[reference, row["seed"]]
                for row in own
                if (reference, row["seed"]) in times
            )
            cells.append(f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        winners = ", ".join(f"{row['rank']} ({100 * row['below_best']:.2f})" for row in own)
        lines.append(f"| {program} | {' | '.join(cells)} | {winners} |")
    noise = median(row["noise"] for row in rows)
    return "\n".join(lines) + f"\n\nSpread of an accuracy over the folds: {100 * noise:.2f} points.\n"


def main() -> None:
    """Measure, and write the JSON file and the table; or run one search and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--stock-seeds", type=int, default=2, help="of them with stock and bf16 too")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--one", nargs=2, metavar=("PROGRAM", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    if options.one:
        dataset = load_dataset(options.data)
        rows = split_labels(dataset.labels, 0.1, 0).train
        X, y = dataset.flat[rows], np.searchsorted(dataset.classes, dataset.labels[rows])
        start = time.perf_counter()
        found = run(options.one[0], X, y, int(options.one[1]), options.trials, options.jobs)
        print(json.dumps({"seconds": time.perf_counter() - start, "found": found}))
        return
    programs = [
        name for name in PROGRAMS if not name.endswith("bf16") or has_bfloat16(torch.device("cpu"))
    ]
    results: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        by_program = {}
        for program in programs:
            if program not in ("random", "halving") and seed >= options.stock_seeds:
                continue
            command = [sys.executable, __file__, *([options.data] if options.data else [])]
            command += ["--one", program, str(seed), "--trials", str(options.trials)]
            command += ["--jobs", str(options.jobs)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            by_program[program] = json.loads(done.stdout)
            print(f"seed {seed} {program}: {by_program[program]['seconds']:.1f} s", flush=True)
        for program, found in by_program.items():
            compared = compare(found["found"][0], by_program["random"]["found"])
            results.append({"program": program, "seed": seed, "seconds": found["seconds"]} | compared)
    options.output.write_text(json.dumps(results, indent=2) + "\n")
    write_table(make_table(results), options.readme, "search")


if __name__ == "__main__":
    main()
