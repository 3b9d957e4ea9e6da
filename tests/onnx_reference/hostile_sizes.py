"""Attacks by versions, by depth and number and size, and by files that are something else."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper

from .hostile_base import DOMAIN, FLOAT, Change, attack, initialiser, node

BIG = 10**9
F = np.float32

# versions


def _opset(domain: str, version: int) -> Change:
    def change(model: ModelProto) -> None:
        kept = [each for each in model.opset_import if each.domain != domain]
        del model.opset_import[:]
        model.opset_import.extend([*kept, helper.make_opsetid(domain, version)])

    return change


for version in (0, 1, -1, 9999, 2**62):
    attack(f"opset {version}", _opset("", version))
for version in (0, -1, 9999, 2**62):
    attack(f"QONNX version {version}", _opset(DOMAIN, version))
attack("no opsets", lambda model: model.ClearField("opset_import"))
attack("a version of the format of 2^60", lambda model: setattr(model, "ir_version", 2**60))
attack("a version of the format of 0", lambda model: setattr(model, "ir_version", 0))


# too deep, too many, too large


def _nested(depth: int, kind: str) -> Change:
    def change(model: ModelProto) -> None:
        inner = helper.make_graph(
            [helper.make_node("Relu", ["n"], ["deep0"])],
            "g0",
            [],
            [helper.make_tensor_value_info("deep0", FLOAT, None)],
        )
        for level in range(1, depth):
            name = f"deep{level}"
            branches = {"then_branch": inner, "else_branch": inner} if kind == "If" and level < 3 else {"body": inner}
            step = helper.make_node(kind, ["x"], [name], **branches)
            inner = helper.make_graph([step], f"g{level}", [], [helper.make_tensor_value_info(name, FLOAT, None)])
        at = node(model, "relu")
        at.op_type = kind
        at.attribute.append(helper.make_attribute("body", inner))

    return change


attack("an If", _nested(1, "If"))
attack("a Loop", _nested(1, "Loop"))
attack("a Scan of three levels", _nested(3, "Scan"))
attack("twenty nested Ifs", _nested(20, "If"))


def _deep_bytes(model: ModelProto) -> bytes:
    """Graphs within graphs, deeper than protobuf's own limit, made of bytes: node { attribute { g { ... } } }."""
    body = b""
    for _ in range(3000):
        for field in (6, 5, 1):  # AttributeProto.g, NodeProto.attribute, GraphProto.node
            body = bytes([field << 3 | 2]) + varint(len(body)) + body
    return model.SerializeToString() + bytes([7 << 3 | 2]) + varint(len(body)) + body


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


attack("three thousand nested graphs", _deep_bytes)


def _long_chain(kind: str, count: int) -> Change:
    """`count` more nodes between the normalisation and its Relu."""

    def change(model: ModelProto) -> None:
        chain = [helper.make_node(kind, [f"i{at}" if at else "n"], [f"i{at + 1}"], f"link{at}") for at in range(count)]
        nodes = list(model.graph.node)
        del model.graph.node[:]
        nodes[4].input[0] = f"i{count}"
        model.graph.node.extend([*nodes[:4], *chain, *nodes[4:]])

    return change


attack("1e5 nodes of Identity", _long_chain("Identity", 100_000))
attack("2e4 nodes of Neg", _long_chain("Neg", 20_000))
attack("3e3 nodes of Sigmoid", _long_chain("Sigmoid", 3_000))


def _doubling(model: ModelProto) -> None:
    """a + a, sixty times: numbers of 2^60 times the scale, and 2^60 paths for what walks paths."""
    chain = [helper.make_node("Add", [f"i{at}" if at else "n"] * 2, [f"i{at + 1}"], f"double{at}") for at in range(200)]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    nodes[4].input[0] = "i200"
    model.graph.node.extend([*nodes[:4], *chain, *nodes[4:]])


def _growing(model: ModelProto) -> None:
    """Concat of a tensor with itself, forty times: 2^40 channels from a few bytes."""
    chain = [
        helper.make_node("Concat", [f"i{at}" if at else "n"] * 2, [f"i{at + 1}"], f"grow{at}", axis=1)
        for at in range(40)
    ]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    nodes[4].input[0] = "i40"
    model.graph.node.extend([*nodes[:4], *chain, *nodes[4:]])


attack("a tensor added to itself 200 times", _doubling)
attack("a tensor joined with itself 40 times", _growing)


def _instead_of_relu(kind: str, constants: dict[str, Any], **attributes: Any) -> Change:
    def change(model: ModelProto) -> None:
        at = node(model, "relu")
        at.op_type = kind
        at.input.extend(constants)
        for name, values in constants.items():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        at.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())

    return change


