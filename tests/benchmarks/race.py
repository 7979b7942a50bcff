"""Race to an accuracy: this program and others from nothing to a saved model, on one machine.

    python -m pip install ".[bench]"
    python tests/benchmarks/race.py MNIST.mat --seeds 0 1 2
    python tests/benchmarks/race.py MNIST.mat --seeds 0 1 2 --only best

Every contestant is a process of its own, in ``contestants/``. It reads the data file, trains
784-360-187-10 on the same nine tenths and saves its model; optimizer, batch and the rest are those of
its own documentation's example. The networks of PyTorch, skorch and Keras have batch normalisation and
a dropout of 0.2, scikit-learn's neither; ``best`` alone has layers of its own. A round has one seed:
that of the split, which all share, and of what they draw. The others than mnistffn begin no further
epoch after ``--seconds``.

The curve is the accuracy on the tenth held out, after every epoch, against seconds since the process
began: imports, reading, training and validation inside. The clock of all stands still while that
accuracy is measured. What follows the last epoch, which is saving and leaving, is added to every point,
as though training had ended there.

``mnistffn train`` tells no test accuracy. Its process is that of the command, with its arguments, in
which the function that trains an epoch is followed by a measurement. ``fast`` and ``default`` also run
as the plain command: its seconds, and what ``evaluate`` says of its model, stand below the table.

Finished rounds are kept in ``race.json``, and the same command goes on behind them. Leave the machine
alone meanwhile: a round takes ten minutes, ``best`` as many.
"""

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import commandline
from commandline import write_table
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

MARKS = (0.97, 0.98, 0.985, 0.99)
RECIPES = {
    "fast": ["--recipe", "fast", "--hidden", "360,187"],
    "default": ["--hidden", "360,187"],
    "best": ["--recipe", "best"],
}
PLAIN = ("fast", "default")  # those that run as the plain command too
OTHERS = ("sklearn", "skorch", "pytorch", "keras")
LABELS = {
    "fast": "mnistffn train --recipe fast",
    "default": "mnistffn train",
    "best": "mnistffn train --recipe best",
    "sklearn": "scikit-learn",
    "skorch": "skorch",
    "pytorch": "PyTorch",
    "keras": "Keras",
}
COLOURS = {
    "fast": "#d62728", "default": "#a50f15", "best": "#67000d",
    "sklearn": "#1f77b4", "skorch": "#2ca02c", "pytorch": "#ff7f0e", "keras": "#9467bd",
}  # fmt: skip


def make_arguments(name: str, course: Course, folder: Path, *, quick: bool) -> list[str]:
    """Return the arguments of ``mnistffn`` that train by a recipe."""
    arguments = ["train", str(course.data), *RECIPES[name], "--seed", str(course.seed)]
    return [*arguments, *["--epochs", "2"] * quick, "-r", str(folder), "--quiet"]


