"""Zeros that cost a kernel nothing, beside a plain count over blocks."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops.conv2d import Conv2d
from intaglio.ops.dense import Dense

RNG = np.random.default_rng(5)


def _tile_sparse(outputs: int, inputs: int, tile: int) -> np.ndarray:
    weight = RNG.choice((-3, -1, 1, 2), (outputs, inputs))
    for row in range(0, outputs, tile):
        for column in range(0, inputs, tile):
            if RNG.random() < 0.6:
                weight[row : row + tile, column : column + tile] = 0
    weight[0, 0] = -3
    return weight


def _in_zero_blocks(weight: np.ndarray, pe: int, simd: int) -> int:
    """Weights of blocks that are all zero; in an output fold that has nothing else, the first block stays."""
    count = 0
    for top in range(0, len(weight), pe):
        rows = weight[top : top + pe]
        blocks = [rows[:, left : left + simd] for left in range(0, weight.shape[1], simd)]
        empty = [not block.any() for block in blocks]
        if all(empty):
            empty[0] = False
        count += sum(block.size for block, is_empty in zip(blocks, empty, strict=True) if is_empty)
    return count


def test_a_dense_kernel_is_free_of_zero_blocks_or_of_every_zero_or_of_none() -> None:
    op = Dense(weight=as_integers(_tile_sparse(16, 24, 4)), bias=as_integers(np.zeros(16)))
    x = TensorType.integer((24,), 0, 15)
    seen = set()
    for kernel in op.kernels(x):
        free = op.free_zeros(kernel, x)
        turns, beats = -(-16 // kernel.pe), -(-24 // kernel.simd)
        if turns * beats == 1:
            assert free == np.count_nonzero(op.weight == 0)
            seen.add("unrolled")
        elif op.steps(kernel, x) < turns * beats:
            assert free == _in_zero_blocks(op.weight, kernel.pe, kernel.simd) > 0
            seen.add("blocks")
        else:
            assert free == 0
            seen.add("none")
    assert seen == {"unrolled", "blocks", "none"}


@pytest.mark.parametrize("groups", [1, 3])
def test_an_unrolled_convolution_is_free_of_its_own_zeros_only(groups: int) -> None:
    weight = RNG.choice((0, 0, 1, -2), (6, 3, 3, 6 // groups))
    weight[0, 0, 0, 0] = -2
    op = Conv2d(weight=as_integers(weight), bias=as_integers(np.zeros(6)), padding=(1,) * 4, groups=groups)
    x = TensorType.integer((5, 5, 6), 0, 7)
    widest = max(op.kernels(x), key=lambda kernel: kernel.pe * kernel.simd)
    assert op.free_zeros(widest, x) == np.count_nonzero(weight == 0)


def test_a_convolution_of_zero_blocks_is_free_of_them() -> None:
    weight = np.where(RNG.random((8, 3, 3, 8)) < 0.5, 1, -2)
    weight[:, :, :, 4:] = 0
    op = Conv2d(weight=as_integers(weight), bias=as_integers(np.zeros(8)))
    x = TensorType.integer((6, 6, 8), 0, 7)
    assert op.free_zeros(Kernel(pe=2, simd=4), x) == 8 * 9 * 4