I = np.int64  # noqa: E741  as NumPy abbreviates it
for label, kind, constants, attributes in [
    ("an Expand to 10^12", "Expand", {"shape": I([1, 4, 10**6, 10**6])}, {}),
    ("a Tile of 10^12", "Tile", {"repeats": I([1, 1, 10**6, 10**6])}, {}),
    ("a Pad of 10^9", "Pad", {"pads": I([0, 0, BIG, BIG, 0, 0, BIG, BIG])}, {}),
    ("a Pad that crops all", "Pad", {"pads": I([0, 0, -4, -4, 0, 0, -4, -4])}, {}),
    ("a Reshape to another size", "Reshape", {"shape": I([1, 7])}, {}),
    ("a Reshape with two unknowns", "Reshape", {"shape": I([-1, -1])}, {}),
    ("a Reshape to -5", "Reshape", {"shape": I([-5, 4, 4, 4])}, {}),
    ("a Reshape of batches", "Reshape", {"shape": I([2, 2, 4, 4])}, {}),
    ("an Add of other sizes", "Add", {"other": np.ones((3, 3), F)}, {}),
    ("an Add along an axis", "Add", {"other": np.ones((1, 1, 1, 1), F)}, {"axis": BIG}),
    ("a Div by zero", "Div", {"other": F(0)}, {}),
    ("a Pow of 10^9", "Pow", {"other": F(1e9)}, {}),
    ("a Pow of a half", "Pow", {"other": F(0.5)}, {}),
    ("a Clip of crossed limits", "Clip", {"low": F(3), "high": F(-3)}, {}),
    ("a Clip of NaN", "Clip", {"low": F(np.nan)}, {}),
    ("a Transpose that repeats", "Transpose", {}, {"perm": [0, 0, 1, 2]}),
    ("a Transpose of the batch", "Transpose", {}, {"perm": [1, 0, 2, 3]}),
    ("a Transpose of too many", "Transpose", {}, {"perm": [0, 1, 2, 3, 4]}),
    ("a Concat along axis 9", "Concat", {}, {"axis": 9}),
    ("a Softmax along axis 9", "Softmax", {}, {"axis": 9}),
    ("a Gather out of range", "Gather", {"indices": I([99])}, {"axis": 1}),
    ("a Gather from the batch", "Gather", {"indices": I(0)}, {"axis": 0}),
    ("a Slice of nothing", "Slice", {"from": I([3]), "to": I([3]), "axes": I([2])}, {}),
    ("a Slice of steps of 0", "Slice", {"from": I([0]), "to": I([3]), "axes": I([2]), "by": I([0])}, {}),
    ("a Split of wrong sizes", "Split", {"sizes": I([1, 9])}, {"axis": 1}),
    ("a Split of negative sizes", "Split", {"sizes": I([5, -1])}, {"axis": 1}),
    ("a Resize by 10^6", "Resize", {"roi": np.zeros(0, F), "by": F([1, 1, 1e6, 1e6])}, {"mode": "nearest"}),
    ("a Resize by NaN", "Resize", {"roi": np.zeros(0, F), "by": F([1, 1, np.nan, 1])}, {"mode": "nearest"}),
    ("a Resize by 0", "Resize", {"roi": np.zeros(0, F), "by": F([1, 1, 0, 0])}, {"mode": "nearest"}),
    ("a Resize that interpolates", "Resize", {"roi": np.zeros(0, F), "by": F([1, 1, 1.5, 2])}, {"mode": "cubic"}),
    ("a pool of a huge window", "MaxPool", {}, {"kernel_shape": [BIG, BIG]}),
    ("a pool of no window", "MaxPool", {}, {}),
    ("a pool of window zero", "AveragePool", {}, {"kernel_shape": [0, 0]}),
    ("a pool of padding alone", "MaxPool", {}, {"kernel_shape": [1, 1], "pads": [3, 3, 3, 3]}),
    ("a TopK of too many", "TopK", {"k": I([10**9])}, {"axis": 1}),
    ("an LSTM", "LSTM", {}, {"hidden_size": 10**9}),
    ("an Einsum", "Einsum", {}, {"equation": "ijkl->" + "i" * 10_000}),
    ("a MultiThreshold without thresholds", "MultiThreshold", {"t": np.zeros((4, 0), F)}, {}),
]:
    attack(label, _instead_of_relu(kind, constants, **attributes))
attack("a ConstantOfShape of 10^12", lambda model: constant_of_shape(model, [10**6, 10**6]))
attack("a ConstantOfShape of -1", lambda model: constant_of_shape(model, [-1, 4]))


def constant_of_shape(model: ModelProto, sizes: list[int]) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(sizes, I), "sizes"))
    node(model, "relu").op_type = "Add"
    node(model, "relu").input.append("many")
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["sizes"], ["many"]))


def _function(model: ModelProto) -> None:
    """A function of the model that calls itself."""
    call = helper.make_node("Again", ["u"], ["w"], domain="local")
    model.functions.append(helper.make_function("local", "Again", ["u"], ["w"], [call], [helper.make_opsetid("", 13)]))
    model.opset_import.append(helper.make_opsetid("local", 1))
    node(model, "relu").op_type, node(model, "relu").domain = "Again", "local"


attack("a function that calls itself", _function)
attack("a name that is no UTF-8", lambda model: model.SerializeToString().replace(b"quantise", b"qu\xff\xfet\xc3se"))
attack("an input name that is no UTF-8", lambda model: model.SerializeToString().replace(b"gamma", b"g\xff\xc0\x80a"))
attack("an empty file", lambda model: b"")
attack("one zero", lambda model: b"\0")
attack("a kilobyte of zeros", lambda model: b"\0" * 1024)
attack("a megabyte of ones", lambda model: b"\xff" * 2**20)
attack("text", lambda model: b"This is not a network.\n" * 100)
attack("Python", lambda model: b"import os\nos.abort()\n")
attack("JSON", lambda model: b'{"graph": {"node": []}}')
attack("a pickle", lambda model: b"\x80\x04\x95\x0f\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.")
attack("an archive", lambda model: b"PK\x03\x04" + b"\0" * 100)
attack("PNG", lambda model: b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
attack("a length that claims 2 GiB", lambda model: bytes([7 << 3 | 2]) + varint(2**31 - 1) + b"\0" * 64)
attack("a length that claims 2^63", lambda model: bytes([7 << 3 | 2]) + varint(2**63) + b"\0" * 64)
attack("two models in one file", lambda model: model.SerializeToString() * 2)
attack("a tensor instead of a model", lambda model: initialiser(model, "v").SerializeToString())
attack("a graph instead of a model", lambda model: model.graph.SerializeToString())
