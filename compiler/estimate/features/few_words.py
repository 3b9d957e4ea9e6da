"""LUTs of sums of products whose weights are few words in turn, so that many of their bits are constant or equal.

Of a memory of two words every bit is 0, 1, the address or its complement: a product has fewer rows, and the gates of
its other rows share an input, which a LUT takes once. ops/contents.py says which bit is which.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ...ops.contents import FIRST_COLUMN, STATE_BITS
from .addends import REGISTER, Cells, Inputs, Masks, luts, spread, sum_of, told_apart
from .common import LUT_INPUTS, Features, Make, Sizes
from .known_digits import COLUMN_BITS, OPERAND_BITS, sum_of_digits
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
    masks = np.where(there, _masks(chosen), 0).astype(np.uint64).reshape(-1, width)
    read = np.where(there, 1 << np.minimum(place.clip(min=0) if first else np.broadcast_to(bit, place.shape), a - 1), 0)
    inputs, own = told_apart(read.reshape(-1, width).astype(np.uint64), terms, a, OPERAND_BITS)
    alike = np.tile([min(row.alike, width) for row in rows], terms)
    lone = [] if unsigned and not first else lone_rows(len(alike), terms, short - 1)
    count = _adders(there.reshape(-1, width), alike, lone)
    found = luts(inputs, alike, masks | own << np.uint64(COLUMN_BITS))
    return _at_most(Cells(found, count), terms * a, weight, width)


@lru_cache(maxsize=4096)
def of_digits(terms: int, x: int, bits: int, unsigned: int, product: int, width: int, code: int) -> int:
    """The same as addends.of_digits, and as the chains besides."""
    return sum(sum_of_digits(states(code, terms, bits), x, unsigned, product, width))


@lru_cache(maxsize=4096)
def of_gates(terms: int, bits: int, width: int, code: int) -> Cells:
    """Numbers that weights of one bit may complement: where these are constant, there is no gate."""
    rows = [number(bits, width)] * terms
    inputs, masks = spread(rows, width, REGISTER), np.repeat(_masks(states(code, terms, 1)), width, axis=1)
    alike = np.full(terms, min(bits, width))
    cells = Cells(luts(inputs, alike, masks), compress(rows, width).adders)
    return _at_most(cells, terms * bits, states(code, terms, 1), width)


def _at_most(cells: Cells, inputs: int, weight: Inputs, width: int) -> Cells:
    """Of so few inputs, each bit of the sum takes a LUT."""
    columns = int(np.bitwise_or.reduce(_masks(weight), axis=None))
    if inputs + columns.bit_count() <= LUT_INPUTS:
        return Cells(min(cells.luts, width), min(cells.adders, width))
    return cells


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
        return {"digits": of_digits(terms, s["a"], s["b"], s["unsigned"], s["product"], width, code)}
    if "a" in s:
        cells = of_products(terms, s["a"], s["b"], s["unsigned"], width, code)
    else:
        cells = of_gates(terms, s["bits"], width, code)
    if "a" in s or s["bits"] > 1:
        return {"gated": cells.luts, "gated_adders": cells.adders}
    return {"gated_bits": cells.luts}


FEATURES: dict[str, Make] = {"sum": _sum}
