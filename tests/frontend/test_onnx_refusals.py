"""What the ONNX frontend refuses, and how it says so; inputs without a quantiser; damaged and hostile files."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from intaglio.errors import IntaglioError
from intaglio.frontend.fixed_type import fixed_type
from intaglio.frontend.onnx import check_onnx, read_onnx
from onnx import TensorProto, helper
from onnx_twin import QONNX, Net, evaluate, grid, kinds, save

IMAGE = ("N", 6, 5, 7)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "qonnx"


def refused(net: Net, output: str, folder: Path) -> str:
    with pytest.raises(IntaglioError) as caught:
        read_onnx(save(net.model(output), folder), input_types="fixed<16,8>")
    return str(caught.value)


REFUSALS: dict[str, tuple[Callable[[Net], Any], str]] = {
    "unknown": (lambda n: n.add("Einsum", n.x, equation="ab"), "MatMul with a constant"),
    "other domain": (lambda n: n.add("Relu", n.x, domain="com.acme"), "no such operator"),
    "unknown attribute": (lambda n: n.add("Relu", n.x, slope=0.5), "slope"),
    "attribute of another type": (lambda n: n.add("LeakyRelu", n.x, alpha=1), "alpha"),
    "spare input": (lambda n: n.add("Relu", n.x, n.const(1)), "has no meaning"),
    "spare output": (lambda n: n.add("Relu", n.x, outputs=2)[0], "outputs"),
    "dynamic matmul": (lambda n: n.add("MatMul", n.x, n.x), "attention"),
    "division": (lambda n: n.add("Div", n.x, n.add("Exp", n.x)), "divides by a tensor"),
    "division by zero": (lambda n: n.add("Div", n.x, n.const(0)), "zero"),
    "batch transpose": (lambda n: n.add("Transpose", n.x, perm=[1, 0, 2, 3]), "batch"),
    "batch reshape": (lambda n: n.add("Reshape", n.x, n.ints(-1, 5)), "batch"),
    "batch slice": (lambda n: n.add("Gather", n.x, n.ints(0), axis=0), "batch"),
    "reduction of all": (lambda n: n.add("ReduceMean", n.x), "batch"),
    "pool dilation": (lambda n: n.add("MaxPool", n.x, kernel_shape=[2, 2], dilations=[2, 2]), "dilation"),
    "pool indices": (lambda n: n.add("Add", *n.add("MaxPool", n.x, kernel_shape=[1, 1], outputs=2)), "indices"),
    "pad mode": (lambda n: n.add("Pad", n.x, n.ints(*[0] * 8), mode="reflect"), "mode"),
    "pad channels": (lambda n: n.add("Pad", n.x, n.ints(0, 1, 0, 0, 0, 0, 0, 1)), "channels"),
    "linear resize": (lambda n: n.add("Resize", n.x, "", n.const([1, 1, 2, 2]), mode="linear"), "interpolates"),
    "cast": (lambda n: n.add("Cast", n.x, to=TensorProto.INT32), "INT32"),
    "half": (lambda n: n.add("Cast", n.x, to=TensorProto.FLOAT16), "FLOAT16"),
    "power": (lambda n: n.add("Pow", n.x, n.const(2.5)), "power of 2.5"),
    "log softmax": (lambda n: n.add("LogSoftmax", n.x, axis=1), "ArgMax"),
    "training": (lambda n: n.add("Dropout", n.x, "", n.const(True, np.bool_)), "eval"),
    "kernel disagrees": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 3, 3), kernel_shape=[2, 2]), "kernel_shape"),
    "groups disagree": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 3, 3), group=2), "groups"),
    "kernel too large": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 9, 9)), "does not fit"),
    "negative pads": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 3, 3), pads=[-1, 0, 0, 0]), "pads"),
    "stride 0": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 3, 3), strides=[0, 1]), "strides"),
    "stride huge": (lambda n: n.add("Conv", n.x, n.weight(2, 6, 3, 3), strides=[1 << 40, 1]), "strides"),
    "zero variance": (
        lambda n: n.add("BatchNormalization", n.x, *(n.const(np.zeros(6)) for _ in range(4)), epsilon=0.0),
        "variance",
    ),
    "broadcast": (lambda n: n.add("Add", n.add("GlobalMaxPool", n.x), n.weight(1, 6, 5, 7)), "shape"),
    "integers elsewhere": (
        lambda n: n.add("Relu", n.add("QuantizeLinear", n.x, n.const(0.5), n.const(1, np.int8))),
        "QuantizeLinear",
    ),
    "gate of scales": (lambda n: n.add("Where", n.const(True, np.bool_), n.x, n.x), "gate"),
    "huge result": (lambda n: n.add("Expand", n.const(1.0), n.ints(1 << 20, 1 << 20)), "elements"),
    "argmax of an image": (lambda n: n.add("ArgMax", n.x, axis=1), "vector"),
    "last argmax": (lambda n: n.add("ArgMax", n.add("GlobalMaxPool", n.x), axis=1, select_last_index=1), "lowest"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str, tmp_path: Path) -> None:
    build, message = REFUSALS[name]
    net = Net(IMAGE)
    output = build(net)
    if name == "huge result":
        output = net.add("Add", net.x, output)
    text = refused(net, output, tmp_path)
    assert message in text
    assert "write instead" in text
    assert "ONNX node" in text


def test_check_lists_all_at_once(tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.add("Conv", net.x, net.weight(4, 6, 3, 3))
    y = net.add("LRN", y, size=3)
    y = net.add("Relu", y)
    y = net.add("Pow", net.add("Flatten", y), net.const(2.5))
    model = net.model(y)
    model.graph.value_info.append(helper.make_tensor_value_info("t3_0", TensorProto.FLOAT, ("N", 4, 3, 5)))
    findings = check_onnx(save(model, tmp_path), input_types="int8")
    assert [(f.operator, f.supported) for f in findings] == [
        ("Conv", True),
        ("LRN", False),
        ("Relu", True),
        ("Flatten", True),
        ("Pow", False),
    ]
    assert findings[0].becomes == "source.conv2d"
    assert findings[0].loc == "ONNX node Conv_2 (Conv)"
    assert findings[1].instead == "BatchNormalization"
    with pytest.raises(IntaglioError, match="2 operations"):
        read_onnx(save(model, tmp_path), input_types="int8")


# -- inputs and outputs ------------------------------------------------------------------------------------------------
def test_an_input_needs_a_quantiser(tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.add("Conv", net.add("Mul", net.x, net.const(0.5)), net.weight(4, 6, 3, 3))
    path = save(net.model(y), tmp_path)
    with pytest.raises(IntaglioError) as caught:
        read_onnx(path)
    assert "the input x has no quantiser (ONNX node Conv_4 (Conv) reads it)" in str(caught.value)
    assert "--input-type fixed<16,6>" in caught.value.hint
    assert "input_type='fixed<16,6>'" in caught.value.hint
    (bad,) = [f for f in check_onnx(path) if not f.supported]
    assert (bad.node, bad.operator) == ("x", "input")
    for types in ("fixed<16,6>", {"x": "fixed<16,6>"}):
        first = read_onnx(path, input_types=types).nodes[0].op
        assert (first.lo, first.hi, first.scale[0], first.rounding) == (
            -(1 << 15),
            (1 << 15) - 1,
            Fraction(1, 1024),
            "half_up",
        )
    with pytest.raises(IntaglioError, match="no input y"):
        read_onnx(path, input_types={"y": "int8"})
    assert read_onnx(path, input_types="int8", output_type="int8").nodes[-1].op.hi == 127


def test_a_quantiser_behind_affine_maps_will_do(tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.add("Sub", net.add("Mul", net.x, net.const(2)), net.const([[[1]]]))
    graph = read_onnx(save(net.model(net.quant(y)), tmp_path))
    assert kinds(graph) == ["affine", "affine", "fixed_quantise"]


def test_types() -> None:
    cases = {
        "fixed<16,6>": (-(1 << 15), (1 << 15) - 1, Fraction(1, 1024)),
        "fixed< 8 , 8 >": (-128, 127, Fraction(1)),
        "ufixed<8,0>": (0, 255, Fraction(1, 256)),
        "ufixed<1,1>": (0, 1, Fraction(1)),
        "fixed<4,-2>": (-8, 7, Fraction(1, 64)),
        "fixed<4,6>": (-8, 7, Fraction(4)),
        "int8": (-128, 127, Fraction(1)),
        "uint4": (0, 15, Fraction(1)),
    }
    for text, wanted in cases.items():
        op = fixed_type(text)
        assert (op.lo, op.hi, op.scale[0]) == wanted
    assert fixed_type("bipolar").bipolar
    for text in ("", "float", "fixed<16>", "fixed<0,0>", "int1", "int33", "fixed<8,200>", "fixed<16,6", "ufixed<99,1>"):
        with pytest.raises(IntaglioError) as caught:
            fixed_type(text)
        assert caught.value.hint


def test_the_border_follows_the_users_axes(tmp_path: Path) -> None:
    """An input that only a transpose reads is laid out as the convolution wants it."""
    net = Net(("N", 5, 7, 6))
    y = net.add("Transpose", net.quant(net.x, 0.0625), perm=[0, 3, 1, 2])
    y = net.add("Transpose", net.add("Conv", y, net.weight(4, 6, 3, 3)), perm=[0, 2, 3, 1])
    graph = read_onnx(save(net.model(y), tmp_path))
    assert kinds(graph) == ["fixed_quantise", "conv2d"]
    assert graph.types["x"].shape == (5, 7, 6)
    assert graph.border["x"].shape == (5, 7, 6)
    assert graph.border["x"].order.tolist() == list(range(210))
    assert graph.border[graph.outputs[0]].shape == (3, 5, 4)
    x = grid((2, 5, 7, 6))
    assert evaluate(graph, {"x": x})[0].shape == (2, 3, 5, 4)


def test_unused_inputs_and_constant_outputs(tmp_path: Path) -> None:
    net = Net(IMAGE)
    net.input("spare", IMAGE)
    path = save(net.model(net.quant(net.x)), tmp_path)
    with pytest.raises(IntaglioError, match="spare is used by nothing"):
        read_onnx(path)
    net = Net(IMAGE)
    path = save(net.model(net.quant(net.x), net.add("Relu", net.const(1.0))), tmp_path)
    with pytest.raises(IntaglioError, match="is a constant"):
        read_onnx(path)


def test_dead_nodes_are_no_matter(tmp_path: Path) -> None:
    net = Net(IMAGE)
    net.add("NonZero", net.x)
    assert kinds(read_onnx(save(net.model(net.quant(net.x)), tmp_path))) == ["fixed_quantise"]


def test_functions_are_expanded(tmp_path: Path) -> None:
    """And those that call themselves are refused."""
    net = Net(IMAGE)
    model = net.model(net.add("Halve", net.quant(net.x), domain="mine"))
    body = [helper.make_node("Constant", [], ["c"], value_float=0.5), helper.make_node("Mul", ["a", "c"], ["b"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "Halve", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    assert kinds(read_onnx(save(model, tmp_path))) == ["fixed_quantise", "affine"]
    model.functions[0].node.append(helper.make_node("Halve", ["a"], ["d"], domain="mine"))
    with pytest.raises(IntaglioError, match="calls itself"):
        read_onnx(save(model, tmp_path))


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(("name", "types"), [("TFC_2W2A", None), ("qkeras_jettagging", "fixed<16,6>")])
def test_published_networks(name: str, types: str | None) -> None:
    graph = read_onnx(SHARED / f"{name}.onnx", input_types=types)
    assert kinds(graph).count("linear") == 4
    assert "gather" not in kinds(graph)


# -- damaged and hostile files -----------------------------------------------------------------------------------------
def _small() -> onnx.ModelProto:
    net = Net(IMAGE)
    y = net.quant(net.add("Conv", net.quant(net.x), net.weight(4, 6, 3, 3)))
    return net.model(y)


def _dims(model: onnx.ModelProto, *dims: int) -> None:
    del model.graph.initializer[3].dims[:]
    model.graph.initializer[3].dims.extend(dims)


def _attack(name: str) -> bytes:
    model = _small()
    graph = model.graph
    weights = graph.initializer[3]
    match name:
        case "empty":
            return b""
        case "text":
            return b"this is no network" * 10
        case "no graph":
            model.ClearField("graph")
        case "no opset":
            del model.opset_import[:]
        case "future opset":
            model.opset_import[0].version = 10**6
        case "huge":
            _dims(model, 1 << 40, 1 << 40)
        case "too large":
            _dims(model, 1 << 15, 1 << 15)
        case "short":
            _dims(model, 4, 6, 3, 4)
        case "negative":
            _dims(model, -4, -6, 3, 3)
        case "external":
            weights.data_location = TensorProto.EXTERNAL
        case "nan":
            weights.raw_data = np.full(216, np.nan, np.float32).tobytes()
        case "infinite":
            weights.raw_data = np.full(216, np.inf, np.float32).tobytes()
        case "strings":
            weights.data_type = TensorProto.STRING
        case "unknown type":
            weights.data_type = 99
        case "twice":
            graph.initializer.append(weights)
        case "missing":
            del graph.initializer[3]
        case "cycle":
            graph.node[0].input[0] = graph.node[-1].output[0]
        case "made twice":
            graph.node[-1].output[0] = graph.node[0].output[0]
        case "no output":
            del graph.output[:]
        case "unknown output":
            graph.output[0].name = "nowhere"
        case "no input":
            del graph.input[:]
        case "no shape":
            graph.input[0].type.tensor_type.ClearField("shape")
        case "dynamic shape":
            graph.input[0].type.tensor_type.shape.dim[2].dim_param = "H"
        case "zero shape":
            graph.input[0].type.tensor_type.shape.dim[2].dim_value = 0
        case "huge input":
            graph.input[0].type.tensor_type.shape.dim[2].dim_value = 1 << 50
        case "text input":
            graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
        case "sparse":
            graph.sparse_initializer.add()
        case "escapes":
            graph.node[0].name = "a\x1b[2J"
        case "attribute twice":
            graph.node[0].attribute.append(graph.node[0].attribute[0])
        case "no operator":
            graph.node[0].op_type = ""
        case "branch":
            graph.node[1].op_type = "If"
        case "squares":  # x -> x * x, twenty thousand digits
            names = [graph.initializer[0].name]
            for i in range(200):
                graph.node.insert(0, helper.make_node("Mul", [names[-1]] * 2, [f"s{i}"]))
                names.append(f"s{i}")
            graph.node[-3].input[1] = names[-1]
        case "tiles":
            graph.node.insert(0, helper.make_node("ConstantOfShape", ["bomb"], ["zeros"]))
            graph.initializer.append(onnx.numpy_helper.from_array(np.full(4, 1 << 20), "bomb"))
            next(n for n in graph.node if n.op_type == "Conv").input[1] = "zeros"
        case "many nodes":
            graph.node.extend(helper.make_node("Relu", ["x"], [f"r{i}"]) for i in range(20_000))
        case _:
            raise AssertionError(name)
    return model.SerializeToString()


ATTACKS = [
    *("empty", "text", "no graph", "no opset", "future opset", "huge", "too large", "short", "negative", "external"),
    *("nan", "infinite", "strings", "unknown type", "twice", "missing", "cycle", "made twice", "no output"),
    *("unknown output", "no input", "no shape", "dynamic shape", "zero shape", "huge input", "text input", "sparse"),
    *("escapes", "attribute twice", "no operator", "branch", "squares", "tiles", "many nodes"),
]


@pytest.mark.parametrize("name", ATTACKS)
def test_hostile_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.onnx"
    path.write_bytes(_attack(name))
    begin = time.process_time()
    with pytest.raises(IntaglioError) as caught:
        read_onnx(path)
    assert time.process_time() - begin < 5
    assert caught.value.hint
    assert caught.value.where
    assert str(caught.value).replace("\n", "").isprintable()


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(IntaglioError, match="cannot read"):
            read_onnx(path)


def test_truncated_files(tmp_path: Path) -> None:
    """Cut anywhere: read as a smaller network, or refused."""
    data = _small().SerializeToString()
    path = tmp_path / "cut.onnx"
    refusals = 0
    for end in range(0, len(data), max(len(data) // 60, 1)):
        path.write_bytes(data[:end])
        try:
            read_onnx(path)
        except IntaglioError as error:
            assert error.hint  # noqa: PT017
            refusals += 1
    assert refusals > 50


def test_an_operator_of_qonnx_that_is_not_built(tmp_path: Path) -> None:
    net = Net(IMAGE)
    net.add("FloatQuant", net.x, domain=QONNX)
    with pytest.raises(IntaglioError, match="FloatQuant") as caught:
        read_onnx(save(net.model(net.nodes[-1].output[0]), tmp_path))
    assert "Quant: integers" in str(caught.value)
