"""Layers with weights: linear, convolution, transposed convolution, batch norm."""

from __future__ import annotations

import numpy as np

from ...ops.source import BatchNorm, SourceConv2d, SourceLinear, SourceSlice, SourceZeroStuff
from ...ops.window import Padding
from ..findings import Refusal
from .registry import pair, rule
from .values import Arguments, Float64, Value


@rule("linear")
def linear(a: Arguments) -> Value:
    """Over the last axis. Of a vector, the weights' columns follow the order inside; else it becomes channels."""
    x = a.value("input")
    weight, bias = a.array("weight"), a.array("bias", missing=0.0, like=np.zeros(a.shape[-1]))
    if x.is_vector:
        if x.order is not None:
            weight = weight[:, x.order]
        if x.inside == (1, 1, x.shape[1]):
            return a.emit_inside(SourceLinear(weight, bias), x, (1, 1, len(bias)), a.shape)
        return a.emit(SourceLinear(weight, bias), a.vector(x))
    rank = len(x.shape)
    if rank > 4:
        raise Refusal(f"a linear layer over the last axis of {x.shape}", "at most four axes, or nn.Flatten before it")
    to_front = (0, rank - 1, *range(1, rank - 1))
    front = a.standard(x.transposed(to_front))
    made = a.emit(SourceLinear(weight, bias), front, shape=(x.shape[0], len(bias), *x.shape[1:-1]))
    return made.transposed((0, *range(2, rank), 1))


@rule("conv1d", "conv2d", "convolution")
def conv(a: Arguments) -> Value:
    if a.operator == "convolution" and a.take("transposed"):
        raise Refusal("a transposed convolution in its raw form", "nn.ConvTranspose2d")
    a.take("output_padding")
    x, (weight, bias, stride, dilation, groups) = a.image("input"), _common(a)
    axes, padding = weight.ndim - 2, a.take("padding")
    kernel = (weight.shape[2] if axes == 2 else 1, weight.shape[-1])
    if padding == "same":
        spans = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        pads = (spans[0] // 2, spans[0] - spans[0] // 2, spans[1] // 2, spans[1] - spans[1] // 2)
    else:
        pads = (0, 0, 0, 0) if padding == "valid" else _sides(padding, axes)
    flat = weight.reshape(*weight.shape[:2], *kernel).transpose(0, 2, 3, 1)
    return a.emit(SourceConv2d(np.ascontiguousarray(flat), bias, stride, pads, dilation=dilation, groups=groups), x)


@rule("conv_transpose1d", "conv_transpose2d")
def conv_transpose(a: Arguments) -> Value:
    """Zeros between the pixels, then a convolution with the kernel turned around."""
    x, (weight, bias, stride, dilation, groups) = a.image("input"), _common(a)
    axes = weight.ndim - 2
    top, _, left, _ = _sides(a.take("padding"), axes)
    below, beside = pair(a.take("output_padding"), axes, 0)
    kernel = (weight.shape[2] if axes == 2 else 1, weight.shape[-1])
    down, right = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    pads = (down - top, down - top + below, right - left, right - left + beside)
    inputs, outputs = len(weight) // groups, weight.shape[1]
    turned = weight.reshape(groups, inputs, outputs, *kernel)[..., ::-1, ::-1].transpose(0, 2, 3, 4, 1)
    turned = np.ascontiguousarray(turned.reshape(groups * outputs, *kernel, inputs))
    if stride != (1, 1):
        height, width = ((s - 1) * step + 1 for s, step in zip(x.inside[:2], stride, strict=True))
        stuffed = (x.shape[0], x.shape[1], height, width) if axes == 2 else (x.shape[0], x.shape[1], width)
        x = a.emit(SourceZeroStuff(stride), x, shape=stuffed, part="stuff")
    x, pads = cropped(a, x, pads)
    return a.emit(SourceConv2d(turned, bias, (1, 1), pads, dilation=dilation, groups=groups), x)


def cropped(a: Arguments, x: Value, pads: tuple[int, int, int, int]) -> tuple[Value, Padding]:
    """Negative padding is cut off; what is left to pad."""
    top, bottom, left, right = (max(0, -p) for p in pads)
    height, width, channels = x.inside
    if any((top, bottom, left, right)):
        rows, columns = (top, height - bottom, 1), (left, width - right, 1)
        shape = (height - top - bottom, width - left - right)
        outside = (*x.shape[:2], *(shape if len(x.shape) == 4 else shape[1:]))
        x = a.emit(SourceSlice(rows, columns, np.arange(channels)), x, shape=outside, part="crop")
    rest = tuple(max(0, p) for p in pads)
    return x, (rest[0], rest[1], rest[2], rest[3])


def _common(a: Arguments) -> tuple[Float64, Float64, tuple[int, int], tuple[int, int], int]:
    """weight, bias, stride, dilation, groups"""
    weight = a.array("weight")
    axes = weight.ndim - 2
    if axes not in (1, 2):
        raise Refusal(f"a convolution over {axes} axes", "nn.Conv1d or nn.Conv2d")
    bias = a.array("bias", missing=0.0, like=0)
    return weight, bias, pair(a.take("stride"), axes), pair(a.take("dilation"), axes), int(a.take("groups"))


def _sides(padding: object, axes: int) -> Padding:
    height, width = pair(padding, axes, 0)
    return height, height, width, width


@rule("batch_norm")
def batch_norm(a: Arguments) -> Value:
    x = a.value("input")
    if a.take("training"):
        raise Refusal("it normalises with the statistics of the batch", "track_running_stats=True")
    a.take("cudnn_enabled")
    mean, variance = a.array("running_mean"), a.array("running_var")
    weight = a.array("weight", missing=1.0, like=mean)
    bias = a.array("bias", missing=0.0, like=mean)
    momentum, epsilon = a.take("momentum"), float(a.take("eps"))
    if not momentum:
        raise Refusal("momentum is None or 0", "a momentum between 0 and 1, such as 0.1")
    x, (mean, variance, weight, bias) = a.per_channel(x, mean, variance, weight, bias)
    return a.emit_like(BatchNorm(mean, variance, weight, bias, epsilon, float(momentum)), x)
