"""Race to a good candidate: this program's search and others over one space, on the same two cores.

    python -m pip install ".[bench]"
    python tests/benchmarks/tuning.py MNIST.mat --seeds 0 1 2

First layer of 100 to 600 units, second of 50 to 300, dropout of 0 to 0.3; three folds of nine tenths of
the images, five epochs of Adam at 0.001, batches of 512; twelve candidates:

random, halving
    ``mnistffn search`` as a command, by the recipe ``document`` without patience.
sklearn
    ``RandomizedSearchCV`` over skorch's classifier. It draws the same candidates.
optuna
    Two processes with the ``MedianPruner``, which looks at every epoch of every fold.
keras
    Keras Tuner's ``Hyperband``, which knows no folds: it validates on one. It tries sixteen candidates.

At any time a search has an incumbent: the best, by its own score, of the candidates that are finished.
The searches' own scores cannot be compared, and flatter what was chosen by them. So in the end every
incumbent is cross-validated once more in one way, mnistffn's, with folds and weights that no search has
seen. The best of all in a round is the goal, and the noise is the standard error of the difference
between two candidates over these folds. A search's time is when its incumbent comes within the noise
of the goal for good, plus what follows its last candidate, which is writing and leaving. Seconds count
from the start of the process.

Finished rounds are kept in ``tuning.json``, and the same command goes on behind them. Leave the machine
alone meanwhile: a round takes a quarter of an hour.
"""

import math
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from commandline import write_table
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from racing import (
    Course,
    Record,
    contestant,
    describe,
    finish_axes,
    make_parser,
    open_course,
    run_rounds,
    take_few,
)

from mnistffn.data.split import split_dataset
from mnistffn.run.journal import Journal
from mnistffn.search.fit import Fit, FitData, carry_out
from mnistffn.search.options import SearchOptions
from mnistffn.search.random_search import assign_folds, make_classifier
from mnistffn.search.space import SearchSpace

FOLDS, EPOCHS, JOBS = 3, 5, 2
OURS = {"random": [], "halving": ["--strategy", "halving"]}
LABELS = {
    "random": "mnistffn search",
    "halving": "mnistffn search --strategy halving",
    "sklearn": "RandomizedSearchCV",
    "optuna": "Optuna",
    "keras": "Hyperband",
}
COLOURS = {
    "random": "#d62728", "halving": "#67000d",
    "sklearn": "#2ca02c", "optuna": "#1f77b4", "keras": "#9467bd",
}  # fmt: skip
FRESH = 1000  # added to the seed for the folds and weights of the last word

Candidate = tuple[int, int, float]


def measure(name: str, course: Course, folder: Path) -> dict[str, Any]:
    """Let a search run once; return its incumbents [seconds, candidate] and the seconds in all."""
    if name in OURS:
        seconds, lines = _run_mnistffn(name, course, folder)
    else:
        seconds, lines = course.run(contestant(f"search_{name}"), folder)
    incumbents = find_incumbents(lines, FOLDS if name in (*OURS, "sklearn") else 1)
    after = seconds - lines[-1]["seconds"]
    return {
        "seconds": seconds,
        "incumbents": [[round(when + after, 3), candidate] for when, candidate in incumbents],
    }


def _run_mnistffn(name: str, course: Course, folder: Path) -> tuple[float, list[dict[str, Any]]]:
    """Run the command, and watch the journal that it keeps of its finished fits."""
    run = folder / "run"
    command = [
        sys.executable,
        "-m",
        "mnistffn",
        "search",
        str(course.data),
        *OURS[name],
        "-r",
        str(run),
    ]
    command += ["--recipe", "document", "--patience", "0", "--dropout", "0", "0.3", "--quiet"]
    command += ["--trials", str(course.settings["trials"]), "--seed", str(course.seed)]
    command += ["--folds", str(FOLDS), "--epochs", str(EPOCHS), "--jobs", str(JOBS)]
    journal = Journal(run / ".search/fits.jsonl")
    start, times = time.monotonic(), []

    def watch() -> None:
        if journal.path.exists():
            n_new = journal.path.read_bytes().count(b"\n") - len(times)
            times.extend([time.monotonic() - start] * n_new)

    seconds, _ = course.run(command, folder, watch)
    lines = []
    for when, entry in zip(times, journal.read(), strict=True):
        drawn = entry["parameters"]
        line = {"candidate": [*drawn["hidden"], drawn["dropout"]], "score": entry["accuracy"]}
        lines.append(line | {"seconds": when, "n_images": entry["n_images"] or 0})
    return seconds, lines


