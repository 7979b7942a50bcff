"""Measure what other programs' work costs a command, and write the table in the README anew.

    python tests/benchmarks/busy.py MNIST.mat

Beside none, one and two processes that never rest, every command runs with as many threads as it takes
by itself, with one, and with one a core, in turn. A ratio is that of two times of the same round: how
long it takes by itself, to the better of the two fixed numbers. An environment variable such as
``GOMP_SPINCOUNT`` counts for all of them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from commandline import write_table
from joblib import cpu_count

ROOT = Path(__file__).parents[2]
BUSY = (0, 1, 2)
HIDDEN = ("--hidden", "360,187", "--recipe", "fast")
WAYS = {"by itself": [], "1 thread": ["--threads", "1"]}
WAYS["a core each"] = ["--threads", str(cpu_count())]


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Keep ``n`` cores busy, as other programs would."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(command: list[str]) -> float:
    """Return the seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "mnistffn", *command, "--quiet"], check=True, stdout=-3)
    return time.perf_counter() - start


def measure_all(
    mnist: Path | None, epochs: int, rounds: int, numbers: list[int]
) -> list[dict[str, Any]]:
    """Return a row for each data set and number of busy processes."""
    rows = []
    sets: dict[str, list[str]] = {"digits": []} | ({"MNIST": [str(mnist)]} if mnist else {})
    with tempfile.TemporaryDirectory() as folder:
        for name, data in sets.items():
            train = ["train", *data, *HIDDEN, "--fresh", "--run-dir", f"{folder}/{name}"]
            train += ["--epochs", str(epochs)] if data else []
            measure([*train, "--threads", "1"])  # fills the cache of the data
            for n in numbers:
                with busy(n):
                    seconds = [
                        {way: measure([*train, *options]) for way, options in WAYS.items()}
                        for _ in range(rounds)
                    ]
                rows.append({"data": name, "busy": n, "seconds": seconds})
                print(make_row(rows[-1]), flush=True)
    return rows


def find_ratio(seconds: dict[str, float]) -> float:
    """Return the seconds of a round to those of its better fixed number of threads."""
    own, *fixed = seconds.values()
    return own / min(fixed)


def make_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of the README."""
    lines = [f"| data | busy processes | {' | '.join(WAYS)} | to the better one |"]
    lines.append(f"|---|---|{'---|' * len(WAYS)}---|")
    return "\n".join([*lines, *map(make_row, rows)]) + "\n"


def make_row(row: dict[str, Any]) -> str:
    """Return a row of the table: medians over the rounds, and the ratio's range."""
    times = [f"{median(s[way] for s in row['seconds']):.1f} s" for way in WAYS]
    ratios = sorted(map(find_ratio, row["seconds"]))
    ratio = f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return f"| {row['data']} | {row['busy']} | {' | '.join(times)} | {ratio} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("mnist", type=Path, nargs="?")
    parser.add_argument("--busy", type=int, nargs="+", default=BUSY)
    parser.add_argument("--epochs", type=int, default=6, help="of a training on MNIST")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = measure_all(options.mnist, options.epochs, options.rounds, options.busy)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=2))
    write_table(make_table(rows), options.readme, "busy")


if __name__ == "__main__":
    main()
