"""Constants that a memory holds, bit by bit: what is the same in all its words is no input of the logic behind it.

And what is left of additions and comparisons with such constants, as LUTs of six inputs build them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..ir import Int64, Part, Parts, TensorType

PIECE = 6
"""Inputs of a LUT: a comparison takes a number in pieces, of six bits where the other number is constant."""

SHORT = 2
"""Comparisons of at most so many pieces are logic; longer ones are carry chains, two LUTs a piece."""


def varying(words: Int64) -> Int64:
    """Of words (depth, ...): the bits, as masks (...), in which they differ."""
    return np.asarray(np.bitwise_or.reduce(words, axis=0) ^ np.bitwise_and.reduce(words, axis=0))


def count_bits(masks: Int64, bits: int) -> int:
    """How many bits of `bits` wide masks are set."""
    return int(np.bitwise_count(masks & ((1 << bits) - 1)).sum())


def addend_bits(masks: Int64, bits: int, width: int) -> int:
    """Varying bits of signed addends of `bits` bits, repeated to `width` bits as their signs are."""
    signs = int((masks >> (bits - 1) & 1).sum())
    return count_bits(masks, bits) + max(0, width - bits) * signs


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of lanes: the bits that are 1 in some word, and those that differ, as masks of `bits` bits (lanes,).

    vary: whether a lane's factor is one of several; of a half of its bits, too. signed: is the highest bit a sign?
    """

    ones: Int64
    masks: Int64
    bits: int
    vary: npt.NDArray[np.bool_]
    signed: bool = True

    @staticmethod
    def of(split: Int64, bits: int) -> Factors:
        """split: (folds, lanes, 1)."""
        every = (1 << bits) - 1
        masks = varying(split)[:, 0] & every
        return Factors(np.bitwise_or.reduce(split)[:, 0] & every, masks, bits, masks != 0)

    def split(self, low: int) -> list[Factors]:
        """The lower so many bits and the others."""
        below = (1 << low) - 1
        return [
            Factors(self.ones & below, self.masks & below, low, self.vary, signed=False),
            Factors(self.ones >> low, self.masks >> low, self.bits - low, self.vary),
        ]

    @property
    def plain(self) -> npt.NDArray[np.bool_]:
        """Which lanes have a constant power of two: products are but x, further up."""
        return (self.masks == 0) & (np.bitwise_count(self.ones) == 1) & (self.ones >> (self.bits - 1) == 0)

    def of_lanes(self, which: npt.NDArray[np.bool_]) -> Factors:
        return Factors(self.ones[which], self.masks[which], self.bits, self.vary[which], self.signed)

    def widths(self, x: TensorType, most: int) -> Int64:
        """Bits of products with x that are not always 0; `most` more than x has where a memory holds the factor, as
        Yosys builds the product before it looks at what is in there.
        """
        rows = np.bitwise_count(self.ones).astype(np.int64)
        highest = np.frexp(self.ones.astype(np.float64))[1].astype(np.int64)
        known = x.bits + highest - trailing_zeros(self.ones, self.bits) - (rows == 1)
        return np.where(self.vary, x.bits + most, np.where(rows == 0, 0, known))

    def parts(self, x: TensorType, addend: int, width: int) -> Parts:
        """Products with x: a row for each bit that is not always 0; where it is not always 1, gates choose it.

        addend: the bits of what is added with the rows; 0 for nothing, -1 for a constant.
        """
        rows, gates = np.bitwise_count(self.ones), np.bitwise_count(self.masks)
        signs = (self.ones >> (self.bits - 1) & 1) * self.signed
        kinds = Counter(zip(rows.tolist(), gates.tolist(), signs.tolist(), strict=True))
        same = {"bits": x.bits, "signed": int(x.signed), "addend": addend, "width": width}
        return tuple(
            Part("rows", count, {"rows": number, "gated": gated, "negative": sign, **same})
            for (number, gated, sign), count in kinds.items()
        )


def trailing_zeros(values: Int64, most: int) -> Int64:
    """Zeros below the lowest bit that is set, `most` for 0."""
    lowest = values & -values
    return np.where(values == 0, most, np.bitwise_count(lowest - 1).astype(np.int64)).clip(max=most)


