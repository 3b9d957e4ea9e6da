"""LUTs of sums of products whose weights are few words in turn, so that many of their bits are constant or equal.

Of a memory of two words every bit is 0, 1, the address or its complement: a product has fewer rows, and the gates of
its other rows share an input, which a LUT takes once. ops/contents.py says which bit is which.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...ops.contents import FIRST_COLUMN, STATE_BITS
from .addends import REGISTER, Cells, Inputs, Masks, chain_luts, chained, digit_bits, luts, spread, sum_of, told_apart
from .addends import of_digits as of_any_digits
from .common import LUT_INPUTS, Features, Make, Sizes
from .sums import Row, compress, lone_rows, number, product


def states(code: int, terms: int, bits: int) -> Inputs:
    """(terms, bits): what each bit of the weights is."""
    size, mask = terms * bits, (1 << STATE_BITS) - 1
    return np.array([code >> STATE_BITS * at & mask for at in range(size)], np.int64).reshape(terms, bits)


def _masks(found: Inputs) -> Masks:
    return np.where(found >= FIRST_COLUMN, 1 << np.maximum(found - FIRST_COLUMN, 0), 0).astype(np.uint32)


@lru_cache(maxsize=4096)
def of_products(terms: int, a: int, b: int, unsigned: int, width: int, code: int) -> Cells:
    """The same as addends.of_products, with weights of `b` bits as `code` has them."""
    weight, factor = states(code, terms, b), a + unsigned
    first = factor >= b
    long, short = max(factor, b), min(factor, b)
    rows = product(long, short, bool(unsigned) and first, bool(unsigned) and not first, width)
    column = np.arange(width)
    place, bit = np.minimum(column - np.arange(short)[:, None], long - 1), np.arange(short)[:, None]
    live = np.array([[row.live >> at & 1 for at in range(width)] for row in rows], bool) & (place >= 0)
    chosen = weight[:, np.broadcast_to(bit, place.shape) if first else place.clip(min=0)]  # (terms, short, width)
    there = live & (chosen > 0)
    inputs, masks = there.astype(np.int64), np.where(there, _masks(chosen), 0).astype(np.uint32)
    alike = np.tile([min(row.alike, width) for row in rows], terms)
    lone = [] if unsigned and not first else lone_rows(len(alike), terms, short - 1)
    count = _adders(there.reshape(-1, width), alike, lone)
    found = luts(inputs.reshape(-1, width), alike, masks.reshape(-1, width))
    if terms == 1 and a + np.bitwise_count(np.bitwise_or.reduce(_masks(weight), axis=None)) <= LUT_INPUTS:
        return Cells(min(found, width), min(count, width))
    return Cells(found, count)


@lru_cache(maxsize=4096)
def of_digits(terms: int, x: int, bits: int, unsigned: int, width: int, code: int) -> int:
    """The same as addends.of_digits. A digit that is the same in all words takes a bit of x as it is."""
    weight, count = states(code, terms, bits), (bits + 1) // 2
    below = np.pad(weight, ((0, 0), (1, 0)))  # a 0 under the lowest bit, the sign once more above the highest
    coded = np.pad(below, ((0, 0), (0, 1)), mode="edge")
    digit = np.stack([coded[:, 2 * j : 2 * j + 3] for j in range(count)], axis=1)  # (terms, digits, 3)
    fixed = (digit < FIRST_COLUMN).all(axis=2)[..., None]
    none = fixed & (digit == digit[..., :1]).all(axis=2)[..., None]
    masks, alike = digit_bits(x, bits, unsigned, width)
    reads, code_bits = np.broadcast_to(masks & np.uint64((1 << x) - 1), (terms, count, width)), masks >> np.uint64(x)
    reads = np.where(none, 0, np.where(fixed, reads & (~reads + np.uint64(1)), reads)).astype(np.uint64)
    chosen = code_bits[..., None] >> np.arange(bits, dtype=np.uint64) & np.uint64(1) > 0  # (digits, width, bits)
    shared = np.bitwise_or.reduce(np.where(chosen, _masks(weight)[:, None, None], 0), axis=3).astype(np.uint64)
    inputs, own = told_apart(reads.reshape(-1, width), terms, x + bits, WORD_BITS)
    every = np.where(none, 0, shared).astype(np.uint64).reshape(-1, width)
    return luts(inputs, np.tile(alike, terms), every | own << np.uint64(WORD_BITS))


WORD_BITS = 32
"""Of a mask, for the columns of a memory of weights; as many are left for what bits of x are made of."""


@lru_cache(maxsize=4096)
def of_gates(terms: int, bits: int, width: int, code: int) -> Cells:
    """Numbers that weights of one bit may complement: where these are constant, there is no gate."""
    rows = [number(bits, width)] * terms
    inputs, masks = spread(rows, width, REGISTER), np.repeat(_masks(states(code, terms, 1)), width, axis=1)
    alike = np.full(terms, min(bits, width))
    return Cells(luts(inputs, alike, masks), compress(rows, width).adders)


def _adders(there: npt.NDArray[np.bool_], alike: Inputs, lone: list[Row]) -> int:
    lives = (sum(1 << int(at) for at in np.flatnonzero(row)) for row in there)
    rows = [Row(live, int(end)) for live, end in zip(lives, alike, strict=True)]
    return compress([*rows, *lone], there.shape[1]).adders


def _sum(s: Sizes) -> Features:
    """With a `code`, the weights are known; the features are those of others."""
    if "code" not in s:
        return sum_of(s)
    terms, width, code = s["terms"], s["width"], s["code"]
    if "booth" in s:
        found = of_digits(terms, s["a"], s["b"], s["unsigned"], width, code)
        if chained(terms, s["b"]):
            share = found / of_any_digits(terms, s["a"], s["b"], s["unsigned"], width)
            return {"chained": share * chain_luts(s["a"], s["b"], s["unsigned"])}
        return {"digits": found}
    if "a" in s:
        cells = of_products(terms, s["a"], s["b"], s["unsigned"], width, code)
    else:
        cells = of_gates(terms, s["bits"], width, code)
    if "a" in s or s["bits"] > 1:
        return {"gated": cells.luts, "gated_adders": cells.adders}
    return {"gated_bits": cells.luts}


FEATURES: dict[str, Make] = {"sum": _sum}
