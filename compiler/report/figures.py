"""Figures of a design as plain values: what it computes and stores, and what that is per LUT, DSP slice, block RAM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..estimate.figures import Figures, Memory, figures, memories
from ..estimate.resources import Resources
from ..ir import Work
from ..ops.netlist import Netlist

MEANINGS = {
    "macs": "products of an activation with a weight or another activation, those with weights of 0 included, a frame",
    "operations": "a multiplication and an addition for each product that is summed up, a frame",
    "bops": "m*n*((1 - f_p)*b_a*b_w + b_a + b_w + log2 n) at each position (Hawks et al. 2021); f_p: share of zeros",
    "free_zeros": "weights of 0 that the kernel has neither a step nor hardware for; the other zeros save nothing",
    "weight_memory_bits": "all weights; nonzero_weight_bits: those that are not 0, without where they are",
    "feature_map_bits": "the tensors that nodes with weights read, where they are first read, and the outputs",
    "memory_efficiency": "bits stored in block RAMs and UltraRAMs / bits that these have (36,864 and 294,912 each)",
    "performance_density": "accuracy / (nonzero_weight_bits + feature_map_bits), % per Mbit (Zhang, Colbert, Das 2022)",
}
"""What is counted, by key."""

SPARSE = 0.5
"""The share of zeros from which on a reader expects them to save something, and the share of these that does."""


def figure_facts(netlist: Netlist, used: Resources, fps: float, accuracy: float | None) -> dict[str, Any]:
    """Of each block that computes or stores anything, and in total. accuracy: in %, of what is built, if known."""
    found, held = figures(netlist.graph), memories(netlist)
    names = [*(block.name for block in netlist.blocks), "FIFOs"]
    free = free_zeros(netlist)
    rows = [
        {
            "name": name,
            **_row(found.works.get(name, Work()), free.get(name, 0), found.feature_bits.get(name, 0), held[name]),
        }
        for name in names
        if name in found.works or held[name].held
    ]
    return {"layers": rows, "total": _total(found, held, sum(free.values()), used, fps, accuracy)}


def free_zeros(netlist: Netlist) -> dict[str, int]:
    """By node: the weights of 0 that its kernel has neither a step nor hardware for."""
    graph, kernels = netlist.graph, netlist.schedule.kernels
    return {n.name: n.op.free_zeros(kernels[n.name], *graph.input_types(n)) for n in graph.nodes if n.name in kernels}


def saving_nothing(figures: Mapping[str, Any]) -> list[str]:
    """For people: the layers that are sparse, and whose kernels make little of it."""
    return [
        f"{row['name']}: {row['zero_weights'] - row['free_zeros']:,} of its {row['zero_weights']:,} weights of 0 save "
        "nothing in this kernel; those of layers leave out blocks of PE x SIMD zeros, and unrolled every zero"
        for row in figures["layers"]
        if row["zero_weights"] > SPARSE * row["weights"]
        and row.get("free_zeros", row["zero_weights"]) < SPARSE * row["zero_weights"]
    ]


def _row(work: Work, free: int, feature_bits: int, memory: Memory) -> dict[str, Any]:
    return {
        "macs": work.macs,
        "operations": work.operations,
        "bops": round(work.bops),
        "weights": work.weights,
        "zero_weights": work.zeros,
        "free_zeros": free,
        "weight_bits": work.weight_bits,
        "weight_memory_bits": work.stored_bits,
        "nonzero_weight_bits": work.nonzero_bits,
        "feature_map_bits": feature_bits,
        **_memory(memory),
    }


def _total(
    found: Figures, held: Mapping[str, Memory], free: int, used: Resources, fps: float, accuracy: float | None
) -> dict[str, Any]:
    total = found.total
    row = _row(total, free, found.feature_memory, sum(held.values(), Memory()))
    gops = total.operations * fps / 1e9
    density = None if accuracy is None else found.density(accuracy)
    return row | {
        "weight_memory_bits": found.weight_memory,
        "nonzero_weight_bits": found.nonzero_memory,
        "gops": round(gops, 3),
        "gops_per_klut": _per(gops, used.lut / 1000),
        "gops_per_dsp": _per(gops, used.dsp),
        "gops_per_bram36": _per(gops, used.bram36),
        "accuracy": accuracy,
        "performance_density": None if density is None else round(density, 3),
    }


def _memory(memory: Memory) -> dict[str, Any]:
    efficiency = memory.efficiency
    return {
        "memory_bits": memory.stored,
        "memory_held_bits": memory.held,
        "memory_efficiency": None if efficiency is None else round(efficiency, 4),
    }


def _per(gops: float, count: float) -> float | None:
    return round(gops / count, 4) if count else None
