"""What a rule sees: the values of the nodes before, its arguments by name, and the graph that it adds to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import fx

from ..ir import Op
from .findings import Refusal

Float64 = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Value:
    """A tensor: its name in the graph, the user's shape (batch first, channels second), and its column order.

    order: for a flattened image, the user's column at each position inside; None where they are the same.
    """

    name: str
    shape: tuple[int, ...]
    order: Order | None = None

    @property
    def is_vector(self) -> bool:
        return len(self.shape) == 2


def flattened_order(x: Value) -> Order | None:
    """The user's column (channel, height, width) at each position (height, width, channel) of a flattened image."""
    if x.is_vector:
        return x.order
    _, channels, height, width = x.shape
    order = np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).ravel()
    return None if np.array_equal(order, np.arange(len(order))) else order


def same_order(a: Order | None, b: Order | None) -> bool:
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


class Arguments:
    """The arguments of one ATen node, by the names of its schema. `untaken` must be empty when a rule is done."""

    def __init__(
        self,
        node: fx.Node,
        values: dict[fx.Node, Value],
        read: Callable[[fx.Node], Float64 | None],
        add: Callable[[Op, tuple[str, ...]], str],
    ) -> None:
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        self.node, self._values, self._read, self._add = node, values, read, add
        self.shape = tuple(int(n) for n in node.meta["val"].shape)
        self.untaken: dict[str, Any] = {
            a.name: node.args[i] if i < len(node.args) else node.kwargs.get(a.name, a.default_value)
            for i, a in enumerate(schema)
        }

    def has(self, name: str) -> bool:
        return name in self.untaken

    def take(self, name: str) -> Any:
        return self.untaken.pop(name)

    def take_all(self) -> None:
        self.untaken.clear()

    def refuse_unless(self, name: str, wanted: Any, instead: str, read: Callable[[Any], Any] = lambda v: v) -> None:
        """For an argument that only has a rule at one value. Overloads that lack the argument have that value."""
        given = self.untaken.pop(name, wanted)
        if read(given) != wanted:
            raise Refusal(f"{name}={given}", instead)

    def value(self, name: str) -> Value:
        """The tensor that this argument names."""
        given = self.take(name)
        if not isinstance(given, fx.Node) or given not in self._values:
            raise Refusal(f"{name} is a parameter or a constant, not a tensor of the network", "feed it from the input")
        found = self._values[given]
        if len(found.shape) not in (2, 4):
            raise Refusal(f"{name} has shape {found.shape}", "tensors of (N, C, H, W) or (N, features)")
        return found

    def addend(self, name: str) -> Value:
        if not isinstance(self.untaken[name], fx.Node) or self.untaken[name] not in self._values:
            self.untaken.pop(name)
            raise Refusal("it adds a constant", "bias=True of the layer before, or a residual addition of two tensors")
        return self.value(name)

    def image(self, name: str) -> Value:
        found = self.value(name)
        if found.is_vector:
            raise Refusal(f"{name} has shape {found.shape}, not (N, C, H, W)", "an image, before nn.Flatten")
        return found

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

    def feeds_output_only(self) -> bool:
        return all(user.op == "output" for user in self.node.users)

    def emit(self, op: Op, *inputs: Value, order: Order | None = None) -> Value:
        """A new node of the graph."""
        name = self._add(op, tuple(x.name for x in inputs))
        return Value(name, self._shape_of(op, inputs), order)

    def _shape_of(self, op: Op, inputs: tuple[Value, ...]) -> tuple[int, ...]:
        if op.name == "source.avg_pool" and len(self.shape) == 2:  # a mean without keepdim, its flatten still to come
            return (*inputs[0].shape[:2], 1, 1)
        return self.shape