def run(name: str, course: Course, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Let a contestant train once; return its points (seconds, accuracy) and the seconds in all."""
    if name in RECIPES:
        arguments = make_arguments(name, course, folder / "run", quick=quick)
        command = contestant("train_mnistffn", *arguments)
    else:
        command = contestant(f"train_{name}")
    seconds, lines = course.run(command, folder)
    last = lines[-1]
    total = seconds - last["paused"]
    after = total - last["seconds"]
    points = [[round(line["seconds"] + after, 3), line["accuracy"]] for line in lines]
    return {"seconds": total, "points": points}


def measure(name: str, course: Course, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Let a contestant train once, and some as the plain command too."""
    row = run(name, course, folder, quick=quick)
    if name in PLAIN:
        place = folder / "plain"
        command = [sys.executable, "-m", "mnistffn"]
        command += make_arguments(name, course, place, quick=quick)
        row["plain_seconds"], _ = course.run(command, folder)
        row["plain_accuracy"] = commandline.run("evaluate", "-r", str(place))["accuracy"]
    return row


def find_seconds(points: Sequence[Sequence[float]], mark: float) -> float:
    """Return the seconds to the first point at a mark or above, infinite if there is none."""
    return next((seconds for seconds, accuracy in points if accuracy >= mark), math.inf)


def make_table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Return the seconds to every mark as a Markdown table, medians over the rounds."""
    reached = {
        name: [median(find_seconds(row["points"], mark) for row in own) for mark in MARKS]
        for name, own in rows.items()
    }
    ours = [reached[name] for name in RECIPES if name in rows]
    first = [min(seconds) for seconds in zip(*ours, strict=True)] or [math.inf] * len(MARKS)
    marks = " | ".join(f"to {mark}" for mark in MARKS)
    lines = [f"| program | {marks} | accuracy at its end | after |", "|---" * (len(MARKS) + 3) + "|"]
    for name, own in rows.items():
        label = f"`{LABELS[name]}`" if name in RECIPES else LABELS[name]
        cells = [_spell(*pair) for pair in zip(reached[name], first, strict=True)]
        accuracy = median(row["points"][-1][1] for row in own)
        seconds = median(row["seconds"] for row in own)
        lines.append(f"| {label} | {' | '.join(cells)} | {accuracy:.4f} | {seconds:.0f} s |")
    plain = [_compare_plain(name, rows[name]) for name in PLAIN if name in rows]
    return "\n".join(lines) + "\n" + ("\n" + "; ".join(plain) + ".\n" if plain else "")


def _spell(seconds: float, first: float) -> str:
    if math.isinf(seconds):
        return "-"
    return f"{seconds:.1f} s" + ("" if math.isinf(first) else f" ({seconds / first:.1f})")


def _compare_plain(name: str, rows: list[dict[str, Any]]) -> str:
    ratio = median(row["plain_seconds"] / row["seconds"] for row in rows)
    accuracy = median(row["plain_accuracy"] for row in rows)
    return f"`{LABELS[name]}` unwatched took {ratio:.2f} times as long and reached {accuracy:.4f}"


def draw(rows: dict[str, list[dict[str, Any]]]) -> Figure:
    """Draw error against seconds, both in the logarithm, every curve with its name at its end."""
    figure = Figure((8, 5), dpi=200, layout="constrained")
    axes = figure.subplots()
    curves = {name: _take_median([row["points"] for row in own]) for name, own in rows.items()}
    lowest = min(1 - accuracy for curve in curves.values() for _, accuracy in curve)
    bottom, top = max(0.8 * lowest, 1e-3), 0.06
    axes.set(yscale="log", ylim=(top, bottom), xscale="log")
    for name, curve in curves.items():
        seconds, errors = zip(*((seconds, 1 - accuracy) for seconds, accuracy in curve), strict=True)
        axes.plot(seconds, errors, color=COLOURS[name], lw=2.2 if name in RECIPES else 1.4)
    for mark in MARKS:
        axes.axhline(1 - mark, color="0.8", lw=0.8, zorder=0)
    ticks = [tick for tick in (0.95, *MARKS, 0.995) if 1 - tick >= bottom]
    axes.set_yticks([1 - tick for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.set_ylabel("test accuracy (error logarithmic)")
    ends = {name: (curve[-1][0], max(1 - curve[-1][1], bottom)) for name, curve in curves.items()}
    finish_axes(axes, ends, LABELS, COLOURS)
    return figure


def _take_median(rounds: list[list[list[float]]]) -> list[tuple[float, float]]:
    """Return the median point of every epoch that all rounds have."""
    epochs = zip(*rounds, strict=False)
    return [tuple(median(values) for values in zip(*points, strict=True)) for points in epochs]


def main() -> None:
    """Measure, and write the JSON file, the table and the figure."""
    names = [*RECIPES, *OTHERS]
    parser = make_parser(__doc__.splitlines()[0], "race", names)
    parser.add_argument("--seconds", type=float, default=90, help="after which others begin no epoch")
    options = parser.parse_args()
    chosen = options.only or [name for name in names if name != "best"]
    settings = {"seconds": 0 if options.quick else options.seconds}
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        path, dataset = open_course(options.data, Path(folder), quick=options.quick)
        record = Record(options.output, describe(options.data, dataset) | settings, fresh=options.fresh)
        few = Course(*take_few(dataset, Path(folder)), 0, {"seconds": 0})
        run_rounds(
            record,
            [(name, seed) for seed in options.seeds for name in chosen],
            lambda name, seed, place: measure(
                name, Course(path, dataset, seed, settings), place, quick=options.quick
            ),
            None if options.quick else lambda name, place: run(name, few, place, quick=True),
        )
    rows = {name: own for name in names if (own := record.find(contestant=name))}
    write_table(make_table(rows), options.readme, "race")
    draw(rows).savefig(options.figure)


if __name__ == "__main__":
    main()
