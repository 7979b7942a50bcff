import io
import os
import re
import resource
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from mnistffn.errors import RunDirectoryError
from mnistffn.network.modelfile import Model, digest_content, read_model, write_model
from mnistffn.network.network import FeedForwardNetwork

PLAIN = {"dropout": 0.2, "input_dropout": 0.1, "lr": 1e-3, "schedule": "plateau"}


def make_model(classes: list[object], hidden: tuple[int, ...] = (5, 4)) -> Model:
    torch.manual_seed(0)
    network = FeedForwardNetwork(6, hidden, len(classes), 0.2)
    parameters = {"patience": np.int64(3), "n_threads": None, "augment": True, "image_shape": (2, 3)}
    return Model(network, np.array(classes), PLAIN | parameters)


@pytest.fixture
def model() -> Model:
    return make_model([1, 3, 7])


@pytest.fixture
def path(tmp_path: Path, model: Model) -> Path:
    write_model(tmp_path / "model.pt", model)
    return tmp_path / "model.pt"


def to_bytes(model: Model) -> bytes:
    file = io.BytesIO()
    write_model(file, model)
    return file.getvalue()


def spell(model: Model) -> str:
    """Return all that a model is as a text, to the last bit."""
    state = {name: tensor.numpy().tobytes() for name, tensor in model.network.state_dict().items()}
    return repr((state, model.network.widths, model.classes, sorted(model.parameters.items())))


def test_a_model_comes_back_as_it_was(path: Path, model: Model) -> None:
    found = read_model(path)
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], tensor)
    assert found.network.widths == (6, 5, 4, 3)
    assert found.classes.tolist() == [1, 3, 7]
    assert found.parameters == {
        "hidden": (5, 4), "dropout": 0.2, "input_dropout": 0.1, "lr": 1e-3, "schedule": "plateau",
        "patience": 3, "n_threads": None, "augment": True, "image_shape": (2, 3), "activation": "relu",
    }  # fmt: skip
    assert found.parameters["augment"] is True
    assert [m.p for m in found.network.modules() if hasattr(m, "p")] == [0.1, 0.2, 0.2]
    assert not found.network.training


@pytest.mark.parametrize("classes", [["a", "été"], [0.5, 1.5], [False, True], [-1, 2**40], [2**63]])
def test_classes_of_every_kind_come_back(tmp_path: Path, classes: list[object]) -> None:
    write_model(tmp_path / "model.pt", make_model(classes, hidden=()))
    found = read_model(tmp_path / "model.pt").classes.tolist()
    assert found == classes
    assert type(found[0]) is type(classes[0])


def test_a_model_that_was_read_can_be_trained(path: Path) -> None:
    network = read_model(path).network.train()
    parameters = list(network.parameters())
    assert len(parameters) == 8
    network(torch.rand(8, 6)).square().sum().backward()
    for parameter in parameters:
        assert type(parameter) is torch.nn.Parameter
        assert parameter.is_leaf
        assert parameter.grad is not None
        assert (parameter.dtype, parameter.device.type) == (torch.float32, "cpu")
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel(), "and not the whole file"


def test_torch_reads_it_with_weights_only(path: Path) -> None:
    assert torch.load(path, weights_only=True)["widths"] == [6, 5, 4, 3]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path, path: Path, model: Model) -> None:
    write_model(tmp_path / "of another name.pt", make_model([1, 3, 7]))
    content = path.read_bytes()
    assert (tmp_path / "of another name.pt").read_bytes() == content
    assert to_bytes(model) == content
    assert to_bytes(read_model(path)) == content


def test_of_a_view_the_view_is_written_only(tmp_path: Path, model: Model, path: Path) -> None:
    large = torch.zeros(100, 5)
    large[:4] = model.network.hidden[1].linear.weight.detach()
    model.network.hidden[1].linear.weight.data = large[:4]
    assert to_bytes(model) == path.read_bytes()


@pytest.mark.parametrize(
    "changes", [{"lr": {}}, {"lr": [[1]]}, {"lr": b"1"}, {"lr": "x" * 2000}, {"dropout": "x"}, {1: 2}]
)
def test_what_could_not_be_read_is_not_written(model: Model, changes: Mapping[str, object]) -> None:
    with pytest.raises(ValueError, match="parameters|dropout"):
        to_bytes(model._replace(parameters={**model.parameters, **changes}))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error_of_the_system(model: Model) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_model("/dev/full", model)
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb") as file:
        write_model(file, model)


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    for path in (tmp_path / "model.pt", tmp_path):
        with pytest.raises(RunDirectoryError, match="there is no model at .* run mnistffn train"):
            read_model(path)


