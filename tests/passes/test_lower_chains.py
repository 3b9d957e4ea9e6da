"""Chains between two quantisers, exactly: random source graphs against the same arithmetic in Fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType, parse_graph, print_graph, verify
from intaglio.ops import Lookup, Threshold
from intaglio.ops.functions import FUNCTIONS
from intaglio.ops.rounding import ROUNDINGS
from intaglio.ops.source import (
    Affine,
    FixedQuantise,
    SourceActivation,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceGather,
    SourceLinear,
    SourceMaximum,
    SourceMaxPool,
    SourceMinimum,
    SourceMultiply,
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSlice,
    SourceSubtract,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from intaglio.passes.choose_requantisers import choose_requantisers
from intaglio.passes.lower import lower
from intaglio.passes.pipeline import LOWER, run_passes
from intaglio.simulator import border
from intaglio.simulator.interpreter import run
from rounding_twin import rounded

CHANNELS, SIDE = 3, 4
RATIONAL = {"leaky_relu": 1, "clip": 2, "hard_sigmoid": 2, "hard_swish": 0, "abs": 0, "square": 0, "soft_shrink": 1}


def fractions(values: Any) -> np.ndarray:
    result = np.empty(len(values), object)
    result[:] = [Fraction(v) for v in values]
    return result


def quantiser(scale: Any, *, lo: int = -8, hi: int = 7, zero: int = 0, rounding: str = "half_even", bipolar=False):
    scales = scale if isinstance(scale, list) else [scale]
    return FixedQuantise(fractions(scales), np.array([zero]), lo, hi, rounding, bipolar)


# ---- the twin: Fractions, one element after the other ------------------------------------------------------------


def each(x: np.ndarray, function: Any) -> np.ndarray:
    """function(channel, element), channels last."""
    result = np.empty(x.shape, object)
    for index in np.ndindex(*x.shape):
        result[index] = Fraction(function(index[-1], x[index]))
    return result


def windows(x: np.ndarray, op: Any, fill: Any) -> Any:
    top, bottom, left, right = op.padding
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=fill)
    rows = (padded.shape[0] - op.kernel[0]) // op.stride[0] + 1
    columns = (padded.shape[1] - op.kernel[1]) // op.stride[1] + 1
    for r in range(rows):
        for c in range(columns):
            a, b = r * op.stride[0], c * op.stride[1]
            yield r, c, rows, columns, padded[a : a + op.kernel[0], b : b + op.kernel[1]]


def pooled(x: np.ndarray, op: Any, fill: Any, combine: Any) -> np.ndarray:
    result = None
    for r, c, rows, columns, window in windows(x, op, fill):
        result = np.empty((rows, columns, x.shape[2]), object) if result is None else result
        for k in range(x.shape[2]):
            result[r, c, k] = combine(r, c, [v for v in window[..., k].ravel() if v is not None])
    return result


def conv(x: np.ndarray, op: SourceConv2d) -> np.ndarray:
    top, bottom, left, right = op.padding
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=Fraction(0))
    outputs, height, width, inputs = op.weight.shape
    down, across = op.dilation
    rows = (padded.shape[0] - (height - 1) * down - 1) // op.stride[0] + 1
    columns = (padded.shape[1] - (width - 1) * across - 1) // op.stride[1] + 1
    result = np.empty((rows, columns, outputs), object)
    for r, c, o in np.ndindex(*result.shape):
        first = o // (outputs // op.groups) * inputs
        total = Fraction(0)
        for i, j, k in np.ndindex(height, width, inputs):
            pixel = padded[r * op.stride[0] + i * down, c * op.stride[1] + j * across, first + k]
            total += Fraction(op.weight[o, i, j, k]) * pixel
        result[r, c, o] = total * Fraction(op.weight_scale[o]) + Fraction(op.bias[o])
    return result


def exactly(op: Any, *ins: np.ndarray) -> np.ndarray:
    x = ins[0]
    match op:
        case FixedQuantise():

            def code(c: int, v: Fraction) -> Fraction:
                scale = op.scale[c if len(op.scale) > 1 else 0]
                if op.bipolar:
                    return scale if v >= 0 else -scale
                zero = int(op.zero[0])
                return (max(op.lo, min(op.hi, rounded(op.rounding, v / scale + zero))) - zero) * scale

            return each(x, code)
        case Affine():
            return each(x, lambda c, v: v * Fraction(op.multiplier[c]) + Fraction(op.shift[c]))
        case SourceRelu():
            return each(x, lambda c, v: max(v, Fraction(0)))
        case SourceActivation():
            rows = [[Fraction(p) for p in row] for row in op.parameters]
            return each(x, lambda c, v: FUNCTIONS[op.function].exact(v, *rows[c if len(rows) > 1 else 0]))
        case SourceConv2d():
            return conv(x, op)
        case SourceAdd():
            return each(x, lambda c, v: v) + ins[1]
        case SourceSubtract():
            return x - ins[1]
        case SourceMultiply():
            return x * ins[1]
        case SourceMaximum():
            return np.maximum(x, ins[1])
        case SourceMinimum():
            return np.minimum(x, ins[1])
        case SourceConcat():
            return np.concatenate(ins, axis=-1)
        case SourceMaxPool():
            return pooled(x, op, None, lambda r, c, values: max(values))
        case SourceAvgPool():
            divisor = (lambda r, c: op.divisor) if op.counts is None else (lambda r, c: int(op.counts[r, c]))
            return pooled(x, op, Fraction(0), lambda r, c, values: sum(values) / divisor(r, c))
        case SourcePad():
            top, bottom, left, right = op.padding
            return np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=Fraction(op.value))
        case SourceSlice():
            return x[slice(*op.rows), slice(*op.columns)][..., op.channels]
        case SourceUpsample():
            return x.repeat(op.factors[0], 0).repeat(op.factors[1], 1)
        case SourceZeroStuff():
            (down, across), (rows, columns, channels) = op.factors, x.shape
            result = np.full(((rows - 1) * down + 1, (columns - 1) * across + 1, channels), Fraction(0))
            result[::down, ::across] = x
            return result
        case SourceGather():
            return x.ravel()[op.index].reshape(op.shape)
        case SourcePositionAffine():
            return x * each(op.multiplier, lambda c, v: v) + each(op.shift, lambda c, v: v)
        case SourceArgmax():
            return np.array([Fraction(max(range(len(x)), key=lambda k: (x[k], -k)))], object)
    raise AssertionError(op)


def real_outputs(graph: Graph, results: dict[str, np.ndarray], frame: int) -> list[np.ndarray]:
    """The graph's outputs as exact real numbers, channels last."""
    found = []
    for name in graph.outputs:
        edge = graph.border_of(name)
        wide = [part * (graph.types[name].channels // len(part)) for part in (edge.slope, edge.offset)]
        found.append(each(results[name][frame], lambda c, v, wide=wide: int(v) * wide[0][c] + wide[1][c]))
    return found


def check(source: Graph, seed: int = 0, frames: int = 3) -> Graph:
    """Lowered, carved and built: each equal to the twin, on random reals; gives back the lowered graph."""
    verify(source, lowered=False)
    lowered = verify(lower(source))
    assert parse_graph(print_graph(lowered)) == lowered
    rng = np.random.default_rng(seed)
    x = {name: rng.normal(0, 2, (frames, *kind.shape)).round(2) for name, kind in source.inputs.items()}
    codes = border.to_integers(lowered, {n: np.moveaxis(v, -1, 1) if v.ndim > 2 else v for n, v in x.items()})
    for graph in (lowered, run_passes(source, LOWER), verify(choose_requantisers(run_passes(source, LOWER)))):
        results = run(graph, codes)
        for frame in range(frames):
            values = {name: each(v[frame], lambda c, e: Fraction(float(e))) for name, v in x.items()}
            for node in source.nodes:
                values[node.name] = exactly(node.op, *(values[name] for name in node.inputs))
            for name, got in zip(source.outputs, real_outputs(graph, results, frame), strict=True):
                assert got.shape == values[name].shape
                assert (got == values[name]).all(), name
    return lowered


# ---- random chains -----------------------------------------------------------------------------------------------

numbers = st.fractions(-3, 3, max_denominator=40)
scales = st.one_of(
    st.sampled_from([Fraction(1, 2), Fraction(1, 8), Fraction(3, 16), Fraction(1, 3)]),
    st.fractions(Fraction(1, 9), 2, max_denominator=30),
)


@st.composite
def quantisers(draw: Any, *, per_channel: bool = True) -> FixedQuantise:
    many = per_channel and draw(st.booleans())
    scale = [draw(scales) for _ in range(CHANNELS)] if many else draw(scales)
    signed, bits = draw(st.booleans()), draw(st.integers(1, 5))
    lo, hi = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    zero = draw(st.integers(lo, max(hi, lo + 1)))
    return quantiser(
        scale,
        lo=lo,
        hi=max(hi, lo + 1),
        zero=zero,
        rounding=draw(st.sampled_from(ROUNDINGS)),
        bipolar=bits == 1 and signed,
    )


@st.composite
def links(draw: Any) -> Any:
    """One function of a chain."""
    kind = draw(st.sampled_from(["affine", "affine", "relu", *RATIONAL]))
    if kind == "affine":
        return Affine(*(fractions([draw(numbers) for _ in range(CHANNELS)]) for _ in range(2)))
    if kind == "relu":
        return SourceRelu()
    rows = CHANNELS if draw(st.booleans()) else 1
    row = st.lists(st.integers(1, 24).map(lambda v: v / 8), min_size=RATIONAL[kind], max_size=RATIONAL[kind])
    table = np.array([sorted(draw(row)) for _ in range(rows)], np.float64).reshape(rows, RATIONAL[kind])
    return SourceActivation(kind, table)


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_any_chain_between_two_quantisers_is_one_operator(data: Any) -> None:
    """Affine maps of either sign and zero, clips, rational functions; every rounding mode, zero points, one bit."""
    chain = data.draw(st.lists(links(), min_size=0, max_size=4))
    nodes = [Node("x_q", data.draw(quantisers()), ("x",))]
    for number, op in enumerate(chain):
        nodes.append(Node(f"n{number}", op, (nodes[-1].name,)))
    nodes.append(Node("y_q", data.draw(quantisers()), (nodes[-1].name,)))
    lowered = check(Graph({"x": TensorType((CHANNELS,))}, tuple(nodes), ("y_q",)))
    assert len(lowered.nodes) <= 1


FIRST = Node("x_q", quantiser(Fraction(1, 4), rounding="half_up"), ("x",))
OTHER = Node("z_q", quantiser(Fraction(3, 16), lo=0, hi=15, zero=3), ("x2",))
LAST = quantiser(Fraction(5, 16), lo=-32, hi=31, rounding="half_away")
rng = np.random.default_rng(7)
WIDE = (SIDE, SIDE, CHANNELS)


def convolution(groups: int = 1, outputs: int = 3, **more: Any) -> SourceConv2d:
    weight = rng.integers(-7, 8, (outputs, 2, 2, CHANNELS // groups)).astype(float)
    scale = fractions([Fraction(1, 8), Fraction(1, 24), Fraction(3, 64)][:outputs])
    return SourceConv2d(weight, fractions([Fraction(1, 3), 0, -2][:outputs]), weight_scale=scale, groups=groups, **more)


BENT = Node(
    "bent", Affine(fractions([2, Fraction(-1, 3), Fraction(1, 7)]), fractions([1, Fraction(1, 5), 0])), ("x_q",)
)
RELU = Node("bent_r", SourceRelu(), ("bent",))
SAME = np.arange(CHANNELS)

CASES: dict[str, tuple[Node, ...]] = {
    "conv": (Node("y", convolution(padding=(1, 1, 0, 1)), ("x_q",)),),
    "depthwise, dilated": (Node("y", convolution(groups=3, dilation=(2, 1)), ("x_q",)),),
    "conv of several scales": (
        BENT,
        Node("b_q", quantiser([Fraction(1, 2), Fraction(1, 6), Fraction(3, 4)]), ("bent",)),
        Node("y", convolution(), ("b_q",)),
    ),
    "conv of a biased value": (BENT, Node("y", convolution(), ("bent",))),
    "padded conv of a biased value": (BENT, Node("y", convolution(padding=(1, 1, 1, 1)), ("bent",))),
    "conv of a clipped value": (BENT, RELU, Node("y", convolution(), ("bent_r",))),
    "add": (Node("y", SourceAdd(), ("x_q", "z_q")),),
    "add, biased and clipped": (BENT, RELU, Node("y", SourceAdd(), ("bent_r", "z_q"))),
    "add to itself": (BENT, Node("y", SourceAdd(), ("bent", "bent"))),
    "subtract": (BENT, Node("y", SourceSubtract(), ("bent", "z_q"))),
    "maximum": (BENT, Node("y", SourceMaximum(), ("bent", "z_q"))),
    "minimum": (BENT, RELU, Node("y", SourceMinimum(), ("bent_r", "z_q"))),
    "multiply": (BENT, Node("y", SourceMultiply(), ("bent", "z_q"))),
    "square": (Node("y", SourceMultiply(), ("x_q", "x_q")),),
    "concat": (
        BENT,
        RELU,
        Node("cat", SourceConcat(3), ("x_q", "bent_r", "z_q")),
        Node("y", SourceSlice((0, 4, 1), (0, 4, 2), np.array([0, 3, 8])), ("cat",)),
    ),
    "max pool of a falling value": (BENT, Node("y", SourceMaxPool((2, 2), (1, 2), (0, 1, 0, 0)), ("bent",))),
    "max pool of a clipped value": (BENT, RELU, Node("y", SourceMaxPool((2, 2), (2, 2), (0, 0, 0, 0)), ("bent_r",))),
    "average": (BENT, Node("y", SourceAvgPool((2, 2), (2, 2), (0, 0, 0, 0), 4), ("bent",))),
    "padded average": (BENT, Node("y", SourceAvgPool((3, 3), (2, 2), (1, 1, 1, 1), 9), ("bent",))),
    "average of a clipped value": (BENT, RELU, Node("y", SourceAvgPool((2, 2), (2, 2), (0, 0, 0, 0), 4), ("bent_r",))),
    "average that counts no padding": (
        BENT,
        Node("y", SourceAvgPool((3, 3), (2, 2), (1, 1, 1, 1), 9, np.array([[4, 6], [6, 9]])), ("bent",)),
    ),
    "position affine": (
        BENT,
        Node(
            "y",
            SourcePositionAffine(rng.integers(-9, 9, (SIDE, SIDE, 1)) / 8, rng.integers(-9, 9, WIDE) / 32),
            ("bent",),
        ),
    ),
    "pad": (BENT, RELU, Node("y", SourcePad((1, 0, 2, 1), 0.375), ("bent_r",))),
    "pad with zero": (Node("y", SourcePad((1, 0, 2, 1)), ("x_q",)),),
    "upsample": (BENT, Node("y", SourceUpsample((2, 3)), ("bent",))),
    "zero stuff": (BENT, Node("y", SourceZeroStuff((2, 3)), ("bent",))),
    "slice": (BENT, RELU, Node("y", SourceSlice((1, 4, 2), (0, 3, 1), np.array([1, 2])), ("bent_r",))),
    "gather": (BENT, Node("y", SourceGather(rng.permutation(48), WIDE), ("bent",))),
    "gather of whole channels": (
        BENT,
        RELU,
        Node("y", SourceGather(np.arange(48).reshape(16, 3)[::-1, [1, 0, 2]].ravel(), WIDE), ("bent_r",)),
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ended", [True, False], ids=["quantised", "open"])
def test_what_is_pending_survives_every_operator(name: str, ended: bool) -> None:
    """With a quantiser at the end, and without one: then the border says what the integers mean."""
    nodes = CASES[name]
    needs = {i for node in nodes for i in node.inputs}
    inputs = {"x": TensorType(WIDE)} | ({"x2": TensorType(WIDE)} if "z_q" in needs else {})
    used = (FIRST, *((OTHER,) if "z_q" in needs else ()), *nodes)
    end = (Node("out", LAST, ("y",)),) if ended else ()
    check(Graph(inputs, (*used, *end), ((end or nodes)[-1].name,)))


def test_argmax_of_classes_with_scales_of_their_own() -> None:
    linear = SourceLinear(
        rng.integers(-7, 8, (4, CHANNELS)).astype(float),
        fractions([Fraction(1, 3), 0, -2, 1]),
        fractions([Fraction(1, 8), Fraction(1, 24), Fraction(3, 64), Fraction(1, 5)]),
    )
    nodes = (FIRST, Node("fc", linear, ("x_q",)), Node("y", SourceArgmax(), ("fc",)))
    source = Graph({"x": TensorType((CHANNELS,))}, nodes, ("y",))
    lowered = verify(lower(source))
    x = rng.normal(0, 2, (50, CHANNELS))
    codes = border.to_integers(lowered, x)
    for frame, got in enumerate(run(lowered, codes)["y"].ravel().tolist()):
        v = exactly(FIRST.op, each(x[frame], lambda c, e: Fraction(float(e))))
        totals = [
            sum(Fraction(w) * u for w, u in zip(row, v, strict=True)) * Fraction(s) + Fraction(b)
            for row, s, b in zip(linear.weight.tolist(), linear.weight_scale, linear.bias, strict=True)
        ]
        assert got == max(range(4), key=lambda k: (totals[k], -k))


@pytest.mark.parametrize(
    "function", ["sigmoid", "tanh", "softplus", "exp", "silu", "gelu", "gelu_tanh", "mish", "erf", "selu", "elu"]
)
def test_transcendental_functions_become_tables(function: str) -> None:
    """Against float64, which is right wherever it is not next to a tie; sixty digits decide the table."""
    parameters = np.ones((1, FUNCTIONS[function].parameters))
    nodes = (
        Node("x_q", quantiser(Fraction(1, 32), lo=-128, hi=127), ("x",)),
        Node("f", SourceActivation(function, parameters), ("x_q",)),
        Node("y", quantiser(Fraction(1, 50), lo=-128, hi=127), ("f",)),
    )
    lowered = verify(lower(Graph({"x": TensorType((1,))}, nodes, ("y",))))
    (node,) = lowered.nodes
    assert isinstance(node.op, Lookup)
    codes = np.arange(-128, 128)
    real = FUNCTIONS[function].fast(codes / 32, *parameters[0]) * 50
    clear = np.abs(real - np.floor(real) - 0.5) > 1e-9
    assert clear.sum() >= 240
    want = np.clip(np.rint(real), -128, 127)
    assert (node.op.run(codes[:, None])[:, 0] == want)[clear].all()


def test_a_wide_range_takes_thresholds_where_it_is_monotone_and_is_refused_where_it_is_not() -> None:
    wide = Node("x_q", quantiser(Fraction(1, 1 << 16), lo=-(1 << 19), hi=(1 << 19) - 1), ("x",))
    end = Node("y", quantiser(Fraction(1, 16), lo=-8, hi=15), ("f",))
    for function in ("sigmoid", "silu"):
        nodes = (wide, Node("f", SourceActivation(function, np.zeros((1, 0))), ("x_q",)), end)
        source = Graph({"x": TensorType((2,))}, nodes, ("y",))
        if function == "silu":
            with pytest.raises(IntaglioError, match="1048576 reachable inputs and is not monotone"):
                lower(source)
            continue
        op = lower(source).nodes[0].op
        assert isinstance(op, Threshold)
        x = np.linspace(-8, 7.99, 1001)
        want = np.minimum(np.rint(16 / (1 + np.exp(-np.floor(x * 65536) / 65536))), 15)
        assert (op.run(np.floor(x * 65536).astype(int)[:, None].repeat(2, 1))[:, 0] == want).all()


@pytest.mark.parametrize(("function", "what"), [("sqrt", "sqrt"), ("log", "log"), ("reciprocal", "the reciprocal")])
def test_a_function_that_has_no_value_somewhere_in_reach_is_refused(function: str, what: str) -> None:
    nodes = (FIRST, Node("f", SourceActivation(function, np.zeros((1, 0))), ("x_q",)), Node("y", LAST, ("f",)))
    with pytest.raises(IntaglioError, match=f"{what} has no value at") as caught:
        lower(Graph({"x": TensorType((2,))}, nodes, ("y",)))
    assert caught.value.where == "y"


def test_exponentials_far_beyond_every_code_take_no_memory() -> None:
    wide = quantiser(Fraction(1 << 40), lo=-8, hi=7)
    exp = SourceActivation("exp", np.zeros((1, 0)))
    nodes = (Node("x_q", wide, ("x",)), Node("f", exp, ("x_q",)), Node("y", quantiser(Fraction(1, 8), hi=7), ("f",)))
    (node,) = lower(Graph({"x": TensorType((1,))}, nodes, ("y",))).nodes
    assert node.op.run(np.arange(-8, 8)[:, None])[:, 0].tolist() == [0] * 8 + [7] * 8


@pytest.mark.parametrize("values", [False, True])
def test_order_counts_by_value_where_integers_fall(values: bool) -> None:
    negated = Node("n", Affine(fractions([-1] * CHANNELS), fractions([0] * CHANNELS)), ("x_q",))
    op: Any = SourceTopK(2, True, values) if values else SourceArgmax()
    lowered = lower(Graph({"x": TensorType((CHANNELS,))}, (FIRST, negated, Node("y", op, ("n",))), ("y",)))
    x = np.array([[1.0, -1.0, 0.5]])
    answer = border.simulate(lowered, x)[0].tolist()
    assert answer == ([1.0, -0.5] if values else [1.0])


def test_everything_that_is_refused_is_told_at_once() -> None:
    sigmoid = SourceActivation("sigmoid", np.zeros((1, 0)))
    nodes = (FIRST, Node("a", sigmoid, ("x_q",), "net.py:1"), Node("b", sigmoid, ("x_q",), "net.py:2"))
    source = Graph({"x": TensorType((2,))}, (*nodes, Node("c", SourceMultiply(), ("a", "b"), "net.py:3")), ("c", "a"))
    with pytest.raises(IntaglioError) as caught:
        lower(source)
    text = str(caught.value)
    assert "2 places of this network cannot be integers" in text
    assert "net.py:3" in text
    assert "the output a ends in sigmoid" in text
