"""What a shell completes that only a run directory knows: layers, units, classes, other runs.

``run.json`` is read as it is, without the checks of the manifest: these load NumPy, and a shell waits.
Where the file is damaged or missing, nothing is completed.
"""

import json
import os
from collections import deque
from contextlib import suppress
from pathlib import Path

import typer

from mnistffn.training.parameters import PARAMETERS, TUNABLE, WIDEST
from mnistffn.training.recipes import RECIPES

MANIFEST = "run.json"
DEPTH = 2  # folders on the way to a run directory that are gone through unasked
MOST_FOLDERS = 500

Choices = list[tuple[str, str]]  # what is completed, and its meaning for shells that show one


def complete_layer(context: typer.Context) -> Choices:
    """Return the layers of the run's network."""
    layers = _read_layers(context)
    hidden = [(str(n), f"{len(units)} units") for n, units in enumerate(layers[:-1], start=1)]
    return [*hidden, *((str(len(layers)), f"output, {len(units)} classes") for units in layers[-1:])]


def complete_units(context: typer.Context, incomplete: str) -> list[str]:
    """Return the units of the layer that was asked for, after those that are listed already."""
    listed = incomplete[: incomplete.rfind(",") + 1]
    return [f"{listed}{unit}" for unit in _find_units(context) if unit not in listed.split(",")]


def complete_objective(context: typer.Context) -> list[str]:
    """Return the units of the layer, and what stands for all of them."""
    return [*_find_units(context), "mean"]


def complete_class(context: typer.Context) -> list[str]:
    """Return the classes of the run's network."""
    return [unit for units in _read_layers(context)[-1:] for unit in units]


def complete_recipe() -> list[str]:
    """Return the names of the recipes."""
    return list(RECIPES)


def complete_device() -> list[str]:
    """Return where a network can be trained; one GPU of several is for the user to number."""
    return ["auto", "cpu", "cuda", "mps"]


def complete_tuned() -> Choices:
    """Return the parameters that a search can tune, up to the sign before their values."""
    return [(f"{name}=", PARAMETERS[name].help) for name in TUNABLE]


def complete_run_dir(incomplete: str) -> list[str]:
    """Return the run directories that begin so, and those in folders that do."""
    typed = incomplete[: incomplete.rfind("/") + 1]
    start, found = Path(os.path.expanduser(typed)), []  # which leaves a home that is unknown
    folders = deque([""])
    for _ in range(MOST_FOLDERS):
        if not folders:
            break
        folder = folders.popleft()
        for name in _list_folders(start / folder):
            path = f"{folder}{name}"
            if not f"{typed}{path}".startswith(incomplete):
                continue
            if (start / path / MANIFEST).is_file():
                found.append(f"{typed}{path}")
            elif path.count("/") < DEPTH:
                folders.append(f"{path}/")
    return found


def _list_folders(folder: Path) -> list[str]:
    """Return the folders in a folder that a shell would take as they are, without a quote."""
    with suppress(OSError), os.scandir(folder) as entries:
        plain = (e for e in entries if not e.name.startswith(".") and len(e.name.split()) == 1)
        return sorted(entry.name for entry in plain if entry.is_dir())
    return []


def _find_units(context: typer.Context) -> list[str]:
    layers = _read_layers(context)
    layer = context.params.get("layer") or len(layers)
    return layers[layer - 1] if 1 <= layer <= len(layers) else []


def _read_layers(context: typer.Context) -> list[list[str]]:
    """Return the names of the units of every layer, none where the run has no network."""
    folder = context.params.get("run_dir")
    if not isinstance(folder, Path):  # it could not be read
        return []
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        content = json.loads((folder / MANIFEST).read_bytes())
        sizes = content["stages"]["train"]["options"]["hidden"]
        classes = [str(label) for label in content["data"]["classes"]]
        return [*([str(unit) for unit in range(min(size, WIDEST))] for size in sizes), classes]
    return []
