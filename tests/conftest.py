"""What several tests share: data files, and one small trained run."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import Recorder, invoke
from scipy.io import savemat

from mnistffn.data import builtin_digits

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread each: threads that wait for each other spin
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


LONGEST = (
    "test_mnist", "test_cli", "test_pool", "test_figures", "test_report", "test_layouts", "test_train",
    "test_classifier", "test_cluster", "test_robustness", "test_kills", "test_net", "test_search",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one at the end.

    pytest-xdist keeps this order with ``--no-loadscope-reorder`` only.
    """
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONGEST)))


MNIST = Path(__file__).parents[1] / ".." / "shared" / "data" / "MNIST.mat"


@pytest.fixture(scope="session")
def mnist_path() -> Path:
    if not MNIST.is_file():
        pytest.skip("MNIST.mat is not beside the checkout in ../shared/data")
    return MNIST.resolve()


@pytest.fixture
def pictures() -> None:
    """Draw what is to be drawn."""


@pytest.fixture(autouse=True)
def no_pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Draw nothing unless a test asks for ``pictures``: it takes most of a small command's time.

    The files are written still, with bytes that mean nothing.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "pictures" not in request.fixturenames:
            patch.setattr("mnistffn.figures.render.render", lambda draw: bytes(20_000))
        yield


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


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
