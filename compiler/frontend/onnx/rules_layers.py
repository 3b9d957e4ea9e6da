"""Layers: Conv, ConvTranspose, Gemm, MatMul, BatchNormalization."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ...ops.source import BatchNorm, SourceConv2d, SourceLinear, SourceSlice, SourceZeroStuff
from ..findings import Refusal
from ..values import Value
from .affine import affine
from .builder import Tensor
from .call import Call, rule
from .constants import ONE, ZERO, Array, Constant, full, square_root, weight_codes
from .geometry import geometry, transposed_padding

Floats = npt.NDArray[np.float64]
NOT_QUANTISED = "a Quant node on the weights (Brevitas, QKeras), or intaglio.quantize(model, calibration, recipe)"


@rule("Conv")
def conv(a: Call) -> Tensor:
    x = a.image_input()
    weight, groups = _kernels(a), a.int("group", 1)
    outputs, each, *kernel = weight.shape
    if groups < 1 or outputs % groups or each * groups != x.shape[1]:
        raise Refusal(f"weights {weight.shape} in {groups} groups on {x.shape[1]} channels", "weights that fit")
    g = geometry(a, x, kernel)
    codes, scale = _weights(a, weight.transposed((0, 2, 3, 1)))
    bias = _bias(a, a.optional(2), outputs)
    return a.image(SourceConv2d(codes, bias, g.stride, g.padding, scale, g.dilation, groups), x)


@rule("ConvTranspose")
def conv_transpose(a: Call) -> Tensor:
    """A convolution with mirrored kernels over the pixels with zeros between them."""
    x = a.image_input()
    weight, groups = _kernels(a), a.int("group", 1)
    inputs, each, *kernel = weight.shape
    if groups < 1 or inputs % groups or inputs != x.shape[1]:
        raise Refusal(f"weights {weight.shape} in {groups} groups on {x.shape[1]} channels", "weights that fit")
    g, padding = transposed_padding(a, x, kernel)
    outputs = each * groups
    split = weight.reshaped((groups, inputs // groups, each, *kernel)).transposed((0, 2, 3, 4, 1))
    mirrored = split.moved(lambda w: w[:, :, ::-1, ::-1]).reshaped((outputs, *kernel, inputs // groups))
    codes, scale = _weights(a, mirrored)
    bias = _bias(a, a.optional(2), outputs)
    if g.stride != (1, 1):
        x = a.image(SourceZeroStuff(g.stride), x)
    if min(padding) < 0:
        height, width = x.inside[:2]
        top, bottom, left, right = (max(-p, 0) for p in padding)
        if top + bottom >= height or left + right >= width:
            raise Refusal(f"its padding {padding} takes the whole image away", "smaller pads")
        rows, columns = (top, height - bottom, 1), (left, width - right, 1)
        x = a.image(SourceSlice(rows, columns, np.arange(x.shape[1])), x)
    sides: Any = tuple(max(p, 0) for p in padding)
    return a.image(SourceConv2d(codes, bias, (1, 1), sides, scale, g.dilation, groups), x)


@rule("Gemm")
def gemm(a: Call) -> Tensor:
    x, weight = a.value(0), a.constant(1)
    alpha, beta = a.number("alpha", ONE), a.number("beta", ONE)
    a.refuse_unless("transA", 0, "transA=0: samples along the first axis")
    transposed = a.flag("transB", default=False)
    if len(x.shape) != 2 or len(weight.shape) != 2:
        raise Refusal(f"it multiplies {x.shape} and {weight.shape}", "matrices (N, features) and (features, outputs)")
    weight = weight if transposed else weight.transposed((1, 0))
    if alpha != 1:
        weight = weight.scaled(full((1, 1), alpha))
    bias = a.optional(2)
    if bias is not None:
        if bias.shape not in ((), (1,), (1, 1), (len(weight.values),), (1, len(weight.values))):
            raise Refusal(f"a bias of shape {bias.shape}", f"a bias ({len(weight.values)},)")
        bias = bias.reshaped((bias.size,))
        if beta != 1:
            bias = bias.scaled(full((1,), beta))
    return linear(a, x, weight, bias)


@rule("MatMul")
def matmul(a: Call) -> Tensor:
    if not a.is_constant(0) and not a.is_constant(1):
        raise Refusal("both its operands depend on the network's input", "a constant operand (no attention is built)")
    if a.is_constant(0):
        return _from_the_left(a)
    x, weight = a.value(0), a.constant(1)
    if len(weight.shape) < 2 or any(n != 1 for n in weight.shape[:-2]) or len(weight.shape) > max(len(x.shape), 2):
        raise Refusal(f"it multiplies {x.shape} and {weight.shape}", "a constant (features, outputs)")
    weight = weight.reshaped(weight.shape[-2:]).transposed((1, 0))
    rank = len(x.shape)
    if rank == 2:
        return linear(a, x, weight, None)
    # at every position: the last axis of (N, ..., F) are the channels
    flat = a.builder.reshaped(x, (x.shape[0], prod(x.shape[1:-1]), x.shape[-1])) if rank != 4 else x
    moved = a.builder.transposed(flat, (0, len(flat.shape) - 1, *range(1, len(flat.shape) - 1)))
    y = linear(a, a.standard(moved), weight, None)
    back = y.transposed((0, *range(2, len(flat.shape)), 1))
    return a.builder.reshaped(back, (*x.shape[:-1], len(weight.values)))


def _from_the_left(a: Call) -> Tensor:
    """(outputs, K) @ (N, K, L): a layer over axis 1."""
    weight, x = a.constant(0), a.value(1)
    if len(x.shape) != 3 or len(weight.shape) not in (2, 3) or any(n != 1 for n in weight.shape[:-2]):
        raise Refusal(f"it multiplies a constant {weight.shape} and {x.shape}", "the constant on the right")
    return linear(a, a.standard(x), weight.reshaped(weight.shape[-2:]), None)


def linear(a: Call, x: Value, weight: Constant, bias: Constant | None) -> Value:
    """weight (outputs, features) over axis 1 of (N, features), or of a standard (N, features, L), (N, features, H, W).

    The columns are put in the order in which the features lie.
    """
    outputs, features = weight.shape
    if features != x.shape[1]:
        raise Refusal(f"weights for {features} features meet {x.shape[1]}", "weights that fit")
    if len(x.shape) == 2:
        if prod(x.inside[:-1]) > 1:
            x = a.vector(x)
        order = x.order
        if order is not None:
            weight = weight.moved(lambda w: w[:, order])
    codes, scale = _weights(a, weight)
    name = a.emit(SourceLinear(codes, _bias(a, bias, outputs), scale), x)
    return Value(name, (x.shape[0], outputs, *x.shape[2:]), None, (*x.inside[:-1], outputs))


@rule("BatchNormalization")
def batch_normalization(a: Call) -> tuple[Tensor | None, ...]:
    return (_normalised(a), None, None, None, None)  # old opsets list the running statistics too


def _normalised(a: Call) -> Tensor:
    """w * (x - mean) / s + b, with s = sqrt(variance + epsilon) rounded to float64 once; the rest is exact."""
    x = a.value(0)
    weight, bias, mean, variance = (a.constant(i) for i in (1, 2, 3, 4))
    epsilon = a.number("epsilon", Fraction(float(np.float32(1e-5))))
    a.refuse_unless("training_mode", 0, "export the network in eval mode: model.eval()")
    a.refuse_unless("is_test", 1, "export the network in eval mode: model.eval()") if a.opset < 7 else None
    a.refuse_unless("spatial", 1, "spatial=1") if a.opset < 9 else None
    a.ignore("momentum", "consumed_inputs")
    channels = x.shape[1]
    if any(v.shape != (channels,) for v in (weight, bias, mean, variance)):
        raise Refusal(f"statistics of shape {mean.shape} on {channels} channels", "one number for each channel")
    spread = [v + epsilon for v in variance.exact()]
    if min(spread) <= 0:
        raise Refusal("a variance plus epsilon is zero or negative", "statistics of a trained network")
    if not a.options.quantised:
        y = a.standard(x) if not x.is_vector else x
        numbers = [v.floats() if y.order is None else v.floats()[y.order] for v in (mean, variance, weight, bias)]
        if y.inside[-1] == channels:
            return a.same(BatchNorm(*numbers, float(epsilon)), y)
    multiplier = weight.exact() / np.array([*map(square_root, spread), None], object)[:-1]
    shift = bias.exact() - mean.exact() * multiplier
    shape = (1, channels, *(1,) * (len(x.shape) - 2))
    return affine(a, x, Constant(multiplier.reshape(shape)), Constant(shift.reshape(shape)))


# -- weights ---------------------------------------------------------------------------------------------------------
def _kernels(a: Call) -> Constant:
    """(O, I, kernel height, kernel width): an axis of one row for (O, I, K)."""
    weight = a.constant(1)
    if len(weight.shape) not in (3, 4) or not weight.size:
        raise Refusal(f"its weights have shape {weight.shape}", "one or two spatial axes")
    if len(weight.shape) == 3:
        outputs, inputs, taps = weight.shape
        return weight.reshaped((outputs, inputs, 1, taps))
    return weight


def _weights(a: Call, weight: Constant) -> tuple[Floats, Array | None]:
    """Codes and the scale of each output; the numbers themselves for a network that is still to be quantised."""
    if not weight.size:
        raise Refusal("its weights are empty", "weights")
    if not a.options.quantised:
        return np.ascontiguousarray(weight.floats()), None
    found = weight_codes(weight)
    if found is None:
        raise Refusal(f"its weights{_called(weight)} are not quantised", NOT_QUANTISED)
    codes, scale = found
    return np.ascontiguousarray(codes), np.array(np.broadcast_to(scale, (len(codes),)))


def _bias(a: Call, bias: Constant | None, outputs: int) -> Array:
    if bias is None:
        return np.zeros(outputs) if not a.options.quantised else full((outputs,), ZERO)
    if bias.shape not in ((outputs,), (1,)):
        raise Refusal(f"a bias of shape {bias.shape} for {outputs} outputs", f"a bias ({outputs},)")
    return np.array(np.broadcast_to(a.numbers(bias.exact()), (outputs,)))


def _called(weight: Constant) -> str:
    return f" {weight.origin}" if weight.origin else ""
