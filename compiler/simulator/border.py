"""The border: arrays as the source model has them (channels first, real values) and the graph's integers.

Inputs are rounded half up, `floor(x / scale + 1/2)`, and clipped to the input's bounds, per channel. That is computed
exactly: x is a float, hence a fraction, and so is the scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Graph, TensorType
from .interpreter import execute, named_inputs

Float64 = npt.NDArray[np.float64]


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
    return from_integers(graph, execute(graph, _quantised(graph, x)))


def to_integers(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Array]:
    """The source model's inputs as the graph's: int64, channels last, by input name."""
    return {name: codes.astype(np.int64) for name, codes in _quantised(graph, x).items()}


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


def quantise_input(x: npt.ArrayLike, kind: TensorType) -> Float64:
    """floor(x / scale + 1/2), clipped: integers in float64, of the same shape; x has channels last.

    Division by a power of two is exact. Any other quotient is rounded: where it lies so close to a tie that rounding
    may have crossed it, the element is computed again as a fraction.

    Raises:
        IntaglioError: where x is not finite.
    """
    real = np.asarray(x)
    if real.dtype.kind not in "fiub":
        raise IntaglioError(f"the input has values of type {real.dtype}, not numbers", hint="pass floats")
    values = real.astype(np.float64)
    if not np.isfinite(values).all():
        raise IntaglioError("the input holds NaN or infinity", hint="clean the data before it is simulated")
    scale = Fraction(1) if kind.scale is None else kind.scale
    inverse = 1 / scale
    if _power_of_two(scale):
        values *= float(inverse)
    else:
        exact = values.copy()
        values *= float(inverse)
        close = np.abs(values - np.floor(values) - 0.5) < 1e-15 * 8 * (np.abs(values) + 1)
        for index in zip(*np.nonzero(close), strict=True):
            quotient = Fraction(float(exact[index])) * inverse
            values[index] = floor(quotient + Fraction(1, 2))
    lower = np.floor(values)
    # The remainder, unlike values + 1/2, is exact where it decides.
    lower += (values - lower) >= 0.5
    return np.clip(lower, kind.lo_array, kind.hi_array, out=lower)


def _power_of_two(scale: Fraction) -> bool:
    return scale.numerator & (scale.numerator - 1) == 0 and scale.denominator & (scale.denominator - 1) == 0


def _quantised(graph: Graph, x: npt.ArrayLike | Mapping[str, Array]) -> dict[str, Float64]:
    result = {}
    for name, values in named_inputs(graph, x).items():
        kind = graph.inputs[name]
        expected = _source_shape(kind)
        if values.shape[1:] != expected or not values.ndim:
            text = ", ".join(map(str, expected))
            hint = "add a batch axis: x[None]" if values.shape == expected else "frames first, then channels"
            raise IntaglioError(f"the input {name} has shape {values.shape}, not (N, {text})", hint=hint)
        result[name] = quantise_input(_channels_last(values), kind)
    return result


def _real(codes: Array, kind: TensorType) -> Float64:
    scale = Fraction(1) if kind.scale is None else kind.scale
    # numerator and denominator apart: one rounding, none where the result is representable
    real = codes.astype(np.float64) * float(scale.numerator) / float(scale.denominator)
    return np.ascontiguousarray(np.moveaxis(real, -1, 1))


def _source_shape(kind: TensorType) -> tuple[int, ...]:
    return (kind.channels, *kind.shape[:-1])


def _channels_last(x: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim > 2 else x
