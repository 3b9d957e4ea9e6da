"""A table: ATen operator -> the rule that makes source operators of it. Every argument is consumed or refused.

A rule takes the arguments by name (`Arguments.take`) and gives back the value; what it leaves untaken is refused.
Image weights turn from (O, I, KH, KW) to channels last; a flattened image carries the order of its columns, so that
the consumer's weights can be permuted instead of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ops.source import (
    BatchNorm,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)
from .findings import Refusal
from .torch_hints import FLAT, SUPPORTED
from .torch_values import Arguments, Value, flattened_order, same_order

Rule = Callable[[Arguments], Value]
RULES: dict[str, Rule] = {}
RESHAPES = ("flatten", "view", "reshape", "_unsafe_view", "squeeze")
DROPOUTS = ("dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_")
NOTHING = ("contiguous", "clone", "alias", "detach", "lift_fresh_copy", "identity")
ALIASING = {*RESHAPES, *DROPOUTS, *NOTHING}  # what may hand on its input's memory


def rule(*operators: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return register


def pair(value: Any) -> tuple[int, int]:
    """One number for both axes, or one each."""
    numbers = [int(v) for v in value] if isinstance(value, Sequence) else [int(value)]
    return (numbers[0], numbers[-1])


def symmetric(value: Any) -> tuple[int, int, int, int]:
    height, width = pair(value)
    return height, height, width, width


@rule("linear")
def linear(a: Arguments) -> Value:
    x = a.value("input")
    if not x.is_vector:
        raise Refusal(f"a linear layer over the last axis of {x.shape}", f"{FLAT}, then nn.Linear")
    weight, bias = a.array("weight"), a.array("bias", missing=0.0, like=0)
    if x.order is not None:
        weight = weight[:, x.order]
    return a.emit(SourceLinear(weight, bias), x)


@rule("conv2d")
def conv2d(a: Arguments) -> Value:
    x = a.image("input")
    weight, bias = a.array("weight"), a.array("bias", missing=0.0, like=0)
    stride, padding = pair(a.take("stride")), a.take("padding")
    a.refuse_unless("dilation", (1, 1), "dilation=1 with a larger kernel, or a pooling layer before", read=pair)
    a.refuse_unless("groups", 1, "groups=1 (depthwise and grouped convolutions are not built yet)")
    kernel = (weight.shape[2], weight.shape[3])
    if padding == "same":
        before = [(k - 1) // 2 for k in kernel]
        pads = (before[0], kernel[0] - 1 - before[0], before[1], kernel[1] - 1 - before[1])
    else:
        pads = (0, 0, 0, 0) if padding == "valid" else symmetric(padding)
    return a.emit(SourceConv2d(np.ascontiguousarray(weight.transpose(0, 2, 3, 1)), bias, stride, pads), x)


@rule("batch_norm")
def batch_norm(a: Arguments) -> Value:
    x = a.value("input")
    if a.take("training"):
        raise Refusal("it normalises with the statistics of the batch", "track_running_stats=True")
    a.take("cudnn_enabled")
    mean, variance = a.array("running_mean"), a.array("running_var")
    weight = a.array("weight", missing=1.0, like=mean)
    bias = a.array("bias", missing=0.0, like=mean)
    momentum, epsilon = float(a.take("momentum")), float(a.take("eps"))
    if momentum == 0.0:
        raise Refusal("momentum is None or 0", "a momentum between 0 and 1, such as 0.1")
    if x.order is not None:
        mean, variance, weight, bias = (v[x.order] for v in (mean, variance, weight, bias))
    return a.emit(BatchNorm(mean, variance, weight, bias, epsilon, momentum), x, order=x.order)


@rule("relu", "relu_")
def relu(a: Arguments) -> Value:
    x = a.value("self")
    return a.emit(SourceRelu(), x, order=x.order)


@rule("max_pool2d")
def max_pool2d(a: Arguments) -> Value:
    x = a.image("self")
    kernel = pair(a.take("kernel_size"))
    stride = pair(a.take("stride") or kernel)
    padding = symmetric(a.take("padding"))
    a.refuse_unless("dilation", (1, 1), "dilation=1", read=pair)
    a.refuse_unless("ceil_mode", False, "ceil_mode=False, with padding where the size does not divide")
    return a.emit(SourceMaxPool(kernel, stride, padding), x)


@rule("avg_pool2d")
def avg_pool2d(a: Arguments) -> Value:
    x = a.image("self")
    kernel = pair(a.take("kernel_size"))
    stride = pair(a.take("stride") or kernel)
    padding = symmetric(a.take("padding"))
    a.refuse_unless("ceil_mode", False, "ceil_mode=False")
    if not a.take("count_include_pad") and any(padding):
        raise Refusal("count_include_pad=False divides border windows by another number", "count_include_pad=True")
    divisor = a.take("divisor_override")
    divisor = kernel[0] * kernel[1] if divisor is None else int(divisor)
    if divisor < 1:
        raise Refusal(f"divisor_override={divisor}", "a positive divisor")
    return a.emit(SourceAvgPool(kernel, stride, padding, divisor), x)


@rule("adaptive_avg_pool2d")
def adaptive_avg_pool2d(a: Arguments) -> Value:
    x = a.image("self")
    size = x.shape[2:]
    wanted = a.take("output_size")
    target = [s if t is None else int(t) for s, t in zip(size, wanted, strict=True)]
    if any(s % t for s, t in zip(size, target, strict=True)):
        raise Refusal(
            f"{tuple(size)} does not divide into {tuple(target)}: the windows would overlap",
            "nn.AdaptiveAvgPool2d to 1 or to a divisor of the size, or nn.AvgPool2d",
        )
    kernel = (size[0] // target[0], size[1] // target[1])
    return a.emit(SourceAvgPool(kernel, kernel, (0, 0, 0, 0), kernel[0] * kernel[1]), x)


@rule("mean")
def mean(a: Arguments) -> Value:
    x = a.value("self")
    dims, keep = a.take("dim"), bool(a.take("keepdim"))
    a.refuse_unless("dtype", None, "no dtype")
    if x.is_vector or dims is None or {int(d) % 4 for d in dims} != {2, 3}:
        raise Refusal(f"a mean over dimensions {dims} of {x.shape}", "x.mean(dim=(2, 3)), or nn.AdaptiveAvgPool2d(1)")
    kernel = (x.shape[2], x.shape[3])
    pooled = a.emit(SourceAvgPool(kernel, kernel, (0, 0, 0, 0), kernel[0] * kernel[1]), x)
    return pooled if keep else a.emit(SourceFlatten(), pooled)


@rule(*RESHAPES)
def flatten(a: Arguments) -> Value:
    x = a.value("self")
    a.take_all()  # the shapes say it all
    if a.shape == x.shape:
        return x
    if a.shape != (x.shape[0], int(np.prod(x.shape[1:]))):
        raise Refusal(f"it turns {x.shape} into {a.shape}", FLAT)
    return a.emit(SourceFlatten(), x, order=flattened_order(x))


@rule("add", "add_")
def add(a: Arguments) -> Value:
    alpha = a.take("alpha")
    x, y = a.addend("self"), a.addend("other")
    if alpha != 1:
        raise Refusal(f"alpha={alpha}", "torch.add without alpha")
    if x.shape != y.shape:
        raise Refusal(f"it adds {x.shape} and {y.shape}", "two tensors of one shape")
    if not same_order(x.order, y.order):
        raise Refusal(
            "one side is a flattened image, whose order inside differs from the other side's",
            "nn.Linear between nn.Flatten and the addition, or add before flattening",
        )
    return a.emit(SourceAdd(), x, y, order=x.order)


@rule(*DROPOUTS, *NOTHING)
def identity(a: Arguments) -> Value:
    x = a.value("input" if a.has("input") else "self")
    a.take_all()
    return x


@rule("argmax")
def argmax(a: Arguments) -> Value:
    x = a.value("self")
    dim = a.take("dim")
    a.take("keepdim")
    if not x.is_vector or dim not in (1, -1):
        raise Refusal(f"an argmax over dimension {dim} of {x.shape}", "torch.argmax(x, dim=1) of (N, classes)")
    if x.order is not None:
        raise Refusal("its input is a flattened image, in another order inside", f"nn.Linear before it, or {SUPPORTED}")
    if not a.feeds_output_only():
        raise Refusal("its index is used in the network", "torch.argmax as the last operation")
    return a.emit(SourceArgmax(), x)
