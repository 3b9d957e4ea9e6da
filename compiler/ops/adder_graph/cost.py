"""What an adder costs: bits of its carry chain, and those of them that need a look-up table in front.

The low bits of the operand that is not shifted pass by, unless they are subtracted from zeros. The highest bit is the
carry itself where both operands are extended there, with zeros or with copies of their signs. A bit that only one
operand has needs no look-up table by Yosys's count, but its place in the chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import IntType
from .graph import NOTHING, Adder, AdderGraph


@dataclass(frozen=True, slots=True)
class Operand:
    """bits of a wire that is shifted by `shift`."""

    bits: int
    signed: bool
    shift: int

    @property
    def top(self) -> int:
        return self.bits + self.shift

    def beyond(self, bits: int) -> int:
        """The first place, up to `bits`, from which on it has nothing to add."""
        return bits if self.signed else min(bits, self.top)


def chain_bits(left: Operand, right: Operand, minus: bool, bits: int) -> int:
    """Bits of the carry chain of a sum, or of a difference, of `bits` bits."""
    if right.shift and left.beyond(bits) <= right.shift:
        return 0 if not minus else bits - right.shift
    if left.shift and right.beyond(bits) <= left.shift and not minus:
        return 0
    passing = right.shift if minus else max(left.shift, right.shift)
    return max(min(bits, max(left.top, right.top)), passing) - passing


def overlap_bits(left: Operand, right: Operand, minus: bool, bits: int) -> int:
    """Bits where both operands have one; a difference takes one more where its lowest bit is among them."""
    low = max(left.shift, right.shift)
    high = min(left.beyond(bits), right.beyond(bits), max(left.top, right.top))
    overlap = max(high - low, 0)
    return overlap + (minus and overlap > 0 and left.shift == 0)


def operands(adder: Adder, types: tuple[IntType, ...]) -> tuple[Operand, Operand]:
    left, right = types[adder.left], types[adder.right]
    return Operand(left.bits, left.signed, adder.left_shift), Operand(right.bits, right.signed, adder.right_shift)


def adder_costs(graph: AdderGraph) -> list[tuple[int, int]]:
    """(bits of the chain, bits of overlap) of each adder."""
    types, costs = graph.types, []
    for node, a in enumerate(graph.adders, graph.inputs):
        left, right = operands(a, types)
        bits = types[node].bits + a.drop
        costs.append((chain_bits(left, right, a.minus, bits), overlap_bits(left, right, a.minus, bits)))
    return costs


def final_costs(graph: AdderGraph) -> list[tuple[int, int]]:
    """The same of the chains that negate an output or add its bias, a constant: no bit needs a look-up table."""
    bits = (
        graph.types[tap.node].bits + (tap.shift if tap.minus else 0)
        for tap, bias in zip(graph.outputs, graph.bias, strict=True)
        if tap.node != NOTHING and (tap.minus or bias)
    )
    return [(count, 0) for count in bits]


def graph_cost(graph: AdderGraph) -> int:
    """Of two graphs of the same matrix, the smaller one is the better: both measures have their devices and tools."""
    final = sum(2 * chain for chain, _ in final_costs(graph))
    return sum(chain + overlap for chain, overlap in adder_costs(graph)) + final
