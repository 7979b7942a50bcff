"""model.pt: a trained network as tensors and plain values, checked when it is read.

Whoever reads it trusts nothing: the zip's checksums come before torch, the shapes before a network, and
a digest of all that was saved before anything of it is used.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnistffn.errors import RunDirectoryError
from mnistffn.network.network import ACTIVATIONS, FeedForwardNetwork, fold_batch_norm
from mnistffn.wording import spell_command

FORMAT = "mnistffn model"
SCHEMA = 4
PLAIN = ("classes", "parameters", "widths")
KEYS = {"format", "schema", "digest", "state", *PLAIN}

FOREIGN = "is not a model that mnistffn has written"
ZIP_START = b"PK\x03\x04"
# Layers, values of parameters, letters of a text: a small file can claim any number of them.
MOST = 1000
# Of a value for any image. The bound is loose and grows with every layer: networks are seen to have 1e3
# with 3 hidden layers, 1e16 with 20 and 1e24 with 30. float32 ends at 3e38, and sums over a batch must
# stay below: evaluate, fields and maximize work at 1e33 and fail at 1e36.
LARGEST = 1e33


class Model(NamedTuple):
    """What model.pt holds.

    Attributes
    ----------
    network : FeedForwardNetwork
    classes : ndarray of shape (n_classes,)
        The labels, in the order of the outputs.
    parameters : mapping of str to plain values
        The classifier's constructor parameters.
    """

    network: FeedForwardNetwork
    classes: NDArray[Any]
    parameters: Mapping[str, Any]


def write_model(path: str | PathLike[str] | BinaryIO, model: Model) -> None:
    """Write ``model`` so that ``torch.load(path, weights_only=True)`` reads it.

    The same model gives the same bytes.

    Raises
    ------
    OSError
        The system does not let it, for want of space for example.
    ValueError
        The classes or the parameters are not what the file can hold.
    """
    widths = _plain(model.network.widths)
    parameters = {name: _plain(value) for name, value in model.parameters.items()}
    parameters |= {"hidden": widths[1:-1], "activation": model.network.activation}
    content = {"widths": widths, "classes": _plain(model.classes), "parameters": parameters}
    _check_plain(content)
    # Through JSON, which makes every text anew: pickle's bytes depend on which objects are the same.
    content = json.loads(json.dumps(content, sort_keys=True))
    # Clones: of a view, torch would write all that it is a view of.
    content["state"] = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.network.state_dict().items()
    }
    content |= {"format": FORMAT, "schema": SCHEMA, "digest": digest_content(content)}
    buffer = io.BytesIO()  # torch would not say why a file cannot be written
    torch.save(content, buffer)
    if isinstance(path, str | PathLike):
        Path(path).write_bytes(buffer.getvalue())
    else:
        path.write(buffer.getvalue())


def read_model(path: str | PathLike[str]) -> Model:
    """Read what :func:`write_model` has written.

    Raises
    ------
    RunDirectoryError
        There is no such file, it cannot be read, it is not a model of this program or of another
        schema, it is damaged, or its weights are beyond any use: the message says which.
    """
    content = _load(path, _read_bytes(Path(path)))
    try:
        classes = _check_plain(content)
        network = _assemble(content)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise _refuse(path, "is damaged", error) from error
    _check_values(path, network)
    parameters = content["parameters"]
    tuples = {name: tuple(value) for name, value in parameters.items() if type(value) is list}
    return Model(network, classes, parameters | tuples)


def digest_content(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of widths, classes, parameters and tensors, in hexadecimal digits.

    As JSON the plain values keep their types: 1, 1.0, true and "1" differ.

    Parameters
    ----------
    content : mapping
        What the file holds: ``widths``, ``classes`` and ``parameters``, and in ``state`` contiguous
        tensors on the CPU.
    """
    tensors = sorted(content["state"].items())
    head = {key: content[key] for key in PLAIN}
    head["tensors"] = [[name, str(tensor.dtype), list(tensor.shape)] for name, tensor in tensors]
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for _, tensor in tensors:
        array = tensor.numpy().reshape(-1)
        # The same on a machine with the other order of bytes.
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_file():
            return path.read_bytes()
    except OSError as error:
        raise _refuse(path, "cannot be read", error.strerror) from error
    msg = f"there is no model at {path}: run {spell_command('train', path.parent)} first"
    raise RunDirectoryError(msg)


