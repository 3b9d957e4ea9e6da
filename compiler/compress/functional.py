"""What each source operator computes, in torch, on (batch, channels, height, width) or (batch, features) tensors.

One table for training (float32, with fake-quantised weights) and for the frozen reference (float64, exact).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..ir import Border, Op, TensorType
from ..ops.source import (
    Affine,
    SourceActivation,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceFlatten,
    SourceGather,
    SourceLinear,
    SourceMaximum,
    SourceMaxPool,
    SourceMinimum,
    SourceMultiply,
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSlice,
    SourceSoftmax,
    SourceSubtract,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from ..ops.window import Padding
from .functions import TORCH_FUNCTIONS


def _pad(x: Tensor, padding: Padding, fill: float) -> Tensor:
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom), value=fill) if any(padding) else x


def max_pool(op: SourceMaxPool, x: Tensor) -> Tensor:
    return F.max_pool2d(_pad(x, op.padding, float("-inf")), op.kernel, op.stride)


def avg_pool(op: SourceAvgPool, x: Tensor) -> Tensor:
    """The exact sum first, then one division."""
    total = F.avg_pool2d(_pad(x, op.padding, 0.0), op.kernel, op.stride, divisor_override=1)
    if op.counts is None:
        return total / op.divisor
    return total / torch.tensor(op.counts).to(total)


def flatten(op: SourceFlatten, x: Tensor) -> Tensor:
    """Height, width, channels, in that order."""
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).flatten(1)


def activation(op: SourceActivation, x: Tensor) -> Tensor:
    """The function's parameters are one set or one per channel."""
    columns = torch.from_numpy(np.array(op.parameters.T, np.float64)).to(x)
    return TORCH_FUNCTIONS[op.function](x, *(per_channel(column, x) for column in columns))


def gather(op: SourceGather, x: Tensor) -> Tensor:
    index = torch.tensor(op.index, device=x.device)
    taken = channels_last(x).flatten(1)[:, index].reshape(len(x), *op.shape)
    return channels_first(taken)


def slice_(op: SourceSlice, x: Tensor) -> Tensor:
    x = x[:, torch.tensor(op.channels, device=x.device)]
    return x if x.dim() == 2 else x[:, :, slice(*op.rows), slice(*op.columns)]


def upsample(op: SourceUpsample, x: Tensor) -> Tensor:
    down, right = op.factors
    return x.repeat_interleave(down, 2).repeat_interleave(right, 3)


def zero_stuff(op: SourceZeroStuff, x: Tensor) -> Tensor:
    (down, right), (height, width) = op.factors, x.shape[2:]
    made = x.new_zeros((*x.shape[:2], (height - 1) * down + 1, (width - 1) * right + 1))
    made[:, :, ::down, ::right] = x
    return made


def integer_softmax(op: SourceSoftmax, x: Tensor) -> Tensor:
    """What the integer operator gives: exponentials of bits + 2 fraction bits, their quotients rounded half up."""
    powers = torch.round(torch.exp(x - x.amax(dim=1, keepdim=True)) * float(1 << op.bits + 2)).to(torch.int64)
    total = powers.sum(dim=1, keepdim=True)
    codes = torch.div((powers << op.bits + 1) + total, 2 * total, rounding_mode="floor").clamp(max=(1 << op.bits) - 1)
    return codes.to(x.dtype) / (1 << op.bits)


def top_k(op: SourceTopK, x: Tensor) -> Tensor:
    """The lowest index first among equals."""
    ordered, index = torch.sort(x, dim=1, descending=op.largest, stable=True)
    return (ordered if op.values else index)[:, : op.k]


STATELESS: dict[type[Op], Callable[..., Tensor]] = {
    SourceActivation: activation,
    SourceAdd: lambda op, a, b: a + b,
    SourceArgmax: lambda op, x: torch.argmax(x, dim=1, keepdim=True),
    SourceAvgPool: avg_pool,
    SourceConcat: lambda op, *xs: torch.cat(xs, dim=1),
    SourceFlatten: flatten,
    SourceGather: gather,
    SourceMaxPool: max_pool,
    SourceMaximum: lambda op, a, b: torch.maximum(a, b),
    SourceMinimum: lambda op, a, b: torch.minimum(a, b),
    SourceMultiply: lambda op, a, b: a * b,
    SourcePad: lambda op, x: _pad(x, op.padding, op.value),
    SourceRelu: lambda op, x: F.relu(x),
    SourceSlice: slice_,
    SourceSoftmax: lambda op, x: F.softmax(x, dim=1),
    SourceSubtract: lambda op, a, b: a - b,
    SourceTopK: top_k,
    SourceUpsample: upsample,
    SourceZeroStuff: zero_stuff,
}


def multiply_accumulate(op: SourceConv2d | SourceLinear, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolution (weight: outputs, inputs, height, width) or linear layer (outputs, inputs), at every pixel."""
    if isinstance(op, SourceConv2d):
        top, bottom, left, right = op.padding
        if top == bottom and left == right:
            return F.conv2d(x, weight, bias, op.stride, (top, left), op.dilation, op.groups)
        return F.conv2d(_pad(x, op.padding, 0.0), weight, bias, op.stride, 0, op.dilation, op.groups)
    if x.dim() == 4:
        return F.conv2d(x, weight[:, :, None, None], bias)
    return F.linear(x, weight, bias)


def constants_of(op: Affine | SourcePositionAffine, rank: int) -> tuple[Tensor, Tensor]:
    """Multiplier and shift, float64, shaped to meet tensors of `rank` axes."""
    made = []
    for values in (op.multiplier, op.shift):
        array = np.array(values, dtype=np.float64)
        array = array.reshape(*(1,) * (rank - 1 - array.ndim), *array.shape)
        made.append(torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 0)))[None])
    return made[0], made[1]


def channels_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def channels_first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def inwards(x: Tensor, border: Border | None, kind: TensorType) -> Tensor:
    """The user's tensor (N, *border.shape) as the network has it inside: (N, C, H, W) or (N, features)."""
    if border is None:
        return x
    if border.order is None:
        return x.reshape(len(x), *torch_shape(kind.shape))
    order = torch.tensor(border.order, device=x.device)
    return channels_first(x.reshape(len(x), -1)[:, order].reshape(len(x), *kind.shape))


def outwards(x: Tensor, border: Border | None) -> Tensor:
    """The way back; what has another size than the border (logits in the place of an argmax) stays as it is."""
    if border is None or x[0].numel() != int(np.prod(border.shape)):
        return x
    if border.order is None:
        return x.reshape(len(x), *border.shape)
    place = torch.tensor(np.argsort(border.order), device=x.device)
    return channels_last(x).reshape(len(x), -1)[:, place].reshape(len(x), *border.shape)


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """`values` (channels,) shaped to meet x."""
    return values.reshape(1, -1, *(1,) * (x.dim() - 2))


def torch_weight(weight: Any) -> Tensor:
    """A source weight (outputs, height, width, inputs) as torch stores it; linear ones as they are."""
    array = np.asarray(weight, dtype=np.float64)
    return torch.from_numpy(np.array(array.transpose(0, 3, 1, 2) if array.ndim == 4 else array))


def source_weight(weight: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The way back."""
    array = np.asarray(weight, dtype=np.float64)
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1) if array.ndim == 4 else array)


def torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(height, width, channels) as (channels, height, width)."""
    return (shape[-1], *shape[:-1])
