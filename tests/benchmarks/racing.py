"""What both races share: the data, starting a contestant as a process, keeping what was measured."""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.io import savemat

from mnistffn.data import Dataset, load_dataset
from mnistffn.data.split import split_dataset

ROOT = Path(__file__).parents[2]
CONTESTANTS = Path(__file__).parent / "contestants"
FEW = 2000  # images of a quick race
TEST_SIZE = 0.1


class ContestantError(Exception):
    """A contestant ended with an error."""


@dataclass(frozen=True)
class Course:
    """What the contestants of a round have in common.

    Attributes
    ----------
    data : Path
        MATLAB file with ``input_images`` and ``output_labels``.
    dataset : Dataset
        The same as the program reads it.
    seed : int
        Of the split, and of everything that a contestant draws.
    settings : dict
        Further numbers that the contestants are told.
    """

    data: Path
    dataset: Dataset
    seed: int
    settings: dict[str, Any]

    def run(
        self, command: list[str], folder: Path, watch: Callable[[], None] = lambda: None
    ) -> tuple[float, list[dict[str, Any]]]:
        """Run a process in a folder; return the seconds that it took and the lines of its report.

        ``watch`` is called now and then meanwhile.

        Raises
        ------
        ContestantError
            It ended with an error.
        """
        rows, report = folder / "rows.npz", folder / "report.jsonl"
        split = split_dataset(self.dataset, "stratified", TEST_SIZE, self.seed)
        images, labels = self.dataset.flat[split.test], self.dataset.labels[split.test]
        targets = np.searchsorted(self.dataset.classes, labels)
        np.savez(rows, train=split.train, test=split.test, images=images, targets=targets)
        told = {"data": self.data, "seed": self.seed, "rows": rows, "report": report, "folder": folder}
        environment = os.environ | {
            f"RACE_{name.upper()}": str(value) for name, value in (told | self.settings).items()
        }
        environment |= {"KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
        with (folder / "errors.txt").open("w+") as errors:
            start = time.monotonic()
            with subprocess.Popen(
                command,
                env=environment | {"RACE_STARTED": str(start)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            ) as process:
                while process.poll() is None:
                    watch()
                    time.sleep(0.02)
            seconds = time.monotonic() - start
            watch()
            errors.seek(0)
            if process.returncode:
                raise ContestantError((errors.read().strip() or "no message").splitlines()[-1])
        lines = report.read_text().splitlines() if report.exists() else []
        return seconds, [json.loads(line) for line in lines]


def open_course(path: str | None, folder: Path, *, quick: bool) -> tuple[Path, Dataset]:
    """Return the data file of a race and its images, of which a quick race has few."""
    dataset = load_dataset(path)
    return take_few(dataset, folder) if path is None or quick else (Path(path), dataset)


def take_few(dataset: Dataset, folder: Path) -> tuple[Path, Dataset]:
    """Write some images of a data set as a data file, and return both."""
    few = folder / "few.mat"
    flat, labels = dataset.flat[:FEW].astype(float), dataset.labels[:FEW, None].astype(float)
    savemat(few, {"input_images": flat, "output_labels": labels})
    return few, load_dataset(few)


def describe(path: str | None, dataset: Dataset) -> dict[str, Any]:
    """Return what the times of a race depend on."""
    name = "digits" if path is None else Path(path).name
    return {"data": name, "n": len(dataset.labels), "cores": os.cpu_count()}


def contestant(script: str, *arguments: str) -> list[str]:
    """Return the command of a contestant."""
    return [sys.executable, str(CONTESTANTS / f"{script}.py"), *arguments]


class Record:
    """The JSON file of a race, in which every round of a contestant is kept at once."""

    def __init__(self, path: Path, conditions: dict[str, Any], *, fresh: bool) -> None:
        self.path, self.conditions = path, conditions
        self.rows: list[dict[str, Any]] = []
        if path.exists() and not fresh:
            content = json.loads(path.read_text())
            if content["conditions"] != conditions:
                sys.exit(
                    f"{path} was measured under {content['conditions']}, not {conditions}: --fresh"
                )
            self.rows = content["rows"]

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        """Return the rows with these values."""
        return [row for row in self.rows if all(row.get(key) == wanted[key] for key in wanted)]

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row."""
        self.rows.append(row)
        content = {"conditions": self.conditions, "rows": self.rows}
        self.path.with_suffix(".part").write_text(json.dumps(content) + "\n")
        self.path.with_suffix(".part").replace(self.path)


def make_parser(description: str, name: str, contestants: list[str]) -> argparse.ArgumentParser:
    """Return the options that both races have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", nargs="?", help="MATLAB file; default: the built-in digits")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one round each")
    parser.add_argument("--only", type=lambda text: text.split(","), help=",".join(contestants))
    parser.add_argument("--quick", action="store_true", help=f"{FEW} images, next to no training")
    parser.add_argument("--fresh", action="store_true", help="forget the rounds that are kept")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--figure", type=Path, default=ROOT / f".pictures/{name}.png")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name(f"{name}.json"))
    return parser


def run_rounds(
    record: Record,
    rounds: list[tuple[str, int]],
    measure: Callable[[str, int, Path], dict[str, Any]],
    warm_up: Callable[[str, Path], object] | None,
) -> None:
    """Measure the rounds (contestant, seed) that are not kept yet, one after another.

    Before its first one a contestant runs on few images, so that the system has the files of all in
    memory. One that ends with an error is told, and left out.
    """
    warm: set[str] = set()
    for name, seed in rounds:
        if record.find(contestant=name, seed=seed):
            continue
        try:
            if warm_up is not None and name not in warm:
                with tempfile.TemporaryDirectory(prefix="race-") as folder:
                    warm_up(name, Path(folder))
                warm.add(name)
            with tempfile.TemporaryDirectory(prefix="race-") as folder:
                row = measure(name, seed, Path(folder))
        except ContestantError as error:
            print(f"{name}: left out: {error}", file=sys.stderr, flush=True)
            continue
        record.add({"contestant": name, "seed": seed} | row)
        print(f"{name}, seed {seed}: {row['seconds']:.1f} s", file=sys.stderr, flush=True)
    if not record.rows:
        sys.exit("nothing was measured")


def finish_axes(
    axes: Axes, ends: dict[str, tuple[float, float]], labels: dict[str, str], colours: dict[str, str]
) -> None:
    """Mark the seconds, and write every curve's name at the right, as near its end as others let it.

    Parameters
    ----------
    axes : Axes
        With its limits; those of the seconds are set here.
    ends, labels, colours : dict
        By contestant: its curve's last point, its name and its colour.
    """
    latest = 1.2 * max(seconds for seconds, _ in ends.values())
    axes.set_xscale("log")
    axes.set_xlim(right=latest)
    ticks = [tick for tick in (5, 10, 20, 50, 100, 200, 500, 1000) if tick <= latest]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("seconds since the process began (logarithmic)")
    to_axes = axes.transScale + axes.transLimits
    places = {name: to_axes.transform(end).clip(0, 1) for name, end in ends.items()}
    level = math.inf
    for name, (x, y) in sorted(places.items(), key=lambda item: -item[1][1]):
        level = min(y, level - 0.05)
        style = {"color": colours[name], "transform": axes.transAxes}
        axes.plot([x, 1], [y, level], ":", lw=0.8, clip_on=False, **style)
        axes.text(1.01, level, labels[name], va="center", fontsize=10, **style)
