"""Figures of a network that no synthesis is needed for: what it computes, what it stores, how full its memories are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ir import Graph, Part, Work
from .features import fixed

if TYPE_CHECKING:
    from ..ops.netlist import Netlist

BLOCK_RAM_BITS, ULTRA_RAM_BITS = 36_864, 294_912
"""Of a block RAM and of an UltraRAM, parity bits included."""

MEGA = 1e6


@dataclass(frozen=True)
class Figures:
    """Of a network, for one frame.

    works: by node, of those that compute anything that is counted.
    feature_bits: by node, the bits of the feature maps that it is the first to read. Feature maps are the tensors that
        nodes with weights read, the network's input among them, and its outputs, which are under "".
    """

    works: dict[str, Work]
    feature_bits: dict[str, int]

    @property
    def total(self) -> Work:
        """`weight_bits` is that of the widest weights; `bits` are `weight_memory`."""
        works = self.works.values()
        sums = (sum(getattr(w, name) for w in works) for name in ("macs", "operations", "bops", "weights", "zeros"))
        return Work(*sums, max((w.weight_bits for w in works), default=0))  # type: ignore[arg-type]

    @property
    def weight_memory(self) -> int:
        """Bits of all weights."""
        return sum(work.stored_bits for work in self.works.values())

    @property
    def nonzero_memory(self) -> int:
        """Bits of the weights that are not 0."""
        return sum(work.nonzero_bits for work in self.works.values())

    @property
    def feature_memory(self) -> int:
        """Bits of all feature maps."""
        return sum(self.feature_bits.values())

    def density(self, accuracy: float) -> float | None:
        """Performance per memory footprint, in % per Mbit: accuracy / (bits of non-zero weights + of feature maps).

        Source: Zhang, Colbert, Das, "Learning low-precision structured subnetworks using joint layerwise channel
        pruning and uniform quantization", Appl. Sci. 12 (2022). It rewards tiny bad networks: never without the
        accuracy beside it.
        """
        bits = self.nonzero_memory + self.feature_memory
        return accuracy / (bits / MEGA) if bits else None


def figures(graph: Graph) -> Figures:
    """What a lowered network computes and stores."""
    works: dict[str, Work] = {}
    features: dict[str, int] = {}
    seen: set[str] = set()

    def first_read(names: tuple[str, ...]) -> int:
        fresh = [name for name in dict.fromkeys(names) if name not in seen]
        seen.update(fresh)
        return sum(graph.types[name].size * graph.types[name].bits for name in fresh)

    for node in graph.nodes:
        work = node.op.work(*graph.input_types(node))
        if work != Work():
            works[node.name] = work
        if work.weights:
            features[node.name] = first_read(node.inputs)
    features[""] = first_read(graph.outputs)
    return Figures(works, features)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bits that are stored in memories of the device, and the bits that these memories have."""

    stored: int = 0
    held: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.stored + other.stored, self.held + other.held)

    @property
    def efficiency(self) -> float | None:
        """The share that is used; None where there is no memory."""
        return self.stored / self.held if self.held else None


def memories(netlist: Netlist) -> dict[str, Memory]:
    """Block RAMs and UltraRAMs of each block, and of all FIFOs together (`FIFOs`); memories in LUTs are logic."""
    found = {block.name: _memory(block.parts) for block in netlist.blocks}
    return found | {"FIFOs": _memory(tuple(part for channel in netlist.channels for part in channel.fifo.parts()))}


def _memory(parts: tuple[Part, ...]) -> Memory:
    total = Memory()
    for part in parts:
        cost = fixed(part)
        if cost.bram36 or cost.uram:
            held = round(cost.bram36 * BLOCK_RAM_BITS + cost.uram * ULTRA_RAM_BITS)
            total += Memory(part.count * part["depth"] * part["width"], part.count * held)
    return total
