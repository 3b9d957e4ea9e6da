"""LUTs of comparisons with constants, of which a memory may hold several, as LUTs of six inputs build them.

Yosys cuts a comparison into pieces. Of each, one LUT tells whether the numbers are equal and another which is larger,
and a carry chain goes through them. If they differ, the second is often a wire: nothing is larger than the largest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir import Int64, Part, Parts
from .varying import trailing_zeros, varying

PIECE = 6
"""Inputs of a LUT: a comparison takes a number in pieces, of six bits where the other number is constant."""

SHORT = 2
"""Comparisons of at most so many pieces are logic; longer ones are carry chains, two LUTs a piece."""


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


def compared(words: Int64, bits: int, known: int) -> Parts:
    """Comparisons with constants (depth, lanes, levels), unsigned, that come out of a memory: by the bits that vary.
    known: upper bits of the other number that are 0.
    """
    lane = np.broadcast_to(np.arange(words.shape[1])[:, None], words.shape[1:]).ravel()
    masks, ones = varying(words).ravel(), np.bitwise_and.reduce(words, axis=0).ravel()
    long = pieces(masks, bits, known) > SHORT
    return (
        Part("chain_comparators", 1, {"luts": _chain_luts(masks[long], ones[long], lane[long], bits, known)}),
        Part("short_comparators", 1, {"luts": short_luts(masks[~long], bits - known)}),
    )


def _chain_luts(masks: Int64, ones: Int64, lane: Int64, bits: int, known: int) -> int:
    """Of carry chains (chains,), of which these bits vary and of the others these are 1. A lane's constant pieces are
    there once.
    """
    room, top, luts = np.full(masks.shape, PIECE), np.full(masks.shape, bits), 0
    constant: list[Int64] = []
    for low in range(bits, -1, -1):  # is there a cut above the bit below? There is one at the end
        below = low - 1
        cost = (masks >> max(below, 0) & 1) + (below < bits - known) if below >= 0 else np.full(masks.shape, PIECE + 1)
        cut = cost > room
        width = (top - low)[cut]
        inside = (1 << width) - 1
        vary, value = masks[cut] >> low & inside != 0, ones[cut] >> low & inside
        luts += int(vary.sum() + (vary & (width > 1)).sum())
        constant.append(np.stack([lane[cut], np.full(width.shape, low), width, value], axis=1)[~vary & (width > 1)])
        room, top = np.where(cut, PIECE, room) - cost, np.where(cut, low, top)
    for _, _, width, value in np.unique(np.concatenate(constant), axis=0).tolist():
        luts += 2 - bool(_larger_free(np.array([value]), width))
    return luts


def short_luts(masks: Int64, bits: int) -> int:
    """LUTs of comparisons that are logic, with constants that vary in these bits: another for each input beyond a
    LUT's, up to four.
    """
    inputs = bits + np.bitwise_count(masks & ((1 << bits) - 1)).astype(np.int64)
    return len(masks) + int((inputs - PIECE).clip(0, MORE_LUTS).sum())


MORE_LUTS = 4


def alike_chains(words: Int64, bits: int) -> int:
    """LUTs of carry chains that compare with constants (depth, lanes, levels), unsigned, of a memory in LUTs: Yosys
    cuts them before it looks into the memory, and builds once what is alike in a lane.
    """
    luts = 0
    for top in range(bits, 0, -PIECE // 2):
        low = max(top - PIECE // 2, 0)
        width = top - low
        for lane in np.moveaxis(words >> low & ((1 << width) - 1), 1, 0):
            values = np.unique(lane, axis=1)
            equal = values.shape[1] if width > 1 else int((values != values[0]).any(axis=0).sum())
            luts += equal + values.shape[1] - int(_larger_free(values, width).sum())
    return luts


def _larger_free(values: Int64, width: int) -> npt.NDArray[np.bool_]:
    """Of constants (depth, ...) in a piece of so many bits: is it a wire whether a number that differs is larger? So it
    is beside the least and the largest constants, and beside the two in the middle, which the highest bit tells apart.
    """
    if width == 1:
        return np.ones(values.shape[1:], np.bool_)
    top, half = (1 << width) - 1, 1 << (width - 1)
    ends, middle = (values == 0) | (values == top), (values == half - 1) | (values == half)
    return np.asarray(ends.all(axis=0) | middle.all(axis=0))


def constant_pieces(values: Int64, bits: int) -> dict[str, int]:
    """Comparisons of one number per row with constants (rows, levels), unsigned, of `bits` bits: what differs.

    luts: of carry chains, two for every different piece but one for 0 and for all ones. high, low: different
    upper pieces and different lower ones, of comparisons that are logic. levels: how many different ones there are, in
    so many lanes. beyond: bits of their constants, trailing zeros apart, that are more than a LUT's inputs.
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
    return {
        "lanes": len(rows),
        "levels": levels,
        "high": _different(parts[0][0]),
        "low": low,
        "beyond": int((needed * first).sum()),
    }


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
