"""An integer graph as a PyTorch module: it takes and gives what `simulate` does, and computes the same integers.

float64 throughout, in which all that comes about is exact; so it can be traced, exported and saved like any other.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import IntaglioError
from ...ir import Border, Graph, TensorType
from ...ops.elements import is_bipolar
from ...ops.exact import FLOAT64_EXACT
from ...ops.rounding import boundary
from .torch_module_steps import Counts, least_float64, rounds_up, step_of

MOST_LEVELS = 1 << 16
"""Integers of an input that are told apart by thresholds, where its scale is no power of two."""


def to_torch(graph: Graph) -> nn.Module:
    """The network as a module on CPU, in eval mode, without parameters.

    Its `forward` takes one tensor per input, in the graph's order, as the source model takes them; it gives float64: a
    tensor, or a tuple where there are several outputs.

    Raises:
        IntaglioError: for a graph that is not lowered, or whose integers float64 does not hold.
    """
    for name, kind in graph.types.items():
        if kind.is_real:
            raise IntaglioError("the graph is not lowered", where=name, hint="lower it first")
        if kind.magnitude > FLOAT64_EXACT:
            raise IntaglioError(f"float64 does not hold the integers of {kind}", where=name, hint="fewer bits")
    return IntegerNetwork(graph).eval()


def save_torch(graph: Graph, path: Path) -> None:
    """A program of torch.export, of any batch size: `torch.export.load(path).module()` reads it.

    Raises IntaglioError for a suffix other than `.pt2`, or a place that cannot be written.
    """
    if path.suffix != ".pt2":
        raise IntaglioError(f"an exported program does not end in {path.suffix!r}", where=str(path), hint=".pt2")
    module = to_torch(graph)
    example = tuple(torch.zeros(2, *graph.border_of(name).shape) for name in graph.inputs)
    shapes = ({0: torch.export.Dim("batch", min=1)},) * len(example)
    program = torch.export.export(module, example, dynamic_shapes={"inputs": shapes})
    try:
        torch.export.save(program, str(path))
    except (OSError, RuntimeError) as error:
        raise IntaglioError(f"the module cannot be written: {error}", where=str(path)) from None


class IntegerNetwork(nn.Module):
    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.inputs = nn.ModuleList([Enter(kind, graph.border_of(name)) for name, kind in graph.inputs.items()])
        self.steps = nn.ModuleList([step_of(node.op, graph.input_types(node)) for node in graph.nodes])
        self.outputs = nn.ModuleList([Leave(graph.types[name], graph.border_of(name)) for name in graph.outputs])
        self.names = tuple(graph.inputs)
        self.reads = tuple((node.name, node.inputs) for node in graph.nodes)
        self.targets = graph.outputs

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        values = {name: enter(x) for name, enter, x in zip(self.names, self.inputs, inputs, strict=True)}
        for (name, sources), step in zip(self.reads, self.steps, strict=True):
            values[name] = step(*(values[source] for source in sources))
        results = tuple(leave(values[name]) for name, leave in zip(self.targets, self.outputs, strict=True))
        return results[0] if len(results) == 1 else results


class Enter(nn.Module):
    """clip(round((x - offset) / slope + zero)) - zero; of a bipolar input, the sign of (x - offset) / slope.

    Division by a power of two is exact, and so is the rounding that follows. For any other scale the least float64 that
    reaches each integer is known, and they are counted.
    """

    def __init__(self, kind: TensorType, border: Border) -> None:
        super().__init__()
        self.shape, self.rank = kind.shape, len(border.shape)
        self.order: Tensor | None
        self.register_buffer("order", None if border.order is None else torch.as_tensor(np.array(border.order)))
        self.register_buffer("lo", torch.as_tensor(np.array(kind.lo, np.float64)))
        self.register_buffer("hi", torch.as_tensor(np.array(kind.hi, np.float64)))
        self.rounding, self.zero = border.rounding, border.zero
        powers = all(_is_power_of_two(slope) for slope in border.slope) and set(border.offset) == {0}
        self.counts: Counts | None = None
        if is_bipolar(kind) or (not powers and max(kind.hi) - min(kind.lo) <= MOST_LEVELS):
            self.counts, mirror = _counts(kind, border)
        else:
            mirror = np.ones(1)
        self.register_buffer("mirror", torch.as_tensor(mirror))
        for name, values in (("slope", border.slope), ("offset", border.offset)):
            self.register_buffer(name, torch.as_tensor(np.array([float(v) for v in values])))

    def forward(self, x: Tensor) -> Tensor:
        x = x.double()
        if self.order is not None:
            x = x.reshape(x.shape[0], -1)[:, self.order]
        elif self.rank > 1:
            x = x.movedim(1, -1)
        x = x.reshape(x.shape[0], *self.shape)
        if self.counts is not None:
            return self.counts(x * self.mirror)
        v = (x - self.offset) / self.slope + self.zero
        below = v.floor()
        code = below + rounds_up(self.rounding, below, v - below, 1.0)
        return torch.minimum(torch.maximum(code - self.zero, self.lo), self.hi)


def _counts(kind: TensorType, border: Border) -> tuple[Counts, Any]:
    """Thresholds of every channel, and -1 for channels whose slope is negative."""
    slopes, offsets = (list(v) * (kind.channels // len(v)) for v in (border.slope, border.offset))
    rows, signs = [], [1.0 if slope > 0 else -1.0 for slope in slopes]
    for sign, slope, offset, lo, hi in zip(map(int, signs), slopes, offsets, kind.lo, kind.hi, strict=True):
        if is_bipolar(kind):
            edges = [(offset * sign, True)] if lo < hi else []
        else:
            limits = (boundary(border.rounding, k + border.zero) for k in range(lo + 1, hi + 1))
            edges = [(((v - border.zero) * slope + offset) * sign, closed) for v, closed in limits]
        rows.append([least_float64(edge, closed=closed) for edge, closed in edges])
    longest = max(1, *map(len, rows))
    table = [row + [float("inf")] * (longest - len(row)) for row in rows]
    return Counts(table, kind.lo, [2 if is_bipolar(kind) else 1] * kind.channels), np.array(signs)


class Leave(nn.Module):
    """integer * slope + offset, over one common denominator, rounded once; in the user's layout."""

    def __init__(self, kind: TensorType, border: Border) -> None:
        super().__init__()
        slopes, offsets = (list(v) * (kind.channels // len(v)) for v in (border.slope, border.offset))
        bottom = [lcm(s.denominator, o.denominator) for s, o in zip(slopes, offsets, strict=True)]
        constants = {
            "multiplier": [float(s * d) for s, d in zip(slopes, bottom, strict=True)],
            "addend": [float(o * d) for o, d in zip(offsets, bottom, strict=True)],
            "denominator": [float(d) for d in bottom],
        }
        for name, values in constants.items():
            self.register_buffer(name, torch.as_tensor(np.array(values)))
        place = None if border.order is None else torch.as_tensor(np.argsort(border.order))
        self.place: Tensor | None
        self.register_buffer("place", place)
        self.shape = border.shape

    def forward(self, x: Tensor) -> Tensor:
        real = (x * self.multiplier + self.addend) / self.denominator
        if self.place is not None:
            return real.reshape(x.shape[0], -1)[:, self.place].reshape(x.shape[0], *self.shape)
        if len(self.shape) == 1:
            return real.reshape(x.shape[0], *self.shape)
        return real.reshape(x.shape[0], *self.shape[1:], self.shape[0]).movedim(-1, 1).contiguous()


def _is_power_of_two(value: Fraction) -> bool:
    top, bottom = value.numerator, value.denominator
    return top > 0 and top & (top - 1) == 0 and bottom & (bottom - 1) == 0
