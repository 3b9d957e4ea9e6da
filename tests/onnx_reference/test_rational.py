"""The judge is judged: against qonnx's own functions, onnxruntime, NumPy, and its two ways of computing each other."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from onnx_reference.brevitas_networks import NETWORKS
from onnx_reference.fuzz_networks import random_inputs, random_network
from onnx_reference.operands import UnsupportedError, as_object
from onnx_reference.quantisers import nearest_power_of_two
from onnx_reference.rational import Reference, execute, float_execute, ties
from onnx_reference.rounding import ROUNDINGS, round_quotients, sqrt_float64
from onnx_reference.scaled import Scaled, contract

QONNX = "qonnx.custom_op.general"
IN_QONNX = [mode for mode in ROUNDINGS if mode != "ROUND_TO_ZERO"]


def one_node(
    kind: str, arrays: list[Any], opset: int = 13, outputs: int = 1, domain: str = "", **attributes: Any
) -> Any:
    """(a model of one node, its inputs): the first array is the input, the others are initialisers; None is absent."""
    names = ["x", *("" if each is None else f"c{at}" for at, each in enumerate(arrays[1:]))]
    node = helper.make_node(kind, names, [f"y{at}" for at in range(outputs)], domain=domain, **attributes)
    x = np.asarray(arrays[0])
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)],
        [helper.make_empty_tensor_value_info(f"y{at}") for at in range(outputs)],
        [numpy_helper.from_array(np.asarray(each), f"c{at}") for at, each in enumerate(arrays[1:]) if each is not None],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8), {"x": x}


def both(model: onnx.ModelProto, inputs: Any) -> dict[str, Any]:
    """The answer, the definitions' and the fast forms' alike."""
    plain, fast = execute(model, inputs, plain=True), execute(model, inputs)
    for name, values in plain.items():
        assert values.shape == fast[name].shape
        assert (values == fast[name]).all()
    return fast


def by_onnxruntime(model: onnx.ModelProto, inputs: Any) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return list(onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs))


def floats(values: Any) -> Any:
    return np.asarray(values).astype(np.float64)


# rounding


@pytest.mark.parametrize("mode", IN_QONNX)
def test_rounding_is_that_of_qonnx(mode: str) -> None:
    from qonnx.custom_op.general.quant import resolve_rounding_mode

    theirs = resolve_rounding_mode(mode)
    for eighths in range(-100, 101):
        assert ROUNDINGS[mode](Fraction(eighths, 8)) == theirs(np.float64(eighths / 8))


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_rounding_of_quotients_is_rounding(mode: str) -> None:
    rng = np.random.default_rng(0)
    top = as_object(rng.integers(-500, 500, 3000).astype(object))
    bottom = as_object(rng.choice([1, 2, 3, 4, 6, 7, 10], 3000).astype(object))
    expected = [ROUNDINGS[mode](Fraction(n, d)) for n, d in zip(top, bottom, strict=True)]
    assert list(round_quotients(mode, top, bottom)) == expected


def test_the_square_root_is_the_nearest_float64() -> None:
    rng = np.random.default_rng(1)
    for value in [*rng.random(300), *(10.0 ** rng.uniform(-40, 38, 300)), 4.0, 2.0, 1e-5]:
        x = Fraction(float(np.float32(value))) + Fraction(float(np.float32(1e-5)))
        root = sqrt_float64(x)
        near = float(root)
        below, above = (Fraction(math.nextafter(near, to)) for to in (0, math.inf))
        assert ((below + root) / 2) ** 2 <= x <= ((above + root) / 2) ** 2
    assert sqrt_float64(Fraction(9, 16)) == Fraction(3, 4)


def test_powers_of_two_nearest_to_a_ratio() -> None:
    assert [nearest_power_of_two(Fraction(n, 10)) for n in (10, 14, 15, 29, 5)] == [1, 1, 2, 4, Fraction(1, 2)]


# QONNX's operators: on dyadic numbers float64 is exact, so their functions must answer alike


@pytest.mark.parametrize("mode", IN_QONNX)
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("narrow", [0, 1])
def test_quant_is_that_of_qonnx(mode: str, signed: int, narrow: int) -> None:
    from qonnx.custom_op.general.intquant import int_quant

    rng = np.random.default_rng([signed, narrow])
    for bits in (1, 2, 3, 8):
        x = (rng.integers(-300, 300, (1, 4, 3, 2)) / 16).astype(np.float64)
        scale = 2.0 ** rng.integers(-3, 2, (1, 4, 1, 1))
        zero = np.float64(rng.integers(-3, 4))
        model, inputs = one_node(
            "Quant", [x, scale, zero, np.float64(bits)], domain=QONNX, signed=signed, narrow=narrow, rounding_mode=mode
        )
        ours = both(model, inputs)["y0"]
        theirs = int_quant(x, scale, zero, np.float64(bits), bool(signed), bool(narrow), mode)
        assert (floats(ours) == theirs).all()


def test_a_zero_point_of_a_half_is_exact() -> None:
    x = np.array([[-1.0, 0.25, 0.5, 2.0]], np.float32)
    model, inputs = one_node(
        "Quant", [x, np.float32(0.5), np.float32(0.5), np.float32(4)], domain=QONNX, signed=0, narrow=0
    )
    # x / s + z = -1.5, 1, 1.5, 4.5 -> 0, 1, 2, 4
    assert list(both(model, inputs)["y0"][0]) == [Fraction(n, 4) for n in (-1, 1, 3, 7)]


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL", "HALF_UP", "UP"])
def test_trunc_is_that_of_qonnx(mode: str) -> None:
    from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

    rng = np.random.default_rng(3)
    scale, zero, bits, left = np.float64(0.25), np.float64(2), np.float64(8), np.float64(4)
    x = rng.integers(-128, 128, (1, 50)) * 0.25
    model, inputs = one_node("Trunc", [x, scale, zero, bits, left], domain=QONNX, rounding_mode=mode)
    assert (floats(both(model, inputs)["y0"]) == trunc_v1(x, scale, zero, bits, left, mode)).all()
    for out in (4.0, 3.0, 5.0):
        given = [x, scale, zero, bits, np.float64(out), left]
        model, inputs = one_node("Trunc", given, domain=QONNX, rounding_mode=mode, signed=1, narrow=1)
        theirs = trunc_v2(x, scale, zero, bits, True, True, np.float64(out), left, mode)
        assert (floats(both(model, inputs)["y0"]) == theirs).all()


@pytest.mark.parametrize(
    ("shape", "layout"), [((2, 3), ""), ((1, 3, 4, 2), "NCHW"), ((1, 4, 3), ""), ((1, 3, 4), "NCW")]
)
def test_multi_threshold_is_that_of_qonnx(shape: tuple[int, ...], layout: str) -> None:
    from qonnx.custom_op.general.multithreshold import multithreshold

    rng = np.random.default_rng(4)
    x = rng.integers(-20, 20, shape) / 4.0
    for rows in (1, 3):
        steps = np.sort(rng.integers(-20, 20, (rows, 7)) / 4.0, axis=1)
        named = {"data_layout": layout} if layout else {}
        model, inputs = one_node(
            "MultiThreshold", [x, steps], domain=QONNX, out_scale=0.5, out_bias=-2.0, out_dtype="INT4", **named
        )
        # three axes without a layout have their channels last
        axis = 2 if len(shape) == 3 and not layout else 1
        theirs = multithreshold(x.swapaxes(axis, 1), steps, 0.5, -2.0).swapaxes(axis, 1)
        assert (floats(both(model, inputs)["y0"]) == theirs).all()


# ONNX's operators: on small integers float32 is exact, so onnxruntime must answer alike

I64 = np.int64


def ints(*shape: int) -> Any:
    return np.random.default_rng(shape).integers(-9, 10, shape).astype(np.float32)


X, ROW, SIGNAL = ints(1, 4, 6, 5), ints(2, 6), ints(1, 4, 7)
STANDARD: dict[str, tuple[Any, ...]] = {
    "conv": ("Conv", [X, ints(6, 4, 3, 2), ints(6)], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    "conv grouped": ("Conv", [X, ints(6, 2, 2, 2)], {"group": 2, "dilations": [2, 3]}),
    "conv depthwise same": ("Conv", [X, ints(8, 1, 3, 3)], {"group": 4, "auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "conv 1-D": ("Conv", [SIGNAL, ints(3, 4, 3)], {"auto_pad": "SAME_UPPER", "strides": [3]}),
    "conv transposed": ("ConvTranspose", [X, ints(4, 3, 3, 2), ints(3)], {"strides": [2, 3], "pads": [1, 0, 0, 1]}),
    "conv transposed grouped": (
        "ConvTranspose",
        [X, ints(4, 2, 2, 3)],
        {"group": 2, "strides": [3, 2], "output_padding": [2, 1], "dilations": [2, 1]},
    ),
    "conv transposed 1-D": ("ConvTranspose", [SIGNAL, ints(4, 3, 4)], {"auto_pad": "SAME_UPPER", "strides": [2]}),
    "matmul": ("MatMul", [ROW, ints(6, 3)], {}),
    "matmul batched": ("MatMul", [ints(2, 3, 4), ints(2, 4, 5)], {}),
    "matmul vector": ("MatMul", [ints(4), ints(4, 3)], {}),
    "gemm": ("Gemm", [ROW, ints(5, 6), ints(5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    "gemm transposed": ("Gemm", [ints(6, 2), ints(6, 3), ints(2, 1)], {"transA": 1}),
    "div": ("Div", [X, np.float32(4)], {}),
    "sub": ("Sub", [X, ints(4, 1, 1)], {}),
    "max": ("Max", [X, ints(1, 4, 1, 1)], {}),
    "min": ("Min", [X, ints(5)], {}),
    "clip": ("Clip", [X, np.float32(-3), np.float32(4)], {}),
    "clip above": ("Clip", [X, None, np.float32(4)], {}),
    "leaky relu": ("LeakyRelu", [X], {"alpha": 0.25}),
    "prelu": ("PRelu", [X, ints(4, 1, 1)], {}),
    "hard sigmoid": ("HardSigmoid", [X], {"alpha": 0.125, "beta": 0.5}),
    "max pool": ("MaxPool", [X], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 0, 1], "ceil_mode": 1}),
    "max pool 1-D": ("MaxPool", [SIGNAL], {"kernel_shape": [3], "auto_pad": "SAME_UPPER", "strides": [2]}),
    "average pool": ("AveragePool", [X], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "average pool ceil": (
        "AveragePool",
        [X],
        {"kernel_shape": [4, 2], "strides": [3, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1, "count_include_pad": 1},
    ),
    "average pool padded": ("AveragePool", [X], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]}),
    "global average": ("GlobalAveragePool", [ints(1, 3, 4, 2)], {}),
    "global max": ("GlobalMaxPool", [X], {}),
    "reduce mean": ("ReduceMean", [ints(1, 3, 4, 2)], {"axes": [2, -1], "keepdims": 0}),
    "reduce sum": ("ReduceSum", [X, I64([1, 3])], {}),
    "flatten": ("Flatten", [X], {"axis": 2}),
    "reshape": ("Reshape", [X, I64([0, -1, 10])], {}),
    "transpose": ("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    "squeeze": ("Squeeze", [X, I64([0])], {}),
    "unsqueeze": ("Unsqueeze", [ROW, I64([0, -1])], {}),
    "slice": ("Slice", [X, I64([-2, 5]), I64([2**40, -(2**40)]), I64([3, 2]), I64([1, -2])], {}),
    "pad": ("Pad", [X, I64([0, 1, 2, 0, 0, 0, -1, 3]), np.float32(2)], {}),
    "gather": ("Gather", [X, I64([[2, -1]])], {"axis": 1}),
    "tile": ("Tile", [ROW, I64([2, 3])], {}),
    "expand": ("Expand", [ints(1, 6), I64([3, 1])], {}),
    "resize": (
        "Resize",
        [X, None, np.array([1, 1, 2, 3], np.float32)],
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    "resize half pixel": ("Resize", [X, None, np.array([1, 1, 3, 2], np.float32)], {"mode": "nearest"}),
    "arg max": ("ArgMax", [X], {"axis": 1, "keepdims": 0}),
    "arg max last": ("ArgMax", [np.float32([[1, 3, 3, 2]])], {"axis": -1, "select_last_index": 1}),
    "round": ("Round", [X / 2], {}),
    "sign": ("Sign", [X], {}),
}


@pytest.mark.parametrize("name", STANDARD)
def test_standard_operators_are_those_of_onnxruntime(name: str) -> None:
    kind, arrays, attributes = STANDARD[name]
    model, inputs = one_node(kind, arrays, **attributes)
    theirs, ours = by_onnxruntime(model, inputs)[0], both(model, inputs)["y0"]
    assert ours.shape == theirs.shape
    # thirds in a padded average, sevenths: float32 holds no such number, but the nearest
    assert (floats(ours).astype(np.float32) == theirs).all()


@pytest.mark.parametrize(("kind", "zero"), [(np.int8, -5), (np.uint8, 9), (np.int8, 0), (np.uint8, None)])
def test_quantize_linear_is_that_of_onnxruntime(kind: Any, zero: int | None) -> None:
    x = (np.random.default_rng(5).integers(-900, 900, (1, 3, 40)) / 8).astype(np.float32)
    for scale in (np.float32(0.25), np.array([0.5, 0.25, 1.0], np.float32)):
        if zero is None and scale.ndim:
            continue
        offset = None if zero is None else np.full(scale.shape, zero, kind)
        given = [scale] if offset is None else [scale, offset]
        model, inputs = one_node("QuantizeLinear", [x, *given], axis=1)
        codes = by_onnxruntime(model, inputs)[0]
        assert (both(model, inputs)["y0"].astype(np.int64) == codes).all()
        model, inputs = one_node("DequantizeLinear", [codes, *given], axis=1)
        assert (floats(both(model, inputs)["y0"]) == by_onnxruntime(model, inputs)[0]).all()


def test_top_k_and_split_and_their_ties() -> None:
    x = np.array([[3, 1, 3, 2, 3, 0]], np.float32)
    for largest in (0, 1):
        model, inputs = one_node("TopK", [x, I64([4])], outputs=2, axis=1, largest=largest)
        for ours, theirs in zip(both(model, inputs).values(), by_onnxruntime(model, inputs), strict=True):
            assert (floats(ours) == theirs).all()
    model, inputs = one_node("Split", [X, I64([1, 3])], outputs=2, axis=1)
    for ours, theirs in zip(both(model, inputs).values(), by_onnxruntime(model, inputs), strict=True):
        assert (floats(ours) == theirs).all()


@pytest.mark.parametrize(
    "kind", ["Sigmoid", "Tanh", "Exp", "Erf", "Softplus", "Mish", "Elu", "Selu", "Gelu", "Softmax"]
)
def test_transcendental_functions_are_near_those_of_onnxruntime(kind: str) -> None:
    x = np.linspace(-4, 4, 33, dtype=np.float32).reshape(1, 33)
    model, inputs = one_node(kind, [x], opset=20)
    assert np.allclose(floats(both(model, inputs)["y0"]), by_onnxruntime(model, inputs)[0], rtol=2e-6, atol=1e-6)


def test_batch_normalization_is_exact_around_one_rounded_root() -> None:
    rng = np.random.default_rng(6)
    parameters = [np.asarray(rng.normal(1, 1, 4), np.float32) for _ in range(3)]
    var = np.asarray(rng.random(4), np.float32)
    model, inputs = one_node("BatchNormalization", [X, *parameters, var], epsilon=1e-3)
    ours = both(model, inputs)["y0"]
    gamma, beta, mean = ([Fraction(float(v)) for v in each] for each in parameters)
    root = sqrt_float64(Fraction(float(var[2])) + Fraction(float(np.float32(1e-3))))
    assert ours[0, 2, 3, 1] == (Fraction(float(X[0, 2, 3, 1])) - mean[2]) * gamma[2] / root + beta[2]
    assert np.allclose(floats(ours), by_onnxruntime(model, inputs)[0], rtol=1e-5, atol=1e-5)


def test_integers_too_large_for_float64_are_contracted_exactly() -> None:
    rng = np.random.default_rng(7)
    for bits in (10, 30, 60, 130):
        a, b = (
            as_object([[int(rng.integers(-(2**20), 2**20)) << bits | 5 for _ in range(9)] for _ in range(9)])
            for _ in "ab"
        )
        assert (contract(np.matmul, a, b, 9) == a.dot(b)).all()


def test_floats_are_carried_exactly() -> None:
    rng = np.random.default_rng(8)
    for values in (rng.normal(size=50), 2.0 ** rng.integers(-140, 120, 50), np.array([0.0, -0.0, 1e-45, 3e38])):
        array = values.astype(np.float32)
        assert list(Scaled.of_floats(array).fractions()) == [Fraction(float(each)) for each in array]


def test_what_has_no_exact_meaning_is_unsupported() -> None:
    for model, inputs in (
        one_node("Sqrtt", [X]),
        one_node("Relu", [X], domain="com.example"),
        one_node("Div", [X, np.float32(0)]),
        one_node("Quant", [X, np.float32(0), np.float32(0), np.float32(4)], domain=QONNX),
        one_node("Quant", [X, np.float32(1), np.float32(0), np.float32(2.5)], domain=QONNX),
        one_node("Quant", [X, np.float32(1), np.float32(0), np.float32(4)], domain=QONNX, rounding_mode="SIDEWAYS"),
        one_node("Mul", [X, np.float32(np.nan)]),
    ):
        with pytest.raises(UnsupportedError):
            execute(model, inputs)


def test_ties_are_found_and_others_are_none() -> None:
    given = [np.float32(0.5), np.float32(0), np.float32(4)]
    for x, found in ((0.75, True), (0.75 + 2**-20, True), (0.7, False), (100.25, False)):
        model, inputs = one_node("Quant", [np.full((1, 2), x, np.float32), *given], domain=QONNX, signed=1, narrow=0)
        assert (ties(model, inputs) == ["y0"]) == found


# whole networks


@pytest.mark.parametrize("block", range(8))
def test_random_networks_are_valid_and_both_ways_agree(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        model = random_network(seed)
        onnx.checker.check_model(model)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        assert model == random_network(seed)
        shapes = {each.name: [d.dim_value for d in each.type.tensor_type.shape.dim] for each in model.graph.output}
        for sample in random_inputs(model, seed, 2):
            for name, values in both(model, sample).items():
                assert list(values.shape) == shapes[name]


def test_random_networks_differ_from_qonnx_at_ties_alone() -> None:
    compared = 0
    for seed in range(5000, 5040):
        model = random_network(seed)
        if any(each.op_type == "Trunc" for each in model.graph.node):
            continue  # qonnx takes its version for that of the whole domain
        sample = random_inputs(model, seed, 4)[seed % 4]
        ours, theirs = execute(model, sample), float_execute(model, sample)
        same = all(np.allclose(floats(ours[name]), theirs[name], rtol=1e-4, atol=1e-5) for name in ours)
        assert same or ties(model, sample), f"seed {seed}"
        compared += same
    assert compared >= 30


@pytest.mark.parametrize("name", ["TFC_1W2A", "asymmetric", "qcdq_integer_bias"])
def test_networks_of_brevitas_export_and_execute(name: str, tmp_path: Path) -> None:
    _compare_with_qonnx(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_brevitas_exports_and_executes(name: str, tmp_path: Path) -> None:
    _compare_with_qonnx(name, tmp_path)


def _compare_with_qonnx(name: str, folder: Path) -> None:
    path, x = NETWORKS[name](folder / "network.onnx", 3)
    model = onnx.load(path)
    (given,) = Reference(model).inputs
    ours, theirs = execute(model, {given: x}), float_execute(model, {given: x})
    for output, values in ours.items():
        assert values.shape == theirs[output].shape
        assert np.allclose(floats(values), theirs[output], rtol=1e-4, atol=1e-5) or ties(model, {given: x})
        assert len(set(values.reshape(-1))) > 2
