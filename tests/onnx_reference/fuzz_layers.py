"""Random layers. Each takes a quantised tensor and answers with one that is quantised too, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .fuzz_builder import Builder, Tensor
from .fuzz_quantisers import per_channel, quant, quantise, weights

Layer = Callable[[Builder, Tensor], Tensor]


def like(x: Tensor, moved: Tensor) -> Tensor:
    """Codes that moved: still what they were, with one scale or none that is known."""
    return replace(moved, quantised=x.quantised, scale=x.scale, zero=x.zero, bits=x.bits)


# linear layers: (b, x) -> not quantised


def convolution(b: Builder, x: Tensor, outs: int | None = None, same: bool = False) -> Tensor:
    rank = len(x.spatial)
    groups = b.pick(1, 1, x.channels, *(g for g in (2, 3) if x.channels % g == 0))
    if same:
        outs, groups = x.channels, b.pick(1, x.channels)
    outs = outs or groups * b.between(1, max(1, 5 // groups))
    kernel = [b.pick(1, 3) if same else b.between(1, min(3, n)) for n in x.spatial]
    attributes: dict[str, Any] = {"group": groups, "kernel_shape": kernel}
    if same:
        attributes["pads"] = [k // 2 for k in kernel] * 2
    else:
        attributes["strides"] = [b.pick(1, 1, 2) for _ in range(rank)]
        wide = all(n >= 5 for n in x.spatial) and b.chance(0.2)
        attributes["dilations"] = [2 if wide else 1] * rank
        if b.chance(0.15) and not wide:
            attributes["auto_pad"] = b.pick("SAME_UPPER", "SAME_LOWER", "VALID")
        else:
            attributes["pads"] = [b.between(0, min(2, k - 1)) for k in kernel + kernel]
    inputs = [x, weights(b, (outs, x.channels // groups, *kernel))]
    if b.chance(0.4):
        inputs.append(bias(b, outs))
    return b.one("Conv", inputs, **attributes)


def bias(b: Builder, count: int) -> str | Tensor:
    values = b.constant(b.numbers(0.5, count))
    if b.chance(0.7):
        return values
    scale, zero, bits = b.constant(b.scales(2**-8)), b.constant(0.0), b.constant(16.0)
    return b.one("Quant", [values, scale, zero, bits], signed=1, narrow=0, rounding_mode="ROUND")


def transposed_convolution(b: Builder, x: Tensor) -> Tensor:
    rank = len(x.spatial)
    groups = b.pick(1, 1, x.channels)
    strides = [b.pick(1, 2, 2) for _ in range(rank)]
    kernel = [b.between(1, 3) for _ in range(rank)]
    outs = b.between(1, 2)
    pads = [min(b.between(0, 1), k - 1) for k in kernel]
    extra = [b.between(0, s - 1) if b.chance(0.3) else 0 for s in strides]
    if any(
        s * (n - 1) + k - 2 * p + e < 1 for s, n, k, p, e in zip(strides, x.spatial, kernel, pads, extra, strict=True)
    ):
        pads = [0] * rank
    inputs = [x, weights(b, (x.channels, outs, *kernel), 1 if groups == 1 else 0)]
    return b.one(
        "ConvTranspose", inputs, group=groups, strides=strides, kernel_shape=kernel, pads=pads * 2, output_padding=extra
    )


def dense(b: Builder, x: Tensor) -> Tensor:
    ins, outs = x.shape[1], b.between(2, 10)
    form = b.pick("MatMul", "Gemm", "Gemm", "transposed")
    if form == "MatMul":
        return b.one("MatMul", [x, weights(b, (ins, outs), 1)])
    if form == "transposed":
        turned = b.one("Transpose", [weights(b, (outs, ins))], perm=[1, 0])
        return b.one("MatMul", [x, turned])
    across = b.chance(0.6)
    inputs = [x, weights(b, (outs, ins)) if across else weights(b, (ins, outs), 1)]
    # an absent bias is allowed from opset 11
    if b.opset < 11 or b.chance(0.6):
        inputs.append(bias(b, outs))
    alpha = b.pick(None, None, None, 0.5)
    return b.one("Gemm", inputs, transB=int(across), alpha=alpha)


# elementwise: what may stand between a linear layer and its quantiser


def batch_norm(b: Builder, x: Tensor) -> Tensor:
    count, size = x.channels, b.size(x)
    gamma = b.numbers(1.0, count)
    if b.chance(0.2):
        gamma[b.between(0, count - 1)] = 0.0
    parameters = [gamma, b.numbers(0.5, count), b.numbers(size / 2, count), b.scales(size**2 / 4, count)]
    epsilon = b.pick(None, 1e-5, 1e-3)
    return b.one("BatchNormalization", [x, *(b.constant(each) for each in parameters)], epsilon=epsilon)


def affine(b: Builder, x: Tensor) -> Tensor:
    shape = b.pick((), (1,), per_channel(b, x), per_channel(b, x)[1:])
    kind = b.pick("Add", "Sub", "Mul", "Div")
    adds = kind in {"Add", "Sub"}
    values = b.numbers(b.size(x) / 4, *shape) if adds else b.scales(1.0, *shape) * b.pick(1, 1, -1)
    operands = [x, b.constant(values)]
    if kind in {"Add", "Mul", "Sub"} and b.chance(0.2):
        operands.reverse()  # a constant minus x, too
    return b.one(kind, operands)


def clip(b: Builder, x: Tensor, low: float | None, high: float | None) -> Tensor:
    if b.opset < 11:
        return b.one("Clip", [x], min=low, max=high)
    inputs = [x, "" if low is None else b.constant(low)]
    return b.one("Clip", inputs if high is None else [*inputs, b.constant(high)])


def activation(b: Builder, x: Tensor) -> Tensor:
    size = b.size(x)
    names = ["Relu"] * 4 + ["LeakyRelu", "PRelu", "HardTanh", "Relu6", "clip", "HardSigmoid", "Sigmoid", "Tanh"]
    names += ["Abs", "Neg", "Elu", "Identity"]
    names += ["HardSwish"] if b.opset >= 14 else []
    names += ["Gelu"] if b.opset >= 20 else []
    name = b.pick(*names)
    if name == "LeakyRelu":
        return b.one(name, [x], alpha=b.pick(None, 0.125, 0.1, 0.25))
    if name == "PRelu":
        shape = b.pick((), per_channel(b, x)[1:])
        return b.one(name, [x, b.constant(b.numbers(0.3, *shape))])
    if name == "HardTanh":
        return clip(b, x, -1.0, 1.0)
    if name == "Relu6":
        return clip(b, x, 0.0, 6.0)
    if name == "clip":
        return clip(b, x, *b.pick((-size / 2, size / 2), (None, size / 3), (-size / 4, None)))
    if name == "HardSigmoid":
        return b.one(name, [x], **b.pick({}, {"alpha": 1 / 6, "beta": 0.5}))
    return b.one(name, [x])


def decorate(b: Builder, x: Tensor) -> Tensor:
    """None to three elementwise operators, a BatchNorm and an activation more often than others."""
    for _ in range(b.pick(0, 1, 1, 2, 2, 3)):
        x = b.pick(batch_norm, affine, activation, activation)(b, x)
    return x


def finished(b: Builder, x: Tensor) -> Tensor:
    return quantise(b, decorate(b, x))


# whole layers


def linear(b: Builder, x: Tensor) -> Tensor:
    if len(x.shape) == 2:
        return finished(b, dense(b, x))
    small = max(x.spatial) <= 4
    return finished(b, (transposed_convolution if small and b.chance(0.4) else convolution)(b, x))


def requantised(b: Builder, x: Tensor) -> Tensor:
    return finished(b, activation(b, x))


def window(b: Builder, x: Tensor) -> dict[str, Any]:
    kernel = [b.between(1, min(3, n)) for n in x.spatial]
    strides = [b.between(1, k) for k in kernel]
    pads = [b.between(0, k - 1) if b.chance(0.4) else 0 for k in kernel + kernel]
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "ceil_mode": b.pick(None, None, 1)}


def max_pool(b: Builder, x: Tensor) -> Tensor:
    given = window(b, x)
    if b.opset < 10:
        given.pop("ceil_mode")
    return like(x, b.one("MaxPool", [x], **given))


def average_pool(b: Builder, x: Tensor) -> Tensor:
    given = window(b, x)
    if b.opset < 10:
        given.pop("ceil_mode")
    return finished(b, b.one("AveragePool", [x], count_include_pad=b.pick(None, 1), **given))


def global_pool(b: Builder, x: Tensor) -> Tensor:
    if b.chance(0.3):
        pooled = like(x, b.one("GlobalMaxPool", [x]))
    elif b.opset < 13 and b.chance(0.3):
        pooled = finished(b, b.one("ReduceMean", [x], axes=list(range(2, len(x.shape))), keepdims=1))
    else:
        pooled = finished(b, b.one("GlobalAveragePool", [x]))
    return flat(b, pooled) if b.chance(0.6) else pooled


def flat(b: Builder, x: Tensor) -> Tensor:
    if b.chance(0.5):
        return like(x, b.one("Flatten", [x], axis=b.pick(None, 1)))
    shape = b.pick([1, -1], [0, -1], [1, int(np.prod(x.shape))])
    return like(x, b.one("Reshape", [x, b.constant(shape, np.int64)]))


def pad(b: Builder, x: Tensor) -> Tensor:
    rank = len(x.spatial)
    amounts = [0, 0, *(b.between(0, 1) for _ in range(rank))] * 2
    # a padding of the codes' own grid: zero, or a few steps of a known scale
    value = float(np.float32(x.scale * b.between(-1, 1))) if x.scale is not None and b.chance(0.2) else 0.0
    if b.opset < 11:
        padded = b.one("Pad", [x], pads=amounts, value=value)
    else:
        inputs = [x, b.constant(amounts, np.int64)]
        padded = b.one("Pad", inputs if value == 0 and b.chance(0.5) else [*inputs, b.constant(value)])
    return like(x, padded)


def piece(b: Builder, x: Tensor) -> Tensor:
    """Some channels, or some positions, of x."""
    axis = b.between(1, len(x.shape) - 1)
    length = x.shape[axis]
    start = b.between(0, length - 1)
    end, step = b.between(start + 1, length), b.pick(1, 1, 1, 2)
    if b.opset < 10:
        return like(x, b.one("Slice", [x], axes=[axis], starts=[start], ends=[end]))
    listed = ([start], [b.pick(end, 2**31 - 1) if end == length else end], [axis], [step])
    return like(x, b.one("Slice", [x, *(b.constant(each, np.int64) for each in listed)]))


def halves(b: Builder, x: Tensor) -> Tensor:
    """Splits the channels, treats one part, and joins them in another order."""
    if x.channels < 2:
        return x
    first = b.between(1, x.channels - 1)
    sizes = [first, x.channels - first]
    if b.opset < 13:
        parts = b.node("Split", [x], 2, axis=1, split=sizes)
    else:
        parts = b.node("Split", [x, b.constant(sizes, np.int64)], 2, axis=1)
    left, right = (like(x, each) for each in parts)
    if b.chance(0.6):
        left = requantised(b, left)
    return replace(b.one("Concat", [right, left], axis=1), quantised=True)


def shuffle(b: Builder, x: Tensor) -> Tensor:
    """Reshape, Transpose, Reshape: the channel shuffle of ShuffleNet; or axes that are turned before a flatten."""
    groups = next((g for g in (2, 3) if x.channels % g == 0 and x.channels > g), None)
    if groups is None or b.chance(0.3):
        if len(x.shape) == 2:
            return x
        turned = b.one("Transpose", [x], perm=[0, *range(2, len(x.shape)), 1])
        return flat(b, like(x, turned))
    split_up = [1, groups, x.channels // groups, *x.spatial]
    y = b.one("Reshape", [x, b.constant(split_up, np.int64)])
    y = b.one("Transpose", [y], perm=[0, 2, 1, *range(3, len(split_up))])
    return like(x, b.one("Reshape", [y, b.constant(list(x.shape), np.int64)]))


def upsample(b: Builder, x: Tensor) -> Tensor:
    if max(x.spatial) > 4:
        return x
    factors = [1.0, 1.0, *(float(b.between(1, 2)) for _ in x.spatial)]
    if b.opset < 10:
        return like(x, b.one("Upsample", [x, b.constant(factors)], mode="nearest"))
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if b.chance(0.3):
        sizes = [int(n * f) for n, f in zip(x.shape, factors, strict=True)]
        empty = b.constant(np.zeros(0)) if b.opset < 13 else ""
        inputs = [x, empty, empty, b.constant(sizes, np.int64)]
    else:
        inputs = [x, b.constant(np.zeros(0)) if b.opset < 13 else "", b.constant(factors)]
    return like(x, b.one("Resize", inputs, mode="nearest", **modes))


def residual(b: Builder, x: Tensor) -> Tensor:
    """A branch of the same shape, joined with x by any operator of two inputs."""
    if len(x.shape) == 2:
        branch = finished(b, b.one("MatMul", [x, weights(b, (x.channels, x.channels), 1)]))
    else:
        branch = finished(b, convolution(b, x, same=True))
    if b.chance(0.1):
        return replace(b.one("Concat", [x, branch, x], axis=1), quantised=True)
    kind = b.pick("Add", "Add", "Add", "Sub", "Mul", "Max", "Min")
    return finished(b, b.one(kind, [x, branch] if b.chance(0.5) else [branch, x]))


def gate(b: Builder, x: Tensor) -> Tensor:
    """Squeeze and excite: one factor per channel, from the whole image."""
    if len(x.shape) == 2:
        return residual(b, x)
    squeezed = quant(b, b.one("GlobalAveragePool", [x]), uniform=True)
    excited = b.one("Conv", [squeezed, weights(b, (x.channels, x.channels, *([1] * len(x.spatial))))])
    gated = quant(b, b.one(b.pick("Sigmoid", "HardSigmoid"), [excited]), uniform=True)
    return finished(b, b.one("Mul", [x, gated]))


def nothing(b: Builder, x: Tensor) -> Tensor:
    return like(x, b.one(b.pick("Identity", "Dropout"), [x]))


VECTOR: tuple[Layer, ...] = (linear, linear, linear, requantised, residual, piece, halves, shuffle, nothing)
IMAGE: tuple[Layer, ...] = (
    *(linear,) * 5,
    requantised,
    max_pool,
    max_pool,
    average_pool,
    average_pool,
    global_pool,
    flat,
    pad,
    piece,
    halves,
    shuffle,
    upsample,
    residual,
    residual,
    gate,
    nothing,
)
