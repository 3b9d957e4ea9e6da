"""The proof that float64 computes a frozen network exactly.

Every tensor is followed as a multiple of a power of two, 2^-grid, that is no larger than `size`: while size * 2^grid
stays below 2^53, so do all partial sums, and no operation rounds. Two divisions do round: by the divisor of an average
pool that is no power of two, and by a quantiser's scale. A quotient can only be misread where it comes near a tie
k + 1/2 without being one; since it is a multiple of a known fraction, it then stays further from the tie than all
rounding errors together.

A function such as sigmoid has irrational values: float64 gives them to some 1e-15, and the quantiser behind it reads
them rightly unless one lies nearer to a tie than that. With at most 2^12 arguments each, none is expected to; there is
no proof. The same holds for what the user's float inputs are, divided by a scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import (
    Affine,
    Quantise,
    SourceActivation,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceFlatten,
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
    SourceSoftmax,
    SourceSubtract,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from ..ops.source.kinds import MOVES, RANKS
from .functions import RATIONAL

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
            if isinstance(node.op, (*MOVES, *RANKS, SourceRelu)) or _is_mask(node.op):
                grids[node.name] = None  # still as the user gave it, or as a function gave it
                continue
            raise IntaglioError(f"{node.name} reads an input that is not quantised", where=node.loc)
        grids[node.name] = _through(node, node.op, known, graph)
    return graph


def _is_mask(op: Any) -> bool:
    """Whether it multiplies by 1 and 0 only, which is exact whatever it meets."""
    return isinstance(op, Affine) and set(op.multiplier.tolist()) <= {0.0, 1.0} and not op.shift.any()


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
    x, kind = ins[0], graph.types[node.name]
    if isinstance(op, SourceRelu | SourceMaxPool | SourceUpsample | SourceZeroStuff):
        return x
    if isinstance(op, SourceArgmax) or (isinstance(op, SourceTopK) and not op.values):
        return None
    if isinstance(op, SourceFlatten):
        times = kind.channels // len(x.grid)
        return Grid(x.grid * times, x.size * times, x.divisor)
    if isinstance(op, SourceSlice):
        kept = op.channels.tolist()
        return Grid(tuple(x.grid[c] for c in kept), tuple(x.size[c] for c in kept), x.divisor)
    if isinstance(op, SourceGather | SourceTopK):
        return Grid((max(x.grid),) * kind.channels, (max(x.size),) * kind.channels, x.divisor)
    if any(i.divisor != 1 for i in ins):
        _refuse(node, "it follows a division by a number that is no power of two")
    if isinstance(op, SourceAvgPool):
        return _average(node, op, x)
    if isinstance(op, SourceActivation):
        return _function(node, op, x)
    if isinstance(op, SourceSoftmax):
        _checked(node, x.grid, [2 * s for s in x.size])
        return None
    if isinstance(op, SourcePad):
        return Grid(
            tuple(max(g, _fine(op.value)) for g in x.grid), tuple(max(s, abs(Fraction(op.value))) for s in x.size)
        )
    if isinstance(op, SourceConcat):
        return Grid(tuple(g for i in ins for g in i.grid), tuple(s for i in ins for s in i.size))
    if len(ins) == 2:
        return _pair(node, op, x, ins[1])
    if isinstance(op, Affine | SourcePositionAffine):
        return _affine(node, op, x)
    if isinstance(op, SourceConv2d | SourceLinear):
        return _multiply_accumulate(node, op, x)
    raise IntaglioError(f"{op.name} does not belong in a frozen network", where=node.loc or node.name)


def _pair(node: Node, op: Any, x: Grid, y: Grid) -> Grid:
    times = len(x.grid) // len(y.grid)
    grids, sizes = list(zip(x.grid, y.grid * times, strict=True)), list(zip(x.size, y.size * times, strict=True))
    if isinstance(op, SourceMultiply):
        return _checked(node, tuple(a + b for a, b in grids), [a * b for a, b in sizes])
    finer = tuple(max(pair) for pair in grids)
    if isinstance(op, SourceAdd | SourceSubtract):
        return _checked(node, finer, [a + b for a, b in sizes])
    if isinstance(op, SourceMaximum | SourceMinimum):
        return Grid(finer, tuple(max(pair) for pair in sizes))
    raise IntaglioError(f"{op.name} does not belong in a frozen network", where=node.loc or node.name)


def _affine(node: Node, op: Affine | SourcePositionAffine, x: Grid) -> Grid:
    """Constants of one pixel or of many: the finest and the largest of each channel count."""
    channels = len(x.grid)
    multipliers, shifts = (
        [
            sorted(set(column))
            for column in np.broadcast_to(v, (*v.shape[:-1], channels)).reshape(-1, channels).T.tolist()
        ]
        for v in (op.multiplier, op.shift)
    )
    grid, sizes = [], []
    for g, s, ms, bs in zip(x.grid, x.size, multipliers, shifts, strict=True):
        grid.append(max(g + max(map(_fine, ms)), *map(_fine, bs)))
        sizes.append(s * max(abs(Fraction(m)) for m in ms) + max(abs(Fraction(b)) for b in bs))
    return _checked(node, tuple(grid), sizes)


def _function(node: Node, op: SourceActivation, x: Grid) -> Grid | None:
    """None for irrational values. (soft_sign divides once, by numbers as short as its argument.)"""
    if op.function not in RATIONAL or op.function == "soft_sign":
        return None
    rows = [[Fraction(v) for v in row] for row in op.parameters.tolist()]
    made = [
        _value(op.function, g, s, *row)
        for g, s, row in zip(x.grid, x.size, rows * (len(x.grid) // len(rows)), strict=True)
    ]
    result = _checked(node, tuple(g for g, _ in made), [s for _, s in made])
    return Grid(tuple(g + 1 for g in result.grid), x.size, 3) if op.function == "hard_swish" else result


def _value(function: str, grid: int, size: Fraction, *p: Fraction) -> tuple[int, Fraction]:
    """Grid and size of one channel's values; of hard_swish, before it divides by 6."""
    fine = [v.denominator.bit_length() - 1 for v in p]
    match function:
        case "leaky_relu":
            return grid + fine[0], size * max(1, abs(p[0]))
        case "clip":
            return max(grid, *fine), max(size, p[0], -p[1])
        case "at_least" | "at_most":
            return max(grid, fine[0]), max(size, abs(p[0]))
        case "hard_sigmoid":
            return max(grid + fine[0], fine[1]), size * abs(p[0]) + abs(p[1])
        case "hard_swish":
            return 2 * grid, size * 6 + 3
        case "soft_shrink":
            return max(grid, fine[0]), size + abs(p[0])
        case "threshold":
            return max(grid, fine[1]), max(size, abs(p[1]))
        case "square":
            return 2 * grid, size * size
        case "sign" | "floor" | "ceil" | "round":
            return 0, size + 1
    return grid, size  # relu, abs, hard_shrink


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
    divisors = [op.divisor] if op.counts is None else sorted({*op.counts.ravel().tolist()})
    twos = [(d & -d).bit_length() - 1 for d in divisors]
    odd = lcm(*(d >> t for d, t in zip(divisors, twos, strict=True)))
    return Grid(tuple(g + max(twos) for g in sums.grid), tuple(s / min(divisors) for s in sums.size), odd)


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
