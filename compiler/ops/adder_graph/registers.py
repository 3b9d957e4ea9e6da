"""Registers of an adder graph, those of its results among them.

Bits that are the same function are held once; three registers in a row are a shift register. A wire of an adder is
kept as it is, and so is the first register behind it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .graph import NOTHING, AdderGraph, trailing_zeros
from .stages import segments

SHORTEST_LINE = 3
"""Registers in a row that become a shift register in LUTs."""

LONGEST_LINE = 16
"""Of one LUT, as Yosys counts them (SRL16E)."""

Bit = frozenset[int]
"""The numbers of which a bit is the exclusive or; nothing for 0."""


@dataclass
class Registers:
    """bits: flip-flops behind the operands. lines: LUTs that are shift registers. idle: bits of operands that are read
    and yet need no flip-flop, as a shift register begins with them.
    """

    bits: int = 0
    lines: int = 0
    idle: int = 0
    held: set[tuple[int, Bit]] = field(default_factory=set)

    def row(self, last: int, length: int, bits: list[Bit], *, operand: bool = False) -> None:
        """Adds registers in a row up to row `last` of the graph's, of which nothing but the last one is read; the first
        one is an operand's, or none is.
        """
        if length < SHORTEST_LINE:
            self.held |= {(last - back, bit) for back in range(length - operand) for bit in bits if bit}
        else:
            self.lines += -(-length // LONGEST_LINE) * len(bits)
            self.idle += operand * len(bits)


@dataclass(frozen=True)
class _Result:
    """What a result is: bias +/- (node << shift)."""

    node: int
    shift: int
    minus: bool
    bias: int

    @property
    def plain(self) -> bool:
        return not self.minus and self.bias == 0

    def passing(self, bits: int) -> int:
        """How many of the node's lowest bits it holds as they are."""
        if self.plain:
            return bits
        return 0 if self.minus else min(max(trailing_zeros([self.bias]) - self.shift, 0), bits)

    def bits(self, node_bits: int, signed: bool, out_bits: int) -> int:
        """Of its register, but for those that are constant."""
        if self.plain:
            return min(node_bits, out_bits - self.shift)
        negative = not self.minus and (signed or self.bias < 0)  # then both are added as signed numbers
        bias = max(self.bias, ~self.bias).bit_length() + negative
        widest = max(node_bits + self.shift + (negative and not signed), bias)
        return min(widest + 1, out_bits) - self.shift


def graph_registers(graph: AdderGraph, stages: int, out_bits: int, *, held: bool) -> Registers:
    """held: is each operand in a register that nothing else reads?"""
    places, names, found = segments(graph, stages), bit_names(graph), Registers()
    reads: Counter[tuple[int, int]] = Counter()  # of a node, behind so many rows of registers
    for node, a in enumerate(graph.adders, graph.inputs):
        reads.update([(a.left, places[node]), (a.right, places[node])])
    ends = zip(graph.outputs, graph.bias, strict=True)
    results = {_Result(tap.node, tap.shift, tap.minus, bias) for tap, bias in ends if tap.node != NOTHING}
    reads.update((result.node, stages) for result in results)
    last: dict[int, int] = {}
    for node, place in reads:
        last[node] = max(last.get(node, 0), place)
    # results that alone read the last register of their node
    alone = {r.node: r for r in results if reads[r.node, stages] == 1 and places[r.node] < stages}
    for node, end in last.items():
        operand = held and node < graph.inputs and reads[node, 0] + (end > 0) == 1
        row, goes_on = int(operand), 0
        if node in alone:
            goes_on = alone[node].passing(len(names[node]))
        for place in range(places[node] + 1, end + 1):
            row += 1
            if place < end and not reads[node, place]:
                continue
            if node >= graph.inputs and place - row == places[node]:  # the first one is kept
                found.row(place - row + 1, 1, names[node])
                row -= 1
            passing = goes_on if place == end else 0
            found.row(place, row, names[node][passing:], operand=operand)
            found.row(place + 1, row + 1, names[node][:passing], operand=operand)
            row, operand = 0, False
    for result in results:
        kind, within = graph.types[result.node], 0
        if result.node in alone:
            within = result.passing(kind.bits)
        found.bits += result.bits(kind.bits, kind.signed, out_bits) - within
    found.bits += len(found.held)
    return found


def bit_names(graph: AdderGraph) -> list[list[Bit]]:
    """What the bits of each node are: those of operands that pass by an adder, the first bit that it adds, others."""
    names: list[list[Bit]] = []
    count = 0
    for node, kind in enumerate(graph.types):
        fresh = [frozenset([count + k]) for k in range(kind.bits)]
        count += kind.bits
        if node >= graph.inputs:
            a = graph.adders[node - graph.inputs]
            passing = a.right_shift if a.minus else max(a.left_shift, a.right_shift)
            length = min(passing + 1, len(fresh) + a.drop)
            left, right = (
                [NOTHING_HELD] * shift + _extended(names[n], graph.types[n].signed, length)
                for n, shift in ((a.left, a.left_shift), (a.right, a.right_shift))
            )
            both = [left[k] ^ right[k] for k in range(length)]
            fresh[: max(len(both) - a.drop, 0)] = both[a.drop :]
        names.append(fresh)
    return names


NOTHING_HELD: Bit = frozenset()


def _extended(names: list[Bit], signed: bool, length: int) -> list[Bit]:
    """With copies of the sign, or zeros, up to a length at least."""
    return names + [names[-1] if signed else NOTHING_HELD] * max(length - len(names), 0)
