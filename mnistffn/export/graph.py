"""A network as an ONNX model: from images as bytes to logits and probabilities."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnistffn import __version__
from mnistffn.errors import UsageError
from mnistffn.network.network import AffineLayer

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

OPSET = 20  # the first one with Gelu, of 2023
IR_VERSION = 9  # that of the same release
OPERATORS = {"relu": "Relu", "gelu": "Gelu", "tanh": "Tanh"}
INPUT, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
BATCH = "n"  # the axis of any length


def make_model(
    layers: Sequence[AffineLayer], image_shape: tuple[int, int], metadata: Mapping[str, str]
) -> "ModelProto":
    """Return a network, with what it does to images first, as an ONNX model.

    Its input ``images`` is uint8 (n, height, width), its outputs ``logits`` and ``probabilities``
    float32 (n, classes). Only bytes are taken, so that no image of [0, 255] is taken for one of [0, 1].

    Parameters
    ----------
    layers : sequence of AffineLayer
        From :func:`~mnistffn.network.network.fold_batch_norm`.
    image_shape : (int, int)
        Height and width.
    metadata : mapping of str to str
        To be kept in the model.

    Raises
    ------
    UsageError
        The package ``onnx`` is not installed.
    """
    try:
        from onnx import checker, helper
    except ImportError as error:
        msg = f"export needs the package onnx ({error}): install mnistffn[onnx]"
        raise UsageError(msg) from error

    model = helper.make_model(
        _make_graph(layers, image_shape),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnistffn",
        producer_version=__version__,
    )
    helper.set_model_props(model, dict(metadata))
    checker.check_model(model, full_check=True)
    return model


def _make_graph(layers: Sequence[AffineLayer], image_shape: tuple[int, int]) -> "GraphProto":
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", [INPUT], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["numbers", "white"], ["scaled"]),
        helper.make_node("Flatten", ["scaled"], ["activation0"], axis=1),
    ]
    arrays = {"white": np.array(255, np.float32)}
    for number, layer in enumerate(layers, start=1):
        weight, bias, above = f"weight{number}", f"bias{number}", f"preactivation{number}"
        arrays |= {weight: layer.weight.numpy(), bias: layer.bias.numpy()}
        above = LOGITS if number == len(layers) else above
        nodes.append(
            helper.make_node("Gemm", [f"activation{number - 1}", weight, bias], [above], transB=1)
        )
        if number < len(layers):
            operator = OPERATORS[layer.activation]
            nodes.append(helper.make_node(operator, [above], [f"activation{number}"]))
    nodes.append(helper.make_node("Softmax", [LOGITS], [PROBABILITIES], axis=1))
    images = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [BATCH, *image_shape])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (BATCH, len(layers[-1].bias)))
        for name in (LOGITS, PROBABILITIES)
    ]
    initial = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return helper.make_graph(nodes, "mnistffn", [images], outputs, initial)
