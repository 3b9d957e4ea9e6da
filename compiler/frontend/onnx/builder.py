"""The source graph while it grows: nodes, and where every tensor of the user's lies in it.

A user's transpose or reshape moves nothing (`frontend.values`). Where an operator needs the usual order, it is made:
by laying out the graph's input otherwise, if nothing but functions of single numbers has read it yet; by a flatten;
else by a gather.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from ...errors import IntaglioError
from ...ir import Graph, Node, Op, TensorType
from ...ir.border import Border
from ...ops.source import Affine, FixedQuantise, SourceFlatten, SourceGather
from ..findings import Refusal
from ..values import Order, Value, inner_shape, usual_order
from .constants import ONE, ZERO, Array, Constant, full

LARGEST_TENSOR = 1 << 26
LARGEST_ORDER = 1 << 24
RESERVED = {"input", "output", "border"}


@dataclass(frozen=True, eq=False)
class Codes:
    """What a QuantizeLinear makes, until its DequantizeLinear comes: the quantiser is not in the graph yet.

    The integer is clip(round(value / scale) + zero, lo, hi); scale, zero: constants broadcast over the user's shape.
    """

    value: Value
    scale: Constant
    zero: Constant
    lo: int
    hi: int


@dataclass(frozen=True)
class Unknown:
    """What a node makes that cannot be built; shape: where it is known, so that what follows can be checked."""

    shape: tuple[int, ...] | None = None


Tensor = Value | Constant | Codes | Unknown


@dataclass
class Builder:
    batch: int = 1
    inputs: dict[str, TensorType] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    by_name: dict[str, Node] = field(default_factory=dict)
    types: dict[str, TensorType] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=lambda: set(RESERVED))
    integral: set[str] = field(default_factory=set)

    # -- growing ---------------------------------------------------------------------------------------------------
    def input(self, name: str, shape: tuple[int, ...]) -> Value:
        """shape: the user's, batch first."""
        value = Value(self.unique(name), shape)
        self.inputs[value.name] = self.types[value.name] = TensorType(value.inside)
        self.shapes[value.name] = shape[1:]
        self.roots[value.name] = value.name
        return value

    def add(self, base: str, loc: str, op: Op, *inputs: Value) -> str:
        """A new node; its name."""
        ins = tuple(self.types[x.name] for x in inputs)
        op.arity(ins)
        kind = op.infer(*ins)
        if kind.size > LARGEST_TENSOR:
            raise Refusal(f"it makes a tensor of {kind.size} elements", f"at most {LARGEST_TENSOR}")
        if min(kind.shape, default=1) < 1:
            raise Refusal(f"it makes an empty tensor {kind.shape}", "an input that is large enough")
        name = self.unique(base)
        node = Node(name, op, tuple(x.name for x in inputs), loc)
        self.nodes.append(node)
        self.by_name[name] = node
        self.types[name] = kind
        root = self.roots.get(inputs[0].name)
        if root is not None and is_elementwise(op):
            self.roots[name] = root
        else:
            self.pinned.update(self.roots[x.name] for x in inputs if x.name in self.roots)
        return name

    def unique(self, wanted: str) -> str:
        base = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in wanted).strip("_") or "n"
        base = base if base[0].isalpha() else f"n{base}"
        name, count = base, 0
        while name in self.names:
            count += 1
            name = f"{base}_{count}"
        self.names.add(name)
        return name

    # -- layout ----------------------------------------------------------------------------------------------------
    def standard(self, x: Value, base: str, loc: str) -> Value:
        """The same tensor as tensors of its shape usually lie. Fetch other operands after this: it may move them."""
        if x.is_standard:
            return x
        inside = inner_shape(x.shape)
        self._orderable(x)
        if self._movable(x):
            self._lay_out(self.roots[x.name], x.to_standard(), inside)
            return Value(x.name, x.shape)
        if x.is_vector and x.order is None:
            return Value(self.add(f"{base}_flatten", loc, SourceFlatten(), x), x.shape)
        return Value(self.add(f"{base}_order", loc, SourceGather(x.to_standard(), inside), x), x.shape)

    def vector(self, x: Value, base: str, loc: str) -> Value:
        """A tensor (N, F) as one pixel, in whatever order."""
        if len(x.inside) == 1:
            return x
        if self._movable(x):
            return self.standard(x, base, loc)
        name = self.add(f"{base}_flatten", loc, SourceFlatten(), x)
        return replace(x, name=name, inside=self.types[name].shape)

    def _movable(self, x: Value) -> bool:
        root = self.roots.get(x.name)
        return root is not None and root not in self.pinned

    def _lay_out(self, root: str, index: Order, inside: tuple[int, ...]) -> None:
        """The input, and all that was made of it number by number, in another order: new[i] = old[index[i]]."""
        family = {name for name, r in self.roots.items() if r == root}
        old = self.orders.get(root, usual_order((1, *self.shapes[root])))
        self.orders[root] = old[index]
        for name in family:
            self.types[name] = TensorType(inside)
        self.inputs[root] = TensorType(inside)
        self.pinned.add(root)

        def moved(x: Value) -> Value:
            if x.name not in family:
                return x
            order = x.positions[index]
            usual = np.array_equal(order, usual_order(x.shape))
            return Value(x.name, x.shape, None if usual else order, inside)

        for name, tensor in self.tensors.items():
            if isinstance(tensor, Value):
                self.tensors[name] = moved(tensor)
            elif isinstance(tensor, Codes):
                self.tensors[name] = replace(tensor, value=moved(tensor.value))
        for i, node in enumerate(self.nodes):
            if node.name in family and isinstance(node.op, Affine):
                multiplier, shift = (full((inside[-1],), v[0]) for v in (node.op.multiplier, node.op.shift))
                self.nodes[i] = self.by_name[node.name] = replace(node, op=Affine(multiplier, shift))

    @staticmethod
    def _orderable(x: Value) -> None:
        if prod(x.shape[1:]) > LARGEST_ORDER:
            raise Refusal(f"it needs a tensor of shape {x.shape} in another order", f"at most {LARGEST_ORDER} elements")

    def transposed(self, x: Value, axes: Sequence[int]) -> Value:
        if tuple(axes) == tuple(range(len(x.shape))):
            return x
        self._orderable(x)
        return x.transposed(tuple(axes))

    def reshaped(self, x: Value, shape: tuple[int, ...]) -> Value:
        if shape == x.shape:
            return x
        self._orderable(x)
        return x.reshaped(shape)

    # -- constants that meet a tensor ------------------------------------------------------------------------------
    def inside_index(self, x: Value, shape: tuple[int, ...]) -> Order:
        """Where each element inside finds its own in a constant of this shape, which is broadcast over the user's.

        (1,): one for all; (channels,): one for each channel; else a shape that is broadcast over the tensor inside.
        """
        rank = len(x.shape)
        if len(shape) > rank:
            raise _broadcast(shape, x)
        shape = (1,) * (rank - len(shape)) + shape
        if shape[0] != 1 or any(n not in (1, m) for n, m in zip(shape[1:], x.shape[1:], strict=True)):
            raise _broadcast(shape, x)
        size, own = prod(shape), shape[1:]
        if size == 1:
            return np.zeros(1, np.int64)
        flat = np.arange(size).reshape(own)
        if x.is_standard and rank <= 4:
            index = np.moveaxis(flat, 0, -1)
            index = index.reshape((1,) * (len(x.inside) - index.ndim) + index.shape)
            if rank == 3:
                index = index.reshape(1, own[1], own[0])
        else:
            self._orderable(x)
            index = np.broadcast_to(flat, x.shape[1:]).ravel()[x.positions].reshape(x.inside)
            for axis in range(index.ndim):
                first = index.take([0], axis)
                if (index == first).all():
                    index = first
        if all(n == 1 for n in index.shape[:-1]):
            return index.ravel()
        return index

    # -- the result ------------------------------------------------------------------------------------------------
    def graph(self, outputs: Sequence[tuple[Value, str]]) -> Graph:
        """outputs: the values, and the names of the user's. Nodes that nothing reads are gone."""
        names: list[str] = []
        border: dict[str, Border] = {}
        for value, called in outputs:
            name, order = value.name, value.order
            if name in names or name in self.inputs:
                channels = (self.types[name].channels,)
                same = Affine(full(channels, ONE), full(channels, ZERO))
                name = self.add(called, f"ONNX output {called}", same, value)
            names.append(name)
            shape = value.shape[1:]
            border[name] = Border(shape, np.zeros(1, np.int64) if not shape else order)
        for name in self.inputs:
            border[name] = Border(self.shapes[name], self._input_order(name))
        wanted, nodes = set(names), []
        for node in reversed(self.nodes):
            if node.name in wanted:
                wanted.update(node.inputs)
                nodes.append(node)
        for name in self.inputs:
            if name not in wanted:
                raise IntaglioError(
                    f"the input {name} is used by nothing",
                    where=f"ONNX input {name}",
                    hint="export the network without it",
                )
        return Graph(dict(self.inputs), tuple(reversed(nodes)), tuple(names), border)

    def _input_order(self, name: str) -> Order | None:
        order = self.orders.get(name)
        return None if order is None or np.array_equal(order, usual_order((1, *self.shapes[name]))) else order


def is_elementwise(op: Op) -> bool:
    """The same function of every single number, whatever the layout."""
    if op.name == "source.relu":
        return True
    if isinstance(op, Affine):
        return len({*op.multiplier.tolist()}) == 1 and len({*op.shift.tolist()}) == 1
    if isinstance(op, FixedQuantise):
        return len(op.scale) == 1 and len(op.zero) == 1
    if op.name == "source.activation":
        return len(getattr(op, "parameters")) == 1  # noqa: B009
    return op.name == "source.multi_threshold" and len(getattr(op, "thresholds")) == 1  # noqa: B009


def pick(constant: Constant, index: Order) -> Array:
    """The numbers of a constant at these places, as Fractions."""
    return constant.exact().ravel()[index]


def _broadcast(shape: tuple[int, ...], x: Value) -> Refusal:
    return Refusal(
        f"a constant of shape {shape} meets a tensor of shape {x.shape}",
        "a number, or a constant of shape (1, C, 1, 1)",
    )
