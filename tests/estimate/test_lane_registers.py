"""Flip-flops of whole modules, bit by bit, against what Yosys 0.70 counted for xc7."""

from __future__ import annotations

import pytest
from intaglio.estimate.features import features
from intaglio.ir import IntType, Kernel, Op, TensorType
from intaglio.ops import Add, Argmax, Maximum, MaxPool, Minimum, Multiply, Subtract, SumPool, TopK

BITS = {"register.bits", "counter.bits", "shift_line.bits", "rom_lutram.bits", "ram_constant.bits"}
"""Features that are flip-flops."""


def image(text: str, *shape: int) -> TensorType:
    kind = IntType.parse(text)
    return TensorType.integer(shape, kind.lo, kind.hi)


def lanes(count: int, memory: str = "auto") -> Kernel:
    return Kernel(count, count, memory=memory, buffer=memory)


MEASURED: list[tuple[Op, Kernel, tuple[TensorType, ...], int]] = [
    (Add(), lanes(45), (image("i6", 3, 3, 450), image("u7", 3, 3, 450)), 406),
    (Add(), lanes(16, "lutram"), (image("u5", 2, 2, 240), image("i8", 1, 1, 240)), 489),
    (Add(), lanes(38), (image("i7", 13, 13, 38), image("u7", 13, 13, 1)), 617),
    (Subtract(), lanes(118, "bram"), (image("i2", 25, 25, 826), image("u7", 25, 25, 826)), 1063),
    (Multiply(), lanes(6, "lutram"), (image("i5", 15, 15, 24), image("u5", 15, 15, 24)), 122),
    (Maximum(), lanes(29), (image("u4", 5, 5, 536), image("u3", 5, 5, 536)), 122),
    (Maximum(), lanes(80, "bram"), (image("u1", 2, 2, 796), image("u8", 1, 1, 796)), 1370),
    (Minimum(), lanes(128), (image("u4", 6, 6, 1024), image("u1", 1, 1, 1024)), 908),
    (MaxPool((3, 3), (3, 3)), lanes(77), (image("u1", 29, 29, 231),), 267),
    (MaxPool((2, 2), (1, 1)), lanes(64), (image("u3", 9, 9, 1024),), 407),
    (SumPool((3, 3), (3, 3)), lanes(32, "lutram"), (image("u6", 20, 20, 32),), 858),
    (SumPool((3, 3), (2, 2), (1, 1, 1, 1)), lanes(2), (image("u4", 36, 36, 2),), 58),
    (Argmax(), Kernel(simd=57), (image("i13", 57),), 818),
    (TopK(6, values=True), Kernel(simd=1), (image("i10", 8),), 85),
    (TopK(11, largest=False), Kernel(simd=1), (image("i17", 863),), 350),
]


@pytest.mark.parametrize(("op", "kernel", "ins", "measured"), MEASURED)
def test_flip_flops_are_those_that_were_counted(
    op: Op, kernel: Kernel, ins: tuple[TensorType, ...], measured: int
) -> None:
    found = [(part.count, features(part)) for part in op.parts(kernel, *ins)]
    assert sum(count * value for count, named in found for name, value in named.items() if name in BITS) == measured