def test_a_file_that_cannot_be_read_is_not_called_foreign(path: Path, monkeypatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    if os.geteuid():
        path.chmod(0)
    else:  # root reads everything
        monkeypatch.setattr(Path, "read_bytes", refuse)
    message = r"model.pt cannot be read \(Permission denied\): run mnistffn train"
    with pytest.raises(RunDirectoryError, match=message):
        read_model(path)


class Payload:
    """What a hostile file would run when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("content", [b"", b"abc", {"a": 1}, [1], "payload", {"format": torch.zeros(2)}])
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


def test_pickles_without_checksums_are_refused(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert torch.load(path, weights_only=True)["digest"] == content["digest"]
    with pytest.raises(RunDirectoryError, match="not a model .*it is no zip file"):
        read_model(path)


def test_packed_and_doubled_parts_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(RunDirectoryError, match="packed parts"):
        read_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    with pytest.raises(RunDirectoryError, match="the same name"):
        read_model(path)


def test_a_changed_byte_is_told_as_damage(path: Path, model: Model) -> None:
    content = path.read_bytes()
    weights = model.network.output.weight.detach().numpy().tobytes()
    place = content.index(weights)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    message = r"model.pt is damaged \(the checksum of .*data/12 is wrong\): run mnistffn train .*again"
    with pytest.raises(RunDirectoryError, match=message):
        read_model(path)
    path.write_bytes(content[:-100])
    with pytest.raises(RunDirectoryError, match="model.pt is damaged .*: run mnistffn train .*again"):
        read_model(path)


def tamper(path: Path, seal: bool = True, **changes: object) -> None:
    """Write a file again with other content, as somebody would who knows how."""
    content = torch.load(path, weights_only=True) | changes
    if seal:
        content["digest"] = digest_content(content)
    torch.save(content, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 3}, "has schema 3 .this program reads 4.: run mnistffn train .*again"),
        ({"schema": 4.0}, "not a model"),
        ({"schema": 10**5000}, "not a model"),
        ({"more": 1}, "not a model .*other keys"),
        ({"widths": [6, 5, 3]}, "its parameters name other layers"),
        ({"widths": "abc"}, "is damaged .*widths"),
        ({"widths": [6]}, "is damaged .*1 widths"),
        ({"widths": [6, 5, 4, 3.0]}, "is damaged .*widths"),
        ({"widths": [6, 5, -4, 3]}, "is damaged .*no units"),
        ({"widths": [6, 5, 4, 2**31]}, "3 classes for"),
        ({"widths": [2**62, 5, 4, 3]}, "is damaged"),
        ({"widths": [1] * 5000}, "5000 widths"),
        ({"classes": [1, 2]}, "2 classes for 3 outputs"),
        ({"classes": [1, 1, 2]}, "every class once"),
        ({"classes": [1, True, 2]}, "not all whole numbers"),
        ({"classes": [1.0, 2.0, float("nan")]}, "every class once"),
        ({"classes": [1, 2, 2**64]}, "NumPy cannot hold"),
        ({"classes": [[1], [2], [3]]}, "not all whole numbers"),
        ({"classes": ["a", "b", "c" * 2000]}, "too long"),
        ({"parameters": {}}, "dropout is not in"),
        ({"parameters": {"dropout": 0.1, "input_dropout": 1}}, "input_dropout is not in"),
        ({"parameters": {"a": [0] * 2000}}, "too long"),
        ({"parameters": {"a": {}}}, "not all numbers and texts"),
        ({"state": 3}, "no tensors"),
        ({"digest": 3}, "its digest"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(path: Path, changes, message) -> None:
    tamper(path, seal=False, **changes)
    with pytest.raises(RunDirectoryError, match=message):
        read_model(path)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3, 5), r"is torch.float32 \(3, 5\), expected torch.float32 \(3, 4\)"),
        (torch.zeros(3, 4).double(), "is torch.float64"),
        (torch.zeros(1).expand(3, 4), "memory of its own"),
        (torch.zeros(4, 4)[:3], "memory of its own"),
        (torch.zeros(4, 3).T, "memory of its own"),
        (torch.zeros(3, 4, device="meta"), "memory of its own"),
        (torch.nn.Parameter(torch.zeros(3, 4)), "memory of its own"),
        (torch.zeros(3, 4).to_sparse(), "is damaged"),
        (3, "is damaged"),
    ],
)  # fmt: skip
def test_a_tensor_that_is_not_what_is_written_is_refused(path: Path, tensor: object, message) -> None:
    state = torch.load(path, weights_only=True)["state"]
    tamper(path, seal=False, state=state | {"output.weight": tensor})
    with pytest.raises(RunDirectoryError, match=message):
        read_model(path)


def test_tensors_that_share_their_memory_are_refused(path: Path) -> None:
    state = torch.load(path, weights_only=True)["state"]
    state["hidden.0.norm.weight"] = state["hidden.0.norm.bias"]
    tamper(path, state=state)
    with pytest.raises(RunDirectoryError, match="share their memory"):
        read_model(path)


@pytest.mark.parametrize("hidden", [(1_000_000, 1_000), (30_000,) * 40])
def test_a_small_file_that_claims_gigabytes_is_refused_without_them(path: Path, hidden) -> None:
    with torch.device("meta"):
        expected = FeedForwardNetwork(6, hidden, 3).state_dict()
    state = {name: torch.zeros((), dtype=t.dtype).expand(t.shape) for name, t in expected.items()}
    parameters = torch.load(path, weights_only=True)["parameters"] | {"hidden": list(hidden)}
    tamper(path, seal=False, state=state, widths=[6, *hidden, 3], parameters=parameters)
    assert path.stat().st_size < 200_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RunDirectoryError, match="memory of its own"):
        read_model(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "kilobytes"


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["state"]["output.weight"][1, 2].mul_(1.001),
        lambda content: content["state"]["hidden.0.norm.num_batches_tracked"].add_(1),
        lambda content: content["parameters"].update(lr=0.002),
        lambda content: content["parameters"].update(patience=3.0),
        lambda content: content["parameters"].update(augment=1),
        lambda content: content["parameters"].pop("lr"),
        lambda content: content.update(classes=[1, 3, 8]),
        lambda content: content.update(classes=[1.0, 3.0, 7.0]),
    ],
)
def test_what_was_changed_and_written_properly_is_told_by_its_digest(path: Path, change) -> None:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    with pytest.raises(RunDirectoryError, match="damaged .*its digest is not that of"):
        read_model(path)


@pytest.mark.parametrize(
    ("ending", "value", "message"),
    [
        ("output.bias", float("nan"), "output.bias holds values that are not finite"),
        ("1.norm.running_var", -1.0, "hidden.1.norm.running_var holds a negative variance"),
        *[("weight", value, "can give values above 1e.33") for value in (1e20, -1e20, 1e38, -1e38)],
        ("output.weight", 1e38, "can give values above 1e.33"),
        ("linear.weight", -1e20, "can give values above 1e.33"),  # the units of the first layer are off
        ("0.norm.weight", 1e34, "can give values above 1e.33"),
    ],
)
def test_weights_of_no_use_are_refused(path: Path, ending: str, value: float, message: str) -> None:
    state = torch.load(path, weights_only=True)["state"]
    for name in [name for name in state if name.endswith(ending)]:
        state[name] = torch.full_like(state[name], value)
    tamper(path, state=state)
    with pytest.raises(
        RunDirectoryError, match=f"model.pt is of no use .*{message}.*: run mnistffn train .*again"
    ):
        read_model(path)


def test_a_deep_network_is_not_absurd(tmp_path: Path) -> None:
    model = make_model([0, 1, 2], hidden=(64,) * 30)
    for _ in range(50):
        model.network(torch.rand(128, 6))
    write_model(tmp_path / "model.pt", model)
    assert read_model(tmp_path / "model.pt").network.n_layers == 31


def mutate(content: bytes, generator: np.random.Generator) -> bytes:
    """Change one to four bytes, cut the end off, put bytes in, or swap two blocks."""
    changed, kind, size = bytearray(content), generator.integers(10), len(content)
    first, second = sorted(int(place) for place in generator.integers(size, size=2))
    if kind < 6:
        # Half of them where there are not only weights.
        heads = [found.start() for found in re.finditer(rb"PK[\x01\x03\x05\x06\x07]|archive/", content)]
        for _ in range(generator.integers(1, 5)):
            near = int(generator.choice(heads)) + int(generator.integers(100))
            place = near if kind < 3 else int(generator.integers(size))
            changed[min(place, size - 1)] ^= int(generator.integers(1, 256))
    elif kind == 6:
        del changed[first:]
    elif kind == 7:
        changed[first:first] = generator.bytes(int(generator.integers(1, 100)))
    else:
        length = int(generator.integers(1, 200))
        one, other = changed[first : first + length], changed[second : second + length]
        changed[second : second + length] = one
        changed[first : first + length] = other
    return bytes(changed)


def try_mutants(content: bytes, count: int, seed: int, path: Path) -> Counter[str]:
    """Read mutants of a model; raise whatever is no RunDirectoryError."""
    path.write_bytes(content)
    whole, generator, found = spell(read_model(path)), np.random.default_rng(seed), Counter[str]()
    for _ in range(count):
        path.write_bytes(mutate(content, generator))
        try:
            found["identical" if spell(read_model(path)) == whole else "other"] += 1
        except RunDirectoryError as error:
            found["refused" if str(error).startswith(str(path)) else "told without its path"] += 1
    return found


@pytest.mark.parametrize("classes", [[1, 3, 7], ["one", "seven", "three"]])
def test_damaged_files_are_refused_or_read_as_they_were(tmp_path: Path, classes: list[object]) -> None:
    found = try_mutants(to_bytes(make_model(classes)), 150, 0, tmp_path / "model.pt")
    assert found.keys() == {"refused", "identical"}
    assert found["refused"] > 75
