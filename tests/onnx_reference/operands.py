"""What an operator of the reference is given: a node's attributes, and arrays of exact numbers.

Float tensors are arrays of `Fraction` (dtype object); integer and boolean tensors stay NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray[Any, Any]


class UnsupportedError(NotImplementedError):
    """The reference has no meaning for this node."""


@dataclass
class Node:
    """proto: as in the file. margin: called with the distance to the nearest rounding boundary, in steps."""

    proto: onnx.NodeProto
    opset: int
    margin: Callable[[str, Any], None] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attributes = {each.name: helper.get_attribute_value(each) for each in self.proto.attribute}

    @property
    def outputs(self) -> int:
        return len(self.proto.output)

    def integer(self, name: str, default: int) -> int:
        return int(self.attributes.get(name, default))

    def integers(self, name: str, default: Any) -> Any:
        value = self.attributes.get(name)
        return default if value is None else [int(each) for each in value]

    def real(self, name: str, default: float) -> Fraction:
        """A float attribute is a float32, its default too."""
        return Fraction(float(np.float32(self.attributes.get(name, default))))

    def text(self, name: str, default: str) -> str:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else str(value)


fractions_of = np.frompyfunc(Fraction, 1, 1)


def as_object(values: Any) -> Array:
    """An array of dtype object also where NumPy would answer with a scalar."""
    result = np.empty(np.shape(values), object)
    result[...] = values
    return result


def exact(values: Any) -> Array:
    """Floats of any kind -> Fractions, exactly; integers and booleans stay what they are."""
    values = np.asarray(values)
    if values.dtype == object:
        return as_object(fractions_of(values))
    if values.dtype == bool or np.issubdtype(values.dtype, np.integer):
        return values
    if np.issubdtype(values.dtype, np.floating):
        if not np.isfinite(values).all():
            raise UnsupportedError("a number that is not finite")
        return as_object(fractions_of(values.astype(np.float64).astype(object)))
    raise UnsupportedError(f"numbers of type {values.dtype}")


def reals(values: Array) -> Array:
    """As Fractions, whatever they are."""
    if values.dtype == object:
        return values
    return as_object(fractions_of(values.astype(object)))


def constant(tensor: onnx.TensorProto) -> Array:
    return numpy_helper.to_array(tensor)


def integer_list(values: Any) -> list[int]:
    return [int(each) for each in np.asarray(values).reshape(-1)]
