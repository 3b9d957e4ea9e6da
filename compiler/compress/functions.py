"""The functions of `ops.functions` in torch, differentiable: (x, *parameters), parameters shaped to meet x.

Rational ones are exact in float64 wherever their arguments are short enough (`exact.py` says which), with at most one
division, the last step. The others differ from their exact values in the last places.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops.functions import SELU_ALPHA, SELU_SCALE


def _elu(x: Tensor, alpha: Tensor | float) -> Tensor:
    return torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def _straight(whole: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A staircase whose gradient passes straight through."""

    def function(x: Tensor) -> Tensor:
        return x + (whole(x) - x).detach() if x.requires_grad else whole(x)

    return function


TORCH_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "clip": lambda x, lo, hi: torch.minimum(torch.maximum(x, lo), hi),
    "at_least": torch.maximum,
    "at_most": torch.minimum,
    "hard_sigmoid": lambda x, slope, shift: (slope * x + shift).clamp(0, 1),
    "hard_swish": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "hard_shrink": lambda x, edge: torch.where(x.abs() > edge, x, torch.zeros_like(x)),
    "soft_shrink": lambda x, edge: F.relu(x - edge) - F.relu(-x - edge),
    "threshold": lambda x, edge, value: torch.where(x > edge, x, value.expand_as(x)),
    "abs": torch.abs,
    "square": torch.square,
    "sign": _straight(torch.sign),
    "floor": _straight(torch.floor),
    "ceil": _straight(torch.ceil),
    "round": _straight(torch.round),
    "soft_sign": lambda x: x / (1 + x.abs()),
    "exp": torch.exp,
    "erf": torch.erf,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "mish": lambda x: x * torch.tanh(torch.logaddexp(x, torch.zeros_like(x))),
    "elu": _elu,
    "selu": lambda x: float(SELU_SCALE) * _elu(x, float(SELU_ALPHA)),
    "cos": torch.cos,
    "sin": torch.sin,
    "sqrt": torch.sqrt,
    "log": torch.log,
    "reciprocal": torch.reciprocal,
}

HOMOGENEOUS = {"relu", "leaky_relu", "abs"}
"""f(s * x) = s * f(x) for s > 0: the unit of their tensors is free."""

RATIONAL = {
    *HOMOGENEOUS,
    "clip",
    "at_least",
    "at_most",
    "hard_sigmoid",
    "hard_swish",
    "hard_shrink",
    "soft_shrink",
    "threshold",
    "square",
    "sign",
    "floor",
    "ceil",
    "round",
    "soft_sign",
}
"""Functions that take rational numbers to rational numbers; elu is only half of that."""
