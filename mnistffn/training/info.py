"""What a bug report needs to know of the machine and the program."""

import os
import platform
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import torch

from mnistffn.machine import WATCH, read_free_memory
from mnistffn.run.directory import RunDirectory
from mnistffn.training.device import has_bfloat16, resolve_device


def describe_machine(run: RunDirectory) -> dict[str, Any]:
    """Return versions, device, precisions, cores, memory and folders as plain values."""
    device = resolve_device("auto")
    gpu = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    free = read_free_memory()
    n_free = WATCH.look(WATCH.n_allowed)
    return {
        "system": f"{platform.platform()}, {platform.machine()}",
        "python": platform.python_version(),
        "packages": _find_versions(),
        "device": "cpu only" if device.type == "cpu" else gpu,
        "bfloat16": "yes" if has_bfloat16(torch.device("cpu")) else "not on this CPU",
        "cores": f"{WATCH.n_allowed} allowed, {n_free} free now; torch takes {torch.get_num_threads()}",
        "memory": None if free is None else f"{free / 1e9:.1f} GB free",
        "run_dir": str(run.path.resolve()),
        "settings": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(("MNISTFFN_", "OMP_", "MKL_")) or name == "CUDA_VISIBLE_DEVICES"
        },
    }


def _find_versions() -> dict[str, str]:
    """Return the versions of the program and of what it needs, extras where they are installed."""
    needed = [text for text in requires("mnistffn") or [] if "'test'" not in text]
    found = {}
    for name in ["mnistffn", *sorted({_bare(text) for text in needed})]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _bare(requirement: str) -> str:
    """Return the name in a requirement.

    Examples
    --------
    >>> _bare("torch<2.14,>=2.10")
    'torch'
    """
    for end, character in enumerate(requirement):
        if not (character.isalnum() or character in "-_."):
            return requirement[:end]
    return requirement
