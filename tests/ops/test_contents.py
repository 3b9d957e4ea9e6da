"""What differs in a memory's contents, against a count in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.ops.contents import counted_parts, different_parts


def counted(table: list[list[int]], bits: int) -> dict[str, int]:
    columns = {tuple(word >> bit & 1 for word in column) for column in zip(*table, strict=True) for bit in range(bits)}
    columns = {column for column in columns if len(set(column)) > 1}
    found = {"columns": len(columns), "blocks": 0, "choices": 0}
    for column in columns:
        blocks: list[tuple[int, ...] | int] = []
        for start in range(0, len(column), 64):
            block = column[start : start + 64]
            padded = block + block[:1] * (64 - len(block))
            blocks.append(padded[0] if len(set(padded)) == 1 else padded)
        found["blocks"] += len({block for block in blocks if isinstance(block, tuple)})
        choices = len(chosen(blocks)[1])
        full = not any(isinstance(block, int) for block in blocks) and choices + 1 == len(set(blocks))
        found["choices"] += 0 if full and choices in (1, 3) else -(-choices // 3)
    return found


def chosen(blocks: list[object]) -> tuple[object, set[object]]:
    """What these blocks are under the upper bits of the address, and the choices in it."""
    if len(blocks) == 1:
        return blocks[0], set()
    half = 1 << ((len(blocks) - 1).bit_length() - 1)
    (low, below), (high, above) = chosen(blocks[:half]), chosen(blocks[half:])
    both = below | above
    return (low, both) if low == high else ((low, high), both | {(low, high)})


@pytest.mark.parametrize("depth", [2, 5, 63, 64, 65, 127, 128, 200, 256, 300, 512, 700])
def test_what_differs_is_counted(depth: int) -> None:
    rng = np.random.default_rng(depth)
    random = rng.integers(-8, 8, (depth, 3))
    stairs = np.arange(depth)[:, None] * 16 // depth - 8
    few = rng.integers(0, 2, (-(-depth // 64), 2)).repeat(64, axis=0)[:depth] * random[:, :2]
    for table in (random, stairs, few, np.hstack([random, random, stairs * 0])):
        assert different_parts(table, 4) == counted(table.tolist(), 4)


def test_a_block_that_is_constant_but_for_one_word_is_not_constant() -> None:
    words = np.ones((16, 1), np.int64)
    words[15] = 0
    assert different_parts(words, 1) == {"columns": 1, "blocks": 1, "choices": 0}


def test_two_and_four_blocks_are_joined_in_a_slice() -> None:
    rng = np.random.default_rng(0)
    assert different_parts(rng.integers(0, 2, (128, 5)), 1) == {"columns": 5, "blocks": 10, "choices": 0}
    assert different_parts(rng.integers(0, 2, (256, 5)), 1) == {"columns": 5, "blocks": 20, "choices": 0}
    assert different_parts(rng.integers(0, 2, (512, 5)), 1) == {"columns": 5, "blocks": 40, "choices": 15}


def whole(words: list[int], size: int) -> list[int]:
    """As many words as addresses: where the upper half holds none, the lower one is read."""
    if size == 1:
        return words
    low = whole(words[: size // 2], size // 2)
    return low + (whole(words[size // 2 :], size // 2) if len(words) > size // 2 else low)


def without_idle_bits(column: tuple[int, ...]) -> list[int]:
    size = 1 << (len(column) - 1).bit_length()
    full = whole(list(column), size)
    bits = [1 << bit for bit in range(size.bit_length() - 1)]
    idle = sum(bit for bit in bits if all(full[at] == full[at ^ bit] for at in range(size)))
    return [full[at] for at in range(size) if not at & idle] if idle else list(column)


def pieces_of(column: list[int]) -> int:
    if len(column) == 2:
        return 0
    blocks: list[object] = []
    for start in range(0, len(column), 32):
        block = tuple(column[start : start + 32])
        blocks.append(block[0] if len(set(block)) == 1 else block + block[:1] * (32 - len(block)))
    alone = isinstance(blocks[-1], tuple) and blocks[-1] not in blocks[:-1]
    beside = len(blocks) > 1 and 0 < len(column) % 32 <= 16 and alone  # a choice takes in so few words
    return len({block for block in blocks if isinstance(block, tuple)}) + len(chosen(blocks)[1]) - beside


@pytest.mark.parametrize("depth", [5, 32, 33, 64, 90, 130, 300])
def test_blocks_of_a_counted_memory_hold_half_as_many_words(depth: int) -> None:
    rng = np.random.default_rng(depth)
    random = rng.integers(0, 4, (depth, 3))
    steps = np.arange(depth)[:, None] // 40
    for table in (random, steps, np.hstack([random, steps])):
        columns = {tuple(word >> bit & 1 for word in c) for c in zip(*table.tolist(), strict=True) for bit in range(4)}
        columns = {column for column in columns if len(set(column)) > 1}
        pieces = sum(pieces_of(without_idle_bits(column)) for column in columns)
        assert counted_parts(table, 4) == {"columns": len(columns), "pieces": pieces}


def test_memories_of_their_own_share_nothing() -> None:
    table = np.random.default_rng(0).integers(0, 8, (90, 4))
    table = np.hstack([table, table])
    alone = [different_parts(table[:, lane : lane + 1], 3) for lane in range(8)]
    assert different_parts(table, 3, apart=True) == {key: sum(found[key] for found in alone) for key in alone[0]}
