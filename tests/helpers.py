"""What several tests call: the program, in this process or in one of its own, and another attack."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from torch import nn
from typer.testing import CliRunner, Result

from mnistffn.cli.main import app
from mnistffn.cli.status import SCHEMA as SCHEMA_FILE
from mnistffn.progress import Progress

SCHEMA = json.loads(SCHEMA_FILE.read_text("utf-8"))
SLOW = bool(os.environ.get("SLOW"))  # tests that would take all tests beyond ten minutes
takes_long = pytest.mark.skipif(not SLOW, reason="takes its time: SLOW=1 runs it")


def invoke(*args: object) -> Result:
    """Run a command in this process; what it prints with ``--json`` has to fit the schema."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)
    if "--json" in args and result.stdout:
        read_output(result.stdout)
    return result


def call(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; its ``--json`` has to fit the schema too."""
    done = subprocess.run(
        [sys.executable, "-m", "mnistffn", *(str(arg) for arg in args)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | environment,
    )
    if "--json" in args and done.stdout:
        read_output(done.stdout)
    return done


def read_output(text: str) -> dict[str, Any]:
    """Return what a command printed with ``--json``, which has to fit the schema of that command."""
    content = json.loads(text, parse_constant=_refuse)
    kind = content["command"].replace(" --", "-")
    found = {"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}  # of oneOf, errors say nothing
    Draft202012Validator(found).validate(content)
    return content


def _refuse(constant: str) -> None:
    msg = f"JSON has no {constant}"
    raise ValueError(msg)


def measure_processor_time(*arguments: str) -> float:
    """Return the seconds that a Python process computes, which other programs do not prolong."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ, file_actions=silent)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime


def attack_independently(
    network: nn.Module,
    inputs: np.ndarray,
    labels: np.ndarray,
    order: float,
    strength: float,
    seed: int = 0,
) -> np.ndarray:
    """Attack by the Adversarial Robustness Toolbox's PGD, of 20 steps from one random start."""
    from art.attacks.evasion import ProjectedGradientDescentPyTorch  # noqa: PLC0415
    from art.estimators.classification import PyTorchClassifier  # noqa: PLC0415

    np.random.seed(seed)
    estimator = PyTorchClassifier(
        network.eval(),
        loss=nn.CrossEntropyLoss(),
        input_shape=inputs.shape[1:],
        nb_classes=len(np.unique(labels)),
        clip_values=(0, 1),
        device_type="cpu",
    )
    pgd = ProjectedGradientDescentPyTorch(
        estimator,
        norm=order,
        eps=strength,
        eps_step=2.5 * strength / 20,
        max_iter=20,
        num_random_init=1,
        batch_size=len(inputs),
        verbose=False,
    )
    return pgd.generate(inputs, labels)


class Recorder(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def step(self, done: int, total: int, message: str = "", trend: Sequence[float] = ()) -> None:
        self.steps.append((done, total))
