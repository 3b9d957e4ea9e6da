"""The border: arrays as the source model has them (channels first, real values) and the graph's integers.

Inputs are rounded as their `Border` says (half up, where it says nothing) and clipped to the input's bounds, per
channel. That is computed exactly: x is a float, hence a fraction, and so are slope and offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Border, Graph, TensorType
from ..ops.exact import FLOAT64_EXACT
from ..ops.rounding import rounded, rounds_up
from .interpreter import execute, named_inputs

Float = npt.NDArray[np.floating[Any]]
Float64 = npt.NDArray[np.float64]

TIE_WIDTH = 1e-14
"""Relative to the quotient: many times the error of a product of two rounded numbers."""


def simulate(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> Float64 | tuple[Float64, ...]:
    """What the source model answers, bit-accurately: integers inside, real values outside.

    Args:
        graph: an integer graph.
        x: the input as the source model takes it: (N, channels, height, width) or (N, features), real values; a dict
            by input name where there are several.

    Returns:
        The output as the source model gives it, float64: (N, channels, height, width) or (N, features). A tuple where
        there are several.
    """
    inputs = _checked(graph, x)
    results = execute(graph, inputs, prepare=lambda name, part: _codes(graph, name, part))
    return from_integers(graph, results)


def to_integers(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Array]:
    """The source model's inputs as the graph's: int64, channels last, by input name."""
    return {name: _codes(graph, name, values).astype(np.int64) for name, values in _checked(graph, x).items()}


def from_integers(graph: Graph, outputs: Mapping[str, Array]) -> Float64 | tuple[Float64, ...]:
    """The graph's outputs as the source model's: float64, channels first; an array, or a tuple of several."""
    results = tuple(_real(outputs[name], graph.border_of(name)) for name in graph.outputs)
    return results[0] if len(results) == 1 else results


def random_inputs(graph: Graph, frames: int, seed: int = 0) -> dict[str, Array]:
    """Inputs as the source model takes them, which reach every integer within the bounds."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, kind in graph.inputs.items():
        codes = rng.integers(kind.lo_array, kind.hi_array, (frames, *kind.shape), endpoint=True)
        if kind.dtype is not None and kind.dtype.bipolar:
            codes = np.where(codes > 0, 1, -1)
        result[name] = _real(codes, graph.border_of(name))
    return result


def quantise_input(x: npt.ArrayLike, kind: TensorType, border: Border | None = None) -> Float:
    """clip(round((x - offset) / slope + zero)) - zero: integers in a float type; x has channels last.

    Division by a power of two is exact. Any other quotient is rounded: where it lies so close to where the integer
    changes that rounding may have crossed it, the element is computed again as a fraction.

    Raises:
        IntaglioError: where x is not finite.
    """
    border = border or Border.standard(kind)
    real = np.asarray(x)
    if real.dtype.kind not in "fiub":
        raise IntaglioError(f"the input has values of type {real.dtype}, not numbers", hint="pass floats")
    if not np.isfinite(real).all():
        raise IntaglioError("the input holds NaN or infinity", hint="clean the data before it is simulated")
    slopes = [1 / s for s in border.slope]
    addends = [border.zero - o / s for o, s in zip(*_widened(border.offset, border.slope), strict=True)]
    bipolar = kind.dtype is not None and kind.dtype.bipolar
    if bipolar:
        addends = [-o / s for o, s in zip(*_widened(border.offset, border.slope), strict=True)]
    exact = not any(addends) and all(map(_power_of_two, slopes))
    dtype = np.float32 if exact and real.dtype == np.float32 else np.float64
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # far outside the clip
        values = np.multiply(real, _floats(slopes, dtype), dtype=dtype)
        if any(addends):
            values += _floats(addends, dtype)
    if bipolar:
        return _signs(real, values, slopes, addends, exact=exact)
    lower = np.floor(values)
    remainder = np.subtract(values, lower)  # exact where it decides
    edge = np.abs(remainder - 0.5) if border.rounding in TIES else np.minimum(remainder, 1 - remainder)
    size = np.abs(values) + max(map(abs, map(float, addends)), default=0.0) + 1
    near = () if exact else np.nonzero(edge < TIE_WIDTH * size)
    code = lower + rounds_up(border.rounding, lower, remainder, 1)
    for index in zip(*near, strict=True):
        slope, addend = (values[index[-1] if len(values) > 1 else 0] for values in (slopes, addends))
        code[index] = rounded(border.rounding, Fraction(real[index].item()) * slope + addend)
    if border.zero:
        code -= border.zero
    ends = (min(kind.lo), max(kind.hi)) if len({*kind.lo}) == len({*kind.hi}) == 1 else (kind.lo_array, kind.hi_array)
    return np.clip(code, *ends, out=code)


