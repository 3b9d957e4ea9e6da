"""LUTs of comparisons with constants, against truth tables in plain Python."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Threshold
from intaglio.ops.constant_comparisons import alike_chains, compared, constant_pieces, parities, pieces, short_luts


def bit(value: int, place: int) -> int:
    return value >> place & 1


@given(st.lists(st.integers(0, 255), min_size=1, max_size=4), st.integers(1, 8), st.data())
def test_pieces_take_bits_from_the_top_as_far_as_a_lut_has_inputs(
    masks: list[int], bits: int, data: st.DataObject
) -> None:
    known = data.draw(st.integers(0, bits - 1))
    for mask, found in zip(masks, pieces(np.array(masks), bits, known).tolist(), strict=True):
        count, room = 1, 6
        for place in reversed(range(bits)):
            cost = bit(mask, place) + (place < bits - known)
            if cost > room:
                count, room = count + 1, 6
            room -= cost
        assert found == count
    inputs = [bits + bin(mask & ((1 << bits) - 1)).count("1") for mask in masks]
    assert short_luts(np.array(masks), bits) == sum(1 + min(max(0, n - 6), 4) for n in inputs)


@given(st.integers(7, 16), st.data())
def test_pieces_of_constants_count_what_differs(bits: int, data: st.DataObject) -> None:
    numbers = st.integers(0, (1 << bits) - 1)
    rows = data.draw(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=3))
    cuts = [(max(0, top - 6), top) for top in range(bits, 0, -6)]
    luts, high, low, levels, more = 0, 0, 0, 0, 0
    for row in rows:
        parts = [{value >> a & ((1 << (b - a)) - 1) for value in row} for a, b in cuts]
        luts += sum(2 * len(p) - (0 in p) - (((1 << (b - a)) - 1) in p) for p, (a, b) in zip(parts, cuts, strict=True))
        high += len(parts[0])
        low += len(parts[1]) * (cuts[1][1] > 1)
        levels += len(set(row))
        more += sum(max(0, bits - 6 - next((k for k in range(bits) if bit(v, k)), bits)) for v in set(row))
    found = constant_pieces(np.array(rows, np.int64), bits)
    expected = (
        {"lanes": len(rows), "levels": levels, "high": high, "low": low, "beyond": more}
        if len(cuts) == 2
        else {"luts": luts}
    )
    assert found == expected


@given(st.integers(1, 300))
def test_a_count_of_comparisons_is_an_xor_for_each_bit(levels: int) -> None:
    luts = 0
    for place in range(levels.bit_length()):
        inputs = len(range((1 << place) - 1, levels, 1 << place))
        while inputs > 1:  # a LUT takes six of them and leaves one
            inputs, luts = max(1, inputs - 5), luts + 1
    assert parities(levels) == luts


def piece_luts(words: tuple[int, ...], width: int) -> int:
    """Of a piece that is compared with constants: is a number equal, and is it larger? A wire is no LUT, and where the
    numbers are equal nobody asks which is larger.
    """
    numbers = range(1 << width)
    wires = [[1 for _ in numbers], *([bit(x, place) for x in numbers] for place in range(width))]
    asked = [(w, x) for w in range(len(words)) for x in numbers if x != words[w]]
    wires_of = [{(w, x): wire[x] for w, x in asked} for wire in wires]
    wires_of += [{(w, x): bit(words[w], place) for w, x in asked} for place in range(width)]
    larger = {(w, x): int(x > words[w]) for w, x in asked}
    free = any(larger == wire or larger == {at: 1 - value for at, value in wire.items()} for wire in wires_of)
    return (width > 1 or len(set(words)) > 1) + (not free)


@given(st.integers(4, 9), st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.data())
def test_chains_of_a_memory_in_luts_are_cut_by_three_bits_and_share_what_is_alike(
    bits: int, depth: int, lanes: int, levels: int, data: st.DataObject
) -> None:
    numbers = st.integers(0, (1 << bits) - 1)
    flat = data.draw(st.lists(numbers, min_size=depth * lanes * levels, max_size=depth * lanes * levels))
    words = np.array(flat, np.int64).reshape(depth, lanes, levels)
    luts = 0
    for lane in range(lanes):
        for top in range(bits, 0, -3):
            low = max(top - 3, 0)
            mask = (1 << (top - low)) - 1
            found = {tuple(int(v) >> low & mask for v in words[:, lane, level]) for level in range(levels)}
            luts += sum(piece_luts(each, top - low) for each in found)
    assert alike_chains(words, bits) == luts


@given(st.integers(13, 16), st.integers(1, 2), st.integers(1, 3), st.integers(0, 4), st.data())
def test_chains_of_a_block_ram_share_only_what_is_constant(
    bits: int, lanes: int, levels: int, known: int, data: st.DataObject
) -> None:
    numbers = st.integers(0, (1 << bits) - 1)
    flat = data.draw(st.lists(numbers, min_size=2 * lanes * levels, max_size=2 * lanes * levels))
    words = np.array(flat, np.int64).reshape(2, lanes, levels)
    luts, short, shared = 0, 0, set()
    for lane in range(lanes):
        for level in range(levels):
            one, other = (int(word) for word in words[:, lane, level])
            cuts, room, top = [], 6, bits
            for place in reversed(range(bits)):
                cost = bit(one ^ other, place) + (place < bits - known)
                if cost > room:
                    cuts, room, top = [*cuts, (place + 1, top)], 6, place + 1
                room -= cost
            cuts.append((0, top))
            if len(cuts) < 3:
                short += 1
                continue
            for low, high in cuts:
                values = [word >> low & ((1 << (high - low)) - 1) for word in (one, other)]
                if values[0] == values[1]:
                    shared.add((lane, low, high, values[0]))
                else:
                    luts += 1 + (high - low > 1)
    luts += sum(piece_luts((value,), high - low) for _, low, high, value in shared)
    chains, logic = compared(words, bits, known)
    assert chains["luts"] == luts
    assert (logic["luts"] > 0) == (short > 0)


@given(st.integers(1, 7), st.booleans(), st.booleans(), st.integers(-9, 9), st.integers(8, 16), st.integers(1, 3))
def test_results_that_are_inverted_bits_take_a_lut_each(
    levels: int, falling: bool, search: bool, base: int, bits: int, stages: int
) -> None:
    """A lane's result is base plus or minus its count; a bit of it may be one of the count's, inverted."""
    if search:
        levels = (1 << levels.bit_length()) - 1
    half = 1 << (bits - 1)
    rows = [[half - 1 - 3 * k for k in reversed(range(levels))]]
    op = Threshold(np.array(rows), np.array([base]), np.array([-1 if falling else 1]))
    x = TensorType.integer((1,), -half, half - 1)
    kernel = Kernel(pe=1, simd=1, compare="search" if search else "parallel")
    kernel = replace(kernel, stages=min(stages, op._plan(kernel, x).path.most))
    registers = set() if search else op._plan(kernel, x).registers
    out, count_bits = op.infer(x), levels.bit_length()
    inverted = set()
    for place in range(max(out.bits, count_bits)):
        column = tuple(bit(base + (-count if falling else count), place) for count in range(levels + 1))
        for at in range(count_bits):
            parity = levels >> at > 1 and not search and "count" not in registers
            melts = bits <= 12 and not registers and not search
            if column == tuple(1 - bit(count, at) for count in range(levels + 1)) and not (parity or melts):
                inverted.add(column)
    assert [part["bits"] for part in op.parts(kernel, x) if part.kind == "inversion"] == [len(inverted)]
