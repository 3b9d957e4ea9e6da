"""Bits of storage: weights with and without the indices that say where they are, codebooks, Huffman codes.

Relative indices as in deep compression: each weight that stays carries its distance from the last one in a fixed
number of bits, and where a gap is too long for that, a zero is stored in between. The literature's large numbers leave
indices out; both are counted here. Two cheaper ways to say where weights are have names of their own: Rice codes of
gaps, which need neither fillers nor a table, and Huffman codes of gaps and values (deep compression), tables included.
Biases, scales and the shapes of layers are not counted anywhere, in the dense network neither. Activations are those of
hidden layers as they are made. Bit operations and density are those of the lowered network (estimate/figures.py).
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from .freeze import codes_of
from .structures import feature_maps

if TYPE_CHECKING:
    from .model import PreparedModel

FLOAT_BITS = 32
GRID_BITS = 8
MOST_INDEX_BITS = 16
MOST_HUFFMAN_BITS = 8
LENGTH_BITS = 5
"""Of one symbol's length in a Huffman table; canonical codes follow from their lengths."""
Codes = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Storage:
    """One layer's weights.

    bits: of one weight. filled_bits: of one weight or filler beside its index; one more where the codebook has no zero
    that could be a filler. fillers: zeros that bridge long gaps. codebook: bits of its table. rice: bits that say where
    the weights are, as Rice codes. huffman: bits of places and values as Huffman codes, tables included; None until a
    model is frozen.
    """

    name: str
    weights: int
    kept: int
    bits: int
    filled_bits: int
    index_bits: int
    fillers: int
    codebook: int
    rice: int
    huffman: int | None = None

    @property
    def without_indices(self) -> int:
        return self.kept * self.bits + self.codebook

    @property
    def with_indices(self) -> int:
        return (self.kept + self.fillers) * (self.filled_bits + self.index_bits) + self.codebook

    @property
    def with_rice(self) -> int:
        return self.kept * self.bits + self.rice + self.codebook

    @property
    def with_huffman(self) -> int | None:
        return None if self.huffman is None else self.huffman + self.codebook

    @property
    def dense(self) -> int:
        """As it was: all weights in 32 bits."""
        return self.weights * FLOAT_BITS


@dataclass(frozen=True)
class FeatureMap:
    """Activations of a hidden layer, `bits` each. kept: those of channels and of pixels that are not always 0.

    They are what would have to be stored; kernels that stream make no use of pixels that are always 0.
    """

    name: str
    values: int
    kept: int
    bits: int


def feature_map_storage(model: PreparedModel) -> list[FeatureMap]:
    """Of every hidden layer, in the order in which they are made."""
    found = []
    for name in feature_maps(model.graph, model.structure):
        shape, places = model.graph.types[name].shape, model.places_alive(name)
        pixels = prod(shape[:-1]) if places is None else int(places.sum())
        kept = pixels * int((model.mask_of(name) != 0).sum())
        found.append(FeatureMap(name, prod(shape), kept, model.quantiser(name).bits))
    return found


def storage(model: PreparedModel) -> list[Storage]:
    """Each layer's storage. Weights of channels that are gone are not there at all, and take no index.

    Nor are weights whose code is 0, once the model is frozen and has codes.
    """
    return [_of_layer(model, name) for name in model.macs]


def _of_layer(model: PreparedModel, name: str) -> Storage:
    producer = model.producer(name)
    found, alive = producer.range, _still_there(model, name)
    stays = alive if producer.provisional is None else alive & (producer.provisional.cpu().numpy() != 0)
    codes = codes_of(model, name) if model.frozen else None
    if codes is not None and producer.provisional is not None:
        stays = stays & (codes != 0)
    mask = stays[np.ix_(*_places(alive))].ravel()
    gaps, sparse = gaps_of(mask), not mask.all()
    filled = producer.bits + int(found.levels is not None and not bool((found.levels == 0).any()))
    index_bits, fillers = best_index(gaps, producer.bits, filled) if sparse else (0, 0)
    return Storage(
        name,
        weights=producer.weight.numel(),
        kept=len(gaps),
        bits=producer.bits,
        filled_bits=filled if fillers else producer.bits,
        index_bits=index_bits,
        fillers=fillers,
        codebook=len(found.centroids) * GRID_BITS if found.codebook == "cluster" else 0,
        rice=rice_bits(gaps) if sparse else 0,
        huffman=None if codes is None else huffman_values(codes[stays]) + (huffman_places(gaps) if sparse else 0),
    )


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


def gaps_of(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The distance of each weight from the one before it, less one."""
    return np.diff(np.flatnonzero(mask), prepend=-1) - 1


def best_index(gaps: npt.NDArray[np.int64], bits: int, filled_bits: int) -> tuple[int, int]:
    """The width of relative indices that takes the fewest bits altogether, and how many fillers it needs."""

    def cost(found: tuple[int, int]) -> int:
        width, fillers = found
        return (len(gaps) + fillers) * (width + (filled_bits if fillers else bits))

    return min(((width, fillers_of(gaps, width)) for width in range(1, MOST_INDEX_BITS + 1)), key=cost)


def fillers_of(gaps: npt.NDArray[np.int64], width: int) -> int:
    """Zeros to be stored where the distance to the next weight is above 2^width."""
    return int((gaps >> width).sum())


def rice_bits(gaps: npt.NDArray[np.int64]) -> int:
    """Rice codes of the best parameter k: the low k bits as they are, the others in unary, with one bit to end it."""
    return min(int((gaps >> k).sum()) + len(gaps) * (1 + k) for k in range(MOST_INDEX_BITS + 1))


def huffman_places(gaps: npt.NDArray[np.int64]) -> int:
    """Huffman bits of the gaps and of the table, one code length for each symbol.

    A symbol is the low k bits of a gap, or that 2^k places follow without a weight; k is the best one.
    """
    return min(_huffman_of_low(gaps, k) for k in range(MOST_HUFFMAN_BITS + 1))


def _huffman_of_low(gaps: npt.NDArray[np.int64], k: int) -> int:
    size = 1 << k
    longer = np.full(int((gaps >> k).sum()), size)
    return huffman_bits(np.concatenate((gaps & (size - 1), longer))) + LENGTH_BITS * (size + 1)


def huffman_values(codes: Codes) -> int:
    """Huffman bits of weights, and a code length for each level that there is."""
    return huffman_bits(codes) + LENGTH_BITS * len(np.unique(codes))


def huffman_bits(codes: Codes | npt.NDArray[np.int64]) -> int:
    """The bits that a Huffman code of these values takes, its table aside (deep compression; Gao et al.)."""
    counts = list(Counter(codes.ravel().tolist()).values())
    if len(counts) < 2:
        return sum(counts)
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
