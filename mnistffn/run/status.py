"""Where a run stands: what is there, what is out of date, what was stopped, and what comes next."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from mnistffn.errors import RunDirectoryError
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import SEARCHING, TRAINING, hash_file
from mnistffn.run.journal import Journal, read_command
from mnistffn.run.lock import find_holder
from mnistffn.run.manifest import DATA, DataRecord
from mnistffn.wording import count

# What looks at a model, in the order in which people do.
LOOKS = ("evaluate", "explain", "fields", "maximize")
# When a command is run again: it reads what those before it write. All others come between.
TURNS = {"search": 0, "train": 1, "evaluate": 2, "report": 4}


@dataclass(frozen=True)
class StageStatus:
    """What a command has left in a run directory.

    Attributes
    ----------
    name, command : str
        Of the stage, and what wrote it.
    ended : str
        ISO 8601, UTC.
    files : list of str
    stale : str or None
        Why it is out of date, if it is.
    damaged : list of str
        Files that are not as they were written, or are gone.
    """

    name: str
    command: str
    ended: str
    files: list[str]
    stale: str | None
    damaged: list[str]


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands.

    Attributes
    ----------
    data : str or None
        What it is about.
    stages : list of StageStatus
        The oldest first.
    stopped : list of str
        What killed commands have left to go on with.
    at_work : str or None
        The process that is at work in it.
    next_commands : list of str
        Without the program's name.
    """

    data: str | None
    stages: list[StageStatus]
    stopped: list[str]
    at_work: str | None
    next_commands: list[str]

    def summarise(self) -> dict[str, Any]:
        """Return plain values, as ``--json`` prints them."""
        return asdict(self)


def read_status(run: RunDirectory) -> RunStatus:
    """Look at a run directory, and change nothing.

    Raises
    ------
    RunDirectoryError
        ``run.json`` is damaged or of another schema.
    """
    manifest = run.manifest()
    stages = [
        StageStatus(
            name,
            stage.command,
            stage.ended,
            list(stage.outputs),
            manifest.why_stale(stage, run.path),
            [file for file, digest in stage.outputs.items() if hash_file(run.path / file) != digest],
        )
        for name, stage in sorted(manifest.stages.items(), key=lambda item: item[1].ended)
    ]
    stopped = _find_stopped(run)
    return RunStatus(
        None if manifest.data is None else describe_record(manifest.data),
        stages,
        list(stopped.values()),
        find_holder(run.path),
        _choose_next({stage.name: stage for stage in stages}, stopped, manifest.looked_at),
    )


def describe_record(data: DataRecord) -> str:
    """Return the data of a run in a line."""
    height, width = data.image_shape
    return (
        f"{data.path or 'built-in digits'}: {count(data.n, 'image')} of {height} by {width} pixels, "
        f"{data.n_train:,} to train on, {data.n_test:,} for testing (seed {data.split_seed})"
    )


def _find_stopped(run: RunDirectory) -> dict[str, str]:
    """Return what commands that were stopped have left, by what was typed for them."""
    found = {}
    journal = Journal(run.path / SEARCHING / "fits.jsonl")
    with suppress(OSError, RunDirectoryError, ValueError):
        is_finished = json.loads(journal.settings.read_bytes()).get("finished", True)
        n_fits = sum(1 for _ in journal.read())
        if n_fits and not is_finished:
            found[read_command(run.path / SEARCHING) or "search"] = (
                f"a search that was stopped: fits kept: {n_fits:,}"
            )
    if any((run.path / TRAINING).glob("*.pt")):
        found[read_command(run.path / TRAINING) or "train"] = (
            "a training that was stopped: its latest epochs are kept"
        )
    return found


def _choose_next(
    stages: Mapping[str, StageStatus], stopped: Mapping[str, str], looked_at: str
) -> list[str]:
    """Return what to run next: what was stopped or is out of date first, then what is missing."""
    if stopped:
        return list(stopped)
    if "train" not in stages:
        # What data has looked at is not the run's yet: the search is told of it in the same words.
        return ["train" if "search" in stages else f"search {looked_at}".strip()]
    if again := [stage.command for stage in stages.values() if stage.stale or stage.damaged]:
        return sorted(dict.fromkeys(again), key=lambda command: TURNS.get(command.split()[0], 3))
    done = {stage.command.split()[0] for stage in stages.values() if stage.name != DATA}
    if missing := [command for command in LOOKS if command not in done]:
        return missing
    return ["report"] if "report" not in done else []
