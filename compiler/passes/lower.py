"""A frozen source graph -> the integer graph. Nothing is rounded: every constant is the float's exact fraction.

    x                                            x: u8 * 1/256
    x_q = source.quantise(x) scale=1/256         conv1 = conv2d(x)               the codes; bias on the grid, or in ->
    conv1 = source.conv2d(x_q)             ->    relu1_q = requantise(conv1)     slope, offset, clip 0..15: the float
    bn1 = source.affine(conv1)                   fc = dense(relu1_q)             chain between two integer tensors
    relu1 = source.relu(bn1)
    relu1_q = source.quantise(relu1)
    fc = source.linear(relu1_q)

A node keeps the name of the source node whose integers it makes; an input becomes the tensor of its quantiser's codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node, Op, TensorType
from ..ops import Add, Argmax, Conv2d, Dense, Flatten, MaxPool, Requantise, SumPool
from ..ops.source import (
    Affine,
    Quantise,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)
from .insert_quantisers import last_layers
from .lower_layer import flip, integer_layer
from .pending import ZERO, Pending

FREEZE = "lower(model) takes a frozen model: call model.freeze() first"


def lower(graph: Graph) -> Graph:
    """The integer graph that computes exactly what the frozen source graph does.

    Raises:
        IntaglioError: where the graph is not frozen, or where integers cannot express it.
    """
    return _Lowering(graph).run()


class _Lowering:
    def __init__(self, source: Graph) -> None:
        self.source = source
        self.last = last_layers(source)
        self.inputs: dict[str, TensorType] = {}
        self.nodes: dict[str, Node] = {}
        self.types: dict[str, TensorType] = {}
        self.pending: dict[str, Pending] = {}

    def run(self) -> Graph:
        for name, kind in self.source.inputs.items():
            self._input(name, kind)
        for node in self.source.nodes:
            rule = RULES.get(type(node.op))
            if rule is None:
                raise IntaglioError(
                    f"{node.name} is {node.op.name}, which is not lowered", where=node.loc or node.name, hint=FREEZE
                )
            self.pending[node.name] = rule(self, node, node.op)
        outputs = tuple(self._output(name) for name in self.source.outputs)
        return Graph(self.inputs, tuple(self.nodes.values()), outputs)

    def _input(self, name: str, kind: TensorType) -> None:
        """The first quantiser of an input moves to the border: the input is its codes."""
        if kind.dtype is not None and kind.scale is not None:
            self.inputs[name] = self.types[name] = kind
            self.pending[name] = Pending.codes(name, kind.channels, kind.scale)
            return
        readers = [self.source.by_name[reader].op for reader, _ in self.source.consumers[name]]
        first = readers[0] if readers else None
        if (
            not isinstance(first, Quantise)
            or any(op is not first and op != first for op in readers)
            or name in self.source.outputs
        ):
            raise IntaglioError(
                f"the input {name} must be read by one quantiser", where=name, hint="let prepare() place the quantisers"
            )
        scale = _scale(first, name)
        self.inputs[name] = self.types[name] = TensorType.integer(kind.shape, first.lo, first.hi, scale)
        self.pending[name] = Pending.codes(name, kind.channels, scale)

    # -- one rule an operator --------------------------------------------------------------------------------------
    def quantise(self, node: Node, op: Quantise) -> Pending:
        x = self._in(node)
        scale = _scale(op, node.loc or node.name)
        x = self._upright(x)
        kind = self.types[x.tensor]
        lo = max(op.lo, 0) if x.relu else op.lo
        inside = min(kind.lo) >= lo and max(kind.hi) <= op.hi
        if inside and kind.scale == scale and replace(x, relu=False).scale == scale:
            return Pending.codes(x.tensor, kind.channels, scale)
        slope, offset = _fractions(v / scale for v in x.slope), _fractions(v / scale for v in x.offset)
        self._emit(node, Requantise(slope, offset, lo, op.hi, scale), x)
        return Pending.codes(node.name, kind.channels, scale)

    def layer(self, node: Node, op: SourceConv2d | SourceLinear) -> Pending:
        x = self._codes(node, 0, "a layer")
        layer, slope, offset = integer_layer(node, op, x.slope[0], final=node.name in self.last)
        self._emit(node, layer, x)
        return Pending(node.name, slope, offset, owned=self._single(node.name))

    def affine(self, node: Node, op: Affine) -> Pending:
        x = self._in(node)
        if x.relu:
            raise _refuse(node, "an affine map follows a ReLU", "a quantiser between them: let prepare() place it")
        result = x.affine([Fraction(float(v)) for v in op.multiplier], [Fraction(float(v)) for v in op.shift])
        return self._owned(node, result)

    def relu(self, node: Node, _: Op) -> Pending:
        x = self._in(node)
        return self._owned(node, x.rectified(self.types[x.tensor]))

    def max_pool(self, node: Node, op: SourceMaxPool) -> Pending:
        x = self._upright(self._in(node))
        if any(v < 0 for v in x.slope):
            raise _refuse(
                node,
                "a max pool follows a decreasing map (a BatchNorm with negative multipliers)",
                "the pool before the BatchNorm, or a ReLU between them",
            )
        self._emit(node, MaxPool(op.kernel, op.stride, op.padding), x)
        return self._owned(node, replace(x, tensor=node.name))

    def avg_pool(self, node: Node, op: SourceAvgPool) -> Pending:
        x = self._in(node)
        if x.relu or (x.biased and any(op.padding)):
            what = "a ReLU" if x.relu else "a bias, with padding,"
            raise _refuse(node, f"an average pool follows {what} without a quantiser", "let prepare() place quantisers")
        self._emit(node, SumPool(op.kernel, op.stride, op.padding, op.divisor), x)
        taps = Fraction(op.kernel[0] * op.kernel[1], op.divisor)
        slope = tuple(v / op.divisor for v in x.slope)
        return self._owned(node, replace(x, tensor=node.name, slope=slope, offset=tuple(v * taps for v in x.offset)))

    def flatten(self, node: Node, _: Op) -> Pending:
        x = self._in(node)
        kind = self.types[x.tensor]
        if len(kind.shape) == 1:
            return self._owned(node, x)
        self._emit(node, Flatten(), x)
        return self._owned(
            node, replace(x, tensor=node.name, slope=x.slope * kind.pixels, offset=x.offset * kind.pixels)
        )

    def add(self, node: Node, _: Op) -> Pending:
        a, b = self._codes(node, 0, "an addition"), self._codes(node, 1, "an addition")
        if a.scale != b.scale:
            raise _refuse(
                node, f"an addition of two scales, {a.scale} and {b.scale}", "one quantiser group on both inputs"
            )
        self._emit(node, Add(), a, b)
        return Pending(node.name, a.slope, a.offset)

    def argmax(self, node: Node, _: Op) -> Pending:
        x = self._in(node)
        if x.relu or len({*zip(x.slope, x.offset, strict=True)}) > 1 or x.slope[0] <= 0:
            raise _refuse(node, "an argmax over classes of different scales or biases", LAST)
        self._emit(node, Argmax(), x)
        return Pending.codes(node.name, 1, Fraction(1))

    # -- helpers ---------------------------------------------------------------------------------------------------
    def _in(self, node: Node, position: int = 0) -> Pending:
        return self.pending[node.inputs[position]]

    def _codes(self, node: Node, position: int, who: str) -> Pending:
        """An input that is integers of one scale, as a layer or an addition needs it."""
        x = self._in(node, position)
        if x.scale is None or self.types[x.tensor].scale != x.scale:
            raise _refuse(
                node, f"{who} reads {node.inputs[position]}, which is not quantised", "let prepare() quantise"
            )
        return x

    def _emit(self, node: Node, op: Op, *inputs: Pending) -> None:
        self.nodes[node.name] = Node(node.name, op, tuple(x.tensor for x in inputs), node.loc)
        try:
            self.types[node.name] = op.infer(*(self.types[x.tensor] for x in inputs))
        except IntaglioError as error:
            raise IntaglioError(error.what, where=node.loc or node.name, other=error.other, hint=error.hint) from None

    def _upright(self, x: Pending) -> Pending:
        """Slopes made positive by turning the sign of a layer's output channels, where nobody else sees them."""
        falling = np.array([v < 0 for v in x.slope])
        chain = [x.tensor]
        while isinstance(getattr(self.nodes.get(chain[-1]), "op", None), SumPool):  # a sum turns with its terms
            chain.append(self.nodes[chain[-1]].inputs[0])
        maker = self.nodes.get(chain[-1])
        if not falling.any() or not x.owned or maker is None or not isinstance(maker.op, Dense | Conv2d):
            return x
        self.nodes[maker.name] = replace(maker, op=flip(maker.op, falling))
        for name in reversed(chain):
            node = self.nodes[name]
            self.types[name] = node.op.infer(*(self.types[i] for i in node.inputs))
        return replace(x, slope=tuple(abs(v) for v in x.slope))

    def _single(self, name: str) -> bool:
        return len(self.source.consumers[name]) == 1 and name not in self.source.outputs

    def _owned(self, node: Node, x: Pending) -> Pending:
        return replace(x, owned=x.owned and self._single(node.name))

    def _output(self, name: str) -> str:
        x = self.pending[name]
        node = self.source.by_name.get(name)
        where = (node.loc if node else "") or name
        if x.relu or len(set(x.slope)) > 1:
            raise IntaglioError(f"the output {name} has no single scale", where=where, hint=LAST)
        if x.biased or self.types[x.tensor].scale != x.slope[0]:
            raise IntaglioError(
                f"the bias behind the output {name} is no whole number of steps", where=where, hint=LAST
            )
        return x.tensor


