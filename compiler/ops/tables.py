"""LUTs of tables of any function that are read straight into registers: what Yosys makes of their columns of bits.

A column is a tree of choices, the highest bit of the address first. Where a half of it is constant, that becomes a
reset of the column's register: a LUT that columns with the same condition share. The rest is a function of the address:
a LUT where it depends on six bits, two or four where on seven or eight, as the multiplexers of a slice join them; or
fewer, if all that it wants to know of its lower bits finds room beside the upper ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir import Int64
from .contents import dependence, different_parts, filled
from .timing import LUT_INPUTS

Columns = npt.NDArray[np.uint8]
Reset = tuple[tuple[int, int], ...]

JOINED = np.array([0, 1, 1, 1, 1, 1, 1, 2, 4])
"""LUTs of a function of so many bits; more than six are joined by MUXF7 and MUXF8. A bit alone is a wire, but for the
highest, which becomes a reset that finds room beside the enable.
"""

UNJOINED, EIGHTH = 8, 32
"""LUTs of a function of eight bits, on average of those measured, that is constant in a block of so many words: what is
left is not of one shape, and MUXF8 does not join it.
"""

BESIDE_ENABLE = 3
"""Bits of the address that find room in a LUT beside a register's own value and the two that enable it."""


def table_parts(memories: Int64, bits: int, counted: int = 0) -> dict[str, int]:
    """What differs in memories of their own, counted as contents.different_parts counts it.

    memories: (memories, words), `bits` of each word in two's complement. counted: upper bits of the address that come
    from a counter.

    Returns:
        columns: of bits, that are neither constant nor equal to another of their memory.
        blocks: LUTs of these and of their resets.
        choices: LUTs that choose between blocks of 64 words, in columns of more than eight bits of address.
    """
    found = {"columns": 0, "blocks": 0, "choices": 0}
    for words in memories[:, filled(memories.shape[1])]:
        every = (words >> np.arange(bits)[:, None] & 1).astype(np.uint8)
        different = {column.tobytes(): column for column in every[every.any(axis=1) & ~every.all(axis=1)]}
        if not different:
            continue
        columns = np.stack(list(different.values()))
        found["columns"] += len(columns)
        columns, resets = _reset_apart(columns)
        found["blocks"] += sum(-(-(len(reset) + 1) // (LUT_INPUTS - 1)) for reset in resets)
        if columns.shape[1] < 1 << len(JOINED):
            found["blocks"] += _luts(columns, counted)
        else:
            more = different_parts(columns.T.astype(np.int64), 1)
            found["blocks"] += more["blocks"]
            found["choices"] += more["choices"]
    return found


def _reset_apart(columns: Columns) -> tuple[Columns, set[Reset]]:
    """The columns as they are while nothing resets their registers, and all that does."""
    rest, resets = columns.copy(), set()
    for number in np.flatnonzero(dependence(columns).sum(axis=1) > BESIDE_ENABLE):
        others = np.delete(columns, number, axis=0)
        reset, found = _reset_of(columns[number], others)
        if reset:
            resets.add(reset)
            rest[number] = np.tile(found, len(columns[number]) // len(found))
    return rest, resets


def _reset_of(column: Columns, others: Columns) -> tuple[Reset, Columns]:
    """Which values of which bits reset it, all to one value, and what is left of it. Words in which another column is
    the same are chosen for both, and stay as they are.
    """
    reset: list[tuple[int, int]] = []
    to, start = -1, 0
    while len(column) > 2:  # a single bit is no choice
        size = len(column) // 2
        if reset and (others[:, start : start + 2 * size] == column).all(axis=1).any():
            break
        low, high = np.split(column, 2)
        if (low == low[0]).all() and (low == high).all():
            break
        if (low == high).all():
            column = low
        elif (low == low[0]).all() and to in (-1, low[0]):
            to, column, start = int(low[0]), high, start + size
            reset.append((size, 0))
        elif (high == high[0]).all() and to in (-1, high[0]):
            to, column = int(high[0]), low
            reset.append((size, 1))
        else:
            break
    return tuple(reset), column


def _luts(columns: Columns, counted: int) -> int:
    """Of columns of at most eight bits of address: of the whole, or of upper bits and functions of lower ones, which
    columns share. Where two bits count, Yosys (abc9) sees the gates of the counter in them, and chooses by these
    between LUTs for every second column that it would join else.
    """
    depends = dependence(columns)
    number_of = depends.sum(axis=1)
    best = np.where((number_of == 1) & ~depends[:, -1], 0, JOINED[number_of])
    tops, below = best.copy(), [set[tuple[int, int]]() for _ in columns]
    for low in range(2, min(LUT_INPUTS, depends.shape[1] - 1) + 1):
        pieces = columns.reshape(len(columns), -1, 1 << low)
        pieces = pieces ^ pieces[:, :, :1]  # a function and its complement are one
        codes = np.zeros(pieces.shape[:2], np.uint64)
        for at in range(1 << low):
            codes |= pieces[:, :, at].astype(np.uint64) << np.uint64(at)
        wires = {0, *(sum(1 << at for at in range(1 << low) if at >> bit & 1) for bit in range(low))}
        upper = depends[:, low:].sum(axis=1)
        for number, row in enumerate(codes.tolist()):
            different = set(row) - {0}
            inputs = upper[number] + len(different)
            made = different - wires
            if inputs < len(JOINED) and JOINED[inputs] + len(made) < best[number]:
                best[number], tops[number] = JOINED[inputs] + len(made), JOINED[inputs]
                below[number] = {(low, code) for code in made}
    shared = len(set().union(*below))
    if columns.shape[1] == 1 << len(JOINED) - 1:
        eighths = columns.reshape(len(columns), -1, EIGHTH)
        constant = (eighths == eighths[:, :, :1]).all(axis=2).any(axis=1)
        tops[constant & (tops == JOINED[-1])] = UNJOINED
    joined = tops > 1 if counted > 1 else np.zeros(len(columns), bool)
    half = (int(tops[joined].sum()) + _chosen_luts(columns[joined], counted)) // 2
    return int(tops[~joined].sum()) + half + shared


def _chosen_luts(columns: Columns, counted: int) -> int:
    """Of columns whose upper bits choose between LUTs of the others: those that differ, and a choice."""
    found = 0
    for column in columns:
        pieces = {bytes(piece) for piece in column.reshape(1 << counted, -1) if piece.any() and not piece.all()}
        found += len(pieces) + 1
    return found
