"""Small source networks with their quantisers, built by hand."""

from __future__ import annotations

import numpy as np
import torch
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops.source import (
    BatchNorm,
    Quantise,
    SourceAdd,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)


def conv(rng: np.random.Generator, outputs: int, inputs: int, size: int = 3) -> SourceConv2d:
    weight = rng.normal(0, 0.5, (outputs, size, size, inputs))
    pad = size // 2
    return SourceConv2d(weight, np.zeros(outputs), (1, 1), (pad,) * 4)


def norm(rng: np.random.Generator, channels: int) -> BatchNorm:
    weight = rng.uniform(0.5, 1.5, channels) * rng.choice([-1.0, 1.0, 1.0], channels)
    return BatchNorm(rng.normal(0, 0.1, channels), rng.uniform(0.5, 2, channels), weight, rng.normal(0, 0.3, channels))


def linear(rng: np.random.Generator, outputs: int, inputs: int) -> SourceLinear:
    return SourceLinear(rng.normal(0, 0.3, (outputs, inputs)), rng.normal(0, 0.1, outputs))


def residual_network(seed: int = 0, act_bits: int = 4, pool: int = 3) -> Graph:
    """6x6x2 -> stem of 4 channels -> a residual block -> max pool, average pool (by 9) -> 3 classes."""
    rng = np.random.default_rng(seed)
    return Graph(
        {"x": TensorType((6, 6, 2))},
        (
            Node("x_q", Quantise(8), ("x",)),
            Node("stem", conv(rng, 4, 2), ("x_q",)),
            Node("stem_bn", norm(rng, 4), ("stem",)),
            Node("stem_relu", SourceRelu(), ("stem_bn",)),
            Node("stem_q", Quantise(act_bits), ("stem_relu",)),
            Node("a", conv(rng, 6, 4), ("stem_q",)),
            Node("a_bn", norm(rng, 6), ("a",)),
            Node("a_relu", SourceRelu(), ("a_bn",)),
            Node("a_q", Quantise(act_bits), ("a_relu",)),
            Node("b", conv(rng, 4, 6), ("a_q",)),
            Node("b_bn", norm(rng, 4), ("b",)),
            Node("b_q", Quantise(act_bits, group="add"), ("b_bn",)),
            Node("skip_q", Quantise(act_bits, group="add"), ("stem_q",)),
            Node("add", SourceAdd(), ("b_q", "skip_q")),
            Node("out_relu", SourceRelu(), ("add",)),
            Node("out_q", Quantise(act_bits), ("out_relu",)),
            Node("max", SourceMaxPool((2, 2), (2, 2)), ("out_q",)),
            Node("mean", SourceAvgPool((pool, pool), (1, 1), (0, 0, 0, 0), pool * pool), ("max",)),
            Node("mean_q", Quantise(act_bits), ("mean",)),
            Node("flat", SourceFlatten(), ("mean_q",)),
            Node("fc", linear(rng, 3, 4 * (4 - pool) ** 2), ("flat",)),
        ),
        ("fc",),
    )


def mlp_network(seed: int = 0, act_bits: int = 4, widths: tuple[int, int, int] = (5, 8, 6)) -> Graph:
    """Two hidden layers, the second without a batch norm; 3 classes."""
    rng = np.random.default_rng(seed)
    first, second, third = widths
    return Graph(
        {"x": TensorType((first,))},
        (
            Node("x_q", Quantise(8), ("x",)),
            Node("h1", linear(rng, second, first), ("x_q",)),
            Node("h1_bn", norm(rng, second), ("h1",)),
            Node("h1_relu", SourceRelu(), ("h1_bn",)),
            Node("h1_q", Quantise(act_bits), ("h1_relu",)),
            Node("h2", linear(rng, third, second), ("h1_q",)),
            Node("h2_relu", SourceRelu(), ("h2",)),
            Node("h2_q", Quantise(act_bits), ("h2_relu",)),
            Node("fc", linear(rng, 3, third), ("h2_q",)),
        ),
        ("fc",),
    )


def batches_of(graph: Graph, count: int = 6, size: int = 16, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches whose three classes can be told apart."""
    generator = torch.Generator().manual_seed(seed)
    shape = next(iter(graph.inputs.values())).shape
    wanted = (shape[-1], *shape[:-1])
    made = []
    for _ in range(count):
        y = torch.randint(0, 3, (size,), generator=generator)
        x = torch.rand((size, *wanted), generator=generator) * 0.5
        x = x + (y.float() * 0.4 - 0.3).reshape(-1, *(1,) * len(wanted))
        made.append((x, y))
    return made
