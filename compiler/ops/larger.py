"""What maximum and minimum share: of each pair a comparison says which one it is, and every bit is chosen by it.

Yosys cuts a comparison into pieces of a LUT's inputs, from the top, where a bit that is constant takes none; up to two
pieces are logic, more are a carry chain (estimate/features/comparisons.py). Where an unsigned number is 0 above its
bits, the result's register is reset instead of a choice; above a signed one it proves that the other needs none.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ..ir import Kernel, Part, Parts, TensorType
from .constant_comparisons import PIECE, SHORT
from .elements import value_bits
from .hardware import signed_holding
from .pairwise import CHANNEL, Pairwise

LOGIC_BITS = 3
"""From so many bits of both numbers on a comparison is logic of its own; of fewer it is part of what chooses a bit."""


class Larger(Pairwise):
    """A subclass gives `function` and `limits`."""

    greater: ClassVar[int]
    """Which operand is the result where it is greater than the other."""

    def operand_bits(self, a: TensorType, b: TensorType) -> tuple[int, int]:
        return (common_bits(a, b),) * 2

    def chosen_bits(self, a: TensorType, b: TensorType) -> int:
        out = self.infer(a, b).bits
        return out if a.signed and b.signed else min(out, *map(unsigned_bits, (a, b)))

    def reset_bits(self, a: TensorType, b: TensorType) -> int:
        """1 where an unsigned operand has fewer bits than the result."""
        out = self.infer(a, b).bits
        return int(any(not x.signed and x.bits < out for x in (a, b)))

    def unblanked_bits(self, a: TensorType, b: TensorType) -> int:
        return self.infer(a, b).bits - self.chosen_bits(a, b)

    def operators(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        lanes, reset, cut = kernel.simd, self.reset_bits(a, b), pieces(a, b)
        chosen = Part("mux", lanes, {"inputs": 2, "bits": self.chosen_bits(a, b) + reset})
        if len(cut) > SHORT:
            return Part("comparator", lanes, {"luts": self._chain_luts(cut, a, b)}), chosen
        short = min(map(unsigned_bits, (a, b)))
        sizes = {"bits": short, "inputs": value_bits(a) + value_bits(b) + reset}
        gate_alone = self.form(a, b) == CHANNEL and short < LOGIC_BITS and unsigned_bits(b) > short
        return Part("comparator", 1 if gate_alone else lanes, sizes), chosen

    def _chain_luts(self, cut: list[Piece], a: TensorType, b: TensorType) -> int:
        """Is it greater, are both equal: two for each piece. Under a last piece of one bit nothing is equal; and in a
        first one a number is never greater that has only its sign there, where the other has none.
        """
        greater, other = (a, b) if self.greater == 0 else (b, a)
        never = greater.signed and not other.signed and unsigned_bits(greater) <= common_bits(a, b) - cut[0].bits
        return 2 * len(cut) - (cut[-1].bits == 1) - never


def unsigned_bits(x: TensorType) -> int:
    """Bits of an element's value, its sign apart."""
    return value_bits(x) - x.signed


class Piece(NamedTuple):
    bits: int
    inputs: int


def pieces(a: TensorType, b: TensorType) -> list[Piece]:
    """What a comparison is cut into, from the top."""
    found = [Piece(0, 0)]
    for bit in reversed(range(common_bits(a, b))):
        cost = sum(x.signed or bit < x.bits for x in (a, b))
        if found[-1].inputs + cost > PIECE:
            found.append(Piece(0, 0))
        found[-1] = Piece(found[-1].bits + 1, found[-1].inputs + cost)
    return found


def common_bits(a: TensorType, b: TensorType) -> int:
    """Bits of signed words that hold every value of either."""
    return signed_holding(min(*a.lo, *b.lo), max(*a.hi, *b.hi)).bits