def find_incumbents(lines: list[dict[str, Any]], n_parts: int) -> list[tuple[float, Candidate]]:
    """Return the incumbents of a search, each with the seconds when it became the incumbent.

    Of candidates that were trained on more images the best comes before all others.

    Parameters
    ----------
    lines : list of dict
        What was tested, in order: ``seconds``, ``candidate``, ``score``, where it differs ``n_images``.
    n_parts : int
        Lines that make a candidate finished; its score is their mean.

    Examples
    --------
    >>> lines = [{"seconds": 1, "candidate": [100, 50, 0.1], "score": 0.9}]
    >>> lines += [{"seconds": 2, "candidate": [200, 50, 0.1], "score": 0.8}]
    >>> lines += [{"seconds": 3, "candidate": [300, 50, 0.1], "score": 0.95}]
    >>> find_incumbents(lines, 1)
    [(1, (100, 50, 0.1)), (3, (300, 50, 0.1))]
    """
    parts: dict[Any, list[float]] = defaultdict(list)
    found: list[tuple[float, Candidate]] = []
    best = (-1, -math.inf)
    for line in lines:
        candidate, n_images = tuple(line["candidate"]), line.get("n_images", 0)
        scores = parts[candidate, n_images]
        scores.append(line["score"])
        if len(scores) % n_parts == 0:
            score = (n_images, float(np.mean(scores[-n_parts:])))
            if score > best:
                best = score
                if not found or found[-1][1] != candidate:
                    found.append((line["seconds"], candidate))
    return found


def score(candidates: list[Candidate], course: Course) -> dict[Candidate, list[float]]:
    """Return the accuracies of candidates on folds that no search has seen."""
    train = split_dataset(course.dataset, "stratified", 0.1, course.seed).train
    X, y = course.dataset.flat[train], course.dataset.labels[train]
    options = SearchOptions(
        1, FOLDS, EPOCHS, "document", parameters={"patience": 0}, seed=FRESH + course.seed
    )
    classifier = make_classifier(y, SearchSpace(), options, course.dataset.image_shape)
    data = FitData(X, y, assign_folds(y, options))
    fits = [
        Fit.of(classifier.set_params(hidden=(first, second), dropout=dropout), fold)
        for first, second, dropout in candidates
        for fold in range(FOLDS)
    ]
    outcomes = Parallel(n_jobs=JOBS)(delayed(carry_out)(fit, data) for fit in fits)
    accuracies = [outcome.accuracy for outcome in outcomes]
    return {
        candidate: accuracies[FOLDS * place : FOLDS * (place + 1)]
        for place, candidate in enumerate(candidates)
    }


def score_incumbents(record: Record, course: Course) -> None:
    """Add the last word on every incumbent of a round that has none yet."""
    rows = record.find(seed=course.seed)
    scored = {tuple(row["candidate"]) for row in rows if "candidate" in row}
    met = {tuple(candidate) for row in rows for _, candidate in row.get("incumbents", [])}
    for candidate, accuracies in score(sorted(met - scored), course).items():
        record.add({"seed": course.seed, "candidate": candidate, "accuracies": accuracies})


def measure_noise(accuracies: list[list[float]]) -> float:
    """Return the standard error of the difference between two candidates' means.

    A fold that is easier for all candidates is no noise. What is left of (candidates, folds) without
    the means of both is, as in an analysis of variance.

    Examples
    --------
    >>> measure_noise([[0.9, 0.8], [0.7, 0.6]]) < 1e-9
    True
    >>> round(measure_noise([[0.9, 0.8], [0.8, 0.9]]), 3)
    0.1
    """
    table = np.array(accuracies)
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    n_candidates, n_folds = table.shape
    variance = float((left**2).sum()) / (max(1, n_candidates - 1) * (n_folds - 1))
    return math.sqrt(2 * variance / n_folds)