LAST = "the last layer needs one weight scale for all classes and its bias on the accumulator's grid: model.freeze()"

RULES: dict[type[Op], Callable[[_Lowering, Node, Any], Pending]] = {
    Quantise: _Lowering.quantise,
    SourceConv2d: _Lowering.layer,
    SourceLinear: _Lowering.layer,
    Affine: _Lowering.affine,
    SourceRelu: _Lowering.relu,
    SourceMaxPool: _Lowering.max_pool,
    SourceAvgPool: _Lowering.avg_pool,
    SourceFlatten: _Lowering.flatten,
    SourceAdd: _Lowering.add,
    SourceArgmax: _Lowering.argmax,
}


def _scale(op: Quantise, where: str) -> Fraction:
    if op.scale is None or op.signed is None:
        raise IntaglioError("a quantiser has no scale yet", where=where, hint=FREEZE)
    if not (np.isfinite(op.scale) and op.scale > 0):
        raise IntaglioError(f"a quantiser has the scale {op.scale}", where=where, hint="scales are positive numbers")
    return Fraction(float(op.scale))


def _fractions(values: Any) -> Any:
    items = list(values)
    result = np.empty(len(items), dtype=object)
    result[:] = [v if isinstance(v, Fraction) else ZERO + v for v in items]
    return result


def _refuse(node: Node, what: str, instead: str) -> IntaglioError:
    return IntaglioError(f"{node.name}: {what}; integers cannot express it", where=node.loc or node.name, hint=instead)
