"""What a rule sees: the values of the nodes before, its arguments by name, and the graph that it adds to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import fx

from ...ir import Op, as_integers
from ...ops.source import SourceFlatten, SourceGather
from ..findings import Refusal
from ..values import Value, inner_shape, usual_order

Float64 = npt.NDArray[np.float64]
Result = Value | tuple[Value | None, ...]
EXPANDING = ("expand", "expand_as")


def operator_of(node: fx.Node) -> str:
    """`aten::relu.default` -> relu"""
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return str(schema.name).rpartition("::")[2]
    return getattr(node.target, "__name__", str(node.target))


class Arguments:
    """The arguments of one ATen node, by the names of its schema. `untaken` must be empty when a rule is done."""

    def __init__(
        self,
        node: fx.Node,
        values: dict[fx.Node, Result],
        read: Callable[[fx.Node], Float64 | None],
        constant: Callable[[fx.Node], Float64 | None],
        add: Callable[[Op, tuple[str, ...], str], str],
    ) -> None:
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        self.node, self._values, self._read, self._constant, self._add = node, values, read, constant, add
        self.operator = operator_of(node)
        results = node.meta["val"]
        self.shapes = [
            tuple(int(n) for n in r.shape) for r in (results if isinstance(results, tuple | list) else [results])
        ]
        self.shape = self.shapes[0]
        self.untaken: dict[str, Any] = {
            a.name: node.args[i] if i < len(node.args) else node.kwargs.get(a.name, a.default_value)
            for i, a in enumerate(schema)
        }

    # -- reading ---------------------------------------------------------------------------------------------------
    def has(self, name: str) -> bool:
        return name in self.untaken

    def take(self, name: str, missing: Any = None) -> Any:
        """An argument; `missing` where the overload has none of that name."""
        return self.untaken.pop(name, missing)

    def take_all(self) -> None:
        self.untaken.clear()

    def refuse_unless(self, name: str, wanted: Any, instead: str, read: Callable[[Any], Any] = lambda v: v) -> None:
        """For an argument that only has a rule at one value. Overloads that lack the argument have that value."""
        given = self.untaken.pop(name, wanted)
        if read(given) != wanted:
            raise Refusal(f"{name}={given}", instead)

    def is_value(self, name: str) -> bool:
        """Is this argument a tensor of the network, and no constant?"""
        given = self.untaken.get(name)
        return isinstance(given, fx.Node) and isinstance(self._values.get(given), Value)

    def value(self, name: str) -> Value:
        """The tensor that this argument names, in whatever order its elements lie."""
        return self.value_of(self.take(name), name)

    def value_of(self, given: object, name: str = "it") -> Value:
        found = self._values.get(given) if isinstance(given, fx.Node) else None
        if not isinstance(found, Value):
            raise Refusal(f"{name} is a parameter or a constant, not a tensor of the network", "feed it from the input")
        if len(found.shape) < 2:
            raise Refusal(f"{name} has shape {found.shape}", "tensors with a batch axis and at least one more")
        return found

    def unexpanded(self, name: str) -> Value:
        """The tensor that this argument names, before it was repeated to meet another: operators of two repeat it."""
        given = self.take(name)
        while isinstance(given, fx.Node) and operator_of(given) in EXPANDING:
            source = self._values.get(given.args[0])  # type: ignore[arg-type]
            if not isinstance(source, Value) or len(source.shape) != len(self.value_of(given, name).shape):
                break
            given = given.args[0]
        return self.value_of(given, name)

    def image(self, name: str) -> Value:
        """A tensor of (N, C, L) or (N, C, H, W), in the usual order."""
        found = self.value(name)
        if len(found.shape) not in (3, 4):
            wanted = "(N, C, L) or (N, C, H, W)"
            raise Refusal(f"{name} has shape {found.shape}, not {wanted}", "an image, before nn.Flatten")
        return self.standard(found)

    def array(self, name: str, *, missing: float | None = None, like: Float64 | int | None = None) -> Float64:
        """A parameter as float64. Where it is None: `missing` everywhere, with the length of `like` (0: weight)."""
        given = self.take(name)
        if given is None and missing is not None:
            length = self.shape[1] if like is None or isinstance(like, int) else len(like)
            return np.full(length, missing)
        found = self._read(given) if isinstance(given, fx.Node) else None
        if found is None:
            raise Refusal(f"its {name} is computed, not a parameter", "a plain parameter (remove parametrisations)")
        return found

    def constant(self, name: str) -> Float64:
        """A number, or a tensor that no input reaches (a parameter, a buffer, or computed from such)."""
        given = self.take(name)
        if isinstance(given, int | float) and not isinstance(given, bool):
            return np.array(float(given))
        found = self._constant(given) if isinstance(given, fx.Node) else None
        if found is None:
            raise Refusal(f"its {name} is {given}, neither a tensor of the network nor a constant", "a real number")
        return found

    def feeds_output_only(self) -> bool:
        return all(user.op == "output" for user in self.node.users)

    def wanted(self, position: int) -> list[fx.Node]:
        """The nodes that pick this one of several results and are read themselves."""
        return [u for u in self.node.users if operator_of(u) == "getitem" and u.args[1] == position and u.users]

    # -- order -----------------------------------------------------------------------------------------------------
    def standard(self, x: Value) -> Value:
        """The same tensor in the usual order; elements are only moved where they lie otherwise."""
        if x.is_standard:
            return x
        shape = inner_shape(x.shape)
        if len(shape) == 1 and x.order is None:
            return self.vector(x)
        name = self._add(SourceGather(as_integers(x.to_standard()), shape), (x.name,), "order")
        return Value(name, x.shape)

    def vector(self, x: Value) -> Value:
        """A tensor of one axis inside, whatever its order."""
        if len(x.inside) == 1:
            return x
        flat = self._add(SourceFlatten(), (x.name,), "flatten")
        return replace(x, name=flat, inside=(int(np.prod(x.inside)),))

    def laid_out(self, x: Value, array: Float64) -> Float64:
        """Constants that broadcast to the user's shape, as the tensor inside: its shape, or (channels,) where pixels
        do not differ.
        """
        rank = len(x.shape)
        if array.ndim == rank and len(array) > 1 and (array == array[:1]).all():
            array = array[:1]
        if array.ndim == rank:
            array = array[0] if len(array) == 1 else array
        try:
            full = np.broadcast_to(array, x.shape[1:])
        except ValueError:
            raise Refusal(f"constants of shape {array.shape} meet {x.shape}", "constants of (1, C, 1, 1)") from None
        inside = np.asarray(full.ravel()[x.positions].reshape(-1, x.inside[-1]), np.float64)
        return inside[0] if (inside == inside[:1]).all() else inside.reshape(x.inside)

    def per_channel(self, x: Value, *arrays: Float64) -> tuple[Value, list[Float64]]:
        """The user's constants per channel, as (channels,) of the tensor inside, which is put in order if need be."""
        shaped = [v.reshape(-1, *(1,) * (len(x.shape) - 2)) for v in arrays]
        laid = [self.laid_out(x, v) for v in shaped]
        if any(v.ndim > 1 for v in laid):
            x = self.standard(x)
            laid = [self.laid_out(x, v) for v in shaped]
        return x, laid

    # -- writing ---------------------------------------------------------------------------------------------------
    def emit(self, op: Op, *inputs: Value, shape: tuple[int, ...] | None = None, part: str = "") -> Value:
        """A new node whose result has the user's shape (this ATen node's, if none is said) and lies as usual.

        part: what to add to the layer's name, for the steps before its last.
        """
        name = self._add(op, tuple(x.name for x in inputs), part)
        return Value(name, self.shape if shape is None else shape)

    def emit_like(self, op: Op, x: Value, *others: Value, part: str = "") -> Value:
        """A new node that works element by element: the result lies as x does."""
        name = self._add(op, tuple(v.name for v in (x, *others)), part)
        return replace(x, name=name)

    def emit_inside(self, op: Op, x: Value, inside: tuple[int, ...], shape: tuple[int, ...], part: str = "") -> Value:
        """A new node whose result is `inside` in the graph, its elements in the usual order of `shape`."""
        return Value(self._add(op, (x.name,), part), shape, None, inside)


def flat_positions(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """The user's flat position of every element, in the user's shape without the batch axis."""
    return np.arange(int(np.prod(shape[1:]))).reshape(shape[1:])


__all__ = ["Arguments", "Float64", "Result", "Value", "flat_positions", "inner_shape", "operator_of", "usual_order"]
