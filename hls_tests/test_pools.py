"""max_pool and sum_pool: HLS and RTL in both forms and at many folds, against `run`."""

from pathlib import Path

import pytest
from harness import Case, check
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import MaxPool, SumPool

PADDED = (1, 1, 1, 1)
BIPOLAR = TensorType((3, 3, 3), IntType(True, 1), (-1, -1, -1), (1, 1, 1))
LOOSE = TensorType((4, 4, 2), IntType(True, 8), (0, 2), (3, 5))
"""A type wider than its bounds: elements become narrower on their way in."""


def image(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def cases(pool: type[MaxPool] | type[SumPool]) -> list[Case]:
    trials = {
        # windows apart
        "two": (pool((2, 2), (2, 2)), image(4, 4, 5, lo=-8, hi=7), 2),
        "all": (pool((2, 2), (2, 2)), image(4, 4, 3), 3),
        "one": (pool((2, 2), (2, 2)), image(6, 5, 1, hi=255), 1),
        "odd": (pool((2, 2), (2, 2)), image(5, 3, 37, hi=1), 4),
        "far": (pool((3, 2), (4, 3)), image(9, 10, 3, lo=-3, hi=3), 2),
        "global": (pool((4, 3), (4, 3)), image(4, 3, 7, lo=-128, hi=127), 3),
        "sole": (pool((3, 3), (1, 1)), image(3, 3, 1), 1),
        "left": (pool((3, 3), (3, 3)), image(5, 5, 4), 2),
        "skip": (pool((1, 1), (2, 2)), image(5, 4, 3), 2),
        "row": (pool((1, 3), (1, 3)), image(2, 7, 3), 1),
        "single": (pool((1, 2), (2, 3)), image(3, 8, 1, lo=-2, hi=-1), 1),
        "column": (pool((3, 1), (3, 1)), image(7, 3, 2), 1),
        "strip": (pool((2, 1), (2, 1)), image(6, 1, 3), 3),
        # windows slide
        "pad": (pool((3, 3), (2, 2), PADDED), image(6, 6, 3, lo=-8, hi=7), 2),
        "same": (pool((3, 3), (1, 1), PADDED), image(4, 5, 2, hi=1), 2),
        "over": (pool((3, 2), (1, 1)), image(4, 5, 5), 2),
        "large": (pool((4, 3), (2, 3), (2, 1, 1, 2)), image(7, 8, 3, lo=-5, hi=99), 2),
        "tall": (pool((3, 1), (1, 1), (1, 1, 0, 0)), image(5, 1, 2), 1),
        "wide": (pool((1, 3), (1, 2), (0, 0, 1, 1)), image(2, 7, 3), 1),
        "mixed": (pool((2, 3), (2, 1)), image(5, 4, 3), 1),
        "corner": (pool((2, 2), (2, 2), (1, 0, 1, 0)), image(3, 3, 2, lo=3, hi=9), 1),
        "bipolar": (pool((2, 2), (1, 1), PADDED), BIPOLAR, 2),
        "pairs": (pool((1, 2), (1, 2)), BIPOLAR, 2),
        "loose": (pool((2, 2), (2, 2)), LOOSE, 1),
        # the padding of ceil_mode: below and to the right
        "ceil": (pool((3, 3), (2, 2), (0, 1, 0, 1)), image(4, 6, 5, lo=-8, hi=7), 2),
        "ceil_one": (pool((2, 2), (2, 2), (0, 1, 0, 1)), image(3, 5, 3, lo=-8, hi=-2), 1),
        "ceil_all": (pool((2, 2), (2, 2), (0, 1, 0, 0)), image(3, 4, 5), 5),
        "ceil_more": (pool((3, 3), (2, 2), (1, 2, 1, 2)), image(4, 4, 5, lo=-3, hi=3), 3),
        "ceil_far": (pool((2, 2), (3, 3), (0, 1, 0, 1)), image(4, 4, 3), 2),
        "ceil_part": (pool((2, 2), (2, 2), (0, 1, 0, 1)), image(4, 4, 3), 2),  # more than any window reaches
        # one window
        "whole": (pool((3, 2), (1, 1)), image(3, 2, 37, lo=-8, hi=7), 37),
        "whole_bipolar": (pool((3, 3), (3, 3)), BIPOLAR, 2),
        "whole_padded": (pool((4, 4), (1, 1), (0, 1, 1, 0)), BIPOLAR, 3),
    }
    listed = [Case(name, op, Kernel(pe=lanes, simd=lanes), (kind,)) for name, (op, kind, lanes) in trials.items()]
    block = Kernel(pe=1, simd=1, memory="bram")
    return [
        *listed,
        Case("two_block", pool((2, 2), (2, 2)), block, (image(4, 6, 3),)),
        Case("one_block", pool((2, 2), (2, 2)), block, (image(4, 6, 1),)),
        Case("pad_block", pool((3, 4), (1, 2), PADDED), block, (image(5, 6, 3, lo=-8, hi=7),)),
    ]


@pytest.mark.parametrize("pool", [MaxPool, SumPool])
def test_pools_at_many_folds(pool: type[MaxPool] | type[SumPool], tmp_path: Path) -> None:
    check(cases(pool), tmp_path)
