"""Measure how time and memory grow, and write the table in the README and the figure anew.

    python tests/benchmarks/growth.py MNIST.mat

One thing grows at a time. ``train`` (784-360-187-10, without modified images) against images, width and
depth; ``search`` (10,000 images, 5 epochs, 3 folds) against candidates and jobs, each beside what its
``--dry-run`` foresaw. More images than there are come from distorting them. Every run is a process of
its own; memory is the highest sum over its processes of what each has for itself and its share of what
they share (PSS, Linux only). Leave the machine alone meanwhile: it takes ten minutes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from commandline import write_table
from matplotlib.figure import Figure
from scipy.io import savemat

from mnistffn.data import load_dataset
from mnistffn.network.tensors import as_float
from mnistffn.training.augment import Distortion, Strengths

ROOT = Path(__file__).parents[2]
GROWTH: dict[str, list[int]] = {
    "images": [5_000, 20_000, 60_000, 180_000, 500_000],
    "width": [64, 256, 1024, 4096],
    "depth": [1, 2, 4, 8],
    "candidates": [3, 6, 12, 24],
    "jobs": [1, 2, 4],
}
EPOCHS = 3


def write_images(path: Path, images: np.ndarray, labels: np.ndarray, n: int) -> Path:
    """Write ``n`` images, those after the first round distorted, as a MATLAB file."""
    distort = Distortion(images.shape[1:], Strengths())
    rounds = [images.reshape(len(images), -1)[:n]]
    torch.manual_seed(0)
    while sum(map(len, rounds)) < n:
        chunk = torch.from_numpy(rounds[0][: n - sum(map(len, rounds))])
        distorted = [distort(as_float(part)) for part in chunk.split(4096)]
        rounds.append((torch.cat(distorted) * 255).round().to(torch.uint8).numpy())
    savemat(path, {"images": np.concatenate(rounds), "labels": np.resize(labels, n)[:, None]})
    return path


def measure(*arguments: str) -> dict[str, Any]:
    """Run a command; return its result, the seconds it took and the megabytes of all its processes."""
    command = [sys.executable, "-m", "mnistffn", *arguments, "--json", "--quiet"]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, subprocess.Popen(command, stdout=out) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, read_memory(process.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - start
        out.seek(0)
        result: dict[str, Any] = json.load(out)
    return {"seconds": seconds, "megabytes": peak / 1e6, "result": result}


def read_memory(pid: int) -> int:
    """Return the bytes (PSS) of a process and of all that it has started."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        threads = Path(f"/proc/{pid}/task").iterdir()
        children = [c for t in threads for c in (t / "children").read_text().split()]
    except OSError:  # it has ended meanwhile
        return 0
    own = next((1024 * int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:"), 0)
    return own + sum(read_memory(int(child)) for child in children)


def measure_training(data: Path, folder: Path, hidden: str) -> dict[str, float]:
    """Train for some epochs; return the seconds of one, of the process, and its memory."""
    arguments = ["--recipe", "fast", "--no-augment", "--epochs", str(EPOCHS), "--hidden", hidden]
    found = measure("train", str(data), "-r", str(folder), "--orientation", "row-major", *arguments)
    seconds = found["result"]["seconds"] / found["result"]["epochs"]
    return {"epoch": seconds, "seconds": found["seconds"], "megabytes": found["megabytes"]}


def measure_search(data: Path, folder: Path, trials: int, jobs: int) -> dict[str, float]:
    """Search; return seconds and memory, as foreseen and as they came."""
    arguments = ["search", str(data), "-r", str(folder), "--orientation", "row-major", "-j", str(jobs)]
    arguments += ["--recipe", "fast", "--tune", "augment=false", "--trials", str(trials)]
    foreseen = measure(*arguments, "--dry-run")["result"]["forecast"]
    found = measure(*arguments)
    return {
        "seconds": found["seconds"],
        "megabytes": found["megabytes"],
        "foreseen_seconds": foreseen["seconds"],
        "foreseen_megabytes": foreseen["memory"] / 1e6,
    }


def measure_all(
    growth: dict[str, list[int]], source: str | None, n_trials: int
) -> dict[str, list[dict[str, float]]]:
    """Return the measurements of every row of the table; the jobs share ``n_trials`` candidates."""
    dataset = load_dataset(source)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in growth}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = write_images(folder / "base.mat", dataset.images, dataset.labels, len(dataset.labels))
        few = write_images(
            folder / "few.mat", dataset.images, dataset.labels, min(10_000, len(dataset.labels))
        )
        for what, sizes in growth.items():
            for size in sizes:
                run = folder / f"{what}{size}"
                if what == "images":
                    data = write_images(folder / "n.mat", dataset.images, dataset.labels, size)
                    row = measure_training(data, run, "360,187")
                elif what == "width":
                    row = measure_training(base, run, f"{size},{size // 2}")
                elif what == "depth":
                    row = measure_training(base, run, ",".join(["256"] * size))
                else:
                    trials, jobs = (size, 2) if what == "candidates" else (n_trials, size)
                    row = measure_search(few, run, trials, jobs)
                found[what].append({"size": size} | row)
                print(
                    what, {key: round(value, 2) for key, value in found[what][-1].items()}, flush=True
                )
    return found


def make_table(found: dict[str, list[dict[str, float]]]) -> str:
    """Return the measurements as two Markdown tables."""
    lines = ["| train | | seconds an epoch | seconds in all | MB |", "|---|---|---|---|---|"]
    for what in ("images", "width", "depth"):
        lines += [
            f"| {what} | {row['size']:,} | {row['epoch']:.2f} | {row['seconds']:.1f} "
            f"| {row['megabytes']:,.0f} |"
            for row in found[what]
        ]
    lines += [
        "",
        "| search | | seconds in all | foreseen | MB | foreseen |",
        "|---|---|---|---|---|---|",
    ]
    for what in ("candidates", "jobs"):
        lines += [
            f"| {what} | {row['size']} | {row['seconds']:.1f} | {row['foreseen_seconds']:.1f} "
            f"| {row['megabytes']:,.0f} | {row['foreseen_megabytes']:,.0f} |"
            for row in found[what]
        ]
    return "\n".join(lines) + "\n"


def draw(found: dict[str, list[dict[str, float]]]) -> Figure:
    """Draw time and memory against everything that grows, beside a line that is linear."""
    figure = Figure((13, 5.2), dpi=110, layout="constrained")
    grid = figure.subplots(2, len(found), sharex="col")
    for column, (what, rows) in enumerate(found.items()):
        sizes = [row["size"] for row in rows]
        is_search = "foreseen_seconds" in rows[0]
        time_key = "seconds" if is_search else "epoch"
        for axes, key in ((grid[0, column], time_key), (grid[1, column], "megabytes")):
            values = [row[key] for row in rows]
            axes.plot(sizes, values, "o-", label="measured")
            if is_search:
                axes.plot(sizes, [row[f"foreseen_{key}"] for row in rows], "x", label="foreseen")
            axes.set_xscale("log")
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
            axes.minorticks_off()
            axes.grid(alpha=0.3)
            if key == "megabytes":
                axes.set_ylim(0, 1.15 * max(values))
            else:
                growing = [values[-1] * size / sizes[-1] for size in sizes]
                shrinking = [values[0] * sizes[0] / size for size in sizes]
                linear = shrinking if what == "jobs" else growing
                axes.plot(sizes, linear, ":", color="0.5", label="linear")
                axes.set_yscale("log")
                ticks: list[float] = []
                for value in sorted(values):  # labels that are nearer would lie on each other
                    ticks += [value] * (not ticks or value > 1.15 * ticks[-1])
                axes.set_yticks(ticks, [f"{value:.2g}" for value in ticks])
                axes.minorticks_off()
            axes.legend(fontsize=7)
        grid[0, column].set_title(f"{'search' if is_search else 'train'}: {what}", fontsize=11)
        grid[0, column].set_ylabel("seconds in all" if is_search else "seconds an epoch")
        grid[1, column].set_ylabel("memory (MB)")
    return figure


def main() -> None:
    """Measure, and write the JSON file, the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--smallest", type=int, help="measure only the smallest so many of each row")
    parser.add_argument("--trials", type=int, default=12, help="candidates that the jobs share")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--figure", type=Path, default=ROOT / ".pictures/growth.png")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    growth = {what: sizes[: options.smallest] for what, sizes in GROWTH.items()}
    found = measure_all(growth, options.data, options.trials)
    options.output.write_text(json.dumps(found, indent=2) + "\n")
    draw(found).savefig(options.figure)
    write_table(make_table(found), options.readme, "growth")


if __name__ == "__main__":
    main()
