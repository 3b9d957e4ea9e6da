"""Files that are no networks, or bad ones: `corrupted(seed)` -> (what is wrong with it, the bytes), the same each time.

Those of `ATTACKS` come first, one by one; after them, truncated and bit-flipped copies of valid networks without end.
Whoever reads one must answer with an error that a user can read, in bounded time and memory. `MAY_LOAD` are strange but
have a meaning; so do some of the flipped ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .fuzz_networks import random_network

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
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


# numbers that no quantiser or layer can have


def _put(name: str, values: Any) -> Change:
    return lambda model: put(model, name, values)


def _fill(name: str, value: float) -> Change:
    def change(model: ModelProto) -> None:
        array = numpy_helper.to_array(initialiser(model, name)).copy()
        array.reshape(-1)[0] = value
        put(model, name, array)

    return change


F = np.float32
for value in (np.nan, np.inf, -np.inf):
    for name in ("s", "z", "b", "w", "gamma", "beta", "mean", "var", "v", "bias"):
        attack(f"{value} in {name}", _fill(name, value))
for name, value in {
    "scale of zero": ("s", F(0)),
    "negative scale": ("s", F(-0.125)),
    "subnormal scale": ("s", F(1e-45)),
    "huge scale": ("s", F(3e38)),
    "negative variance": ("var", np.full(4, -1, F)),
    "huge variance": ("var", np.full(4, 3e38, F)),
    "zero point of a half": ("z", F(0.5)),
    "zero point out of range": ("z", F(1e9)),
    "bit width 0": ("b", F(0)),
    "bit width -1": ("b", F(-1)),
    "bit width 65": ("b", F(65)),
    "bit width 1e9": ("b", F(1e9)),
    "bit width of 3.5": ("b", F(3.5)),
    "bit width of an integer type": ("b", np.int64(2**62)),
    "two bit widths": ("b", np.array([4, 2], F)),
    "no bit width": ("b", np.zeros(0, F)),
    "no scale": ("s", np.zeros(0, F)),
    "scales of a wrong count": ("s", np.full((1, 3, 1, 1), 0.125, F)),
    "scales of five axes": ("s", np.full((1, 1, 1, 1, 1, 1), 0.125, F)),
    "one scale of zero among several": ("s", np.array([0.125, 0, 0.125, 0.125], F).reshape(1, 4, 1, 1)),
    "scale of complex numbers": ("s", np.complex64(1)),
    "scale of booleans": ("s", np.asarray(True)),
    "weights of strings": ("v", np.full((3, 64), "no", object)),
    "weights beyond 2^100": ("v", np.full((3, 64), 1e30, F)),
    "biases beyond 64 bits": ("bias", np.full(3, 3e38, F)),
    "biases of 1e-40": ("bias", np.full(3, 1e-40, F)),
    "weights of the wrong inner size": ("v", np.ones((3, 63), F)),
    "weights of one axis": ("v", np.ones(64, F)),
    "weights of no axis": ("v", F(1)),
    "weights of five axes": ("w", np.ones((4, 2, 3, 3, 1), F)),
    "kernels of the wrong channels": ("w", np.ones((4, 5, 3, 3), F)),
    "kernels without outputs": ("w", np.ones((0, 2, 3, 3), F)),
    "kernels of size zero": ("w", np.ones((4, 2, 0, 3), F)),
    "gammas of the wrong count": ("gamma", np.ones(7, F)),
    "biases of the wrong count": ("bias", np.ones((2, 2), F)),
    "biases of an integer type": ("bias", np.full(3, 2**62, np.int64)),
}.items():
    attack(name, _put(*value))


# attributes that mean nothing


def _attribute(at: str, name: str, value: Any) -> Change:
    def change(model: ModelProto) -> None:
        holder = node(model, at)
        kept = [each for each in holder.attribute if each.name != name]
        del holder.attribute[:]
        holder.attribute.extend([*kept, helper.make_attribute(name, value)])

    return change


for at, name, values in [
    ("conv", "kernel_shape", [[9, 9], [0, 3], [-1, 3], [3], [3, 3, 3], 3, "three", 2.5, [2**62, 3]]),
    ("conv", "pads", [[1, 1], [-9, -9, -9, -9], [2**40] * 4, "all", [2**63 - 1] * 4]),
    ("conv", "strides", [[0, 1], [-1, 1], [2**40, 1], [1], 1.5]),
    ("conv", "dilations", [[0, 1], [-3, 1], [2**50, 1]]),
    ("conv", "group", [0, -1, 3, 2**31, "two", [1, 2]]),
    ("conv", "auto_pad", ["SAME_SIDEWAYS", 4]),
    ("norm", "epsilon", [float("nan"), -5.0, float("inf"), "small"]),
    ("norm", "training_mode", [1]),
    ("activation", "rounding_mode", ["SIDEWAYS", "", 3, 2.5, b"\xff\xfe"]),
    ("activation", "signed", [7, -1, "yes", 0.5]),
    ("activation", "narrow", [7, "no"]),
    ("activation", "colour", ["blue"]),
    ("flatten", "axis", [9, -9, "last", 2**40]),
    ("gemm", "alpha", [float("nan"), float("inf"), 0.0, "one"]),
    ("gemm", "transB", [0, 9, "yes"]),
    ("gemm", "transA", [1]),
]:
    for value in values:
        attack(f"{at}.{name} = {value!r}"[:70], _attribute(at, name, value))


# graphs that are none


def _rename(at: str, where: str, position: int, to: str) -> Change:
    def change(model: ModelProto) -> None:
        getattr(node(model, at), where)[position] = to

    return change


def _drop(name: str) -> Change:
    return lambda model: model.graph.initializer.remove(initialiser(model, name))


for name in ("s", "z", "b", "w", "gamma", "v", "bias"):
    attack(f"initialiser {name} missing", _drop(name))
attack("a cycle", _rename("conv", "input", 0, "p"))
attack("a node that reads itself", _rename("relu", "input", 0, "r"))
attack("an input that nothing writes", _rename("relu", "input", 0, "nowhere"))
attack("two nodes that write one tensor", _rename("norm", "output", 0, "a"))
attack("a node that writes an initialiser", _rename("norm", "output", 0, "s"))
attack("a node that writes the input", _rename("norm", "output", 0, "x"))
attack("an empty name for an input that is needed", _rename("conv", "input", 0, ""))
attack("an empty name for an output", _rename("relu", "output", 0, ""))
attack("a quantiser of another's scale, of the input", _rename("activation", "input", 1, "x"))
attack("weights that are the input", _rename("conv", "input", 1, "x"))
attack("a bit width that is computed", _rename("activation", "input", 3, "r"))


def _graph(change: Callable[[GraphProto], Any]) -> Change:
    def changed(model: ModelProto) -> None:
        change(model.graph)

    return changed


def _cleared(*fields: str) -> Change:
    def change(model: ModelProto) -> None:
        for field in fields:
            model.graph.ClearField(field)

    return change


for fields in (("node",), ("output",), ("input",), ("initializer",), ("node", "output"), ("node", "input", "output")):
    attack(f"no {' and no '.join(fields)}", _cleared(*fields))
attack("no graph", lambda model: model.ClearField("graph"))
attack("an output that nothing writes", _graph(lambda g: setattr(g.output[0], "name", "nothing")))
attack("the same output twice", _graph(lambda g: g.output.append(g.output[0])))
attack("an input that is the output", _graph(lambda g: setattr(g.output[0], "name", "x")))
attack("the same input twice", _graph(lambda g: g.input.append(g.input[0])))
attack("two initialisers of one name", _graph(lambda g: g.initializer.append(g.initializer[0])))
attack("too few inputs of a quantiser", _graph(lambda g: g.node[0].input.pop()))
attack("too many inputs of a quantiser", _graph(lambda g: g.node[0].input.append("s")))
attack("too many inputs of a Relu", _graph(lambda g: g.node[4].input.append("x")))
attack("no input of a Relu", _graph(lambda g: g.node[4].input.pop()))
attack("no output of a Relu", _graph(lambda g: g.node[4].output.pop()))
attack("a Relu of two outputs", _graph(lambda g: g.node[4].output.append("again")))
attack("an operator that is unknown", _graph(lambda g: setattr(g.node[4], "op_type", "Rectify")))
attack("an operator without a name", _graph(lambda g: setattr(g.node[4], "op_type", "")))
attack("a domain that is unknown", _graph(lambda g: setattr(g.node[4], "domain", "com.example")))
attack("a standard operator in QONNX's domain", _graph(lambda g: setattr(g.node[4], "domain", DOMAIN)))
attack("a quantiser in the standard domain", _graph(lambda g: setattr(g.node[0], "domain", "")))
attack("an operator of a long name", _graph(lambda g: setattr(g.node[4], "op_type", "Relu" * 100_000)))
attack("a name of a million characters", _graph(lambda g: setattr(g.node[4], "name", "n" * 1_000_000)))
attack("a name that climbs", _graph(lambda g: setattr(g.node[4], "name", "../../../etc/passwd")))
attack("a name that is markup", _graph(lambda g: setattr(g.node[4], "op_type", "[red]Rectify[/blue]")))
attack("a name with zeros and escapes", _graph(lambda g: setattr(g.node[4], "op_type", "a\0b\x1b[2J\n\r")))


# shapes and types


def _dims(*sizes: Any) -> Change:
    def change(model: ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", FLOAT, list(sizes)))

    return change


BIG = 10**9
for label, sizes in {
    "an input of 10^9 by 10^9": (1, 2, BIG, BIG),
    "an input of 2^62": (1, 2, 2**62, 4),
    "an input of negative size": (1, 2, -4, 4),
    "an input of size zero": (1, 2, 0, 4),
    "an input without channels": (1, 0, 4, 4),
    "an input of no samples": (0, 2, 4, 4),
    "an input with names for sizes": ("n", "c", "h", "w"),
    "an input with sizes that are not said": (None, None, None, None),
    "an input whose height is a name": (1, 2, "h", 4),
    "an input of other channels": (1, 3, 4, 4),
    "an input of two axes": (1, 2),
    "an input of six axes": (1, 2, 4, 4, 1, 1),
    "an input of no axes": (),
    "an input of other sizes than the layers need": (1, 2, 5, 4),
    "a batch of a million": (10**6, 2, 4, 4),
}.items():
    attack(label, _dims(*sizes))
for kind in ("STRING", "COMPLEX64", "BOOL", "INT8", "BFLOAT16", "FLOAT8E4M3FN", "UNDEFINED"):
    attack(
        f"an input of type {kind}",
        _graph(lambda g, kind=kind: setattr(g.input[0].type.tensor_type, "elem_type", getattr(TensorProto, kind))),
    )
attack("an input of type 999", _graph(lambda g: setattr(g.input[0].type.tensor_type, "elem_type", 999)))
attack("an input without a type", _graph(lambda g: g.input[0].ClearField("type")))
attack("an input that is a sequence", _graph(lambda g: g.input[0].CopyFrom(sequence("x"))))
attack(
    "an output of another shape", _graph(lambda g: g.output[0].CopyFrom(helper.make_tensor_value_info("y", FLOAT, [9])))
)


def sequence(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, FLOAT, [1])


def _tensor(name: str, **fields: Any) -> Change:
    """Fields of an initialiser, set as they are: sizes without data, data of another length, types that are none."""

    def change(model: ModelProto) -> None:
        tensor = initialiser(model, name)
        for key, value in fields.items():
            if isinstance(value, list):
                tensor.ClearField(key)
                getattr(tensor, key).extend(value)
            else:
                setattr(tensor, key, value)

    return change


attack("2^40 elements without data", _tensor("v", dims=[2**20, 2**20], raw_data=b""))
attack("2^62 elements in a few bytes", _tensor("v", dims=[2**31, 2**31], raw_data=b"\0" * 16))
attack("sizes that overflow", _tensor("v", dims=[2**62, 2**62], raw_data=b"\0" * 16))
attack("negative sizes", _tensor("v", dims=[-3, -64]))
attack("one size of -1", _tensor("v", dims=[3, -1]))
attack("sizes of zero with data", _tensor("v", dims=[0, 64]))
attack("less data than sizes say", _tensor("v", raw_data=b"\0" * 17))
attack("more data than sizes say", _tensor("v", raw_data=b"\0" * 4096))
attack("a type of 77", _tensor("v", data_type=77))
attack("no type", _tensor("v", data_type=0))
attack("64-bit floats in 32-bit data", _tensor("v", data_type=TensorProto.DOUBLE))
attack("strings in raw data", _tensor("v", data_type=TensorProto.STRING))
attack("raw and plain data", _tensor("v", float_data=[1.0, 2.0]))
attack("a thousand axes", _tensor("s", dims=[1] * 1000))


def _external(location: str, **more: str) -> Change:
    def change(model: ModelProto) -> None:
        tensor = initialiser(model, "v")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)

    return change


for place in ("../../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "not_there.bin", "", ".", "a\0b", "x" * 5000):
    attack(f"external data at {place[:30]!r}", _external(place))
attack("external data of a huge length", _external("not_there.bin", length=str(2**50), offset="0"))
attack("external data at a negative offset", _external("not_there.bin", offset="-5"))
attack("external data of a length that is no number", _external("not_there.bin", length="many"))
attack("external data from the kernel", _external("/proc/self/mem", offset="0", length="768"))


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


MAY_LOAD = {
    # numbers that are odd, and finite
    "subnormal scale",
    "huge scale",
    "huge variance",
    "zero point of a half",
    "zero point out of range",
    "weights beyond 2^100",
    "biases beyond 64 bits",
    "biases of 1e-40",
    "biases of an integer type",
    "a Clip of crossed limits",
    "a Pow of a half",
    # attributes that are not false, so true
    "activation.signed = 7",
    "activation.signed = -1",
    "activation.narrow = 7",
    "gemm.transB = 9",
    "gemm.alpha = 0.0",
    # what nothing depends on
    "an input of no samples",
    "a batch of a million",
    "an input of type INT8",
    "an input of type BFLOAT16",
    "an output of another shape",
    "the same output twice",
    "a name of a million characters",
    "a name that climbs",
    "raw and plain data",
    "no opsets",
    "opset 1",
    "opset 9999",
    f"opset {2**62}",
    *(f"QONNX version {version}" for version in (0, -1, 9999, 2**62)),
    "a version of the format of 2^60",
    "a version of the format of 0",
    # many, and sound
    "1e5 nodes of Identity",
    "2e4 nodes of Neg",
    "3e3 nodes of Sigmoid",
    "a tensor added to itself 200 times",
}


@cache
def _victims() -> tuple[bytes, ...]:
    """Valid files to damage."""
    return (valid().SerializeToString(), *(random_network(seed).SerializeToString() for seed in range(12)))


def _truncated(seed: int) -> tuple[str, bytes]:
    rng = np.random.default_rng([seed, 1])
    victim = _victims()[int(rng.integers(len(_victims())))]
    cut = int(rng.integers(1, len(victim)))
    return f"cut at {cut} of {len(victim)}", victim[:cut]


def _flipped(seed: int) -> tuple[str, bytes]:
    rng = np.random.default_rng([seed, 2])
    victim = bytearray(_victims()[int(rng.integers(len(_victims())))])
    places = sorted(int(at) for at in rng.integers(0, len(victim), int(rng.integers(1, 9))))
    for at in places:
        victim[at] ^= 1 << int(rng.integers(8))
    return f"bits flipped at {places}", bytes(victim)


def corrupted(seed: int) -> tuple[str, bytes]:
    """The attack of this number; beyond them, a file cut off or with flipped bits."""
    names = list(ATTACKS)
    if seed < len(names):
        model = valid()
        answer = ATTACKS[names[seed]](model)
        return names[seed], answer if isinstance(answer, bytes) else model.SerializeToString()
    return (_truncated if seed % 2 else _flipped)(seed)
