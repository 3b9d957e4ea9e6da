"""Bits of storage: weights with and without the indices that say where they are, codebooks, Huffman codes.

Relative indices as in deep compression: each weight that stays carries its distance from the last one in a fixed
number of bits, and where a gap is too long for that, a zero is stored in between. The literature's large numbers leave
indices out; both are counted here. Bit operations, feature maps and density are those of the lowered network
(estimate/figures.py).
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from .freeze import codes_of

if TYPE_CHECKING:
    from .model import PreparedModel

FLOAT_BITS = 32
GRID_BITS = 8
MOST_INDEX_BITS = 16
Codes = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Storage:
    """One layer's weights. bits: of one weight. fillers: zeros that bridge long gaps. codebook: bits of its table."""

    name: str
    weights: int
    kept: int
    bits: int
    index_bits: int
    fillers: int
    codebook: int

    @property
    def without_indices(self) -> int:
        return self.kept * self.bits + self.codebook

    @property
    def with_indices(self) -> int:
        return (self.kept + self.fillers) * (self.bits + self.index_bits) + self.codebook

    @property
    def dense(self) -> int:
        """As it was: all weights in 32 bits."""
        return self.weights * FLOAT_BITS


def storage(model: PreparedModel) -> list[Storage]:
    """Each layer's storage. Weights of channels that are gone are not there at all, and take no index."""
    rows = []
    for name in model.macs:
        producer = model.producer(name)
        alive = _still_there(model, name)
        stays = alive if producer.provisional is None else alive & (producer.provisional.cpu().numpy() != 0)
        mask = stays[np.ix_(*_places(alive))].ravel()
        kept = int(mask.sum())
        index_bits, fillers = best_index(mask) if kept < mask.size else (0, 0)
        table = len(producer.range.centroids) * GRID_BITS if producer.range.codebook == "cluster" else 0
        rows.append(Storage(name, producer.weight.numel(), kept, producer.bits, index_bits, fillers, table))
    return rows


def _still_there(model: PreparedModel, name: str) -> npt.NDArray[np.bool_]:
    """Of a layer's weights, those whose output and input channel are still there."""
    producer = model.producer(name)
    alive = torch.ones_like(producer.weight, dtype=torch.bool).cpu()
    ones = (1,) * (alive.dim() - 2)
    alive &= (model.mask_of(name).cpu() != 0).reshape(-1, 1, *ones)
    if getattr(producer.op, "groups", 1) == 1:
        alive &= (model.mask_of(model.graph.by_name[name].inputs[0]).cpu() != 0).reshape(1, -1, *ones)
    return alive.numpy()


def _places(alive: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], ...]:
    """The rows, columns, ... in which something is alive."""
    axes = range(alive.ndim)
    return tuple(np.flatnonzero(alive.any(axis=tuple(a for a in axes if a != axis))) for axis in axes)


def best_index(mask: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The width of relative indices that takes the fewest bits at 4 bits a weight, and how many fillers it needs."""
    return min(
        ((bits, fillers_of(mask, bits)) for bits in range(1, MOST_INDEX_BITS + 1)),
        key=lambda found: (int(mask.sum()) + found[1]) * (4 + found[0]),
    )


def fillers_of(mask: npt.NDArray[np.bool_], bits: int) -> int:
    """Zeros to be stored where the distance to the next weight is above 2^bits."""
    places = np.flatnonzero(mask)
    gaps = np.diff(places, prepend=-1)
    return int(((gaps - 1) // (1 << bits)).sum())


def huffman_bits(codes: Codes) -> int:
    """The bits that a Huffman code of these values takes, its table aside (deep compression; Gao et al.)."""
    counts = list(Counter(codes.ravel().tolist()).values())
    if len(counts) == 1:
        return counts[0]
    heapq.heapify(counts)
    total = 0
    while len(counts) > 1:
        merged = heapq.heappop(counts) + heapq.heappop(counts)
        total += merged
        heapq.heappush(counts, merged)
    return total


def rate(model: PreparedModel) -> int:
    """Huffman bits of all weights of a frozen model, zeros included: rate-distortion's rate."""
    return sum(huffman_bits(codes_of(model, name)) for name in model.macs)
