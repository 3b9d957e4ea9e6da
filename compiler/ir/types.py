"""Integer types and tensor types: what a number may be, and what a tensor is proven to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IntType:
    """A two's complement or unsigned integer of `bits` bits; signed with one bit is bipolar, {-1, +1}."""

    signed: bool
    bits: int

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise IntaglioError(f"an integer type needs at least one bit, not {self.bits}")

    @property
    def bipolar(self) -> bool:
        return self.signed and self.bits == 1

    @property
    def lo(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def hi(self) -> int:
        if self.bipolar:
            return 1
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1

    @staticmethod
    def holding(lo: int, hi: int) -> IntType:
        """The narrowest type that holds every integer from `lo` to `hi`."""
        if lo > hi:
            raise IntaglioError(f"the empty range {lo}..{hi} has no integer type")
        if lo >= 0:
            return IntType(False, max(1, hi.bit_length()))
        return IntType(True, max((-lo - 1).bit_length(), max(hi, 0).bit_length(), 1) + 1)

    def __str__(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"

    @staticmethod
    def parse(text: str) -> IntType:
        match = re.fullmatch(r"([iu])(\d+)", text)
        if match is None:
            raise IntaglioError(f"{text!r} is not an integer type", hint="write i8 or u4, say")
        return IntType(match[1] == "i", int(match[2]))


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor: channels last, no batch axis.

    `lo[c]..hi[c]` are PROVEN bounds of channel c (the last axis). `scale` turns integers into the source model's real
    values; it is for the border and for checks, an operator's `run` never sees it. A tensor of a network that is not
    yet lowered is real: its `dtype` is None and it has no bounds.
    """

    shape: tuple[int, ...]
    dtype: IntType | None = None
    lo: tuple[int, ...] = ()
    hi: tuple[int, ...] = ()
    scale: Fraction | None = None

    @staticmethod
    def integer(
        shape: Iterable[int],
        lo: int | Iterable[int] | Int64,
        hi: int | Iterable[int] | Int64,
        scale: Fraction | None = None,
    ) -> TensorType:
        """The integer tensor with these bounds (one for all channels, or one each) in the narrowest type."""
        shape = tuple(int(n) for n in shape)
        lows = (lo,) * shape[-1] if isinstance(lo, int) else tuple(int(v) for v in lo)
        highs = (hi,) * shape[-1] if isinstance(hi, int) else tuple(int(v) for v in hi)
        return TensorType(shape, IntType.holding(min(lows), max(highs)), lows, highs, scale)

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def pixels(self) -> int:
        """Positions of the tensor: the product of all axes but the channels."""
        return prod(self.shape[:-1])

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_real(self) -> bool:
        return self.dtype is None

    @property
    def bits(self) -> int:
        """Width of one element. Raises IntaglioError for a real tensor."""
        if self.dtype is None:
            raise IntaglioError("a real tensor has no width", hint="lower the graph first")
        return self.dtype.bits

    @property
    def signed(self) -> bool:
        return self.dtype is not None and self.dtype.signed

    @property
    def lo_array(self) -> Int64:
        return np.array(self.lo, dtype=np.int64)

    @property
    def hi_array(self) -> Int64:
        return np.array(self.hi, dtype=np.int64)

    @property
    def magnitude(self) -> int:
        """The largest absolute value that the bounds allow."""
        return max(*(abs(v) for v in self.lo), *(abs(v) for v in self.hi))

    def with_scale(self, scale: Fraction | None) -> TensorType:
        return replace(self, scale=scale)

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape))
        if self.dtype is None:
            return f"real[{shape}]"
        scale = "" if self.scale is None else f" * {self.scale}"
        return f"{self.dtype}[{shape}] {min(self.lo)}..{max(self.hi)}{scale}"
