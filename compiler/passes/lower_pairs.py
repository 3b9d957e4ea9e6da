"""Operators of several tensors: their scales are aligned exactly, by whole-numbered factors."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ..ir import Node, Op
from ..ops import Add, Concat, Maximum, Minimum, Multiply, Subtract
from ..ops.source import SourceConcat, SourceMaximum, SourceMinimum, SourceSubtract
from .lowering import Lowering
from .pending import ZERO, Pending

ALIGNED: dict[str, type[Op]] = {
    SourceSubtract.name: Subtract,
    SourceMaximum.name: Maximum,
    SourceMinimum.name: Minimum,
}


def add(low: Lowering, node: Node, _: Op) -> Pending:
    """Offsets add up, and stay pending."""
    a, b = low.quantised(node, 0), low.quantised(node, 1)
    offset = [ZERO] * a.channels
    unbiased = []
    for x in (a, b):
        if x.clipped:
            unbiased.append(x)
            continue
        own = x.offset * (a.channels // x.channels)
        offset = [total + v for total, v in zip(offset, own, strict=True)]
        unbiased.append(replace(x, offset=(ZERO,) * x.channels))
    left, right = low.aligned(node, *unbiased)
    low.emit(node, Add(), left, right)
    return replace(Pending.codes(node.name, left.channels, left.slope), offset=tuple(offset))


def compare(low: Lowering, node: Node, op: Op) -> Pending:
    """subtract, maximum, minimum"""
    left, right = low.aligned(node, low.quantised(node, 0), low.quantised(node, 1))
    low.emit(node, ALIGNED[op.name](), left, right)
    return Pending.codes(node.name, left.channels, left.slope)


def multiply(low: Lowering, node: Node, _: Op) -> Pending:
    """Scales multiply."""
    left, right = (low.plain(node, low.quantised(node, position)) for position in (0, 1))
    low.emit(node, Multiply(), left, right)
    factors = right.slope * (left.channels // right.channels)
    slope: list[Fraction] = [a * b for a, b in zip(left.slope, factors, strict=True)]
    return Pending.codes(node.name, left.channels, slope)


def concat(low: Lowering, node: Node, op: SourceConcat) -> Pending:
    """Each channel keeps what is pending on it."""
    parts = [low.quantised(node, position) for position in range(op.count)]
    low.emit(node, Concat(op.count), *parts)
    joined = {name: tuple(v for x in parts for v in getattr(x, name)) for name in ("slope", "offset", "lo", "hi")}
    return Pending(node.name, **joined)
