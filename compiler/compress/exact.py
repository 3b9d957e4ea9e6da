"""The proof that float64 computes a frozen network exactly.

Every tensor is followed as a multiple of a power of two, 2^-grid, that is no larger than `size`: while size * 2^grid
stays below 2^53, so do all partial sums, and no operation rounds. Two divisions do round: by the divisor of an average
pool that is no power of two, and by a quantiser's scale. A quotient can only be misread where it comes near a tie
k + 1/2 without being one; since it is a multiple of a known fraction, it then stays further from the tie than all
rounding errors together.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import (
    Affine,
    Quantise,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)

EXACT = 1 << 53
CLEAR = 1 << 50
"""A tie that is further away than 1/CLEAR of the quotient cannot be missed: two roundings err by 2^-52 at most."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Channel c holds multiples of 2^-grid[c] / divisor, no larger than size[c]."""

    grid: tuple[int, ...]
    size: tuple[Fraction, ...]
    divisor: int = 1


def _fine(value: float) -> int:
    """The least n >= 0 for which value * 2^n is whole."""
    return Fraction(float(value)).denominator.bit_length() - 1


def prove(graph: Graph) -> Graph:
    """The graph itself, if float64 computes it exactly.

    Raises:
        IntaglioError: where an intermediate might need more than 53 bits.
    """
    grids: dict[str, Grid | None] = dict.fromkeys(graph.inputs)
    for node in graph.nodes:
        ins = [grids[name] for name in node.inputs]
        if isinstance(node.op, Quantise):
            grids[node.name] = _quantise(node, node.op, ins[0], graph.types[node.name].channels)
            continue
        known = [i for i in ins if i is not None]
        if len(known) < len(ins):
            if isinstance(node.op, SourceFlatten | SourceRelu | SourceMaxPool | SourceArgmax):
                grids[node.name] = None  # still as the user gave it
                continue
            raise IntaglioError(f"{node.name} reads an input that is not quantised", where=node.loc)
        grids[node.name] = _through(node, node.op, known, graph)
    return graph


def _quantise(node: Node, op: Quantise, x: Grid | None, channels: int) -> Grid:
    if op.scale is None or op.signed is None:
        raise IntaglioError(f"the quantiser {node.name} has no scale yet", where=node.loc)
    scale = Fraction(op.scale)
    fine = _fine(op.scale)
    if x is not None:
        # the quotient is a multiple of 1/parts, a tie of 1/(2*parts)
        parts = scale.numerator * x.divisor << max(0, max(x.grid) - fine)
        if (op.hi + 2) * 2 * parts > CLEAR:
            _refuse(node, "a quotient could be misread")
    return Grid((fine,) * channels, (scale * max(op.hi, -op.lo),) * channels)


def _through(node: Node, op: Any, ins: list[Grid], graph: Graph) -> Grid | None:
    x = ins[0]
    if isinstance(op, SourceRelu | SourceMaxPool):
        return x
    if isinstance(op, SourceArgmax):
        return None
    if isinstance(op, SourceFlatten):
        times = graph.types[node.name].channels // len(x.grid)
        return Grid(x.grid * times, x.size * times, x.divisor)
    if any(i.divisor != 1 for i in ins):
        _refuse(node, "it follows a division by a number that is no power of two")
    if isinstance(op, SourceAvgPool):
        return _average(node, op, x)
    if isinstance(op, SourceAdd):
        grid = tuple(max(pair) for pair in zip(x.grid, ins[1].grid, strict=True))
        return _checked(node, grid, [a + b for a, b in zip(x.size, ins[1].size, strict=True)])
    if isinstance(op, Affine):
        pairs = list(zip(op.multiplier.tolist(), op.shift.tolist(), strict=True))
        grid = tuple(max(g + _fine(m), _fine(b)) for g, (m, b) in zip(x.grid, pairs, strict=True))
        sizes = [s * abs(Fraction(m)) + abs(Fraction(b)) for s, (m, b) in zip(x.size, pairs, strict=True)]
        return _checked(node, grid, sizes)
    if isinstance(op, SourceConv2d | SourceLinear):
        return _multiply_accumulate(node, op, x)
    raise IntaglioError(f"{op.name} does not belong in a frozen network", where=node.loc or node.name)


def _multiply_accumulate(node: Node, op: SourceConv2d | SourceLinear, x: Grid) -> Grid:
    codes = op.weight.reshape(len(op.bias), -1)
    if op.weight_scale is None or not np.array_equal(codes, np.floor(codes)):
        raise IntaglioError(f"the weights of {node.name} are not quantised", where=node.loc)
    finest, largest = max(x.grid), max(x.size)
    grid, sizes = [], []
    for row, scale, bias in zip(codes, op.weight_scale.tolist(), op.bias.tolist(), strict=True):
        grid.append(max(finest + _fine(scale), _fine(bias)))
        total = int(np.abs(row).sum())
        sizes.append(total * Fraction(scale) * largest + abs(Fraction(bias)))
    return _checked(node, tuple(grid), sizes)


def _average(node: Node, op: SourceAvgPool, x: Grid) -> Grid:
    taps = op.kernel[0] * op.kernel[1]
    sums = _checked(node, x.grid, [s * taps for s in x.size])
    sizes = tuple(s / op.divisor for s in sums.size)
    odd = op.divisor
    twos = (odd & -odd).bit_length() - 1
    return Grid(tuple(g + twos for g in sums.grid), sizes, odd >> twos)


def _checked(node: Node, grid: tuple[int, ...], sizes: list[Fraction]) -> Grid:
    if any(size * (1 << fine) > EXACT for fine, size in zip(grid, sizes, strict=True)):
        _refuse(node, "an intermediate could need more than 53 bits")
    return Grid(grid, tuple(sizes))


def _refuse(node: Node, why: str) -> None:
    raise IntaglioError(
        f"float64 cannot be shown to compute {node.name} exactly: {why}",
        where=node.loc,
        hint="fewer weight_bits or act_bits, or a quantiser in front of it",
    )
