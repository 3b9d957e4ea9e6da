"""Elementwise functions of one real number, exactly: what `lower` tabulates between two integer tensors.

A function answers with a Fraction where its value is rational, else with a number of `DIGITS` digits, which decides any
rounding but a tie; and no function here meets a tie at a rational argument unless its value there is rational.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError

DIGITS = 60
FARTHEST = 4096
ZERO, ONE, HALF = Fraction(0), Fraction(1), Fraction(1, 2)

Exact = Callable[..., Fraction]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Function:
    """exact: (x, *parameters) -> value. fast: the same in float64, elementwise. parameters: how many it takes.

    increasing: for these parameters, never falls.
    """

    exact: Exact
    fast: Callable[..., Floats]
    parameters: int = 0
    increasing: Callable[[Sequence[Fraction]], bool] = lambda _: True


def _never(_: Sequence[Fraction]) -> bool:
    return False


def _mp(function: Callable[[Any], Any], name: str = "the function") -> Callable[[Fraction], Fraction]:
    """An irrational function; its value at 0 is exact where mpmath's is. Raises IntaglioError where it has none."""

    def exact(x: Fraction) -> Fraction:
        with mpmath.workdps(DIGITS):
            value = function(mpmath.mpf(x.numerator) / x.denominator)
            if not isinstance(value, mpmath.mpf) or not mpmath.isfinite(value):
                raise _undefined(name, x)
            return fraction_of(value)

    return exact


def _undefined(name: str, x: Fraction) -> IntaglioError:
    return IntaglioError(
        f"{name} has no value at {float(x):g}, which its input may be",
        hint="a clip or a quantiser in front of it that keeps its input where it has one",
    )


def _reciprocal(x: Fraction) -> Fraction:
    if not x:
        raise _undefined("the reciprocal", x)
    return 1 / x


def fraction_of(value: Any) -> Fraction:
    """The exact value of an mpmath number, brought within 2**-FARTHEST..2**FARTHEST."""
    sign, mantissa, exponent, bits = mpmath.mpf(value)._mpf_
    # far beyond every quantiser: its sign and that it is not 0 is all that counts
    exponent = min(max(int(exponent), -FARTHEST - bits), FARTHEST - bits) if mantissa else 0
    result = Fraction(int(mantissa)) * Fraction(2) ** exponent
    return -result if sign else result


def _clip(x: Fraction, lo: Fraction, hi: Fraction) -> Fraction:
    return min(max(x, lo), hi)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def _fast_sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _gelu_tanh(x: Any) -> Any:
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


def _fast_erf(x: Floats) -> Floats:
    from math import erf

    return np.vectorize(erf, otypes=[np.float64])(x)


def _fast_threshold(x: Floats, edge: float, value: float) -> Floats:
    return np.where(x > edge, x, np.float64(value))


def _elu(x: Fraction, alpha: Fraction) -> Fraction:
    return x if x > 0 else alpha * _mp(mpmath.expm1)(x)


SELU_ALPHA, SELU_SCALE = Fraction(1.6732632423543772), Fraction(1.0507009873554805)


def _selu(x: Fraction) -> Fraction:
    return SELU_SCALE * _elu(x, SELU_ALPHA)


FUNCTIONS: dict[str, Function] = {
    "relu": Function(lambda x: max(x, ZERO), lambda x: np.maximum(x, 0)),
    "leaky_relu": Function(
        lambda x, slope: x if x > 0 else slope * x,
        lambda x, slope: np.where(x > 0, x, slope * x),
        1,
        lambda p: p[0] >= 0,
    ),
    "clip": Function(_clip, lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi), 2),
    "at_least": Function(max, np.maximum, 1),
    "at_most": Function(min, np.minimum, 1),
    "hard_sigmoid": Function(
        lambda x, slope, shift: _clip(slope * x + shift, ZERO, ONE),
        lambda x, slope, shift: np.clip(slope * x + shift, 0, 1),
        2,
        lambda p: p[0] >= 0,
    ),
    "hard_swish": Function(
        lambda x: x * _clip(x / 6 + HALF, ZERO, ONE), lambda x: x * np.clip(x / 6 + 0.5, 0, 1), 0, _never
    ),
    "hard_shrink": Function(
        lambda x, edge: x if abs(x) > edge else ZERO, lambda x, edge: np.where(np.abs(x) > edge, x, 0), 1
    ),
    "soft_shrink": Function(
        lambda x, edge: x - edge if x > edge else x + edge if x < -edge else ZERO,
        lambda x, edge: np.where(x > edge, x - edge, np.where(x < -edge, x + edge, 0)),
        1,
    ),
    "threshold": Function(
        lambda x, edge, value: x if x > edge else value,
        _fast_threshold,
        2,
        lambda p: p[1] <= p[0],
    ),
    "abs": Function(abs, np.abs, 0, _never),
    "square": Function(lambda x: x * x, np.square, 0, _never),
    "sign": Function(lambda x: Fraction((x > 0) - (x < 0)), np.sign),
    "floor": Function(lambda x: Fraction(x.numerator // x.denominator), np.floor),
    "ceil": Function(lambda x: Fraction(-(-x.numerator // x.denominator)), np.ceil),
    "round": Function(lambda x: Fraction(round(x)), np.rint),
    "soft_sign": Function(lambda x: x / (1 + abs(x)), lambda x: x / (1 + np.abs(x))),
    "reciprocal": Function(_reciprocal, lambda x: 1 / x, 0, _never),
    "sqrt": Function(_mp(mpmath.sqrt, "sqrt"), np.sqrt),
    "exp": Function(_mp(mpmath.exp), np.exp),
    "log": Function(_mp(mpmath.log, "log"), np.log),
    "erf": Function(_mp(mpmath.erf), _fast_erf),
    "sigmoid": Function(_mp(_sigmoid), _fast_sigmoid),
    "tanh": Function(_mp(mpmath.tanh), np.tanh),
    "softplus": Function(_mp(lambda x: mpmath.log1p(mpmath.exp(x))), lambda x: np.logaddexp(0, x)),
    "silu": Function(_mp(lambda x: x * _sigmoid(x)), lambda x: x * _fast_sigmoid(x), 0, _never),
    "gelu": Function(
        _mp(lambda x: x / 2 * (1 + mpmath.erf(x / mpmath.sqrt(2)))),
        lambda x: x / 2 * (1 + _fast_erf(x / np.sqrt(2))),
        0,
        _never,
    ),
    "gelu_tanh": Function(
        _mp(_gelu_tanh),
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        0,
        _never,
    ),
    "mish": Function(
        _mp(lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x)))),
        lambda x: x * np.tanh(np.logaddexp(0, x)),
        0,
        _never,
    ),
    "elu": Function(
        _elu, lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), 1, lambda p: p[0] >= 0
    ),
    "selu": Function(
        _selu, lambda x: float(SELU_SCALE) * np.where(x > 0, x, float(SELU_ALPHA) * np.expm1(np.minimum(x, 0)))
    ),
    "cos": Function(_mp(mpmath.cos), np.cos, 0, _never),
    "sin": Function(_mp(mpmath.sin), np.sin, 0, _never),
}
