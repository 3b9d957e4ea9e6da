"""What a memory of constants holds, as far as it makes a difference to what it is built of."""

from __future__ import annotations

import numpy as np

from ..ir import Int64

BLOCK = 64
"""Words of a table that one LUT holds."""


def different_parts(table: Int64, bits: int) -> dict[str, int]:
    """Columns of bits that are neither constant nor equal to another, and how many different blocks of 64 words they
    are made of that are not constant.

    table: (words, elements), `bits` of each element in two's complement.
    """
    depth = len(table)
    columns = (table[:, :, None] >> np.arange(bits)) & 1
    columns = columns.reshape(depth, -1).astype(np.uint8)
    rest = np.repeat(columns[depth - depth % BLOCK :][:1], -depth % BLOCK, axis=0)  # constant stays constant
    words = np.concatenate([columns, rest]).reshape(-1, BLOCK, columns.shape[1])
    packed = np.packbits(words, axis=1).swapaxes(1, 2)  # (blocks, columns, bytes)
    codes = np.ascontiguousarray(packed).view(np.uint64)[..., 0]
    whole = np.ascontiguousarray(codes.T).view(f"V{8 * len(codes)}")[:, 0]
    _, first = np.unique(whole, return_index=True)
    codes = codes[:, first]
    constant = np.isin(codes, (0, np.iinfo(np.uint64).max))
    plain = constant.all(axis=0) & (codes == codes[:1]).all(axis=0)
    return {"columns": int((~plain).sum()), "blocks": len(np.unique(codes[~constant]))}
