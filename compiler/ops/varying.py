"""Constants that a memory holds, bit by bit: what is the same in all its words is no input of the logic behind it.

And what is left of additions with such constants, as LUTs of six inputs build them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..ir import Int64, Part, Parts, TensorType


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
    literal: are they no words of a memory? Yosys takes copies of the sign off a literal, before it builds a product.
    """

    ones: Int64
    masks: Int64
    bits: int
    vary: npt.NDArray[np.bool_]
    signed: bool = True
    literal: bool = False

    @staticmethod
    def of(split: Int64, bits: int) -> Factors:
        """split: (folds, lanes, 1)."""
        every = (1 << bits) - 1
        masks = varying(split)[:, 0] & every
        return Factors(np.bitwise_or.reduce(split)[:, 0] & every, masks, bits, masks != 0, literal=len(split) == 1)

    def split(self, low: int) -> list[Factors]:
        """The lower so many bits and the others."""
        below = (1 << low) - 1
        return [
            replace(self, ones=self.ones & below, masks=self.masks & below, bits=low, signed=False),
            replace(self, ones=self.ones >> low, masks=self.masks >> low, bits=self.bits - low),
        ]

    @property
    def plain(self) -> npt.NDArray[np.bool_]:
        """Which lanes have a constant power of two: products are but x, further up."""
        return (self.masks == 0) & (np.bitwise_count(self.ones) == 1) & (self.ones >> (self.bits - 1) == 0)

    def of_lanes(self, which: npt.NDArray[np.bool_]) -> Factors:
        return replace(self, ones=self.ones[which], masks=self.masks[which], vary=self.vary[which])

    @property
    def negative(self) -> npt.NDArray[np.bool_]:
        """Which lanes have a factor that is or may be negative."""
        return (self.ones >> (self.bits - 1) & self.signed) > 0

    @property
    def needed(self) -> Int64:
        """`ones`, of a negative literal with its sign only once."""
        below = np.where(self.negative & self.literal, (1 << self.bits) - 1 - self.ones, 0)
        shortest = np.frexp(below.astype(np.float64))[1].astype(np.int64) + 1
        return np.where(self.negative & self.literal, self.ones & ((1 << shortest) - 1), self.ones)

    def widths(self, x: TensorType, most: int) -> Int64:
        """Bits of products with x that are not always 0; `most` more than x has where a memory holds the factor, as
        Yosys builds the product before it looks at what is in there.
        """
        rows = np.bitwise_count(self.needed).astype(np.int64)
        reach = np.where(rows == 1, self.ones, self.needed)  # what only negates, Yosys has made something else before
        highest = np.frexp(reach.astype(np.float64))[1].astype(np.int64)
        known = x.bits + highest - trailing_zeros(self.ones, self.bits) - ((rows == 1) & ~self.negative)
        known += self.literal & self.negative & (not x.signed)
        return np.where(self.vary, x.bits + most, np.where(rows == 0, 0, known))

    def parts(self, x: TensorType, addend: int, width: int) -> Parts:
        """Products with x: a row for each bit that is not always 0; where it is not always 1, gates choose it.

        addend: the bits of what is added with the rows; 0 for nothing, -1 for a constant.
        """
        rows, gates = np.bitwise_count(self.needed), np.bitwise_count(self.masks)
        kinds = Counter(zip(rows.tolist(), gates.tolist(), self.negative.astype(int).tolist(), strict=True))
        same = {"bits": x.bits, "signed": int(x.signed), "addend": addend, "width": width}
        return tuple(
            Part("rows", count, {"rows": number, "gated": gated, "negative": sign, **same})
            for (number, gated, sign), count in kinds.items()
        )


def trailing_zeros(values: Int64, most: int) -> Int64:
    """Zeros below the lowest bit that is set, `most` for 0."""
    lowest = values & -values
    return np.where(values == 0, most, np.bitwise_count(lowest - 1).astype(np.int64)).clip(max=most)
