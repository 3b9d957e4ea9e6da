"""Functions of one element: source.relu, or source.activation with a function of `ops.functions`."""

from __future__ import annotations

import numpy as np
from torch import fx

from ...ops.source import Affine, SourceActivation, SourceRelu
from ..findings import Refusal
from .registry import rule
from .values import Arguments, Value, operator_of

UNBOUNDED = float(1 << 30)
"""Where a clip has one end only, the other is so far away that nothing gets there."""

SIMPLE = {
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "silu": "silu",
    "mish": "mish",
    "selu": "selu",
    "hardswish": "hard_swish",
    "abs": "abs",
    "exp": "exp",
    "erf": "erf",
    "special_erf": "erf",
    "square": "square",
    "sign": "sign",
    "sgn": "sign",
    "floor": "floor",
    "ceil": "ceil",
    "sin": "sin",
    "cos": "cos",
}


def activation(a: Arguments, x: Value, function: str, *parameters: float, part: str = "") -> Value:
    row = np.array([parameters], np.float64).reshape(1, len(parameters))
    return a.emit_like(SourceActivation(function, row), x, part=part)


def affine(a: Arguments, x: Value, multiplier: float, shift: float, part: str = "") -> Value:
    """The same for all elements."""
    channels = x.inside[-1]
    return a.emit_like(Affine(np.full(channels, float(multiplier)), np.full(channels, float(shift))), x, part=part)


@rule(*SIMPLE, *(f"{name}_" for name in SIMPLE))
def simple(a: Arguments) -> Value:
    return activation(a, a.value("self"), SIMPLE[a.operator.rstrip("_")])


@rule("relu", "relu_")
def relu(a: Arguments) -> Value:
    return a.emit_like(SourceRelu(), a.value("self"))


@rule("relu6", "relu6_")
def relu6(a: Arguments) -> Value:
    return activation(a, a.value("self"), "clip", 0.0, 6.0)


@rule("hardtanh", "hardtanh_")
def hardtanh(a: Arguments) -> Value:
    return activation(a, a.value("self"), "clip", float(a.take("min_val")), float(a.take("max_val")))


