"""Opening runs that are to be compared: under names that differ, and on the same images."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from mnistffn.errors import RunDirectoryError, UsageError
from mnistffn.network.modelfile import Model
from mnistffn.progress import Progress
from mnistffn.run.data import RunData, check_fits, open_run_data
from mnistffn.run.directory import RunDirectory
from mnistffn.run.files import hash_file
from mnistffn.run.manifest import DataRecord, Manifest, StageRecord
from mnistffn.run.options import DataOptions
from mnistffn.training.trained import read_trained

MODEL = "model.pt"
MOST_RUNS = 10  # as many colours can be told apart
LONGEST_NAME = 15  # letters, so that a table fits on a screen
# What tells the images of one run from those of another in the same file, and how a message calls it.
TOLD_APART = {
    "split": "kind of split",
    "split_seed": "split seed",
    "test_size": "test size",
    "unique": "--unique",
    "orientation": "orientation",
    "requested": "what was asked for",
    "n": "images",
    "n_test": "images for testing",
    "classes": "classes",
}


@dataclass(frozen=True, eq=False)
class Contender:
    """A run that is compared.

    Attributes
    ----------
    name : str
        No other run of the comparison has it.
    run : RunDirectory
    model : Model
    manifest : Manifest
    """

    name: str
    run: RunDirectory
    model: Model
    manifest: Manifest

    def spell(self, command: str) -> str:
        """Return a command that works on this run, as a message names it."""
        return self.run.spell(command)

    @property
    def training(self) -> StageRecord | None:
        """What the manifest says of the training of this very model, if anything."""
        stage = self.manifest.stages.get("train")
        is_it = stage and stage.outputs.get(MODEL) == hash_file(self.run.path / MODEL)
        return stage if is_it else None

    def read_history(self) -> list[dict[str, float]]:
        """Return what every epoch of the training came to; empty where it is not known."""
        stage, path = self.training, self.run.path / "history.csv"
        if stage is None or hash_file(path) != stage.outputs.get("history.csv"):
            return []
        with path.open(newline="") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]

    def summarise_training(self) -> dict[str, Any]:
        """Return the recipe, the seconds of all epochs, and what the training saw under attack.

        That is None for a network that was not trained adversarially: else the accuracy under PGD on
        some of its validation images, of the epoch that was kept. What is not known is None.
        """
        stage, history = self.training, self.read_history()
        seen: dict[str, Any] | None = None
        if stage and history:
            kept = history[stage.options["best_epoch"] - 1]
            if not isnan(kept.get("pgd_accuracy", nan)):
                parameters = self.model.parameters
                strength, norm = parameters["adversarial"], parameters["adversarial_norm"]
                seen = {"accuracy": kept["pgd_accuracy"], "strength": strength, "norm": norm}
        return {
            "recipe": stage.options.get("recipe") if stage else None,
            "seconds": sum(epoch["seconds"] for epoch in history) if history else None,
            "validation_under_attack": seen,
        }


def open_contenders(
    paths: Sequence[Path], data: DataOptions, progress: Progress
) -> tuple[list[Contender], RunData]:
    """Open runs, and the data that all of them were tested on.

    Parameters
    ----------
    paths : sequence of Path
        Of two run directories or more.
    data : DataOptions
        Where their data are now, if not where they were.
    progress : Progress

    Raises
    ------
    UsageError
        There are fewer than two runs or more than 10, or one is named twice.
    RunDirectoryError
        One has no model, or they were tested on different images.
    """
    _check_paths(paths)
    names = name_runs(paths)
    contenders = [_open(path, name) for path, name in zip(paths, names, strict=True)]
    first, *others = contenders
    opened = open_run_data(first.run, data, None, progress, may_settle=False)
    for other in others:
        _check_same_images(first, opened, other, data)
    test = opened.dataset.labels[opened.split.test]
    for contender in contenders:
        model = contender.model
        check_fits(opened.dataset, test, model.network.widths[0], model.classes)
        if not np.array_equal(model.classes, first.model.classes):
            msg = f"{contender.run.path} tells other classes apart than {first.run.path}"
            raise RunDirectoryError(msg)
        for message in contender.run.find_stale([MODEL]):
            progress.note(f"warning: {contender.name}: {message}")
    return contenders, opened


def name_runs(paths: Sequence[Path]) -> list[str]:
    """Return short names that differ: the folder's, with its parents' as far as that takes.

    Examples
    --------
    >>> name_runs([Path("/a/plain"), Path("/a/robust")])
    ['plain', 'robust']
    >>> name_runs([Path("/mnist/1/run"), Path("/mnist/2/run"), Path("/other")])
    ['1/run', '2/run', 'other']
    """
    parts = [path.resolve().parts for path in paths]
    names = []
    for own in parts:
        others = [other for other in parts if other != own]
        n = 1
        while n < len(own) and any(other[-n:] == own[-n:] for other in others):
            n += 1
        name = "/".join(own[-n:]).replace("//", "/")
        names.append(name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}")
    if len(set(names)) < len(names):  # they differ in what was cut off
        names = [f"{place}…{name[3 - LONGEST_NAME :]}" for place, name in enumerate(names, start=1)]
    return names


def _check_paths(paths: Sequence[Path]) -> None:
    if not 2 <= len(paths) <= MOST_RUNS:
        msg = f"compare takes from 2 to {MOST_RUNS} run directories, not {len(paths)}"
        raise UsageError(msg)
    seen: dict[Path, Path] = {}
    for path in paths:
        if before := seen.get(path.resolve()):
            msg = f"{before} and {path} are the same run: name another to compare it with"
            raise UsageError(msg)
        seen[path.resolve()] = path


def _open(path: Path, name: str) -> Contender:
    run = RunDirectory(path)
    if not (path / MODEL).is_file():
        msg = f"{path} has no model: run {run.spell('train')} first"
        raise RunDirectoryError(msg)
    manifest = run.manifest()
    if manifest.data is None:
        again = f"run {run.spell('train')} again"
        msg = f"{path / 'run.json'} does not tell what the model was trained on: {again}"
        raise RunDirectoryError(msg)
    return Contender(name, run, read_trained(path / MODEL), manifest)


def _check_same_images(first: Contender, opened: RunData, other: Contender, data: DataOptions) -> None:
    """Raise RunDirectoryError unless another run was tested on the images of the first."""
    known, theirs = first.manifest.data, other.manifest.data
    assert known is not None
    assert theirs is not None
    if not (different := _list_differences(known, theirs)):
        return
    if (known.image_shape, known.n_test) == (theirs.image_shape, theirs.n_test):
        # Another file, or a seed that did not matter, may still have given the same images.
        found = open_run_data(other.run, data, None, Progress(), may_settle=False)
        same = all(
            np.array_equal(getattr(found.dataset, what)[found.split.test],
                           getattr(opened.dataset, what)[opened.split.test])
            for what in ("images", "labels")
        )  # fmt: skip
        if same:
            return
    msg = (
        f"{first.run.path} and {other.run.path} were tested on different images "
        f"({', '.join(different)}): train one of them anew on the data and split of the other"
    )
    raise RunDirectoryError(msg)


def _list_differences(known: DataRecord, theirs: DataRecord) -> list[str]:
    """Return in what two runs' data differ, if that can change which images are tested."""
    if known.sha256 != theirs.sha256:
        files = (Path(record.path).name if record.path else "digits" for record in (known, theirs))
        return [f"data {' and '.join(files)}"]
    differences = [
        f"{called} {getattr(known, name)} and {getattr(theirs, name)}"
        for name, called in TOLD_APART.items()
        if getattr(known, name) != getattr(theirs, name)
    ]
    if not differences and known.fingerprint != theirs.fingerprint:
        differences = ["the file was read in different ways"]
    return differences
