"""What `lower` knows of a source tensor: an integer tensor, and the exact real function of it that is still to come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from ..ir import TensorType

ZERO = Fraction(0)


@dataclass(frozen=True)
class Pending:
    """real value = tensor * slope[c] + offset[c], and max(0, that) with `relu`.

    owned: nothing but the one reader of this value ever sees the integer tensor, so its maker may still change sign.
    """

    tensor: str
    slope: tuple[Fraction, ...]
    offset: tuple[Fraction, ...]
    relu: bool = False
    owned: bool = False

    @staticmethod
    def codes(tensor: str, channels: int, scale: Fraction) -> Pending:
        """Integers that stand for multiples of one scale."""
        return Pending(tensor, (scale,) * channels, (ZERO,) * channels)

    @property
    def scale(self) -> Fraction | None:
        """The one scale of all channels, where nothing else is pending."""
        plain = not self.relu and len(set(self.slope)) == 1 and not any(self.offset)
        return self.slope[0] if plain else None

    @property
    def biased(self) -> bool:
        return any(self.offset)

    def rectified(self, kind: TensorType) -> Pending:
        """After a ReLU, which says nothing new where the bounds already do."""
        return replace(self, relu=not self.is_positive(kind))

    def is_positive(self, kind: TensorType) -> bool:
        """Whether the bounds of the integer tensor prove that no value is below 0."""
        ends = zip(self.slope, self.offset, kind.lo, kind.hi, strict=True)
        return all(min(lo * slope, hi * slope) + offset >= 0 for slope, offset, lo, hi in ends)

    def affine(self, multiplier: list[Fraction], shift: list[Fraction]) -> Pending:
        slope = tuple(a * m for a, m in zip(self.slope, multiplier, strict=True))
        offset = tuple(b * m + s for b, m, s in zip(self.offset, multiplier, shift, strict=True))
        return replace(self, slope=slope, offset=offset)
