"""model.pt: a trained network as tensors and plain values, checked when it is read."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mnistffn.errors import RunDirectoryError
from mnistffn.network.network import FeedForwardNetwork

FORMAT = "mnistffn model"
SCHEMA = 2
KEYS = {"format", "schema", "widths", "classes", "parameters", "state"}


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
    """Write ``model`` so that ``torch.load(path, weights_only=True)`` reads it."""
    parameters = {name: _plain(value) for name, value in model.parameters.items()}
    content = {
        "format": FORMAT,
        "schema": SCHEMA,
        "widths": list(model.network.widths),
        "classes": model.classes.tolist(),
        "parameters": parameters,
        "state": dict(model.network.state_dict()),
    }
    torch.save(content, path)


def read_model(path: str | PathLike[str]) -> Model:
    """Read what :func:`write_model` has written.

    Raises
    ------
    RunDirectoryError
        There is no such file, it is not a model of this program, or its weights do not fit its
        architecture: the message gives the tensor, the shape found and the shape expected.
    """
    content = _load(Path(path))
    if not isinstance(content, dict) or content.get("format") != FORMAT or set(content) != KEYS:
        msg = f"{path} is not a model that mnistffn has written: run mnistffn train"
        raise RunDirectoryError(msg)
    if content["schema"] != SCHEMA:
        msg = f"{path} has schema {content['schema']}, this program reads {SCHEMA}: train again"
        raise RunDirectoryError(msg)
    try:
        parameters = dict(content["parameters"])
        classes = np.asarray(content["classes"])
        n_features, *hidden, n_classes = (int(width) for width in content["widths"])
        dropout = (float(parameters[name]) for name in ("dropout", "input_dropout"))
        expected = FeedForwardNetwork(n_features, hidden, n_classes, *dropout)
        _check_state(path, content["state"], expected.state_dict(), classes)
        expected.load_state_dict(content["state"])
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        msg = f"{path} is damaged ({error}): run mnistffn train again"
        raise RunDirectoryError(msg) from error
    shape = parameters.get("image_shape")
    tuples = {"hidden": tuple(hidden), "image_shape": None if shape is None else tuple(shape)}
    return Model(expected.eval(), classes, parameters | tuples)


def _load(path: Path) -> Any:
    if not path.is_file():
        msg = f"there is no model at {path}: run mnistffn train first"
        raise RunDirectoryError(msg)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the bytes provoke: eight types were seen
        reason = str(error).partition("\n")[0][:120]
        msg = f"{path} is not a model that mnistffn has written ({reason}): run mnistffn train"
        raise RunDirectoryError(msg) from error


def _check_state(
    path: str | PathLike[str],
    state: Mapping[str, Any],
    expected: Mapping[str, torch.Tensor],
    classes: NDArray[Any],
) -> None:
    if missing := sorted(set(expected) ^ set(state)):
        msg = f"{path} has other tensors than its architecture asks for: {', '.join(missing)}"
        raise RunDirectoryError(msg)
    for name, tensor in expected.items():
        found = state[name]
        if found.shape != tensor.shape or found.dtype != tensor.dtype:
            msg = (
                f"{path}: {name} is {found.dtype} {tuple(found.shape)}, "
                f"expected {tensor.dtype} {tuple(tensor.shape)}"
            )
            raise RunDirectoryError(msg)
        if not torch.isfinite(found).all():
            msg = f"{path}: {name} holds values that are not finite: run mnistffn train again"
            raise RunDirectoryError(msg)
        if name.endswith("running_var") and found.min() < 0:
            msg = f"{path}: {name} holds a negative variance: run mnistffn train again"
            raise RunDirectoryError(msg)
    if classes.ndim != 1 or len(np.unique(classes)) != len(classes):
        msg = f"{path} does not name every class once: run mnistffn train again"
        raise RunDirectoryError(msg)
    if len(classes) != len(expected["output.bias"]):
        msg = f"{path} names {len(classes)} classes for {len(expected['output.bias'])} outputs"
        raise RunDirectoryError(msg)


def _plain(value: Any) -> Any:
    """Return NumPy scalars and sequences as plain Python values."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    return value