def pieces(masks: Int64, bits: int, known: int = 0) -> Int64:
    """Pieces (...) of comparisons with constants that vary in these bits.

    From the top, a piece takes as many bits as a LUT has inputs for: two for a bit where both numbers vary, one where
    one does. known: upper bits in which the other number is constantly 0.
    """
    found, room = np.ones(masks.shape, np.int64), np.full(masks.shape, PIECE)
    for bit in reversed(range(bits)):
        cost = (masks >> bit & 1) + (bit < bits - known)
        full = cost > room
        found += full
        room = np.where(full, PIECE, room) - cost
    return found


def beyond(masks: Int64, bits: int) -> int:
    """Inputs of comparisons with constants that vary in these bits, beyond those of a LUT each."""
    inputs = bits + np.bitwise_count(masks & ((1 << bits) - 1)).astype(np.int64)
    return int((inputs - PIECE).clip(min=0).sum())


def alike_chains(words: Int64, bits: int, known: int) -> int:
    """LUTs of carry chains that compare with several constants (depth, lanes, levels): a piece of a lane that is alike
    in all words is there once. known: upper bits in which the other number is constantly 0.
    """
    luts = 0
    every = np.bitwise_or.reduce(varying(words), axis=1)
    for lane, mask in enumerate(every.tolist()):
        for low, width in _cuts(mask, bits, known):
            values = words[:, lane] >> low & ((1 << width) - 1)
            alike = np.unique(values, axis=1)
            plain = int((alike == 0).all(axis=0).any()) + int((alike == (1 << width) - 1).all(axis=0).any())
            luts += 2 * alike.shape[1] - plain
    return luts


def _cuts(mask: int, bits: int, known: int) -> list[tuple[int, int]]:
    """Lowest bit and width of each piece, as `pieces` counts them."""
    cuts, room, top = [], PIECE, bits
    for bit in reversed(range(bits)):
        cost = (mask >> bit & 1) + (bit < bits - known)
        if cost > room:
            cuts.append((bit + 1, top - bit - 1))
            room, top = PIECE, bit + 1
        room -= cost
    return [*cuts, (0, top)]


def constant_pieces(values: Int64, bits: int) -> dict[str, int]:
    """Comparisons of one number per row with constants (rows, levels), unsigned, of `bits` bits: what differs.

    luts: of carry chains, two for every different piece but one for 0 and for all ones. high, low: different
    upper pieces and different lower ones, of comparisons that are logic. levels: how many different ones there are.
    beyond: bits of their constants, trailing zeros apart, that are more than a LUT's inputs.
    """
    rows = np.sort(values, axis=1)
    levels = _different(rows)
    cuts = [(max(0, top - PIECE), top) for top in range(bits, 0, -PIECE)]
    parts = [(rows >> low & ((1 << (top - low)) - 1), top - low) for low, top in cuts]
    if len(parts) > SHORT:
        luts = sum(2 * _different(part) - _has(part, 0) - _has(part, (1 << width) - 1) for part, width in parts)
        return {"luts": luts}
    first = np.diff(rows, axis=1, prepend=-1) != 0
    needed = (bits - PIECE - trailing_zeros(rows, bits)).clip(min=0)
    low = _different(parts[1][0]) if len(parts) == SHORT and parts[1][1] > 1 else 0
    return {"levels": levels, "high": _different(parts[0][0]), "low": low, "beyond": int((needed * first).sum())}


def _different(values: Int64) -> int:
    """Different values in each row, all rows together."""
    ordered = np.sort(values, axis=1)
    return len(values) + int((np.diff(ordered, axis=1) != 0).sum())


def _has(values: Int64, value: int) -> int:
    """Rows that hold the value."""
    return int((values == value).any(axis=1).sum())


def parities(levels: int) -> int:
    """LUTs that count comparisons of ascending constants: bit b is the parity of every 2^b-th."""
    every = [levels >> bit for bit in range(levels.bit_length())]
    return sum(-(-(inputs - 1) // (PIECE - 1)) for inputs in every if inputs > 1)
