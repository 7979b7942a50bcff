"""What several tests share: data files, and one small trained run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torch import nn
from typer.testing import CliRunner, Result

from mnistffn.cli import app
from mnistffn.data import builtin_digits
from mnistffn.progress import Progress

MNIST = Path(__file__).parents[1] / ".." / "shared" / "data" / "MNIST.mat"


@pytest.fixture(scope="session")
def mnist_path() -> Path:
    if not MNIST.is_file():
        pytest.skip("MNIST.mat is not beside the checkout in ../shared/data")
    return MNIST.resolve()


def invoke(*args: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


def call(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mnistffn", *(str(arg) for arg in args)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture
def digits_mat(tmp_path: Path) -> Path:
    """The built-in digits in the layout of the document's course: column-major rows in [0, 1]."""
    digits = builtin_digits()
    path = tmp_path / "digits.mat"
    rows = digits.images.mT.reshape(len(digits.images), -1) / 255
    savemat(path, {"input_images": rows, "output_labels": digits.labels[:, None].astype(float)})
    return path


@pytest.fixture
def write_mat(tmp_path: Path) -> Callable[..., Path]:
    """Write a small labelled .mat file; keyword arguments replace or add variables."""

    def write(name: str = "data.mat", **variables: object) -> Path:
        generator = np.random.default_rng(0)
        content: dict[str, object] = {
            "input_images": generator.random((40, 64)),
            "output_labels": np.arange(40)[:, None] % 4,
        }
        content |= variables
        path = tmp_path / name
        savemat(path, {key: value for key, value in content.items() if value is not None})
        return path

    return write


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    options = ("--hidden", "24,12", "--recipe", "document", "--dropout", "0.1", "--epochs", 40, "-q")
    assert invoke("train", *options, "-r", run).exit_code == 0
    return run


@pytest.fixture
def trained_run(_trained: Path, tmp_path: Path) -> Path:
    """A run directory with a network 64-24-12-10 trained on the built-in digits; yours to change."""
    return Path(shutil.copytree(_trained, tmp_path / "run"))


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

    def step(self, done: int, total: int, message: str) -> None:
        self.steps.append((done, total))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
