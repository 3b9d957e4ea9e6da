"""Small integer graphs, several for every operator, that leave as QONNX and as PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from intaglio.ir import Border, Graph, IntType, Node, Op, TensorType, as_integers
from intaglio.ops import (
    Add,
    Argmax,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Gather,
    Lookup,
    Maximum,
    MaxPool,
    Minimum,
    MulShift,
    Multiply,
    Pad,
    PositionAffine,
    Requantise,
    Shift,
    Slice,
    Softmax,
    Subtract,
    SumPool,
    Threshold,
    TopK,
    Upsample,
    ZeroStuff,
)
from small_networks import branching_network, multilayer_perceptron, requantiser, residual_network

F = Fraction
QUARTER = F(1, 4)
IMAGE, VECTOR, LINE = (4, 5, 3), (7,), (6, 3)
CASES: dict[str, Callable[[], Graph]] = {
    "perceptron": multilayer_perceptron,
    "residual": residual_network,
    "branching": branching_network,
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def integers(lo: int, hi: int, shape: Any, seed: int = 0) -> Any:
    return as_integers(rng(seed).integers(lo, hi, shape, endpoint=True))


def kind(shape: tuple[int, ...], lo: Any = -8, hi: Any = 7, scale: Fraction | None = QUARTER) -> TensorType:
    return TensorType.integer(shape, lo, hi, scale)


def bipolar(shape: tuple[int, ...]) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1], F(1))


def one(op: Op, *ins: TensorType, **borders: Border) -> Graph:
    """A graph of one operator."""
    names = [f"x{i}" for i in range(len(ins))]
    return Graph(dict(zip(names, ins, strict=True)), (Node("y", op, tuple(names)),), ("y",), borders)


def case(name: str, make: Callable[[], Graph]) -> None:
    assert name not in CASES
    CASES[name] = make


# -- linear ------------------------------------------------------------------------------------------------------------
def conv(outputs: int, size: tuple[int, int], inputs: int, *more: Any, low: int = -7, high: int = 7) -> Conv2d:
    weight = integers(low, high, (outputs, *size, inputs))
    return Conv2d(weight, integers(-50, 50, outputs), *more)


case("dense", lambda: one(Dense(integers(-8, 7, (5, 7)), integers(-50, 50, 5), F(1, 16)), kind(VECTOR)))
case("dense_bipolar", lambda: one(Dense(2 * integers(0, 1, (5, 7)) - 1, integers(0, 0, 5), F(1)), bipolar(VECTOR)))
case("dense_line", lambda: one(Dense(integers(-7, 7, (5, 3)), integers(-50, 50, 5), F(1, 16)), kind(LINE)))
case("dense_image", lambda: one(Dense(integers(-7, 7, (5, 3)), integers(-50, 50, 5), F(1, 3)), kind(IMAGE)))
case(
    "dense_wide",
    lambda: one(
        Dense(integers(-(1 << 15), 1 << 15, (4, 7)), integers(-9, 9, 4), F(1, 1 << 20)), kind(VECTOR, -1 << 15, 1 << 15)
    ),
)
case("dense_zero", lambda: one(Dense(integers(0, 0, (3, 7)), integers(-3, 3, 3), F(1, 4)), kind(VECTOR)))
case("conv", lambda: one(conv(4, (3, 2), 3, (1, 2), (1, 0, 1, 1), F(1, 16)), kind(IMAGE)))
case("conv_dilated", lambda: one(conv(4, (2, 2), 3, (1, 1), (0, 0, 1, 1), F(1, 16), (2, 3)), kind(IMAGE)))
case("conv_groups", lambda: one(conv(6, (3, 3), 2, (1, 1), (1,) * 4, F(1, 16), (1, 1), 2), kind((4, 5, 4))))
case("conv_depthwise", lambda: one(conv(3, (3, 3), 1, (2, 1), (1,) * 4, F(1, 16), (1, 1), 3), kind(IMAGE)))
case(
    "conv_wide",
    lambda: one(conv(4, (2, 3), 3, (1, 2), (1, 0, 0, 1), F(1, 16), low=-99999, high=99999), kind(IMAGE, -9999, 99)),
)
case(
    "conv_wide_groups",
    lambda: one(
        conv(4, (2, 2), 2, (1, 1), (0,) * 4, F(1, 7), (1, 2), 2, low=-99999, high=99999), kind((4, 5, 4), -99, 99)
    ),
)
case("max_pool", lambda: one(MaxPool((2, 2), (2, 1)), kind(IMAGE)))
case("max_pool_padded", lambda: one(MaxPool((3, 2), (2, 2), (1, 2, 0, 1)), kind(IMAGE)))
case("sum_pool", lambda: one(SumPool((2, 3), (1, 2), (0, 0, 0, 0), 6), kind(IMAGE)))
case("sum_pool_padded", lambda: one(SumPool((3, 3), (2, 2), (1, 1, 1, 1), 9), kind(IMAGE)))
case("sum_pool_wide", lambda: one(SumPool((2, 2), (1, 1)), kind(IMAGE, -1 << 23, 1 << 23)))
for _name, _op in {"add": Add(), "subtract": Subtract(), "maximum": Maximum(), "minimum": Minimum()}.items():
    case(_name, lambda op=_op: one(op, kind(IMAGE), kind(IMAGE, -3, 12)))
    case(f"{_name}_pixel", lambda op=_op: one(op, kind(IMAGE, scale=F(1, 3)), kind((3,), 0, 5, F(1, 3))))
    case(f"{_name}_channel", lambda op=_op: one(op, kind(IMAGE), kind((4, 5, 1), 0, 5)))
case("multiply", lambda: one(Multiply(), kind(VECTOR), kind(VECTOR, 0, 99, F(1, 8))))
case("multiply_gate", lambda: one(Multiply(), kind(IMAGE), kind((1, 1, 3), 0, 15)))
case("multiply_wide", lambda: one(Multiply(), kind(VECTOR, -9999, 9999), kind(VECTOR, 0, 9999)))
case(
    "position_affine",
    lambda: one(PositionAffine(integers(-5, 5, IMAGE), integers(-99, 99, (1, 5, 1)), F(1, 4)), kind(IMAGE)),
)
case("position_affine_line", lambda: one(PositionAffine(integers(1, 1, (1, 1)), integers(-9, 9, LINE)), kind(LINE)))


# -- requantisers ------------------------------------------------------------------------------------------------------
def fractions(values: Any) -> Any:
    return np.array([F(v) for v in values], dtype=object)


WIDE = kind(IMAGE, (-300, 0, -999), (299, 511, 0), None)
SLOPES = {
    "dyadic": ["3/64", "5/128", "1/32"],
    "negative": ["3/64", "-5/128", "0"],
    "power": ["1/16"] * 3,
    "rational": ["1/37", "2/75", "3/100"],
    "steep": ["7/2", "9", "11/3"],
}
for _name, _slopes in SLOPES.items():
    case(
        f"requantise_{_name}",
        lambda s=_slopes: one(Requantise(fractions(s), fractions(["1/3", "-1/8", "7"]), -8, 7, F(1, 4)), WIDE),
    )
for _mode in ("half_up", "half_even", "half_away", "half_zero", "floor", "ceil", "down", "up"):
    for _zero in (0, 3):
        case(
            f"requantise_{_mode}_{_zero}",
            lambda m=_mode, z=_zero: one(
                Requantise(fractions(["1/8", "3/16", "-1/4"]), fractions(["1/2", "0", "-1/4"]), 0, 15, F(1, 4), m, z),
                WIDE,
            ),
        )
case("requantise_uneven_clip", lambda: one(requantise_clipped(-3, 10), WIDE))
case("requantise_relu_clip", lambda: one(requantise_clipped(0, 10), WIDE))
case("requantise_narrow", lambda: one(requantise_clipped(-7, 7), WIDE))
case("requantise_16_bits", lambda: one(requantise_clipped(-(1 << 15), (1 << 15) - 1, "97/3"), WIDE))
case("requantise_16_bits_dyadic", lambda: one(requantise_clipped(-(1 << 15), (1 << 15) - 1, "97/4"), WIDE))
case("requantise_huge", lambda: one(requantise_clipped(-8, 7, "1/98765432"), kind(IMAGE, -1 << 30, 1 << 31, None)))


def requantise_clipped(lo: int, hi: int, slope: str = "1/20") -> Requantise:
    return Requantise(fractions([slope] * 3), fractions(["1/2", "1/4", "-3"]), lo, hi, F(1, 8))


case("mul_shift", lambda: one(MulShift(as_integers([3, -5, 0]), as_integers([7, 64, 99]), 6, -8, 7, F(1, 4)), WIDE))
case("mul_shift_wide", lambda: one(MulShift(integers(99999, 999999, 3), integers(0, 9, 3), 24, -9, 9), WIDE))
case("mul_shift_split", lambda: one(MulShift(integers(9999, 99999, 3), integers(-99, 9999999, 3), 22, -8, 7), WIDE))
case("mul_shift_split_down", lambda: one(MulShift(-integers(9999, 99999, 3), integers(-99, 9, 3), 22, -5, 6), WIDE))
case("shift", lambda: one(Shift(as_integers([3, -5, 0]), 4, 0, 15, F(1, 4)), WIDE))
case("shift_by_none", lambda: one(Shift(as_integers([3, -5, 0]), 0, -1000, 400), WIDE))


def thresholds(levels: int, base: Any, step: Any, channels: int = 3) -> Threshold:
    rows = np.sort(rng(1).integers(-350, 350, (channels, levels)), axis=1)
    return Threshold(as_integers(rows), as_integers(base), as_integers(step), F(1, 4))


case("threshold", lambda: one(thresholds(15, [0, 0, 0], [1, 1, 1]), WIDE))
case("threshold_uneven", lambda: one(thresholds(9, [0, 5, -3], [1, -1, 1]), WIDE))
case("threshold_steps", lambda: one(thresholds(5, [0, 5, -3], [1, -2, 3]), WIDE))
case("threshold_bipolar", lambda: one(thresholds(1, [-1, 1, -1], [2, -2, 2]), WIDE))
case(
    "threshold_constant",
    lambda: one(Threshold(as_integers([[9999]] * 3), as_integers([1, 2, 3]), as_integers([1] * 3)), WIDE),
)
case("lookup", lambda: one(Lookup(integers(-50, 50, (1, 16)), -8, F(1, 4)), kind(IMAGE)))
case("lookup_channels", lambda: one(Lookup(integers(-50, 50, (3, 20)), -10, F(1, 4)), kind(IMAGE)))
case("lookup_rising", lambda: one(Lookup(as_integers(np.sort(integers(0, 30, (3, 16)))), -8, F(1, 4)), kind(IMAGE)))
case("lookup_falling", lambda: one(Lookup(-as_integers(np.sort(integers(0, 30, (1, 16)))), -8, F(1, 4)), kind(LINE)))
case("lookup_bipolar", lambda: one(Lookup(2 * integers(0, 1, (3, 16)) - 1, -8, F(1), bipolar=True), kind(IMAGE)))
case("lookup_sign", lambda: one(Lookup(as_integers([[-1] * 8 + [1] * 8]), -8, F(1), bipolar=True), kind(VECTOR)))
case("lookup_of_bipolar", lambda: one(Lookup(as_integers([[3, 0, -5]]), -1, F(1)), bipolar(VECTOR)))

# -- movers and heads --------------------------------------------------------------------------------------------------
case("flatten", lambda: one(Flatten(), kind(IMAGE)))
case("flatten_line", lambda: one(Flatten(), kind(LINE)))
case("concat", lambda: one(Concat(3), kind(IMAGE), kind((4, 5, 2), 0, 3), kind((4, 5, 1), -9, 0)))
case("pad", lambda: one(Pad((1, 0, 2, 1)), kind(IMAGE)))
case("pad_channels", lambda: one(Pad((1, 0, 2, 1), as_integers([3, -2, 0])), kind(IMAGE)))
case("pad_bipolar", lambda: one(Pad((1, 1, 1, 1), -1), bipolar(IMAGE)))
case("slice", lambda: one(Slice((1, 4, 2), (0, 5, 1), as_integers([0, 2])), kind(IMAGE)))
case("slice_vector", lambda: one(Slice((0, 1, 1), (0, 1, 1), as_integers([0, 3, 4])), kind(VECTOR)))
case("slice_rows", lambda: one(Slice((1, 3, 1), (4, 5, 1), as_integers([0, 1, 2])), kind(IMAGE)))
case("upsample", lambda: one(Upsample((2, 3)), kind(IMAGE)))
case("upsample_wide", lambda: one(Upsample((2, 3)), kind(IMAGE, 0, 1 << 26)))
case("zero_stuff", lambda: one(ZeroStuff((2, 3)), kind(IMAGE)))
case("zero_stuff_wide", lambda: one(ZeroStuff((2, 1)), kind(IMAGE, 0, 1 << 26)))
case("gather", lambda: one(Gather(as_integers(rng().permutation(60)), (5, 4, 3)), kind(IMAGE)))
case("gather_vector", lambda: one(Gather(integers(0, 59, 9), (9,)), kind(IMAGE)))
case("argmax", lambda: one(Argmax(), kind((37,), 0, 5)))
case("top_k", lambda: one(TopK(3), kind((37,), 0, 5)))
case("top_k_smallest", lambda: one(TopK(3, largest=False, values=True), kind((37,), 0, 5)))
case("softmax", lambda: one(Softmax.of(F(1, 4), 8, kind((5,))), kind((5,))))
case("softmax_image", lambda: one(Softmax.of(F(1, 2), 12, kind(IMAGE, -60, 60)), kind(IMAGE, -60, 60)))


# -- borders -----------------------------------------------------------------------------------------------------------
def bordered(border: Border, x: TensorType) -> Graph:
    """x as it comes in, and what an odd border makes of it when it leaves."""
    leaving = Border(border.shape, border.order, (F(1, 3), F(2), F(-1, 7)), (F(1, 5), F(0), F(9)))
    return Graph(
        {"x0": x},
        (Node("y", Shift(as_integers([1, 0, 2]), 0, -300, 300), ("x0",)),),
        ("y",),
        {"x0": border, "y": leaving},
    )


ORDER = as_integers(rng(3).permutation(60))
case("border_order", lambda: bordered(Border((60,), ORDER, (F(1, 8),)), kind(IMAGE)))
case("border_order_image", lambda: bordered(Border((5, 12), ORDER, (F(1, 8),)), kind(IMAGE)))
case("border_channels_last", lambda: bordered(Border(IMAGE, as_integers(np.arange(60)), (F(1, 8),)), kind(IMAGE)))
case("border_affine", lambda: bordered(Border((3, 4, 5), None, (F(1, 8), F(1, 3), F(-2, 7)), (F(1, 9),)), kind(IMAGE)))
for _slope in (F(27, 4096), F(3, 4), F(127, 512), F(5), F(1, 8)):
    for _offset in (F(0), F(3, 32), F(-5)):
        case(
            f"border_dyadic_{_slope}_{_offset}".replace("/", "_").replace("-", "m"),
            lambda s=_slope, o=_offset: bordered(Border((3, 4, 5), None, (s,), (o,)), kind(IMAGE, -128, 127)),
        )
case("border_dyadic_floor", lambda: bordered(Border((3, 4, 5), None, (F(27, 64),), (F(1, 4),), "floor"), kind(IMAGE)))
case(
    "border_dyadic_vector",
    lambda: one(Dense(integers(-7, 7, (3, 7)), integers(0, 9, 3), F(1, 4)), kind(VECTOR, 0, 255, F(27, 4096))),
)
case("border_bipolar", lambda: bordered(Border((3, 4, 5), None, (F(1, 3), F(1), F(-2)), (F(1, 9),)), bipolar(IMAGE)))
case("border_bounds", lambda: bordered(Border((3, 4, 5), None, (F(1, 8),)), kind(IMAGE, (-8, 0, 3), (7, 5, 3))))
case("border_16_bits", lambda: bordered(Border((3, 4, 5), None, (F(1, 1024),)), kind(IMAGE, -(1 << 15), (1 << 15) - 1)))
case(
    "border_32_bits",
    lambda: one(Slice((0, 1, 1), (0, 1, 1), as_integers([0, 2])), kind((3,), -(1 << 31), (1 << 31) - 1, F(1, 1 << 16))),
)
for _mode in ("half_even", "half_away", "half_zero", "floor", "ceil", "down", "up"):
    for _zero in (0, 5):
        case(
            f"border_{_mode}_{_zero}",
            lambda m=_mode, z=_zero: bordered(Border((3, 4, 5), None, (F(1, 8),), (F(0),), m, z), kind(IMAGE)),
        )


def two_outputs() -> Graph:
    """An output that is an input too, one that is read again, and one of every kind of end."""
    nodes = (
        Node("a", Add(), ("x", "z")),
        Node("b", requantiser(3, F(1, 4), F(1, 2)), ("a",)),
        Node("c", Flatten(), ("b",)),
    )
    return Graph({"x": kind(IMAGE), "z": kind(IMAGE)}, nodes, ("x", "a", "c", "b"))


case("two_outputs", two_outputs)
