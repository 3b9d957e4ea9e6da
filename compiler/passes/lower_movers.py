"""Pools and operators that move data: what is pending on a channel moves with it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np

from ..ir import Node, Op, as_integers
from ..ops import (
    Argmax,
    Flatten,
    Gather,
    MaxPool,
    MulShift,
    Pad,
    PositionAffine,
    Slice,
    Softmax,
    SumPool,
    TopK,
    Upsample,
    ZeroStuff,
)
from ..ops.softmax import GUARD_BITS, MOST_EXPONENTS
from ..ops.source import (
    SourceAvgPool,
    SourceGather,
    SourceMaxPool,
    SourcePad,
    SourcePositionAffine,
    SourceSlice,
    SourceSoftmax,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from .lowering import LARGEST, Lowering, no_quantiser, refuse
from .pending import Pending, exact, unit_of

LN2 = Fraction(0.6931471805599453)
GRID_BITS = 12
"""Fraction bits of logits that have no common unit."""


def _moved(low: Lowering, node: Node) -> Pending:
    """An operand of which elements are only moved: anything may be pending, but a quantiser must have been."""
    x = low.operand(node)
    if x.raw:
        raise no_quantiser(x.tensor, node.loc or node.name)
    return x


def max_pool(low: Lowering, node: Node, op: SourceMaxPool) -> Pending:
    x = _moved(low, node)
    if any(step.direction(c) != 1 for step in x.steps for c in range(x.channels)):
        raise refuse(node, f"a max pool follows {x.steps[0].function}, which is not increasing", "a quantiser between")
    x = low.rising(node, x)
    low.emit(node, MaxPool(op.kernel, op.stride, op.padding), x)
    return low.owned(node, x.on(node.name))


def avg_pool(low: Lowering, node: Node, op: SourceAvgPool) -> Pending:
    x = low.quantised(node)
    counts = None if op.counts is None or len(set(op.counts.ravel().tolist())) == 1 else op.counts
    if x.clipped or (x.biased and (any(op.padding) or counts is not None)):
        x = low.plain(node, x)
    divisor = op.divisor if op.counts is None or counts is not None else int(op.counts.flat[0])
    taps = Fraction(op.kernel[0] * op.kernel[1], divisor)
    if counts is None:
        low.emit(node, SumPool(op.kernel, op.stride, op.padding, divisor), x)
        slope, offset = tuple(v / divisor for v in x.slope), tuple(v * taps for v in x.offset)
        return low.owned(node, replace(x, tensor=node.name, slope=slope, offset=offset))
    # sum / count(position) = sum * (common / count) / common
    common = lcm(*counts.ravel().tolist())
    total = low.emit(node, SumPool(op.kernel, op.stride, op.padding), x, name=low.fresh(f"{node.name}_sum"))
    factors = as_integers(common // counts[..., None])
    scale = None if x.scale is None else x.scale / common
    low.emit(node, PositionAffine(factors, as_integers(np.zeros((1, 1, 1))), scale), x.on(total))
    return Pending.codes(node.name, x.channels, [v / common for v in x.slope])


def position_affine(low: Lowering, node: Node, op: SourcePositionAffine) -> Pending:
    """In a unit of which every product and every shift is a multiple."""
    x = low.plain(node, low.quantised(node), uniform=True)
    scale, axes = x.slope[0], len(low.kind(x).shape)
    products = [scale * exact(v) for v in op.multiplier.ravel()]
    shifts = [exact(v) for v in op.shift.ravel()]
    unit = unit_of([*products, *shifts])
    if max(map(abs, (*products, *shifts)), default=unit) / unit > LARGEST:
        raise refuse(node, "its constants have no common unit that 60 bits hold", "constants of fewer bits")
    multiplier, shift = (
        as_integers([int(v / unit) for v in values]).reshape((1,) * (axes - given.ndim) + given.shape)
        for values, given in ((products, op.multiplier), (shifts, op.shift))
    )
    low.emit(node, PositionAffine(multiplier, shift, unit), x)
    return Pending.codes(node.name, x.channels, unit)


def flatten(low: Lowering, node: Node, _: Op) -> Pending:
    x = _moved(low, node)
    kind = low.kind(x)
    if len(kind.shape) == 1:
        return low.owned(node, x)
    low.emit(node, Flatten(), x)
    return low.owned(node, x.on(node.name, list(range(x.channels)) * kind.pixels))


def gather(low: Lowering, node: Node, op: SourceGather) -> Pending:
    """An output channel of which all pixels come from one channel keeps what is pending on that."""
    x = _moved(low, node)
    sources = (op.index % x.channels).reshape(-1, op.shape[-1])
    if (sources == sources[0]).all():
        low.emit(node, Gather(op.index, op.shape, x.channels), x)
        return low.owned(node, x.on(node.name, sources[0].tolist()))
    if not x.uniform:
        x = low.plain(node, low.quantised(node), uniform=True)
    low.emit(node, Gather(op.index, op.shape, x.channels), x)
    return low.owned(node, x.on(node.name, [0] * op.shape[-1]))


def slice_(low: Lowering, node: Node, op: SourceSlice) -> Pending:
    x = _moved(low, node)
    low.emit(node, Slice(op.rows, op.columns, op.channels), x)
    return low.owned(node, x.on(node.name, op.channels.tolist()))


def upsample(low: Lowering, node: Node, op: SourceUpsample) -> Pending:
    x = _moved(low, node)
    low.emit(node, Upsample(op.factors), x)
    return low.owned(node, x.on(node.name))


def zero_stuff(low: Lowering, node: Node, op: SourceZeroStuff) -> Pending:
    """The integer 0 must mean 0."""
    x = low.plain(node, low.quantised(node))
    if low.kind(x).dtype is not None and low.kind(x).dtype.bipolar:  # type: ignore[union-attr]
        x = _widened(low, node, x)
    low.emit(node, ZeroStuff(op.factors), x)
    return x.on(node.name)


def pad(low: Lowering, node: Node, op: SourcePad) -> Pending:
    x, value = low.quantised(node), exact(op.value)
    codes = None if x.clipped else _codes(x, value)
    if codes is None:
        x = low.plain(node, x)
        codes = _codes(x, value)
    if codes is None:
        x = low.plain(node, x, value, uniform=True)
        codes = [int(value / x.slope[0])] * x.channels
    kind = low.kind(x)
    if kind.dtype is not None and kind.dtype.bipolar and not {*codes} <= {-1, 1}:
        x = _widened(low, node, x)
    low.emit(node, Pad(op.padding, codes[0] if len(set(codes)) == 1 else as_integers(codes)), x)
    return x.on(node.name)


def _codes(x: Pending, value: Fraction) -> list[int] | None:
    """The integers that stand for a value, if every channel has one."""
    found = [(value - b) / s if s else None for s, b in zip(x.slope, x.offset, strict=True)]
    return None if any(v is None or v.denominator != 1 for v in found) else [int(v) for v in found if v is not None]


def _widened(low: Lowering, node: Node, x: Pending) -> Pending:
    """Bipolar numbers as integers that may also be 0."""
    return x.on(low.scaled(node, x.tensor, [1] * x.channels, [0] * x.channels))


def _ordered(low: Lowering, node: Node) -> Pending:
    """An operand whose integers, across channels, are in the order of its values."""
    x = _moved(low, node)
    same = x.uniform and not x.clipped and x.slope[0] > 0 and all(step.function in STRICT for step in x.steps)
    if same:
        return x
    return low.plain(node, low.rising(node, low.quantised(node)), uniform=True)


STRICT = {"sigmoid", "tanh", "exp", "log", "softplus", "soft_sign", "erf"}
"""Functions that keep every order, ties included."""


def argmax(low: Lowering, node: Node, _: Op) -> Pending:
    low.emit(node, Argmax(), _ordered(low, node))
    return Pending.codes(node.name, 1, Fraction(1))


def top_k(low: Lowering, node: Node, op: SourceTopK) -> Pending:
    x = _ordered(low, node)
    low.emit(node, TopK(op.k, op.largest, op.values), x)
    if not op.values:
        return Pending.codes(node.name, op.k, Fraction(1))
    return x.on(node.name, [0] * op.k)


def softmax(low: Lowering, node: Node, op: SourceSoftmax) -> Pending:
    """What all channels have in common goes; then a table of exp, by the scale."""
    x = low.quantised(node)
    if not x.clipped and len(set(x.offset)) == 1:
        x = replace(x, offset=(Fraction(0),) * x.channels)
    x = low.rising(node, x)
    reach = (op.bits + GUARD_BITS + 1) * LN2  # a logit that far below the largest has no exponential
    if not x.clipped and reach > MOST_EXPONENTS * unit_of([*x.slope, *x.offset]):
        x = _on_a_grid(low, node, x, reach)
    else:
        x = low.plain(node, x, uniform=True)
    low.emit(node, Softmax.of(x.slope[0], op.bits, low.kind(x)), x)
    return Pending.codes(node.name, x.channels, Fraction(1, 1 << op.bits))


def _on_a_grid(low: Lowering, node: Node, x: Pending, reach: Fraction) -> Pending:
    """Logits whose scales have no common unit that a table could count in: to the nearest multiple of 2^-12, or a step
    beside it. That is where this softmax begins; its integers are defined by it.
    """
    kind = low.kind(x)
    finest = GRID_BITS
    while reach * (1 << finest) > MOST_EXPONENTS:
        finest -= 1
    widest = max(abs(v) for v in (*kind.lo, *kind.hi))
    shift = int(widest).bit_length() + 2
    unit = 1 << (finest + shift)
    multiplier = [round(v * unit) for v in x.slope]
    addend = [round(v * unit) + (1 << (shift - 1)) for v in x.offset]
    ends = [m * v + b for m, b, *both in zip(multiplier, addend, kind.lo, kind.hi, strict=True) for v in both]
    if max(map(abs, ends)) > LARGEST:
        raise refuse(node, "its logits need more than 60 bits", "a quantiser in front of the softmax")
    scale = Fraction(1, 1 << finest)
    op = MulShift(as_integers(multiplier), as_integers(addend), shift, min(ends) >> shift, max(ends) >> shift, scale)
    return Pending.codes(low.emit(node, op, x, name=low.fresh(f"{node.name}_logits")), x.channels, scale)