TIES = {"half_up", "half_even", "half_away", "half_zero"}


def _signs(real: Any, values: Any, slopes: list[Fraction], addends: list[Fraction], *, exact: bool) -> Float:
    """+1 where the value is at least 0, else -1."""
    result = np.where(values >= 0, 1.0, -1.0).astype(values.dtype)
    near = () if exact else np.nonzero(np.abs(values) < TIE_WIDTH * (1 + max(map(abs, map(float, addends)))))
    for index in zip(*near, strict=True):
        slope, addend = (v[index[-1] if len(v) > 1 else 0] for v in (slopes, addends))
        result[index] = 1 if Fraction(real[index].item()) * slope + addend >= 0 else -1
    return result


def _widened(*values: tuple[Fraction, ...]) -> list[list[Fraction]]:
    """Sequences of one length, those of one element repeated."""
    longest = max(map(len, values))
    return [list(v) * (longest // len(v)) for v in values]


def _floats(values: list[Fraction], dtype: Any) -> Any:
    return np.array([float(v) for v in values], dtype) if len(values) > 1 else dtype(float(values[0]))


def _power_of_two(scale: Fraction) -> bool:
    return (
        scale > 0 and scale.numerator & (scale.numerator - 1) == 0 and scale.denominator & (scale.denominator - 1) == 0
    )


def _checked(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Array]:
    """The inputs by name, each of the shape that the source model takes."""
    inputs = named_inputs(graph, x)
    for name, values in inputs.items():
        expected = graph.border_of(name).shape
        if values.shape[1:] != expected or not values.ndim:
            text = ", ".join(map(str, expected))
            hint = "add a batch axis: x[None]" if values.shape == expected else "frames first, then channels"
            raise IntaglioError(f"the input {name} has shape {values.shape}, not (N, {text})", hint=hint)
    return inputs


def _real(codes: Array, border: Border) -> Float64:
    """The nearest float64 of every real value: over one common denominator where that fits, else by Fractions."""
    slope, offset = _widened(border.slope, border.offset)
    denominator = [lcm(s.denominator, o.denominator) for s, o in zip(slope, offset, strict=True)]
    multiplier = [int(s * d) for s, d in zip(slope, denominator, strict=True)]
    addend = [int(o * d) for o, d in zip(offset, denominator, strict=True)]
    largest = max(int(codes.max(initial=0)), -int(codes.min(initial=0)))
    reach = max(abs(m) * largest + abs(a) for m, a in zip(multiplier, addend, strict=True))
    if max(reach, *denominator) <= FLOAT64_EXACT:  # one rounding, none where the result is representable
        real = codes.astype(np.float64) * np.array(multiplier, np.float64)
        if any(addend):
            real += np.array(addend, np.float64)
        real = real / np.array(denominator, np.float64)
    elif all(d & (d - 1) == 0 for d in denominator) and not any(addend) and max(multiplier) <= FLOAT64_EXACT >= largest:
        # a product rounds once, a power of two not at all
        real = codes.astype(np.float64) * np.array([m / d for m, d in zip(multiplier, denominator, strict=True)])
    else:
        real = np.empty(codes.shape, np.float64)
        for channel in range(codes.shape[-1]):
            s, o = (values[channel if len(values) > 1 else 0] for values in (slope, offset))
            known, places = np.unique(codes[..., channel], return_inverse=True)
            real[..., channel] = np.array([float(int(v) * s + o) for v in known])[places.reshape(codes.shape[:-1])]
    return np.ascontiguousarray(border.outwards(real))


def _codes(graph: Graph, name: str, x: Array) -> Float:
    kind, border = graph.inputs[name], graph.border_of(name)
    return quantise_input(np.ascontiguousarray(border.inwards(x, kind)), kind, border)
