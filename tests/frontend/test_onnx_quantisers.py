"""Quantisers of ONNX networks: QONNX against qonnx, QCDQ against onnxruntime, constants against Fractions."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.frontend.onnx import constants, read_onnx
from intaglio.ops.rounding import ROUNDINGS, rounded
from onnx import TensorProto, helper
from onnx_twin import QONNX, Net, evaluate, fractions, grid, kinds, run_reference, save

MODES = ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "UP", "DOWN")
IMAGE = (4, 3, 4, 5)  # qonnx wants to know the batch


def exactly(net: Net, outputs: str, folder: Path, *, limit: int = 48) -> list:
    """All scales are powers of two, so float32 is exact and equality is `==`."""
    model = net.model(outputs)
    shape = [d.dim_value for d in net.inputs[0].type.tensor_type.shape.dim]
    x = grid((shape[0] or 4, *shape[1:]), limit=limit)
    graph = read_onnx(save(model, folder))
    (found,), (wanted,) = evaluate(graph, {"x": x}), run_reference(model, {"x": x})
    assert np.array_equal(found, wanted)
    return [n.op for n in graph.nodes]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("narrow", [0, 1])
def test_quant(mode: str, signed: int, narrow: int, tmp_path: Path) -> None:
    for bits, zero in ((3, 0), (4, 1), (2, -1)):
        net = Net(IMAGE)
        y = net.quant(net.x, 0.125, zero, bits, rounding_mode=mode, signed=signed, narrow=narrow)
        (op,) = exactly(net, y, tmp_path)
        assert (op.hi - op.lo + 1, int(op.zero[0])) == (2**bits - narrow, zero)


def test_quant_per_channel(tmp_path: Path) -> None:
    for shape in ((1, 3, 1, 1), (3, 1, 1)):
        net = Net(IMAGE)
        y = net.quant(net.x, 0.0625, 0, 8)
        y = net.quant(y, np.reshape([0.125, 0.25, 0.5], shape), np.reshape([0, 1, 2], shape), 4)
        _, op = exactly(net, y, tmp_path)
        assert [*op.scale] == fractions([0.125, 0.25, 0.5])
        assert op.zero.tolist() == [0, 1, 2]


def test_one_bit(tmp_path: Path) -> None:
    net = Net(IMAGE)
    (op,) = exactly(net, net.quant(net.x, 0.5, 0, 1, signed=1), tmp_path)
    assert op.bipolar
    net = Net(IMAGE)
    (op,) = exactly(net, net.quant(net.x, 0.5, 0, 1, signed=0), tmp_path)
    assert (op.bipolar, op.lo, op.hi) == (False, 0, 1)
    net = Net(IMAGE)
    y = net.add("BipolarQuant", net.x, net.const(0.5), domain=QONNX)
    (op,) = exactly(net, y, tmp_path)
    assert op.bipolar


@pytest.mark.parametrize("domain", [QONNX, "finn.custom_op.general", "onnx.brevitas"])
@pytest.mark.parametrize("name", ["Quant", "IntQuant"])
def test_domains_and_names(domain: str, name: str, tmp_path: Path) -> None:
    net = Net(IMAGE)
    net.quant(net.x)
    net.nodes[0].domain, net.nodes[0].op_type = domain, name
    graph = read_onnx(save(net.model(net.nodes[0].output[0]), tmp_path))
    assert kinds(graph) == ["fixed_quantise"]


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL", "DOWN"])
@pytest.mark.parametrize("zero", [0, 3])
def test_trunc(mode: str, zero: int, tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.quant(net.x, 0.125, zero, 8)
    operands = [y, *(net.const(v) for v in (0.125, zero, 8, 5))]
    exactly(net, net.add("Trunc", *operands, domain=QONNX, rounding_mode=mode), tmp_path)


def test_trunc_of_version_2(tmp_path: Path) -> None:
    """Its output scale and clip are its own; qonnx runs it only if the opset says 2."""
    for zero in (0, 3):
        net = Net(IMAGE)
        y = net.quant(net.x, 0.125, zero, 8)
        operands = [y, *(net.const(v) for v in (0.125, zero, 8, 0.5, 3))]
        z = net.add("Trunc", *operands, domain=QONNX, rounding_mode="ROUND", signed=1, narrow=1)
        graph = read_onnx(save(net.model(z), tmp_path))
        x = grid((4, 3, 4, 5))
        (found,) = evaluate(graph, {"x": x})
        codes = np.clip(np.rint(x / 0.125 + zero), -128, 127)
        wanted = (np.rint(np.clip(codes / 4, -3, 3)) - zero / 4) * 0.5
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", ""])
def test_multi_threshold(layout: str, tmp_path: Path) -> None:
    channels = 5 if layout == "NHWC" else 3
    net = Net(IMAGE)
    y = net.quant(net.x, 0.125, 0, 8)
    thresholds = np.sort(net.random.integers(-16, 17, (channels, 7)) / 8, axis=1)
    settings = {"out_dtype": "INT4", "out_scale": 0.5, "out_bias": -1.5}
    settings |= {"data_layout": layout} if layout else {}
    y = net.add("MultiThreshold", y, net.const(thresholds), domain=QONNX, **settings)
    exactly(net, net.add("Relu", y), tmp_path)


# -- QCDQ ------------------------------------------------------------------------------------------------------------
def linear(
    net: Net, x: str, scale: object, zero: object, kind: type, ends: tuple[int, int] | None = None, **a: int
) -> str:
    operands = [net.const(scale), net.const(zero, kind)]
    y = net.add("QuantizeLinear", x, *operands, **a)
    if ends:
        y = net.add("Clip", y, net.const(ends[0], kind), net.const(ends[1], kind))
    return net.add("DequantizeLinear", y, *operands, **a)


@pytest.mark.parametrize("zero", [0, 1, 7])
@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_qcdq(zero: int, kind: type, tmp_path: Path) -> None:
    """The zero point is added after rounding: at ties that matters where it is odd."""
    net = Net(IMAGE)
    ops = exactly(net, linear(net, net.x, 0.125, zero, kind), tmp_path)
    assert [op.name for op in ops] == ["source.fixed_quantise"]
    net = Net(IMAGE)
    (op,) = exactly(net, linear(net, net.x, 0.125, zero, kind, (1, 6)), tmp_path)
    assert (op.lo, op.hi) == (1 - zero, 6 - zero)


def test_qcdq_per_channel(tmp_path: Path) -> None:
    net = Net(IMAGE)
    exactly(net, linear(net, net.x, [0.125, 0.25, 0.5], [0, 0, 0], np.int8, axis=1), tmp_path)
    net = Net(IMAGE)
    exactly(net, linear(net, net.x, [0.125, 0.25, 0.5], [3, 0, -5], np.int8, axis=1), tmp_path)
    net = Net(IMAGE)
    y = net.add("Transpose", net.x, perm=[0, 2, 3, 1])
    exactly(net, linear(net, y, [0.125, 0.25, 0.5], [1, 1, 1], np.int8, axis=-1), tmp_path)


def test_qcdq_moves_with_reshapes(tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.add("QuantizeLinear", net.x, net.const(0.125), net.const(1, np.int8))
    y = net.add("Reshape", net.add("Transpose", y, perm=[0, 2, 3, 1]), net.ints(-1, 60))
    y = net.add("DequantizeLinear", y, net.const(0.25), net.const(2, np.int8))
    assert [op.name for op in exactly(net, y, tmp_path)] == ["source.fixed_quantise", "source.affine"]


def test_weights_keep_their_codes(tmp_path: Path) -> None:
    for axis, shape in ((0, (4, 3, 2, 2)), (None, (4, 3, 2, 2))):
        net = Net(IMAGE)
        codes = net.random.integers(-128, 128, shape)
        scale = np.array([0.125, 0.3, 0.5, 0.7], np.float32) if axis == 0 else np.float32(0.3)
        zero = np.zeros(scale.shape, np.int8)
        w = net.add("DequantizeLinear", net.const(codes, np.int8), net.const(scale), net.const(zero, np.int8), axis=0)
        graph = read_onnx(save(net.model(net.add("Conv", net.quant(net.x), w)), tmp_path))
        op = graph.nodes[-1].op
        assert np.array_equal(op.weight, codes.transpose(0, 2, 3, 1))
        assert [*op.weight_scale] == fractions(np.broadcast_to(scale, (4,)))


def test_plain_integer_weights_and_others(tmp_path: Path) -> None:
    """Multiples of one number need no quantiser; random floats do."""
    net = Net(("N", 6))
    y = net.add("MatMul", net.quant(net.x), net.const(np.array([[3, -5, 0.75]] * 6)))
    op = read_onnx(save(net.model(y), tmp_path)).nodes[-1].op
    assert np.array_equal(op.weight[:, 0] * op.weight_scale.astype(float), [3, -5, 0.75])
    net = Net(("N", 6))
    y = net.add("MatMul", net.quant(net.x), net.const(net.random.normal(size=(6, 3))))
    path = save(net.model(y), tmp_path)
    with pytest.raises(IntaglioError, match="not quantised") as caught:
        read_onnx(path)
    assert "intaglio.quantize" in str(caught.value)
    assert read_onnx(path, quantised=False).nodes[-1].op.weight_scale is None


# -- constants, exactly ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_constants_are_rounded_exactly(rounding: str) -> None:
    """On and around ties, with scales that float64 does not hold."""
    random = np.random.default_rng(len(rounding))
    scale = np.array([Fraction(1, 3), Fraction(float(np.float32(0.1))), Fraction(1, 4)], object).reshape(3, 1)
    halves = random.integers(-20, 21, (3, 60)) / 2
    values = halves * scale.astype(np.float64)
    values[:, ::3] = np.nextafter(values[:, ::3], random.choice([-9, 9], (3, 20)))
    zero = np.array([[0], [3], [-2]])
    found = constants.quantised(constants.of(values), scale, zero, -7, 9, rounding)
    for c, row in enumerate(values.tolist()):
        for value, code in zip(row, found.values[c], strict=True):
            wanted = rounded(rounding, Fraction(value) / scale[c, 0] + int(zero[c, 0]))
            assert code == min(max(wanted, -7), 9) - int(zero[c, 0])
    assert (found.exact() == found.values.astype(int).astype(object) * scale).all()


def test_millions_of_weights_are_fast() -> None:
    """Three million, all of them on a step of the rounding."""
    values = np.random.default_rng(0).integers(-8, 8, 3_000_000).astype(np.float32) * np.float32(0.1)
    scale = constants.full((1,), Fraction(float(np.float32(0.1))))
    begin = time.process_time()
    for rounding in ("half_even", "floor"):
        constants.quantised(constants.of(values), scale, np.zeros(1, np.int64), -8, 7, rounding)
    assert time.process_time() - begin < 6


def test_square_roots_are_the_nearest() -> None:
    random = np.random.default_rng(1)
    numbers = [Fraction(float(v)) + Fraction(1, 10**5) for v in random.lognormal(0, 20, 300)]
    for value in [*numbers, Fraction(2), Fraction(1, 4), Fraction(0)]:
        root = constants.square_root(value)
        assert root == Fraction(float(root))
        for other in (np.nextafter(float(root), 0), np.nextafter(float(root), np.inf)):
            half = (root + Fraction(float(other))) / 2  # the root lies on our side of the middle
            assert value == root**2 or (half**2 < value) == (half < root)


def test_batch_norm_is_exact(tmp_path: Path) -> None:
    net = Net(("N", 2))
    stats = np.array([[0.3, -1.7], [0.1, 0.2], [1.1, -0.7], [0.9, 2.3]], np.float32)
    y = net.add("BatchNormalization", net.quant(net.x), *(net.const(v) for v in stats), epsilon=1e-5)
    op = read_onnx(save(net.model(y), tmp_path)).nodes[-1].op
    w, b, mean, variance = (fractions(v) for v in stats)
    epsilon = Fraction(float(np.float32(1e-5)))
    for c in range(2):
        s = constants.square_root(variance[c] + epsilon)
        assert op.multiplier[c] == w[c] / s
        assert op.shift[c] == b[c] - mean[c] * w[c] / s


def test_arithmetic_on_constants_is_exact(tmp_path: Path) -> None:
    """0.1f + 0.2f, times 3, over 7: never rounded."""
    net = Net(("N", 2))
    total = net.add("Add", net.const(0.1), net.const(0.2))
    total = net.add("Div", net.add("Mul", total, net.const(3)), net.const(7))
    op = read_onnx(save(net.model(net.add("Mul", net.quant(net.x), total)), tmp_path)).nodes[-1].op
    tenth, fifth = (Fraction(float(np.float32(v))) for v in (0.1, 0.2))
    assert [*op.multiplier] == [(tenth + fifth) * 3 / 7] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0.0}, "zero, negative"),
        ({"scale": -1.0}, "zero, negative"),
        ({"scale": np.nan}, "NaN"),
        ({"scale": np.inf}, "infinite"),
        ({"zero": 0.5}, "no integer"),
        ({"bits": 33}, "bit width"),
        ({"bits": 0}, "bit width"),
        ({"bits": 2.5}, "bit width"),
        ({"rounding_mode": "SOMEHOW"}, "rounding_mode"),
        ({"signed": 2}, "signed"),
        ({"zero": 1, "bits": 1}, "bipolar"),
        ({"scale": np.ones((1, 1, 4, 1))}, "pixel"),
        ({"scale": np.ones((1, 2, 1, 1))}, "shape"),
    ],
)
def test_bad_quantisers(change: dict, message: str, tmp_path: Path) -> None:
    net = Net(IMAGE)
    settings = {"scale": 0.25, "zero": 0, "bits": 4} | change
    y = net.quant(net.x, settings.pop("scale"), settings.pop("zero"), settings.pop("bits"), **settings)
    with pytest.raises(IntaglioError, match=message) as caught:
        read_onnx(save(net.model(y), tmp_path))
    assert "Quant" in str(caught.value)


def test_a_quantiser_must_say_whether_it_is_narrow(tmp_path: Path) -> None:
    net = Net(IMAGE)
    y = net.quant(net.x)
    del net.nodes[0].attribute[0]
    with pytest.raises(IntaglioError, match="missing"):
        read_onnx(save(net.model(y), tmp_path))


def test_noted_inputs_of_finn(tmp_path: Path) -> None:
    net = Net(("N", 4))
    model = net.model(net.add("MatMul", net.x, net.const(np.ones((4, 2)))))
    note = model.graph.quantization_annotation.add(tensor_name="x")
    note.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT4")
    op = read_onnx(save(model, tmp_path)).nodes[0].op
    assert (op.lo, op.hi) == (0, 15)


def test_integer_inputs(tmp_path: Path) -> None:
    net = Net(("N", 4))
    net.inputs[0] = helper.make_tensor_value_info("x", TensorProto.UINT8, ("N", 4))
    y = net.add("Mul", net.add("Cast", net.x, to=1), net.const(1 / 256))
    graph = read_onnx(save(net.model(net.add("MatMul", y, net.const(np.ones((4, 2))))), tmp_path))
    assert [n.op.name for n in graph.nodes] == ["source.fixed_quantise", "source.affine", "source.linear"]