def _load(path: str | PathLike[str], file: bytes) -> dict[str, Any]:
    """Return the dictionary of all keys that a file holds, its values not checked yet."""
    if not file.startswith(ZIP_START):  # torch.load reads pickles too, which have no checksums
        raise _refuse(path, FOREIGN, "it is no zip file")
    what = "is damaged"
    try:
        _check_zip(file)
        what = FOREIGN  # for its checksums are right
        content = torch.load(io.BytesIO(file), map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile and torch raise whatever the bytes provoke
        raise _refuse(path, what, error) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _refuse(path, FOREIGN, "it holds something else")
    schema = content.get("schema")
    if type(schema) is int and 0 <= schema < MOST and schema != SCHEMA:
        raise _refuse(path, f"has schema {schema}", f"this program reads {SCHEMA}")
    if type(schema) is not int or schema != SCHEMA or set(content) != KEYS:
        raise _refuse(path, FOREIGN, "it has other keys")
    return content


def _refuse(path: str | PathLike[str], problem: str, reason: object) -> RunDirectoryError:
    told, again = str(reason).partition("\n")[0][:120], spell_command("train", Path(path).parent)
    return RunDirectoryError(f"{path} {problem} ({told}): run {again} again")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _check_zip(file: bytes) -> None:
    """Raise, of whatever type, unless all parts of a zip are as their checksums say.

    torch does not look at these, nor at whether a part unpacks to far more than the file holds.
    """
    with ZipFile(io.BytesIO(file)) as archive:
        parts = archive.infolist()
        packed = any(part.compress_type != ZIP_STORED or part.flag_bits & 1 for part in parts)
        _require(not packed, "it holds packed parts, as no model does")
        _require(sum(part.file_size for part in parts) <= len(file), "its parts claim to be larger")
        names = {part.filename for part in parts}  # by which testzip opens them
        _require(len(names) == len(parts), "two of its parts have the same name")
        _require((wrong := archive.testzip()) is None, f"the checksum of {wrong} is wrong")


def _check_plain(content: Mapping[str, Any]) -> NDArray[Any]:
    """Return the classes; raise ValueError for plain values that are not as they are written."""
    widths, parameters = content["widths"], content["parameters"]
    _require(type(widths) is list and _are(int, widths), "its widths are not whole numbers")
    _require(2 <= len(widths) <= MOST, f"it has {len(widths)} widths, not 2 to {MOST}")
    _require(min(widths) > 0, "a layer has no units")
    _check_parameters(parameters)
    _require(parameters["hidden"] == widths[1:-1], "its parameters name other layers than it has")
    return _check_classes(content["classes"], widths[-1])


def _check_parameters(parameters: Any) -> None:
    _require(type(parameters) is dict and _are(str, parameters), "its parameters have no names")
    items = [value if type(value) is list else [value] for value in parameters.values()]
    values = list(islice(chain(parameters, *items), MOST + 1))
    longest = max((len(value) for value in values if type(value) is str), default=0)
    _require(max(len(values), longest) <= MOST, "its parameters are too long")
    plain = {type(value) for value in values} <= {str, int, float, bool, type(None)}
    _require(plain, "its parameters are not all numbers and texts, or lists of them")
    for name in ("dropout", "input_dropout"):
        value = parameters.get(name)
        _require(isinstance(value, int | float) and 0 <= value < 1, f"its {name} is not in [0, 1)")
    _require(parameters.get("activation") in ACTIVATIONS, "its activation is not known")


def _check_classes(classes: Any, n_classes: int) -> NDArray[Any]:
    _require(type(classes) is list, "its classes are no list")
    _require(len(classes) == n_classes, f"it names {len(classes)} classes for {n_classes} outputs")
    alike = any(_are(kind, classes) for kind in (int, float, bool, str))
    _require(alike, "its classes are not all whole numbers, or all numbers, or all texts")
    longest = max((len(name) for name in classes if type(name) is str), default=0)
    _require(longest <= MOST, "the name of a class is too long")
    found = np.asarray(classes)
    kept = found.dtype.kind in "biufU" and repr(found.tolist()) == repr(classes)
    _require(kept, "NumPy cannot hold its classes")
    _require(np.array_equal(np.unique(found), found), "it does not name every class once, in order")
    return found


def _are(kind: type, values: Any) -> bool:
    """Return whether all values are exactly of a type: True is no int here."""
    return all(type(value) is kind for value in values)


def _assemble(content: Mapping[str, Any]) -> FeedForwardNetwork:
    """Return the network in evaluation mode; raise unless the tensors are what was saved of it."""
    n_features, *hidden, n_classes = content["widths"]
    others = {key: content["parameters"][key] for key in ("dropout", "input_dropout", "activation")}
    with torch.device("meta"):  # shapes without memory: the widths may be any
        network = FeedForwardNetwork(n_features, hidden, n_classes, **others)
    _check_tensors(content["state"], network.state_dict())
    _require(content["digest"] == digest_content(content), "its digest is not that of what it holds")
    network.load_state_dict(content["state"], assign=True)
    return network.eval()


def _check_tensors(state: Any, expected: Mapping[str, Tensor]) -> None:
    _require(type(state) is dict, "it has no tensors")
    different = ", ".join(sorted(map(str, set(expected) ^ set(state))))
    _require(not different, f"it has other tensors than its architecture asks for: {different}")
    for name, tensor in expected.items():
        found = state[name]
        same = found.shape == tensor.shape and found.dtype == tensor.dtype
        shapes = f"{tuple(found.shape)}, expected {tensor.dtype} {tuple(tensor.shape)}"
        _require(same, f"{name} is {found.dtype} {shapes}")
        plain = type(found) is Tensor and found.device.type == "cpu" and not found.requires_grad
        # An expanded tensor has fewer bytes than elements, a part of another one has more.
        n_bytes = found.numel() * found.element_size()
        own = found.is_contiguous() and found.untyped_storage().nbytes() == n_bytes
        _require(plain and own, f"{name} is not a tensor with memory of its own")
    places = {found.data_ptr() for found in state.values()}
    _require(len(places) == len(state), "two of its tensors share their memory")


def _check_values(path: str | PathLike[str], network: FeedForwardNetwork) -> None:
    """Raise RunDirectoryError for weights that are as they were saved, but of no use."""
    problem = ""
    for name, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            problem = f"{name} holds values that are not finite"
        elif name.endswith("running_var") and tensor.min() < 0:
            problem = f"{name} holds a negative variance"
    if not problem and not _find_reach(network) <= LARGEST:  # neither is NaN
        problem = f"with its weights an image can give values above {LARGEST:g}"
    if problem:
        raise _refuse(path, "is of no use", problem)


def _find_reach(network: FeedForwardNetwork) -> float:
    """Bound all values for images in [0, 1], and estimate the squares of filters and gradients."""
    low, high = torch.zeros(network.widths[0]), torch.ones(network.widths[0])
    # As filters and gradients it passes units that are off, behind which the bound sees nothing.
    passed = torch.randn(network.widths[0], generator=torch.Generator().manual_seed(0))
    found = []
    for layer in fold_batch_norm(network):
        middle = layer.weight @ ((low + high) / 2) + layer.bias
        radius, passed = layer.weight.abs() @ ((high - low) / 2), layer.weight @ passed
        found += [(middle.abs() + radius).max(), passed.square().max()]
        low, high = layer.bound(middle - radius, middle + radius)
    return float(torch.stack(found).max())  # infinite or NaN where float32 ends


def _plain(value: Any) -> Any:
    """Return NumPy scalars and sequences as plain Python values."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    return value
