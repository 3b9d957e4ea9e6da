"""The reference: a frozen source graph, run in float64, where every step is exact (`exact.py` proves it)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..ir import Graph
from ..ops.source import Affine, Quantise, SourceConv2d, SourceLinear, SourcePositionAffine, SourceSoftmax
from .functional import (
    STATELESS,
    constants_of,
    integer_softmax,
    inwards,
    multiply_accumulate,
    outwards,
    torch_weight,
)


class Reference:
    """Runs a frozen graph on the user's tensors, on any device: (batch, channels, height, width), (batch, channels,
    length) or (batch, features).
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._constants: dict[torch.device, dict[str, tuple[Tensor, Tensor]]] = {}

    @torch.no_grad()
    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = self.tensors(*inputs)
        return tuple(outwards(values[name], self.graph.border.get(name)) for name in self.graph.outputs)

    @torch.no_grad()
    def tensors(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Every tensor of the network, by name; float64."""
        values = {
            name: inwards(x.to(torch.float64), self.graph.border.get(name), kind)
            for (name, kind), x in zip(self.graph.inputs.items(), inputs, strict=True)
        }
        constants = self._on(inputs[0].device)
        with torch.backends.cudnn.flags(enabled=False):  # no Winograd, no FFT: they are not exact
            for node in self.graph.nodes:
                ins = [values[name] for name in node.inputs]
                op = node.op
                if isinstance(op, SourceConv2d | SourceLinear):
                    values[node.name] = multiply_accumulate(op, ins[0], *constants[node.name])
                elif isinstance(op, Affine | SourcePositionAffine):
                    multiplier, shift = constants[node.name]
                    values[node.name] = ins[0] * multiplier + shift
                elif isinstance(op, SourceSoftmax):
                    values[node.name] = integer_softmax(op, ins[0])
                elif isinstance(op, Quantise):
                    assert op.scale is not None
                    values[node.name] = torch.floor(ins[0] / op.scale + 0.5).clamp(op.lo, op.hi) * op.scale
                else:
                    values[node.name] = STATELESS[type(op)](op, *ins)
        return values

    def _on(self, device: torch.device) -> dict[str, tuple[Tensor, Tensor]]:
        if device not in self._constants:
            found = {}
            for node in self.graph.nodes:
                op = node.op
                if isinstance(op, SourceConv2d | SourceLinear):
                    weight = torch_weight(op.weight)
                    if op.weight_scale is not None:
                        scale = torch.tensor(op.weight_scale, dtype=torch.float64)
                        weight = weight * scale.reshape(-1, *(1,) * (weight.dim() - 1))
                    found[node.name] = weight.to(device), torch.tensor(op.bias, dtype=torch.float64, device=device)
                elif isinstance(op, Affine | SourcePositionAffine):
                    multiplier, shift = constants_of(op, 1 + len(self.graph.types[node.name].shape))
                    found[node.name] = multiplier.to(device), shift.to(device)
            self._constants[device] = found
        return self._constants[device]
