import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn.errors import RunDirectoryError
from mnistffn.network.modelfile import Model, read_model, write_model
from mnistffn.network.network import FeedForwardNetwork


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(
        FeedForwardNetwork(6, [5, 4], 3, 0.2),
        np.array([1, 3, 7]),
        {"dropout": 0.2, "input_dropout": 0.1, "lr": 1e-3},
    )


@pytest.fixture
def path(tmp_path: Path, model: Model) -> Path:
    write_model(tmp_path / "model.pt", model)
    return tmp_path / "model.pt"


def test_a_model_comes_back_as_it_was(path: Path, model: Model) -> None:
    found = read_model(path)
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], tensor)
    assert found.network.widths == (6, 5, 4, 3)
    assert found.classes.tolist() == [1, 3, 7]
    assert found.parameters == {
        "hidden": (5, 4), "dropout": 0.2, "input_dropout": 0.1, "lr": 1e-3, "image_shape": None,
    }  # fmt: skip
    assert not found.network.training


def test_torch_reads_it_with_weights_only(path: Path) -> None:
    assert torch.load(path, weights_only=True)["widths"] == [6, 5, 4, 3]


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="there is no model at .* run mnistffn train"):
        read_model(tmp_path / "model.pt")


class Payload:
    """What a hostile file would run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("content", [b"", b"abc", b"PK\x03\x04junk", {"a": 1}, [1], "payload"])
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, content: object, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(Payload() if content == "payload" else content, path)
    with pytest.raises(RunDirectoryError, match="not a model that mnistffn has written"):
        read_model(path)
    assert not (tmp_path / "executed").exists()


def test_a_truncated_file_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for end in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:end])
        with pytest.raises(RunDirectoryError):
            read_model(path)


def tamper(path: Path, **changes: object) -> None:
    torch.save(torch.load(path, weights_only=True) | changes, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 1}, "has schema 1, this program reads 2"),
        ({"widths": [6, 5, 3]}, "other tensors than its architecture asks for: .*hidden.1"),
        (
            {"widths": [6, 5, 5, 3]},
            r"hidden.1.linear.weight is torch.float32 \(4, 5\), expected .*\(5, 5\)",
        ),
        ({"widths": "abc"}, "is damaged"),
        ({"widths": [6]}, "is damaged"),
        ({"classes": [1, 2]}, "2 classes for 3 outputs"),
        ({"parameters": {}}, "is damaged"),
        ({"state": 3}, "is damaged"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(path: Path, changes, message) -> None:
    tamper(path, **changes)
    with pytest.raises(RunDirectoryError, match=message):
        read_model(path)


def test_weights_that_are_not_finite_are_refused(path: Path) -> None:
    state = torch.load(path, weights_only=True)["state"]
    state["output.bias"][1] = float("nan")
    tamper(path, state=state)
    with pytest.raises(RunDirectoryError, match="output.bias holds values that are not finite"):
        read_model(path)