@rule("clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "clamp_max", "clamp_max_")
def clamp(a: Arguments) -> Value:
    x, ends = a.value("self"), []
    for name in ("min", "max"):
        given = a.constant(name) if a.has(name) and a.untaken[name] is not None else None
        a.take(name)
        if given is not None and given.size != 1:
            raise Refusal(f"its {name} differs from element to element", "one number for all")
        ends.append(None if given is None else float(given.ravel()[0]))
    low, high = ends
    if low == 0 and high is None:
        return a.emit_like(SourceRelu(), x)
    return activation(a, x, "clip", -UNBOUNDED if low is None else low, UNBOUNDED if high is None else high)


@rule("leaky_relu", "leaky_relu_")
def leaky_relu(a: Arguments) -> Value:
    return activation(a, a.value("self"), "leaky_relu", float(a.take("negative_slope")))


@rule("rrelu", "rrelu_")
def rrelu(a: Arguments) -> Value:
    """Outside of training, the mean of both slopes."""
    x, low, high = a.value("self"), float(a.take("lower")), float(a.take("upper"))
    a.take_all()
    return activation(a, x, "leaky_relu", (low + high) / 2)


@rule("prelu")
def prelu(a: Arguments) -> Value:
    """The slopes are constants from here on."""
    x, slopes = a.value("self"), a.constant("weight")
    if slopes.size == 1:
        return activation(a, x, "leaky_relu", float(slopes.ravel()[0]))
    x, (laid,) = a.per_channel(x, slopes.ravel())
    return a.emit_like(SourceActivation("leaky_relu", laid.reshape(-1, 1)), x)


@rule("elu", "elu_")
def elu(a: Arguments) -> Value:
    x, alpha = a.value("self"), float(a.take("alpha"))
    for name in ("scale", "input_scale"):
        a.refuse_unless(name, 1.0, "nn.ELU", read=float)
    return activation(a, x, "elu", alpha)


@rule("celu", "celu_")
def celu(a: Arguments) -> Value:
    """alpha * elu(x / alpha)"""
    x, alpha = a.value("self"), float(a.take("alpha"))
    if alpha == 1:
        return activation(a, x, "elu", 1.0)
    inner = affine(a, x, 1 / alpha, 0.0, part="scaled")
    return affine(a, activation(a, inner, "elu", 1.0, part="elu"), alpha, 0.0)


@rule("gelu", "gelu_")
def gelu(a: Arguments) -> Value:
    return activation(a, a.value("self"), "gelu_tanh" if a.take("approximate") == "tanh" else "gelu")


@rule("hardsigmoid", "hardsigmoid_")
def hardsigmoid(a: Arguments) -> Value:
    return activation(a, a.value("self"), "hard_sigmoid", 1 / 6, 0.5)


@rule("softplus")
def softplus(a: Arguments) -> Value:
    """log(1 + exp(beta * x)) / beta; where torch gives x itself, beyond the threshold, the two agree to 2e-9."""
    x, beta = a.value("self"), float(a.take("beta"))
    if float(a.take("threshold")) < 20:
        raise Refusal("a threshold below 20 makes it jump", "nn.Softplus with its threshold of 20")
    if beta == 1:
        return activation(a, x, "softplus")
    inner = affine(a, x, beta, 0.0, part="scaled")
    return affine(a, activation(a, inner, "softplus", part="softplus"), 1 / beta, 0.0)


@rule("log_sigmoid")
def log_sigmoid(a: Arguments) -> Value:
    """-softplus(-x)"""
    inner = affine(a, a.value("self"), -1.0, 0.0, part="negated")
    return affine(a, activation(a, inner, "softplus", part="softplus"), -1.0, 0.0)


@rule("threshold", "threshold_")
def threshold(a: Arguments) -> Value:
    x, edge, value = a.value("self"), float(a.take("threshold")), float(a.take("value"))
    return a.emit_like(SourceRelu(), x) if edge == value == 0 else activation(a, x, "threshold", edge, value)


@rule("hardshrink", "softshrink")
def shrink(a: Arguments) -> Value:
    return activation(a, a.value("self"), a.operator.replace("shrink", "_shrink"), float(a.take("lambd")))


@rule("round", "round_")
def round_(a: Arguments) -> Value:
    x = a.value("self")
    a.refuse_unless("decimals", 0, "torch.round to whole numbers")
    return activation(a, x, "round")


@rule("pow", "pow_")
def pow_(a: Arguments) -> Value:
    x, exponent = a.value("self"), float(a.constant("exponent"))
    if exponent == 1:
        return x
    if exponent != 2:
        raise Refusal(f"a power of {exponent}", "x * x for a square; other powers have no operator")
    return activation(a, x, "square")


def soft_sign_of(node: fx.Node) -> fx.Node | None:
    """x, where this division is x / (1 + |x|), as F.softsign is exported."""
    over, under = node.args[0], node.args[1]
    if not (isinstance(over, fx.Node) and isinstance(under, fx.Node)) or operator_of(under) != "add":
        return None
    for one, other in (under.args, under.args[::-1]):
        if isinstance(one, fx.Node) and operator_of(one) == "abs" and one.args[0] is over and other == 1:
            return over
    return None


def parts_of_soft_sign(node: fx.Node) -> bool:
    """Whether this |x|, or 1 + |x|, is read by nothing but a soft sign."""
    if operator_of(node) == "abs":
        return bool(node.users) and all(operator_of(u) == "add" and parts_of_soft_sign(u) for u in node.users)
    if operator_of(node) == "add":
        return bool(node.users) and all(
            operator_of(u) == "div" and u.args[1] is node and soft_sign_of(u) is not None for u in node.users
        )
    return False