class Judged:
    """The rounds of a record, as the last word sees them.

    Attributes
    ----------
    curves : dict of str to dict of int to list of (float, float)
        By contestant and seed: seconds, and how far the incumbent is below the best, in points.
    noise : dict of int to float
        By seed, in points.
    """

    def __init__(self, record: Record) -> None:
        scores: dict[int, dict[Candidate, list[float]]] = defaultdict(dict)
        for row in record.rows:
            if "candidate" in row:
                scores[row["seed"]][tuple(row["candidate"])] = row["accuracies"]
        best = {seed: max(own.values(), key=np.mean) for seed, own in scores.items()}
        self.noise = {seed: 100 * measure_noise(list(own.values())) for seed, own in scores.items()}
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.curves: dict[str, dict[int, list[tuple[float, float]]]] = defaultdict(dict)
        for row in sorted(
            record.find(), key=lambda row: list(LABELS).index(row.get("contestant", "random"))
        ):
            if "incumbents" in row:
                seed = row["seed"]
                self.seconds[row["contestant"]].append(row["seconds"])
                self.curves[row["contestant"]][seed] = [
                    (when, 100 * float(np.mean(best[seed]) - np.mean(scores[seed][tuple(candidate)])))
                    for when, candidate in row["incumbents"]
                ]

    def find_seconds(self, name: str, seed: int) -> float:
        """Return when a search's incumbent is within the noise for good, infinite for never."""
        found = math.inf
        for when, below in reversed(self.curves[name][seed]):
            if below > self.noise[seed]:
                break
            found = when
        return found


def make_table(judged: Judged) -> str:
    """Return the seconds to a good candidate as a Markdown table, medians over the rounds."""
    reached = {
        name: median(judged.find_seconds(name, seed) for seed in own)
        for name, own in judged.curves.items()
    }
    first = min((seconds for name, seconds in reached.items() if name in OURS), default=math.inf)
    lines = [
        "| search | within the noise | in all | its best, below the best of all |",
        "|---|---|---|---|",
    ]
    for name, own in judged.curves.items():
        label = f"`{LABELS[name]}`" if name in OURS else LABELS[name]
        within = "-" if math.isinf(reached[name]) else f"{reached[name]:.0f} s"
        if math.isfinite(reached[name]) and math.isfinite(first):
            within += f" ({reached[name] / first:.1f})"
        below = ", ".join(f"{curve[-1][1]:.2f}" for curve in own.values())
        lines.append(f"| {label} | {within} | {median(judged.seconds[name]):.0f} s | {below} points |")
    noise = ", ".join(f"{noise:.2f}" for noise in judged.noise.values())
    return "\n".join(lines) + f"\n\nThe noise: {noise} points.\n"


def draw(judged: Judged) -> Figure:
    """Draw how far the incumbents are below the best against seconds, a step for every new one."""
    figure = Figure((8, 5), dpi=200, layout="constrained")
    axes = figure.subplots()
    ends = {}
    for name, own in judged.curves.items():
        for curve, end in zip(own.values(), judged.seconds[name], strict=True):
            ends[name] = end, curve[-1][1]
            times, below = zip(*curve, ends[name], strict=True)
            style = {"color": COLOURS[name], "lw": 2 if name in OURS else 1.4}
            axes.step(times, below, where="post", **style)
            axes.plot(*ends[name], "o", ms=5, color=COLOURS[name])
    axes.axhspan(0, median(judged.noise.values()), color="0.9", zorder=0)
    axes.invert_yaxis()
    axes.set_ylabel("accuracy of the best so far, below the best of all (points)")
    finish_axes(axes, ends, LABELS, COLOURS)
    return figure


def main() -> None:
    """Measure, and write the JSON file, the table and the figure."""
    parser = make_parser(__doc__.splitlines()[0], "tuning", list(LABELS))
    parser.add_argument("--trials", type=int, default=12, help="candidates of every search")
    options = parser.parse_args()
    settings = {"trials": 3 if options.quick else options.trials, "seconds": 0}
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        path, dataset = open_course(options.data, Path(folder), quick=options.quick)
        record = Record(options.output, describe(options.data, dataset) | settings, fresh=options.fresh)
        few = Course(*take_few(dataset, Path(folder)), 0, settings | {"trials": 1})
        run_rounds(
            record,
            [(name, seed) for seed in options.seeds for name in options.only or LABELS],
            lambda name, seed, place: measure(name, Course(path, dataset, seed, settings), place),
            None if options.quick else lambda name, place: measure(name, few, place),
        )
        for seed in options.seeds:
            score_incumbents(record, Course(path, dataset, seed, settings))
    judged = Judged(record)
    write_table(make_table(judged), options.readme, "tuning")
    draw(judged).savefig(options.figure)


if __name__ == "__main__":
    main()
