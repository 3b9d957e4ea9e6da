"""Executes ONNX graphs in exact rational arithmetic: the meaning that an imported network must keep.

Every constant is the exact value of its float32, float64 or integer; every sum, product and quotient is exact. What
this leaves open is defined here: the square root of BatchNormalization (and Sqrt) is the float64 nearest to it;
transcendental functions are evaluated with 60 digits, which decides every rounding that is no tie; and an attribute
that a node leaves out is the float32 of its default, but 1/6 in HardSwish, which has no attribute for it. The graph
is walked in the order of its dependencies, whatever the file's order. Nothing here is shared with the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from . import elementwise, movers, quantisers, windows  # noqa: F401  they register their operators
from .fast import FAST
from .operands import Array, Node, UnsupportedError, constant, exact, reals
from .registry import OPERATORS
from .scaled import Scaled

STANDARD = {"", "ai.onnx"}
QUANTISERS = {"Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold"}
DOMAINS = {"qonnx.custom_op.general", "finn.custom_op.general", "onnx.brevitas"}

Value = Any  # Scaled, or an array of Fractions, integers or booleans


class Reference:
    """A network ready to run: what does not depend on its inputs is computed once.

    plain: by the definitions alone, in Fractions, without the fast forms that carry integers and steps.
    """

    def __init__(self, model: onnx.ModelProto, *, plain: bool = False) -> None:
        self.graph, self.plain = model.graph, plain
        self.opset = max((each.version for each in model.opset_import if each.domain in STANDARD), default=1)
        self.constants: dict[str, Value] = {each.name: self._constant(each) for each in model.graph.initializer}
        self.inputs = [each.name for each in model.graph.input if each.name not in self.constants]
        self.pending: list[onnx.NodeProto] = []
        known = dict(self.constants)
        for node in ordered(model.graph):
            if all(name in known or not name for name in node.input):
                known.update(self.run_node(node, known))
            else:
                self.pending.append(node)
        self.constants = known

    def _constant(self, tensor: onnx.TensorProto) -> Value:
        values = constant(tensor)
        if self.plain or not np.issubdtype(values.dtype, np.floating):
            return exact(values)
        if not np.isfinite(values).all():
            raise UnsupportedError(f"{tensor.name} holds a number that is not finite")
        return Scaled.of_floats(values)

    def __call__(
        self,
        inputs: Mapping[str, Any],
        *,
        outputs: list[str] | None = None,
        margin: Callable[[str, Any], None] | None = None,
    ) -> dict[str, Array]:
        """Outputs (or any tensors asked for) by name, as Fractions. margin: told how near each rounding is to a tie."""
        known = dict(self.constants)
        for name in self.inputs:
            if name not in inputs:
                raise UnsupportedError(f"there is no input {name}")
            values = exact(inputs[name])
            known[name] = Scaled.of(values) if values.dtype == object and not self.plain else values
        for node in self.pending:
            known.update(self.run_node(node, known, margin))
        wanted = [each.name for each in self.graph.output] if outputs is None else outputs
        return {name: fractions(known[name]) for name in wanted}

    def run_node(self, proto: onnx.NodeProto, known: Mapping[str, Value], margin: Any = None) -> dict[str, Value]:
        node = Node(proto, self.opset, margin)
        if proto.domain not in STANDARD and not (proto.domain in DOMAINS and proto.op_type in QUANTISERS):
            raise UnsupportedError(f"{proto.domain}.{proto.op_type}")
        if proto.op_type not in OPERATORS:
            raise UnsupportedError(proto.op_type)
        inputs = [known[name] if name else None for name in proto.input]
        results = self._apply(node, proto.op_type, inputs)
        results = results if isinstance(results, tuple) else (results,)
        # a fast operator answers with Scaled already; a definition's Fractions become so
        return {name: self._carried(value) for name, value in zip(proto.output, results, strict=False) if name}

    def _apply(self, node: Node, name: str, inputs: list[Value]) -> Any:
        quick = None if self.plain else FAST.get(name)
        takes_integers = name == "DequantizeLinear"
        if quick is not None and inputs and (takes_integers or isinstance(inputs[0], Scaled)):
            if name in {"Add", "Sub", "Mul", "Div", "MatMul"}:
                inputs = [each if isinstance(each, Scaled) else Scaled.of(reals(each)) for each in inputs]
            return quick(node, *inputs)
        return OPERATORS[name](node, *(each.fractions() if isinstance(each, Scaled) else each for each in inputs))

    def _carried(self, value: Value) -> Value:
        if self.plain or isinstance(value, Scaled) or value.dtype != object:
            return value
        return Scaled.of(reals_of_any(value))


def reals_of_any(values: Array) -> Array:
    """Integers among Fractions (a sum that began at 0, a padding) become Fractions."""
    return exact(values)


def fractions(value: Value) -> Array:
    return value.fractions() if isinstance(value, Scaled) else exact(reals(value))


def ordered(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes after what they read."""
    known = {each.name for each in (*graph.input, *graph.initializer)} | {""}
    waiting, result = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if all(name in known for name in node.input)]
        if not ready:
            raise UnsupportedError(f"nodes that read what nothing writes: {[node.name for node in waiting][:3]}")
        for node in ready:
            known.update(node.output)
        chosen = {id(node) for node in ready}
        result += ready
        waiting = [node for node in waiting if id(node) not in chosen]
    return result


def execute(model: onnx.ModelProto | str | Path, inputs: Mapping[str, Any], *, plain: bool = False) -> dict[str, Array]:
    """The outputs by name, arrays of Fractions (dtype object), of inputs by name: floats, integers or Fractions."""
    loaded = model if isinstance(model, onnx.ModelProto) else onnx.load(model)
    return Reference(loaded, plain=plain)(inputs)


def margins(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Fraction]:
    """For every rounding tensor: how near its nearest element is to a boundary, in steps, relative to its size."""
    nearest: dict[str, Fraction] = {}

    def note(name: str, distance: Fraction) -> None:
        nearest[name] = min(distance, nearest.get(name, distance))

    Reference(model)(inputs, margin=note)
    return nearest


def ties(model: onnx.ModelProto, inputs: Mapping[str, Any], tolerance: float = 2.0**-16) -> list[str]:
    """The rounding tensors with an element within `tolerance` of a boundary: where a float execution may differ.

    The distance is in steps, relative to the element's own size in steps. None: a float execution must agree.
    """
    return [name for name, distance in margins(model, inputs).items() if distance <= Fraction(tolerance)]


def float_execute(model: onnx.ModelProto, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """The same by qonnx's own executor (float32, standard operators through onnxruntime)."""
    import warnings

    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = ModelWrapper(model, make_deepcopy=True).transform(InferShapes())
        return dict(execute_onnx(wrapped, dict(inputs)))
