"""Quantisers -> requantisers: the whole chain between two integer tensors, collapsed into one operator.

    conv1 = source.conv2d(x_q)                       conv1 = conv2d(x)
    bn1 = source.affine(conv1)                ->     relu1_q = requantise(conv1)      affine, clipped: one staircase
    relu1 = source.relu(bn1)                         act_q = lookup(…)                anything else, as a table
    relu1_q = source.quantise(relu1)                 sign_q = threshold(…)            one bit: -1 or +1

The first quantiser of an input moves to the border: the graph's input is its codes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Border, IntType, Node, TensorType
from ..ops import Requantise
from ..ops.rounding import between, rounded
from ..ops.source import FixedQuantise, Quantise, SourceMultiThreshold
from .lowering import Lowering, fractions, no_quantiser, refuse
from .pending import ONE, ZERO, Fractions, Pending, short
from .tabulate import Floats, tabulated

FREEZE = "lower(model) takes a frozen model: call model.freeze() first"


@dataclass(frozen=True)
class Quantiser:
    """clip(round(x / scale[c] + zero[c]), lo, hi) - zero[c]; or, bipolar, the sign of x."""

    scale: Fractions
    zero: tuple[int, ...]
    lo: int
    hi: int
    rounding: str
    bipolar: bool = False

    def code(self, channel: int, value: Fraction) -> int:
        if self.bipolar:
            return 1 if value >= 0 else -1
        zero = self.zero[channel]
        return max(self.lo, min(self.hi, rounded(self.rounding, value / self.scale[channel] + zero))) - zero

    def near(self, channel: int, low: Floats, high: Floats) -> Floats:
        """The code that all numbers from low to high have; NaN where they may have several."""
        if self.bipolar:
            return np.where(low > 0, 1.0, np.where(high < 0, -1.0, np.nan))
        scale, zero = float(self.scale[channel]), self.zero[channel]
        ends = []
        for value, side in ((low / scale, -1), (high / scale, 1)):
            lost = 1e-12 * (np.abs(value) + abs(zero) + 1)  # more than float64 loses here
            ends.append(value + zero + side * lost)
        below, above = (between(self.rounding, v) for v in ends)
        return np.where(below == above, np.clip(below, self.lo, self.hi) - zero, np.nan)

    @property
    def one_scale(self) -> Fraction | None:
        return self.scale[0] if len(set(self.scale)) == 1 else None


def quantise(low: Lowering, node: Node, op: Quantise) -> Pending:
    if op.scale is None or op.signed is None:
        raise IntaglioError("a quantiser has no scale yet", where=node.loc or node.name, hint=FREEZE)
    if not (np.isfinite(op.scale) and op.scale > 0):
        raise IntaglioError(
            f"a quantiser has the scale {op.scale}", where=node.loc or node.name, hint="scales are positive numbers"
        )
    channels = low.operand(node).channels
    return _apply(low, node, Quantiser((Fraction(op.scale),) * channels, (0,) * channels, op.lo, op.hi, "half_up"))


def fixed_quantise(low: Lowering, node: Node, op: FixedQuantise) -> Pending:
    channels = low.operand(node).channels
    scale, zero = (tuple(np.broadcast_to(v, (channels,)).tolist()) for v in (op.scale, op.zero))
    return _apply(low, node, Quantiser(scale, zero, op.lo, op.hi, op.rounding, op.bipolar))


def _apply(low: Lowering, node: Node, q: Quantiser) -> Pending:
    x = low.operand(node)
    if x.raw:
        return _border(low, node, q, x)
    x = low.upright(x)
    kind = low.kind(x)
    scale = q.one_scale
    if q.bipolar:
        return _bipolar(low, node, q, x)
    if (
        x.plain
        and x.slope == q.scale
        and all(a >= q.lo - z and b <= q.hi - z for a, b, z in zip(kind.lo, kind.hi, q.zero, strict=True))
    ):
        return replace(x, owned=False)  # it changes nothing
    ends = None if x.steps else _common_clip(q, x, kind)
    if ends is not None and len(set(q.zero)) == 1:
        zero = q.zero[0]
        slope = fractions(v / s for v, s in zip(x.slope, q.scale, strict=True))
        offset = fractions(v / s + zero for v, s in zip(x.offset, q.scale, strict=True))
        low.emit(node, Requantise(slope, offset, *ends, scale, q.rounding, zero), x)
    else:
        where = node.loc or node.name
        op = tabulated(
            x, kind, q.code, where, scale=scale, bipolar=False, name=node.name, shared=_shared(q), near=q.near
        )
        low.emit(node, op, x)
    return Pending.codes(node.name, x.channels, q.scale)


def _shared(q: Quantiser) -> bool:
    return len(set(q.scale)) == 1 and len(set(q.zero)) == 1


def _bipolar(low: Lowering, node: Node, q: Quantiser, x: Pending) -> Pending:
    op = tabulated(
        x,
        low.kind(x),
        q.code,
        node.loc or node.name,
        scale=q.one_scale,
        bipolar=True,
        name=node.name,
        shared=_shared(q),
        near=q.near,
        few_levels=True,
    )
    low.emit(node, op, x)
    return Pending.codes(node.name, x.channels, q.scale)


def _common_clip(q: Quantiser, x: Pending, kind: TensorType) -> tuple[int, int] | None:
    """One clip of the codes that serves all channels, the clip of the chain in it: where some are clipped closer than
    others, these must never get there.
    """

    def code(channel: int, value: Fraction) -> int:
        return max(q.lo, min(q.hi, rounded(q.rounding, value / q.scale[channel] + q.zero[channel])))

    ends = []
    for limits, outer, pick in ((x.lo, q.lo, max), (x.hi, q.hi, min)):
        own = [outer if v is None else code(c, v) for c, v in enumerate(limits)]
        common = pick(own)
        for c, mine in enumerate(own):
            if mine == common:
                continue
            reach = [x.slope[c] * v + x.offset[c] for v in (kind.lo[c], kind.hi[c])]
            furthest = code(c, min(reach) if pick is max else max(reach))
            if pick(furthest, common) != furthest:
                return None
        ends.append(common)
    return (ends[0], ends[1]) if ends[0] <= ends[1] else None


def _border(low: Lowering, node: Node, q: Quantiser, x: Pending) -> Pending:
    """The quantiser of an input: the input becomes its codes, the border rounds."""
    where = node.loc or node.name
    if x.steps or x.clipped or not all(x.slope) or len(set(q.zero)) > 1:
        raise no_quantiser(x.tensor, where)
    if q.bipolar and any(v < 0 for v in x.slope):
        raise no_quantiser(x.tensor, where)
    shape, zero = low.source.inputs[x.tensor].shape, q.zero[0]
    scale = q.one_scale
    if q.bipolar:
        channels = shape[-1]
        kind = TensorType(shape, IntType(True, 1), (-1,) * channels, (1,) * channels, scale)
    else:
        kind = TensorType.integer(shape, q.lo - zero, q.hi - zero, scale)
    _place(
        low,
        x.tensor,
        kind,
        slope=short(s / a for s, a in zip(q.scale, x.slope, strict=True)),
        offset=short(-b / a for b, a in zip(x.offset, x.slope, strict=True)),
        rounding=q.rounding,
        zero=zero,
        where=where,
    )
    return Pending.codes(x.tensor, x.channels, q.scale)


def _place(low: Lowering, name: str, kind: TensorType, *, where: str, **fields: Any) -> None:
    """The input becomes integers of this type. Raises IntaglioError where another quantiser made others of it."""
    border = replace(low.source.border.get(name) or Border.standard(kind), **fields)
    known = low.types.get(name)
    if known is not None and not known.is_real and (known, low.border.get(name)) != (kind, border):
        raise IntaglioError(
            f"the input {name} is read by two quantisers that differ",
            where=where,
            hint="say what the input holds: input_type='fixed<16,6>' (--input-type fixed<16,6>)",
        )
    low.inputs[name] = low.types[name] = kind
    low.border[name] = border


def multi_threshold(low: Lowering, node: Node, op: SourceMultiThreshold) -> Pending:
    """out_scale * (how many thresholds x reaches) + out_bias: the codes count from the bias, if that is whole."""
    x = low.operand(node)
    x = x if x.raw else low.upright(x)
    rows = [op.thresholds[c if len(op.thresholds) > 1 else 0] for c in range(x.channels)]
    middle = op.out_bias + op.out_scale / 2
    bipolar = op.thresholds.shape[1] == 1 and middle == 0
    scale = op.out_scale / 2 if bipolar else op.out_scale
    whole = op.out_bias / scale
    base = int(whole) if whole.denominator == 1 and not bipolar else 0
    left = ZERO if bipolar else op.out_bias - base * scale

    def code(channel: int, value: Fraction) -> int:
        count = sum(value >= t for t in rows[channel])
        return (1 if count else -1) if bipolar else base + count

    def near(channel: int, low: Floats, high: Floats) -> Floats:
        row = np.array(rows[channel], np.float64)
        least = np.searchsorted(row + 1e-12 * np.abs(row), low, "right")
        most = np.searchsorted(row - 1e-12 * np.abs(row), high, "right")
        codes = np.where(least > 0, 1.0, -1.0) if bipolar else base + least
        return np.where((least == most) & ~np.isnan(low + high), codes, np.nan)

    where = node.loc or node.name
    if scale <= 0:
        raise refuse(node, f"a MultiThreshold has the output scale {scale}", "a positive out_scale")
    result = replace(Pending.codes(node.name, x.channels, scale), offset=(left,) * x.channels)
    if x.raw:
        _evenly_spaced(low, x, rows, base, bipolar=bipolar, where=where)
        return replace(result, tensor=x.tensor)
    operator = tabulated(
        x,
        low.kind(x),
        code,
        where,
        scale=None if left else scale,
        bipolar=bipolar,
        name=node.name,
        shared=len(op.thresholds) == 1,
        near=near,
        few_levels=True,
    )
    low.emit(node, operator, x)
    return result


def _evenly_spaced(low: Lowering, x: Pending, rows: list[Any], base: int, *, bipolar: bool, where: str) -> None:
    """Thresholds on an input: floor((x - first) / distance) + 1, if all distances are equal; else refused."""
    steps = [{b - a for a, b in pairwise(row.tolist())} or {ONE} for row in rows]
    if x.steps or x.clipped or any(len(step) > 1 or min(step) <= 0 for step in steps) or min(x.slope) <= 0:
        raise no_quantiser(x.tensor, where)
    distance = [step.pop() for step in steps]
    first = [row[0] for row in rows]
    shape, count = low.source.inputs[x.tensor].shape, len(rows[0])
    if bipolar:
        kind = TensorType(shape, IntType(True, 1), (-1,) * x.channels, (1,) * x.channels)
        origin = first
    else:
        kind = TensorType.integer(shape, base, base + count)
        origin = [f - (base + 1) * d for f, d in zip(first, distance, strict=True)]  # where the code is 0
    _place(
        low,
        x.tensor,
        kind,
        slope=short(d / a for d, a in zip(distance, x.slope, strict=True)),
        offset=short((o - b) / a for o, b, a in zip(origin, x.offset, x.slope, strict=True)),
        rounding="floor",
        where=where,
    )
