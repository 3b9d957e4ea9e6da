"""How the user's array of one input or output relates to the integers inside."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ..errors import IntaglioError
from .types import Array, Int64, TensorType


@dataclass(frozen=True, eq=False)
class Border:
    """shape: the user's, without the batch axis. order: (size,), the user's flat position at each flat position inside;
    None where only the channels move from the front to the back.

    slope, offset: real value = integer * slope[c] + offset[c], one for all channels or one each. What an input gets
    beyond that is a quantiser: integer = clip(round((real - offset) / slope + zero)) - zero, into the tensor's bounds;
    bipolar ones take the sign of (real - offset) / slope instead.
    """

    shape: tuple[int, ...]
    order: Int64 | None = None
    slope: tuple[Fraction, ...] = (Fraction(1),)
    offset: tuple[Fraction, ...] = (Fraction(0),)
    rounding: str = "half_up"
    zero: int = 0

    @staticmethod
    def standard(kind: TensorType) -> Border:
        """(N, C, H, W) or (N, C) outside, the tensor's own scale."""
        shape = (kind.channels, *kind.shape[:-1])
        return Border(shape, None, (Fraction(1) if kind.scale is None else kind.scale,))

    def check(self, kind: TensorType, name: str) -> None:
        """Raises IntaglioError where it does not belong to such a tensor."""
        right = prod(self.shape) == kind.size and {len(self.slope), len(self.offset)} <= {1, kind.channels}
        if not right or (self.order is not None and len(self.order) != kind.size) or not all(self.slope):
            raise IntaglioError(f"the border of {name}, {self.shape}, does not fit {kind}", where=name)

    def inwards(self, x: Array, kind: TensorType) -> Array:
        """The user's array (N, *shape) in the tensor's order: (N, *kind.shape)."""
        if self.order is None:
            return np.moveaxis(x, 1, -1).reshape(len(x), *kind.shape) if x.ndim > 2 else x.reshape(len(x), *kind.shape)
        return np.asarray(x.reshape(len(x), -1)[:, self.order].reshape(len(x), *kind.shape))

    def outwards(self, x: Array) -> Array:
        """The way back: (N, *tensor shape) as (N, *shape)."""
        if self.order is None:
            if len(self.shape) == 1:
                return x.reshape(len(x), *self.shape)
            return np.ascontiguousarray(np.moveaxis(x.reshape(len(x), *self.shape[1:], self.shape[0]), -1, 1))
        result = np.empty((len(x), prod(self.shape)), x.dtype)
        result[:, self.order] = x.reshape(len(x), -1)
        return result.reshape(len(x), *self.shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Border):
            return NotImplemented
        return self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]

    def _key(self) -> tuple[Any, ...]:
        order = None if self.order is None else tuple(self.order.tolist())
        return (self.shape, order, self.slope, self.offset, self.rounding, self.zero)
