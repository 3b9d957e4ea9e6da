"""What a memory of constants holds, as far as it makes a difference to what it is built of."""

from __future__ import annotations

from math import ceil

import numpy as np

from ..ir import Int64

BLOCK = 64
"""Words of a table that one LUT holds."""

CHOICES = 3
"""Choices between two that one LUT makes: four inputs and two bits of the address."""

BESIDE_CHOICE = 16
"""Words of a last block that the LUT makes that chooses between it and another: four bits beside these two inputs."""

STATE_BITS, FIRST_COLUMN = 4, 2
"""What a bit of a word is in a memory of few words, in so many bits: constant 0 or 1, or, from this number on, which of
the columns that vary. Of four words, 14 do.
"""


def different_parts(table: Int64, bits: int, *, apart: bool = False) -> dict[str, int]:
    """What differs, counted.

    table: (words, elements), `bits` of each element in two's complement. apart: elements are in memories of their own.

    Returns:
        columns: of bits, that are neither constant nor equal to another.
        blocks: of 64 words of each of these, that are neither; a LUT each.
        choices: LUTs that choose between blocks by the upper bits of the address, as long as the halves of a column
            differ. Two or four blocks are joined by the multiplexers of a slice.
    """
    codes, constant = _blocks(table, bits, BLOCK, apart)
    blocks = _distinct(np.where(constant, 0, codes)) - constant.any(axis=0)
    found = {"columns": codes.shape[1], "blocks": int(blocks.sum())}
    choices = _choices(codes)
    joined = (choices + 1 == _distinct(codes)) & np.isin(choices, (1, 3)) & ~constant.any(axis=0)
    return found | {"choices": int(np.where(joined, 0, -(-choices // CHOICES)).sum())}


def counted_parts(table: Int64, bits: int) -> dict[str, int]:
    """The same for a memory whose address is a counter beside it (estimate/features/cases.py).

    Returns:
        columns: as above.
        pieces: LUTs: the different blocks of 32 words, and one for every choice between two. Bits of the address on
            which a column does not depend are left out before it is cut into blocks.
    """
    every = (table[:, :, None] >> np.arange(bits) & 1).reshape(len(table), -1).T.astype(np.uint8)
    different = {column.tobytes(): column for column in every[every.any(axis=1) & ~every.all(axis=1)]}
    groups: dict[bytes, list[np.ndarray]] = {}
    if different:
        columns = np.stack(list(different.values()))
        addresses = filled(columns.shape[1])
        whole = columns[:, addresses]
        for column, full, depends in zip(columns, whole, dependence(whole), strict=True):
            idle = sum(1 << int(bit) for bit in np.flatnonzero(~depends))
            kept = full[np.arange(len(addresses)) & idle == 0] if idle else column
            groups.setdefault(depends.tobytes(), []).append(kept)
    return {"columns": len(different), "pieces": sum(_pieces(np.stack(group, axis=1)) for group in groups.values())}


def _pieces(columns: Int64) -> int:
    """columns: (words, columns), all different, none constant."""
    if len(columns) == WIRE:
        return 0
    codes, constant = _blocks(columns, 1, BLOCK // 2)
    pieces = _distinct(np.where(constant, 0, codes)) - constant.any(axis=0) + _choices(codes)
    if len(codes) > 1 and 0 < len(columns) % (BLOCK // 2) <= BESIDE_CHOICE:
        pieces -= ~constant[-1] & (codes[-1:] != codes[:-1]).all(axis=0)
    return int(pieces.sum())


WIRE = 2
"""Words of a bit of the address."""


def filled(depth: int) -> Int64:
    """For each address of a memory, which of its words is read there: beyond the last that where upper bits are 0."""
    address_bits = (depth - 1).bit_length()
    address = np.arange(1 << address_bits)
    for bit in reversed(range(address_bits)):
        start = address >> bit << bit
        address = np.where((address >> bit & 1 == 1) & (start >= depth), address - (1 << bit), address)
    return address


def dependence(columns: np.ndarray) -> np.ndarray:
    """(columns, bits of the address): on which of these each of (columns, words) depends."""
    count, depth = columns.shape
    halves = [columns.reshape(count, -1, 2, 1 << bit) for bit in range(depth.bit_length() - 1)]
    return np.stack([(each[:, :, 0] != each[:, :, 1]).any(axis=(1, 2)) for each in halves], axis=1)


def _blocks(table: Int64, bits: int, size: int, apart: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(blocks, different columns), so many words in a number each; which of them are constant. No column is."""
    depth = len(table)
    columns = ((table[:, :, None] >> np.arange(bits)) & 1).reshape(depth, -1).astype(np.uint8)
    rest = np.repeat(columns[depth - depth % size :][:1], -depth % size, axis=0)  # what is constant stays constant
    words = np.concatenate([columns, rest]).reshape(ceil(depth / size), size, -1)
    packed = np.packbits(words, axis=1).swapaxes(1, 2)  # (blocks, columns, bytes)
    codes = np.ascontiguousarray(packed).view(f"u{size // 8}")[..., 0]
    if apart:
        owner = np.repeat(np.arange(table.shape[1]), bits)
        order = np.lexsort((*codes, owner))
        codes, owner = codes[:, order], owner[order]
        first = np.append(True, (codes[:, 1:] != codes[:, :-1]).any(axis=0) | (owner[1:] != owner[:-1]))
        codes = codes[:, first]
    elif len(codes) == 1:
        codes = np.unique(codes, axis=None)[None]
    else:
        whole = np.ascontiguousarray(codes.T).view(f"V{codes.itemsize * len(codes)}")[:, 0]
        codes = codes[:, np.unique(whole, return_index=True)[1]]
    constant = (codes == 0) | (~codes == 0)
    varies = ~(constant.all(axis=0) & (codes == codes[:1]).all(axis=0))
    return codes[:, varies], constant[:, varies]


def _choices(codes: np.ndarray) -> Int64:
    """For each column, between how many pairs of different halves, quarters, … of it something has to choose."""
    names = np.unique(codes, return_inverse=True)[1].reshape(codes.shape)
    found = np.zeros(codes.shape[1], np.int64)
    while len(names) > 1 and names.size:
        names = np.concatenate([names, names[len(names) - len(names) % 2 :]])  # nothing stands beside the last
        low, high = names[::2], names[1::2]
        pairs = low * (names.max() + 1) + high
        halves = low != high
        found += np.where(halves.any(axis=0), _distinct(np.where(halves, pairs, -1)) - ~halves.all(axis=0), 0)
        names = np.unique(np.where(halves, pairs, -1 - low), return_inverse=True)[1].reshape(low.shape)
    return found


def _distinct(names: np.ndarray) -> Int64:
    """How many different ones each column holds."""
    ordered = np.sort(names, axis=0)
    return np.asarray(1 + (ordered[1:] != ordered[:-1]).sum(axis=0), np.int64)
