"""Every integer operator as a torch module: float64 tensors that hold integers, batch axis first, channels last."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import lcm
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...errors import IntaglioError
from ...ir import Op, TensorType
from ...ops import (
    Add,
    Argmax,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Lookup,
    Maximum,
    MaxPool,
    Minimum,
    MulShift,
    Multiply,
    PositionAffine,
    Requantise,
    Shift,
    Subtract,
    SumPool,
    Threshold,
)
from ...ops.exact import FLOAT64_EXACT
from ...ops.gather import Gather
from ...ops.pad import Pad
from ...ops.slice import Slice
from ...ops.softmax import Softmax
from ...ops.top_k import TopK
from ...ops.upsample import Upsample
from ...ops.window import Window
from ...ops.zero_stuff import ZeroStuff
from ...passes.staircase import staircase

ROOM = 1 << 62
Maker = Callable[[Any, tuple[TensorType, ...]], nn.Module]
STEPS: dict[type[Op], Maker] = {}


def step_of(op: Op, ins: tuple[TensorType, ...]) -> nn.Module:
    """The module of one node. Raises IntaglioError for an operator that has none."""
    if type(op) not in STEPS:
        raise IntaglioError(f"{op.name} has no form in PyTorch")
    return STEPS[type(op)](op, ins)


def makes(*operators: type[Op]) -> Callable[[type[Step]], type[Step]]:
    def register(step: type[Step]) -> type[Step]:
        STEPS.update(dict.fromkeys(operators, step))
        return step

    return register


class Step(nn.Module):
    """Its constants are buffers, so that they are exported, saved and moved with it."""

    def __init__(self, op: Any, ins: tuple[TensorType, ...]) -> None:
        super().__init__()

    def keep(self, name: str, values: Any, dtype: torch.dtype = torch.float64) -> None:
        self.register_buffer(name, torch.as_tensor(np.array(values, order="C"), dtype=dtype))


def _window_exact(reach: Any) -> None:
    if int(reach) > FLOAT64_EXACT:
        raise IntaglioError("numbers beyond 2^53 come about, which float64 does not hold", hint="fewer bits")


def _padded(x: Tensor, window: Window, value: float) -> Tensor:
    """Channels first, padded: (N, C, H, W)."""
    top, bottom, left, right = window.padding
    return F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom), value=value)


@makes(Dense)
class DenseStep(Step):
    def __init__(self, op: Dense, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        _window_exact((np.abs(op.weight).astype(object).sum(axis=1) * ins[0].magnitude + np.abs(op.bias)).max())
        self.keep("weight", op.weight)
        self.keep("bias", op.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


@makes(Conv2d)
class ConvStep(Step):
    def __init__(self, op: Conv2d, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        terms = np.abs(op.weight).astype(object).reshape(len(op.bias), -1).sum(axis=1)
        _window_exact((terms * ins[0].magnitude + np.abs(op.bias)).max())
        self.keep("weight", np.moveaxis(op.weight, -1, 1))
        self.keep("bias", op.bias)
        self.window, self.groups = op.window, int(getattr(op, "groups", 1))

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        image = _padded(x, w, 0.0)
        y = F.conv2d(image, self.weight, self.bias, stride=w.stride, dilation=w.dilation, groups=self.groups)
        return y.permute(0, 2, 3, 1)


@makes(MaxPool)
class MaxPoolStep(Step):
    def __init__(self, op: MaxPool, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.window = op.window

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        y = F.max_pool2d(_padded(x, w, -float("inf")), w.kernel, w.stride)
        return y.permute(0, 2, 3, 1)


@makes(SumPool)
class SumPoolStep(Step):
    """An average that divides by 1."""

    def __init__(self, op: SumPool, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.window = op.window

    def forward(self, x: Tensor) -> Tensor:
        w = self.window
        y = F.avg_pool2d(_padded(x, w, 0.0), w.kernel, w.stride, divisor_override=1)
        return y.permute(0, 2, 3, 1)


@makes(Add, Subtract, Multiply, Maximum, Minimum)
class PairwiseStep(Step):
    functions: ClassVar = {
        Add: torch.add,
        Subtract: torch.subtract,
        Multiply: torch.multiply,
        Maximum: torch.maximum,
        Minimum: torch.minimum,
    }

    def __init__(self, op: Op, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.function = self.functions[type(op)]
        self.one_pixel = len(ins[0].shape) != len(ins[1].shape)
        self.axes = len(ins[0].shape) - 1

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if self.one_pixel:
            b = b.reshape(b.shape[0], *(1,) * self.axes, b.shape[-1])
        return self.function(a, b)


@makes(PositionAffine)
class PositionAffineStep(Step):
    def __init__(self, op: PositionAffine, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("multiplier", op.multiplier)
        self.keep("addend", op.addend)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.multiplier + self.addend


@makes(Requantise)
class RequantiseStep(Step):
    """Floor and remainder over one denominator, in int64; thresholds where that has no room."""

    def __init__(self, op: Requantise, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        (x,) = ins
        bottom = [lcm(a.denominator, b.denominator) for a, b in zip(op.slope, op.offset, strict=True)]
        top = [int(a * d) for a, d in zip(op.slope, bottom, strict=True)]
        shift = [int(b * d) for b, d in zip(op.offset, bottom, strict=True)]
        reach = max(2 * d + abs(m) * x.magnitude + abs(r) for m, r, d in zip(top, shift, bottom, strict=True))
        self.counts: nn.Module | None = None
        if reach >= ROOM:
            self.counts = _counting(op, x)
            return
        for name, values in (("top", top), ("shift", shift), ("bottom", bottom)):
            self.keep(name, values, torch.int64)
        self.rounding, self.lo, self.hi, self.zero = op.rounding, op.lo, op.hi, op.zero

    def forward(self, x: Tensor) -> Tensor:
        if self.counts is not None:
            return self.counts(x)
        total = x.long() * self.top + self.shift
        below = torch.div(total, self.bottom, rounding_mode="floor")
        code = below + rounds_up(self.rounding, below, total - below * self.bottom, self.bottom).long()
        return (code.clamp(self.lo, self.hi) - self.zero).double()


def rounds_up(rounding: str, below: Tensor, remainder: Tensor, divisor: Any) -> Tensor:
    """Which of below + remainder / divisor become below + 1: `ops.rounding.rounds_up`, in torch."""
    above = below + 1
    some, more, tie = remainder > 0, 2 * remainder > divisor, 2 * remainder == divisor
    if rounding == "half_up":
        return more | tie
    if rounding == "half_even":
        return more | (tie & (torch.remainder(above, 2) == 0))
    if rounding == "half_away":
        return more | (tie & (above >= 1))
    if rounding == "half_zero":
        return more | (tie & (above <= 0))
    if rounding == "ceil":
        return some
    if rounding == "down":
        return some & (above <= 0)
    if rounding == "up":
        return some & (above > 0)
    return torch.zeros_like(some)


def _counting(op: Requantise, x: TensorType) -> nn.Module:
    stairs = [staircase(op, c, lo, hi) for c, (lo, hi) in enumerate(zip(x.lo, x.hi, strict=True))]
    longest = max(1, *(len(s.steps) for s in stairs))
    rows = [[*s.thresholds, *[s.amax + 1] * (longest - len(s.steps))] for s in stairs]
    return Counts(rows, [s.at_amin for s in stairs], [-1 if s.falling else 1 for s in stairs])


class Counts(nn.Module):
    """base + step * (how many thresholds are reached): thresholds (channels, levels), ascending."""

    def __init__(self, thresholds: Any, base: Any, step: Any) -> None:
        super().__init__()
        for name, values in (("thresholds", thresholds), ("base", base), ("step", step)):
            self.register_buffer(name, torch.as_tensor(np.array(values, np.float64)))

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[-1]
        columns = x.reshape(-1, channels).transpose(0, 1).contiguous()
        count = torch.searchsorted(self.thresholds, columns, right=True).transpose(0, 1)
        return self.base + self.step * count.reshape(x.shape)


@makes(Threshold)
class ThresholdStep(Counts):
    def __init__(self, op: Threshold, ins: tuple[TensorType, ...]) -> None:
        (x,) = ins
        rows = np.clip(op.thresholds, x.lo_array[:, None], x.hi_array[:, None] + 1)  # which float64 holds
        super().__init__(rows, op.base, op.step)


@makes(MulShift, Shift)
class ShiftStep(Step):
    def __init__(self, op: MulShift | Shift, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("multiplier", op.multiplier if isinstance(op, MulShift) else 1, torch.int64)
        self.keep("addend", op.addend, torch.int64)
        self.shift, self.lo, self.hi = op.shift, op.lo, op.hi

    def forward(self, x: Tensor) -> Tensor:
        return ((x.long() * self.multiplier + self.addend) >> self.shift).clamp(self.lo, self.hi).double()


@makes(Lookup)
class LookupStep(Step):
    def __init__(self, op: Lookup, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        rows, entries = op.table.shape
        self.keep("table", op.table.ravel())
        self.keep("starts", np.arange(rows) * entries - op.first, torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        return self.table[x.long() + self.starts]


@makes(Flatten)
class FlattenStep(Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1)


@makes(Gather)
class GatherStep(Step):
    def __init__(self, op: Gather, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("index", op.index, torch.int64)
        self.shape = op.shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1)[:, self.index].reshape(x.shape[0], *self.shape)


@makes(Concat)
class ConcatStep(Step):
    def forward(self, *ins: Tensor) -> Tensor:
        return torch.cat(ins, dim=-1)


@makes(Pad)
class PadStep(Step):
    def __init__(self, op: Pad, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("value", op.fill(ins[0]))
        self.padding = op.padding

    def forward(self, x: Tensor) -> Tensor:
        top, bottom, left, right = self.padding
        return F.pad(x - self.value, (0, 0, left, right, top, bottom)) + self.value


@makes(Slice)
class SliceStep(Step):
    def __init__(self, op: Slice, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("channels", op.channels, torch.int64)
        self.ranges = (slice(*op.rows), slice(*op.columns))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            x = x[:, self.ranges[0], self.ranges[1]]
        return x[..., self.channels]


@makes(Upsample)
class UpsampleStep(Step):
    def __init__(self, op: Upsample, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.factors = op.factors

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.factors[0], dim=1).repeat_interleave(self.factors[1], dim=2)


@makes(ZeroStuff)
class ZeroStuffStep(Step):
    """Zeros behind every pixel, and those behind the last cut off."""

    def __init__(self, op: ZeroStuff, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.factors = op.factors
        self.size = op.infer(*ins).shape

    def forward(self, x: Tensor) -> Tensor:
        (down, right), (height, width, channels) = self.factors, x.shape[1:]
        wide = F.pad(x[:, :, None, :, None], (0, 0, 0, right - 1, 0, 0, 0, down - 1))
        whole = wide.reshape(x.shape[0], height * down, width * right, channels)
        return whole[:, : self.size[0], : self.size[1]]


@makes(Argmax)
class ArgmaxStep(Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(dim=-1, keepdim=True).double()  # the first on a tie


@makes(TopK)
class TopKStep(Step):
    def __init__(self, op: TopK, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.k, self.largest, self.values = op.k, op.largest, op.values

    def forward(self, x: Tensor) -> Tensor:
        values, index = torch.sort(x, dim=-1, descending=self.largest, stable=True)
        return (values if self.values else index.double())[:, : self.k]


@makes(Softmax)
class SoftmaxStep(Step):
    def __init__(self, op: Softmax, ins: tuple[TensorType, ...]) -> None:
        super().__init__(op, ins)
        self.keep("table", [*op.exponent.tolist(), 0], torch.int64)
        self.bits = op.bits

    def forward(self, x: Tensor) -> Tensor:
        distance = (x.amax(dim=-1, keepdim=True) - x).long()
        e = self.table[distance.clamp(max=self.table.shape[0] - 1)]
        total = e.sum(dim=-1, keepdim=True)
        y = torch.div((e << (self.bits + 1)) + total, 2 * total, rounding_mode="floor")
        return y.clamp(max=(1 << self.bits) - 1).double()


def least_float64(edge: Any, *, closed: bool) -> float:
    """The least float64 that is at least, or where not closed more than, a fraction."""
    near = float(edge)
    while Fraction(near) > edge or (closed and Fraction(near) == edge):
        near = float(np.nextafter(near, -np.inf))
    while Fraction(near) < edge or (not closed and Fraction(near) == edge):
        near = float(np.nextafter(near, np.inf))
    return near
