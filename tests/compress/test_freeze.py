"""The frozen model: exact, as rational arithmetic has it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
import torch
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.exact import prove
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops.source import (
    Affine,
    Quantise,
    SourceAdd,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)
from intaglio.ops.window import Window

FRACTION = np.vectorize(Fraction, otypes=[object])


def rational(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a frozen network, channels last, in Fractions; written from the operators' docstrings."""
    values = {next(iter(graph.inputs)): FRACTION(x)}
    for node in graph.nodes:
        a, op = values[node.inputs[0]], node.op
        if isinstance(op, Quantise):
            scale = Fraction(op.scale)
            code = np.vectorize(lambda v, s=scale, o=op: s * max(o.lo, min(o.hi, floor(v / s + Fraction(1, 2)))),
                                otypes=[object])  # fmt: skip
            y: Any = code(a)
        elif isinstance(op, SourceConv2d):
            view = Window(op.weight.shape[1:3], op.stride, op.padding).view(a, 0)
            weight = FRACTION(op.weight) * FRACTION(op.weight_scale)[:, None, None, None]
            y = np.tensordot(view, weight, axes=((3, 4, 5), (1, 2, 3))) + FRACTION(op.bias)
        elif isinstance(op, SourceLinear):
            y = a @ (FRACTION(op.weight) * FRACTION(op.weight_scale)[:, None]).T + FRACTION(op.bias)
        elif isinstance(op, Affine):
            y = a * FRACTION(op.multiplier) + FRACTION(op.shift)
        elif isinstance(op, SourceRelu):
            y = np.maximum(a, 0)
        elif isinstance(op, SourceAdd):
            y = a + values[node.inputs[1]]
        elif isinstance(op, SourceMaxPool):
            y = Window(op.kernel, op.stride, op.padding).view(a, 0).max(axis=(3, 4))
        elif isinstance(op, SourceAvgPool):
            y = Window(op.kernel, op.stride, op.padding).view(a, 0).sum(axis=(3, 4)) / Fraction(op.divisor)
        else:
            assert isinstance(op, SourceFlatten)
            y = a.reshape(len(a), -1)
        values[node.name] = y
    return values


def frozen(graph: Graph, recipe: Recipe) -> tuple[PreparedModel, torch.Tensor]:
    model = PreparedModel(graph, recipe)
    batches = batches_of(graph)
    model.calibrate(batches)
    return model.freeze(), batches[0][0]


def channels_last(x: torch.Tensor) -> np.ndarray:
    return np.moveaxis(x.numpy(), 1, -1)


@pytest.mark.parametrize("scales", ["dyadic", "power-of-two"])
@pytest.mark.parametrize("bits", [1, 3, 4, 8])
@pytest.mark.parametrize("make", [residual_network, mlp_network])
def test_float64_is_exact(make, bits: int, scales: str) -> None:
    model, x = frozen(make(act_bits=bits), Recipe(weight_bits=bits, act_bits=bits, scales=scales))
    layer = model.layers[0]
    model.masks[int(layer.groups[0])] = 0
    model._reference = None
    got = model.tensors(x[:6])
    want = rational(model.frozen_graph(), channels_last(x[:6].double()))
    for name, tensor in got.items():
        mine = channels_last(tensor)
        if name == "mean":  # divides by 9: rounded once, read rightly by the quantiser behind it
            assert np.array_equal(mine, want[name].astype(np.float64))
        else:
            assert (FRACTION(mine) == want[name]).all(), name


def test_pool_by_two_is_exact_too() -> None:
    model, x = frozen(residual_network(pool=2), Recipe())
    want = rational(model.frozen_graph(), channels_last(x[:4].double()))["fc"]
    assert (FRACTION(channels_last(model(x[:4]))) == want).all()


def test_constants_are_short_dyadics() -> None:
    model, _ = frozen(residual_network(), Recipe())
    for node in model.frozen_graph().nodes:
        op = node.op
        if isinstance(op, Quantise):
            assert _mantissa(op.scale) <= 6
            assert op.group == model.graph.by_name[node.name].op.group
        if isinstance(op, Affine):
            assert all(_mantissa(m) <= 8 and m >= 0 for m in op.multiplier)
        if isinstance(op, SourceConv2d | SourceLinear):
            assert np.array_equal(op.weight, np.round(op.weight))
            assert np.abs(op.weight).max() <= 7
            assert all(_mantissa(s) <= 8 for s in op.weight_scale)


