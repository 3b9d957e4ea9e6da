"""The parts of a prepared model that hold parameters or statistics: producers, batch norms, quantisers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..ops.source import Affine, BatchNorm, Quantise, SourceConv2d, SourceLinear, SourcePositionAffine
from .functional import constants_of, multiply_accumulate, per_channel, torch_weight
from .quantisers import ActivationRange, WeightRange, code_range, fake_quantise, fake_weights, round_to_grid
from .quantisers.learned import learned_levels, learned_width


class Phase(IntEnum):
    """Where a model stands: float training, pruning (float, masks), quantised, quantised with frozen scales, frozen."""

    FLOAT = 0
    PRUNE = 1
    QUANTISE = 2
    SNAPPED = 3
    FROZEN = 4


class Producer(nn.Module):
    """A convolution or a linear layer.

    `weight` is stored as torch stores it. Once scales are snapped, channel c computes
    sign[c] * unit[c] * codes . x, its codes being the weights in steps of `step[c]`; with a fused batch norm the bias
    is the batch norm's business, else it lies on `bias_grid`.
    """

    step: Tensor
    unit: Tensor
    sign: Tensor
    bias_gain: Tensor
    bias_grid: Tensor
    mask: Tensor
    provisional: Tensor

    def __init__(
        self,
        op: SourceConv2d | SourceLinear,
        found: WeightRange,
        *,
        fused: bool,
        last: bool,
        masked: bool,
        noise: float,
    ) -> None:
        """masked: whether single weights may go. last: whether its outputs are the network's. noise: while training."""
        super().__init__()
        self.op, self.fused, self.last, self.noise = op, fused, last, noise
        self.weight = nn.Parameter(torch_weight(op.weight).to(torch.get_default_dtype()))
        self.bias = nn.Parameter(torch.tensor(op.bias, dtype=torch.get_default_dtype()))
        if fused and not op.bias.any():  # the batch norm has a bias of its own
            self.bias.requires_grad_(False)
        channels = len(op.bias)
        self.range = found
        for name in ("step", "unit", "sign", "bias_grid"):
            self.register_buffer(name, torch.ones(channels))
        self.register_buffer("bias_gain", torch.ones(()))
        for name in ("mask", "provisional"):
            self.register_buffer(name, torch.ones_like(self.weight) if masked else None)

    @property
    def bits(self) -> int:
        return self.range.bits

    def get_extra_state(self) -> dict[str, Any]:
        return {"bits": self.range.widths or self.bits}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.range.set_bits(state["bits"])

    def forward(
        self, x: Tensor, phase: Phase, mask: Tensor | None, gate: Tensor | None = None, *, learning: bool = False
    ) -> Tensor:
        """mask: of output channels. gate: a factor for each weight. learning: whether the width is being learned."""
        weight: Tensor = self.weight
        bias: Tensor | None = self.bias
        if phase is Phase.QUANTISE:
            if self.training or not int(self.range.size.seen):
                self.range.observe(weight.detach(), self.provisional)
            weight = self._quantised(weight, learning)
        elif phase is Phase.SNAPPED:
            weight = fake_weights(weight, self.step, self.range.hi, self.range.levels)
            weight = weight * self._rows(self.sign * self.unit / self.step)
            bias = None if self.fused else round_to_grid(self.bias * self.bias_gain, self.bias_grid)
        if self.provisional is not None:
            weight = weight * self.provisional
        if gate is not None:
            weight = weight * gate
        if self.noise and self.training:
            weight = weight * (1 + self.noise * torch.randn_like(weight))
        if mask is not None:
            weight = weight * self._rows(mask)
            bias = None if bias is None else bias * mask
        return multiply_accumulate(self.op, x, weight, bias)

    def _quantised(self, weight: Tensor, learning: bool) -> Tensor:
        found = self.range
        if found.source != "learned" or found.signs or found.codebook == "cluster":
            return fake_weights(weight, found.scale(), found.hi, found.levels)
        if learning:
            return learned_width(weight, found.log_size.exp(), found.log_step.exp(), signed=True)
        return learned_levels(weight, self._rows(found.scale()), -found.hi, found.hi, found.levels)

    def rows_alive(self) -> Tensor | None:
        """Which output channels still have a weight; None where none is without. A class keeps its bias."""
        if self.provisional is None or self.last:
            return None
        alive = (self.provisional != 0).flatten(1).any(dim=1)
        return None if bool(alive.all()) else alive.to(self.weight.dtype)

    def _rows(self, values: Tensor) -> Tensor:
        return values.reshape(-1, *(1,) * (self.weight.dim() - 1))


