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

from ..ir import Op
from ..ops.source import (
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)
from ..ops.window import Padding


def _pad(x: Tensor, padding: Padding, fill: float) -> Tensor:
    top, bottom, left, right = padding
    return F.pad(x, (left, right, top, bottom), value=fill) if any(padding) else x


def max_pool(op: SourceMaxPool, x: Tensor) -> Tensor:
    return F.max_pool2d(_pad(x, op.padding, float("-inf")), op.kernel, op.stride)


def avg_pool(op: SourceAvgPool, x: Tensor) -> Tensor:
    """The exact sum first, then one division."""
    return F.avg_pool2d(_pad(x, op.padding, 0.0), op.kernel, op.stride, divisor_override=1) / op.divisor


def flatten(op: SourceFlatten, x: Tensor) -> Tensor:
    """Height, width, channels, in that order."""
    return (x.permute(0, 2, 3, 1) if x.dim() == 4 else x).flatten(1)


STATELESS: dict[type[Op], Callable[..., Tensor]] = {
    SourceAdd: lambda op, a, b: a + b,
    SourceArgmax: lambda op, x: torch.argmax(x, dim=1, keepdim=True),
    SourceAvgPool: avg_pool,
    SourceFlatten: flatten,
    SourceMaxPool: max_pool,
    SourceRelu: lambda op, x: F.relu(x),
}


def multiply_accumulate(op: SourceConv2d | SourceLinear, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolution (weight: outputs, inputs, height, width) or linear layer (outputs, inputs), at every pixel."""
    if isinstance(op, SourceConv2d):
        top, bottom, left, right = op.padding
        if top == bottom and left == right:
            return F.conv2d(x, weight, bias, op.stride, (top, left))
        return F.conv2d(_pad(x, op.padding, 0.0), weight, bias, op.stride)
    if x.dim() == 4:
        return F.conv2d(x, weight[:, :, None, None], bias)
    return F.linear(x, weight, bias)


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