def test_power_of_two_scales_make_every_rescaling_a_shift() -> None:
    model, _ = frozen(residual_network(), Recipe(scales="power-of-two"))
    for node in model.frozen_graph().nodes:
        op = node.op
        values = [getattr(op, "scale", 0.0), *getattr(op, "multiplier", ()), *(getattr(op, "weight_scale", None) or ())
                  ] if not isinstance(op, SourceConv2d | SourceLinear) else list(op.weight_scale)  # fmt: skip
        assert all(_mantissa(v) <= 1 for v in values)


def test_last_layer_has_one_scale_and_a_bias_on_the_accumulators_grid() -> None:
    model, _ = frozen(residual_network(), Recipe())
    graph = model.frozen_graph()
    fc, source = graph.by_name["fc"].op, graph.by_name["mean_q"].op
    assert len(set(fc.weight_scale)) == 1
    grid = Fraction(fc.weight_scale[0]) * Fraction(source.scale)
    assert all((Fraction(b) / grid).denominator == 1 for b in fc.bias)


def test_a_group_shares_scale_and_sign() -> None:
    model, _ = frozen(residual_network(), Recipe())
    graph = model.frozen_graph()
    one, other = graph.by_name["b_q"].op, graph.by_name["skip_q"].op
    assert (one.scale, one.signed) == (other.scale, other.signed)
    assert one.signed
    assert graph.by_name["stem_q"].op.signed is False


def test_masked_channels_carry_nothing() -> None:
    model = PreparedModel(residual_network(), Recipe())
    model.calibrate(batches_of(model.graph))
    model.set_mask("stem", [True, False, True, True])
    graph = model.freeze().frozen_graph()
    assert not graph.by_name["stem"].op.weight[1].any()
    assert not graph.by_name["b"].op.weight[1].any()
    for name in ("stem_bn", "b_bn"):
        assert graph.by_name[name].op.multiplier[1] == graph.by_name[name].op.shift[1] == 0
    assert graph.by_name["b"].op.weight[0].any()


def test_freezing_barely_moves_eight_bits() -> None:
    graph = residual_network(act_bits=8)
    model = PreparedModel(graph, Recipe(weight_bits=8, act_bits=8))
    batches = batches_of(graph)
    model.eval()
    plain = model(batches[0][0])
    model.calibrate(batches)
    model.freeze()
    assert (model(batches[0][0]) - plain).abs().max() < 0.1 * plain.abs().max()


def test_what_needs_more_than_53_bits_is_refused() -> None:
    graph = Graph(
        {"x": TensorType((2,))},
        (
            Node("x_q", Quantise(8, False, 1 / 256), ("x",)),
            Node("bn", Affine(np.array([1 / 3, 1.0]), np.zeros(2)), ("x_q",)),
        ),
        ("bn",),
    )
    with pytest.raises(IntaglioError, match="bn exactly: an intermediate could need more than 53 bits"):
        prove(graph)
    graph = Graph(graph.inputs, (*graph.nodes[:1], replace(graph.nodes[1], op=Affine(*np.ones((2, 2)))),
                                 Node("q", Quantise(4, False, 0.1), ("bn",))), ("q",))  # fmt: skip
    with pytest.raises(IntaglioError, match="q exactly: a quotient could be misread"):
        prove(graph)


def test_an_affine_after_an_odd_division_is_refused() -> None:
    graph = Graph(
        {"x": TensorType((3, 3, 1))},
        (
            Node("x_q", Quantise(8, False, 1 / 256), ("x",)),
            Node("pool", SourceAvgPool((3, 3), (1, 1), (0, 0, 0, 0), 9), ("x_q",)),
            Node("bn", Affine(np.ones(1), np.ones(1)), ("pool",)),
        ),
        ("bn",),
    )
    with pytest.raises(IntaglioError, match="division by a number that is no power of two"):
        prove(graph)


def _mantissa(value: float) -> int:
    numerator = abs(Fraction(float(value)).numerator)
    return (numerator // (numerator & -numerator)).bit_length() if numerator else 0


def test_one_shift_of_the_least_error_for_a_layer_and_its_batch_norm() -> None:
    graph = mlp_network()
    model = PreparedModel(graph, Recipe("bit-shift"))
    model.calibrate(batches_of(graph))
    model.freeze()
    norm, producer = model.batch_norm("h1_bn"), model.producer("h1")
    total = (producer.unit * norm.multiplier).double()
    step = float(total[0])
    assert (total == step).all()
    assert np.log2(step) == round(np.log2(step))
    assert producer.range.hi == 127
    scale = step / producer.step.double()  # of the weights, when the batch norm is folded into them
    folded = producer.weight.double() * scale[:, None]

    def error(candidate: float) -> float:
        codes = torch.floor(folded / candidate + 0.5).clamp(-127, 127)
        return float((codes * candidate - folded).square().sum())

    assert error(step) == min(error(step * 2.0**k) for k in range(-3, 4))