class BatchNormLayer(nn.Module):
    """A batch norm. Once snapped: x * multiplier + shift, where only `bias` (and the producer's) trains on.

    shift = alpha * (bias + (producer's bias - running_mean) * gain), on `grid`.
    """

    running_mean: Tensor
    running_var: Tensor
    multiplier: Tensor
    gain: Tensor
    grid: Tensor
    alpha: Tensor

    def __init__(self, op: BatchNorm) -> None:
        super().__init__()
        kind = torch.get_default_dtype()
        self.epsilon, self.momentum = op.epsilon, op.momentum
        self.weight = nn.Parameter(torch.tensor(op.weight, dtype=kind))
        self.bias = nn.Parameter(torch.tensor(op.bias, dtype=kind))
        self.register_buffer("running_mean", torch.tensor(op.mean, dtype=kind))
        self.register_buffer("running_var", torch.tensor(op.variance, dtype=kind))
        for name in ("multiplier", "gain", "grid"):
            self.register_buffer(name, torch.ones(len(op.mean)))
        self.register_buffer("alpha", torch.ones(()))

    def forward(self, x: Tensor, phase: Phase, mask: Tensor | None, producer: Producer | None) -> Tensor:
        if phase is Phase.SNAPPED:
            multiplier, shift = self.multiplier, round_to_grid(self.shift(producer), self.grid)
            if mask is not None:
                multiplier, shift = multiplier * mask, shift * mask
            return x * per_channel(multiplier, x) + per_channel(shift, x)
        weight, bias = (self.weight, self.bias) if mask is None else (self.weight * mask, self.bias * mask)
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(x, mean, var, weight, bias, self.training, self.momentum, self.epsilon)

    def shift(self, producer: Producer | None) -> Tensor:
        """The snapped shift before it is rounded to the grid."""
        before = -self.running_mean if producer is None else producer.bias - self.running_mean
        return self.alpha * (self.bias + before * self.gain)


class Constants(nn.Module):
    """An affine map whose constants do not train; once snapped, by short dyadic ones. (1, channels, ...) each."""

    multiplier: Tensor
    shift: Tensor
    snapped_multiplier: Tensor
    snapped_shift: Tensor

    def __init__(self, op: Affine | SourcePositionAffine, rank: int) -> None:
        super().__init__()
        for name, values in zip(("multiplier", "shift"), constants_of(op, rank), strict=True):
            self.register_buffer(name, values.to(torch.get_default_dtype()))
            self.register_buffer(f"snapped_{name}", torch.ones_like(values, dtype=torch.get_default_dtype()))

    def forward(self, x: Tensor, phase: Phase, mask: Tensor | None) -> Tensor:
        snapped = phase is Phase.SNAPPED
        multiplier, shift = (self.snapped_multiplier, self.snapped_shift) if snapped else (self.multiplier, self.shift)
        y = x * multiplier + shift
        return y if mask is None else y * per_channel(mask, y)


class Quantiser(nn.Module):
    """An activation quantiser: statistics while it trains, a fixed scale once snapped."""

    scale: Tensor
    signed: Tensor

    def __init__(self, op: Quantise, bits: int, source: str, *, learn_bits: bool = False) -> None:
        super().__init__()
        self.group = op.group
        self.range = ActivationRange(bits, source, learn_bits=learn_bits)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("signed", torch.zeros((), dtype=torch.bool))

    @property
    def bits(self) -> int:
        return self.range.bits

    def get_extra_state(self) -> dict[str, int]:
        return {"bits": self.bits}

    def set_extra_state(self, state: dict[str, int]) -> None:
        self.range.bits = state["bits"]

    def forward(self, x: Tensor, scale: Tensor, signed: bool) -> Tensor:
        if scale.requires_grad:
            return learned_levels(x, scale, *code_range(self.bits, signed))
        return fake_quantise(x, scale, *code_range(self.bits, signed))


class Nodes(nn.Module):
    """Modules by the name of their node, whatever that name is."""

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._modules.update(modules)

    def __getitem__(self, name: str) -> nn.Module:
        found = self._modules[name]
        assert found is not None
        return found
