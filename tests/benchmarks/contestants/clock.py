"""What every contestant has: a clock that stands still while the test accuracy is measured."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

STARTED = float(os.environ["RACE_STARTED"])  # time.monotonic() when the process was started
SECONDS = float(os.environ["RACE_SECONDS"])  # after which no further epoch begins
SEED = int(os.environ["RACE_SEED"])
FOLDER = Path(os.environ["RACE_FOLDER"])  # for what is saved


def load_rows() -> dict[str, np.ndarray]:
    """Return the rows for training and for testing, and the test images upright with their classes."""
    with np.load(os.environ["RACE_ROWS"]) as rows:
        return dict(rows)


class Clock:
    """Counts the seconds since the process was started, less those of measuring."""

    def __init__(self) -> None:
        self.paused = 0.0

    def end_epoch(self, measure: Callable[[], float]) -> bool:
        """Note the test accuracy, which ``measure`` returns, and return whether time is up."""
        now = time.monotonic()
        seconds = now - STARTED - self.paused
        accuracy = float(measure())
        self.paused += time.monotonic() - now
        note({"seconds": seconds, "accuracy": accuracy, "paused": self.paused})
        return seconds >= SECONDS


def note_candidate(hidden: tuple[int, ...], dropout: float, score: float) -> None:
    """Note that a search has tested a candidate, on one fold or on all."""
    candidate = [*map(int, hidden), float(dropout)]
    note({"seconds": time.monotonic() - STARTED, "candidate": candidate, "score": float(score)})


def note(line: dict[str, object]) -> None:
    """Add a line to the report; several processes may."""
    with open(os.environ["RACE_REPORT"], "a") as file:
        file.write(json.dumps(line) + "\n")
