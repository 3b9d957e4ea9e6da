"""The network that attacks change, and the list of attacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
DOMAIN = "qonnx.custom_op.general"


def valid() -> ModelProto:
    """Quant -> Conv of a Quant -> BatchNormalization -> Relu -> Quant -> Flatten -> Gemm, named tensors throughout."""
    rng = np.random.default_rng(1)
    constants = {
        "s": np.float32(0.125),
        "z": np.float32(0),
        "b": np.float32(4),
        "w": np.asarray(rng.normal(0, 0.3, (4, 2, 3, 3)), np.float32),
        "gamma": np.asarray(rng.normal(0, 1, 4), np.float32),
        "beta": np.zeros(4, np.float32),
        "mean": np.zeros(4, np.float32),
        "var": np.ones(4, np.float32),
        "v": np.asarray(np.round(rng.normal(0, 2, (3, 64))), np.float32),
        "bias": np.zeros(3, np.float32),
    }
    given = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    nodes = [
        helper.make_node("Quant", ["x", "s", "z", "b"], ["q"], "quantise", domain=DOMAIN, **given),
        helper.make_node("Quant", ["w", "s", "z", "b"], ["wq"], "weights", domain=DOMAIN, **given),
        helper.make_node("Conv", ["q", "wq"], ["a"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "gamma", "beta", "mean", "var"], ["n"], "norm"),
        helper.make_node("Relu", ["n"], ["r"], "relu"),
        helper.make_node("Quant", ["r", "s", "z", "b"], ["p"], "activation", domain=DOMAIN, **given),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "v", "bias"], ["y"], "gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "valid",
        [helper.make_tensor_value_info("x", FLOAT, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", FLOAT, [1, 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


Change = Callable[[ModelProto], "bytes | None"]
ATTACKS: dict[str, Change] = {}


def attack(name: str, change: Change) -> None:
    if name in ATTACKS:
        raise ValueError(name)
    ATTACKS[name] = change


def node(model: ModelProto, name: str) -> NodeProto:
    return next(each for each in model.graph.node if each.name == name)


def initialiser(model: ModelProto, name: str) -> TensorProto:
    return next(each for each in model.graph.initializer if each.name == name)


def put(model: ModelProto, name: str, values: Any) -> None:
    initialiser(model, name).CopyFrom(numpy_helper.from_array(np.asarray(values), name))
