"""The border: arrays as the source model has them (channels first, real values) and the graph's integers.

Inputs are rounded half up, `floor(x / scale + 1/2)`, and clipped to the input's bounds, per channel. That is computed
exactly: x is a float, hence a fraction, and so is the scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Graph, TensorType
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
    results = execute(graph, inputs, prepare=lambda name, part: _codes(part, graph.inputs[name]))
    return from_integers(graph, results)


def to_integers(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Array]:
    """The source model's inputs as the graph's: int64, channels last, by input name."""
    return {name: _codes(values, graph.inputs[name]).astype(np.int64) for name, values in _checked(graph, x).items()}


def from_integers(graph: Graph, outputs: Mapping[str, Array]) -> Float64 | tuple[Float64, ...]:
    """The graph's outputs as the source model's: float64, channels first; an array, or a tuple of several."""
    results = tuple(_real(outputs[name], graph.types[name]) for name in graph.outputs)
    return results[0] if len(results) == 1 else results


def random_inputs(graph: Graph, frames: int, seed: int = 0) -> dict[str, Array]:
    """Inputs as the source model takes them, which reach every integer within the bounds."""
    rng = np.random.default_rng(seed)
    return {
        name: _real(rng.integers(kind.lo_array, kind.hi_array, (frames, *kind.shape), endpoint=True), kind)
        for name, kind in graph.inputs.items()
    }


def quantise_input(x: npt.ArrayLike, kind: TensorType) -> Float:
    """floor(x / scale + 1/2), clipped: integers in a float type, of the same shape; x has channels last.

    Division by a power of two is exact. Any other quotient is rounded: where it lies so close to a tie that rounding
    may have crossed it, the element is computed again as a fraction.

    Raises:
        IntaglioError: where x is not finite.
    """
    real = np.asarray(x)
    if real.dtype.kind not in "fiub":
        raise IntaglioError(f"the input has values of type {real.dtype}, not numbers", hint="pass floats")
    if not np.isfinite(real).all():
        raise IntaglioError("the input holds NaN or infinity", hint="clean the data before it is simulated")
    scale = Fraction(1) if kind.scale is None else kind.scale
    inverse = 1 / scale
    exact = _power_of_two(scale)
    dtype = np.float32 if exact and real.dtype == np.float32 else np.float64
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # far outside the clip
        values = np.multiply(real, dtype(inverse), dtype=dtype)
        lower = np.floor(values)
        remainder = np.subtract(values, lower, out=values)
        # Unlike values + 1/2, the remainder is exact where it decides.
        near = () if exact else np.nonzero(np.abs(remainder - 0.5) < TIE_WIDTH * (np.abs(lower) + 1))
        lower += remainder >= 0.5
    for index in zip(*near, strict=True):
        lower[index] = floor(Fraction(real[index].item()) * inverse + Fraction(1, 2))
    ends = (min(kind.lo), max(kind.hi)) if len({*kind.lo}) == len({*kind.hi}) == 1 else (kind.lo_array, kind.hi_array)
    return np.clip(lower, *ends, out=lower)


def _power_of_two(scale: Fraction) -> bool:
    return scale.numerator & (scale.numerator - 1) == 0 and scale.denominator & (scale.denominator - 1) == 0


def _checked(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Array]:
    """The inputs by name, each of the shape that the source model takes."""
    inputs = named_inputs(graph, x)
    for name, values in inputs.items():
        kind = graph.inputs[name]
        expected = _source_shape(kind)
        if values.shape[1:] != expected or not values.ndim:
            text = ", ".join(map(str, expected))
            hint = "add a batch axis: x[None]" if values.shape == expected else "frames first, then channels"
            raise IntaglioError(f"the input {name} has shape {values.shape}, not (N, {text})", hint=hint)
    return inputs


def _real(codes: Array, kind: TensorType) -> Float64:
    scale = Fraction(1) if kind.scale is None else kind.scale
    # numerator and denominator apart: one rounding, none where the result is representable
    real = codes.astype(np.float64) * float(scale.numerator) / float(scale.denominator)
    return np.ascontiguousarray(np.moveaxis(real, -1, 1))


def _source_shape(kind: TensorType) -> tuple[int, ...]:
    return (kind.channels, *kind.shape[:-1])


def _codes(x: Array, kind: TensorType) -> Float:
    return quantise_input(np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 2 else x, kind)
