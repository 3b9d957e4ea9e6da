"""What a rule sees of one ONNX node: its attributes and inputs, each to be taken, and the graph that it adds to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...ir import Op
from ..findings import Refusal
from ..values import Value
from .builder import Builder, Codes, Tensor, Unknown
from .constants import Array, Constant, of
from .model import OnnxNode
from .tensors import array_of, check_tensor

STANDARD, QONNX, CHANNELS_LAST = "", "qonnx", "channels last"
FAMILIES = {
    "": STANDARD,
    "ai.onnx": STANDARD,
    "qonnx.custom_op.general": QONNX,
    "finn.custom_op.general": QONNX,
    "onnx.brevitas": QONNX,
    "qonnx.custom_op.channels_last": CHANNELS_LAST,
}
LARGEST_NUMBER = 1 << 31
MISSING: Any = object()

Result = Tensor | tuple[Tensor | None, ...]
Rule = Callable[["Call"], Result]
RULES: dict[tuple[str, str], Rule] = {}
FOLDS: dict[str, Rule] = {}


def rule(*operators: str, family: str = STANDARD) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update({(family, name): function for name in operators})
        return function

    return register


def fold(*operators: str) -> Callable[[Rule], Rule]:
    """A rule for nodes of the standard operators whose inputs are all constants."""

    def register(function: Rule) -> Rule:
        FOLDS.update(dict.fromkeys(operators, function))
        return function

    return register


@dataclass(frozen=True)
class Options:
    quantised: bool = True
    softmax_bits: int = 16


@dataclass
class Call:
    """untaken, unread: attributes and inputs that no rule has taken; both must be empty when a rule is done."""

    node: OnnxNode
    builder: Builder
    opset: int
    options: Options
    readers: Mapping[str, Sequence[OnnxNode]]
    untaken: dict[str, Any] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.untaken = dict(self.node.attributes)
        self.unread = {i for i, name in enumerate(self.node.inputs) if name}

    # -- attributes ------------------------------------------------------------------------------------------------
    def _take(self, name: str, default: Any) -> Any:
        if name not in self.untaken:
            if default is MISSING:
                raise Refusal(f"its attribute {name} is missing", f"give it {name}")
            return default
        return self.untaken.pop(name)

    def int(self, name: str, default: Any = MISSING) -> Any:
        value = self._take(name, default)
        if value is not default and not _is_int(value):
            raise Refusal(f"its attribute {name} is {_brief(value)}, not an integer", f"an integer {name}")
        return value

    def ints(self, name: str, default: Any = MISSING, *, most: int = LARGEST_NUMBER) -> Any:
        value = self._take(name, default)
        if value is default:
            return value
        if not isinstance(value, list) or not all(_is_int(v, most) for v in value) or len(value) > 16:
            raise Refusal(f"its attribute {name} is {_brief(value)}, not a list of integers", f"integers as {name}")
        return [int(v) for v in value]

    def flag(self, name: str, default: bool) -> bool:
        value = self.int(name, int(default))
        if value not in (0, 1):
            raise Refusal(f"its attribute {name} is {value}", f"{name}=0 or {name}=1")
        return bool(value)

    def number(self, name: str, default: Any = MISSING) -> Any:
        """A float attribute, as the number that it is."""
        value = self._take(name, default)
        if value is default:
            return value
        if not isinstance(value, float) or not np.isfinite(value):
            raise Refusal(f"its attribute {name} is {_brief(value)}, not a number", f"a finite number as {name}")
        return Fraction(value)

    def text(self, name: str, default: Any = MISSING) -> Any:
        value = self._take(name, default)
        if value is default:
            return value
        if not isinstance(value, bytes):
            raise Refusal(f"its attribute {name} is {_brief(value)}, not a text", f"a text as {name}")
        return value.decode("utf-8", "replace")

    def attribute_tensor(self, name: str) -> Constant:
        value = self._take(name, MISSING)
        if not hasattr(value, "data_type"):
            raise Refusal(f"its attribute {name} is {_brief(value)}, not a tensor", f"a tensor as {name}")
        return decoded(value, f"{name} of {self.node.name}")

    def ignore(self, *names: str) -> None:
        """Attributes that change no value of the results that are used."""
        for name in names:
            self.untaken.pop(name, None)

    def refuse_unless(self, name: str, wanted: Any, instead: str) -> None:
        """For an attribute that only has a rule at one value, which is its default."""
        given = self.untaken.pop(name, wanted)
        given = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
        if given != wanted:
            raise Refusal(f"{name}={_brief(given)}", instead)

    # -- inputs ----------------------------------------------------------------------------------------------------
    @property
    def count(self) -> int:
        return len(self.node.inputs)

    def has(self, index: int) -> bool:
        return index < self.count and bool(self.node.inputs[index])

    def tensor(self, index: int) -> Tensor:
        if not self.has(index):
            raise Refusal(f"its input {index} is missing", "all inputs of the operator")
        self.unread.discard(index)
        found = self.builder.tensors[self.node.inputs[index]]
        if isinstance(found, Unknown):
            raise KeyError(self.node.inputs[index])  # translated before: never here
        return found

    def value(self, index: int) -> Value:
        """An input that depends on the network's input."""
        found = self.tensor(index)
        if isinstance(found, Codes):
            raise Refusal(
                "it reads the integers of a QuantizeLinear", "DequantizeLinear right behind QuantizeLinear (QDQ format)"
            )
        if not isinstance(found, Value):
            raise Refusal(f"its input {self.node.inputs[index]} is a constant", "a tensor that depends on the input")
        return found

    def constant(self, index: int, *, finite: bool = True) -> Constant:
        found = self.tensor(index)
        if not isinstance(found, Constant):
            raise Refusal(
                f"its input {self.node.inputs[index]} is computed from the network's input", "a constant (initialiser)"
            )
        return found.finite() if finite else found

    def optional(self, index: int, *, finite: bool = True) -> Constant | None:
        return self.constant(index, finite=finite) if self.has(index) else None

    def is_constant(self, index: int) -> bool:
        return isinstance(self.builder.tensors[self.node.inputs[index]], Constant)

    def input_ints(self, index: int) -> list[int]:
        """A constant list of integers: a shape, axes, pads."""
        given = self.constant(index)
        if given.size > 64:
            raise Refusal(f"{self.node.inputs[index]} has {given.size} numbers", "a list of axes or sizes")
        values = [*given.exact().ravel().tolist()]
        if any(v.denominator != 1 or not -(1 << 63) <= v < 1 << 63 for v in values):
            shown = ", ".join(f"{float(v):g}" for v in values[:8])
            raise Refusal(f"{self.node.inputs[index]} is [{shown}], not integers", "integers")
        return [int(v) for v in values]

    def scalar(self, index: int) -> Fraction:
        given = self.constant(index)
        if given.size != 1:
            raise Refusal(f"{self.node.inputs[index]} has {given.size} numbers", "one number")
        return Fraction(given.exact().ravel()[0])

    # -- results ---------------------------------------------------------------------------------------------------
    def uses(self, output: int) -> bool:
        """Does anybody read this output of the node?"""
        return output < len(self.node.outputs) and self.node.outputs[output] in self.readers

    def read_only_by(self, *operators: str) -> bool:
        """Is the result read by such nodes alone, and is it no output of the network?"""
        found = self.readers.get(self.node.outputs[0], ())
        return bool(found) and all(n is not None and n.op_type in operators for n in found)

    def emit(self, op: Op, *inputs: Value) -> str:
        return self.builder.add(self.node.name, self.node.loc, op, *inputs)

    def same(self, op: Op, x: Value) -> Value:
        """A result that lies as its operand does."""
        return replace(x, name=self.emit(op, x))

    def same_pair(self, op: Op, x: Value, y: Value) -> Value:
        """A result that lies as the first of two operands does."""
        return replace(x, name=self.emit(op, x, y))

    def image(self, op: Op, x: Value, *others: Value) -> Value:
        """The result (N, C, H, W), or (N, C, L) as its operand is, of an operator on images in the usual order."""
        name = self.emit(op, x, *others)
        height, width, channels = self.builder.types[name].shape
        spatial = (width,) if len(x.shape) == 3 else (height, width)
        return Value(name, (x.shape[0], channels, *spatial))

    def standard(self, x: Value) -> Value:
        return self.builder.standard(x, self.node.name, self.node.loc)

    def vector(self, x: Value) -> Value:
        return self.builder.vector(x, self.node.name, self.node.loc)

    def image_input(self, index: int = 0) -> Value:
        """(N, C, L) or (N, C, H, W), in the usual order."""
        x = self.value(index)
        if len(x.shape) not in (3, 4):
            raise Refusal(f"its input has shape {x.shape}", "an input (N, C, H, W), or (N, C, L)")
        return self.standard(x)

    def axis(self, axis: int, rank: int) -> int:
        """A negative axis counted from the end; the batch axis is refused."""
        if not -rank <= axis < rank:
            raise Refusal(f"axis {axis} of {rank} axes", "an axis that there is")
        if axis % rank == 0:
            raise Refusal("it works along the batch axis", "an operator that treats every sample alike")
        return axis % rank

    def numbers(self, values: Array) -> Array:
        """Constants of an operator: exact, or float64 for a network that is still to be quantised."""
        return values if self.options.quantised else values.astype(np.float64)


def decoded(tensor: Any, what: str) -> Constant:
    """A checked tensor of the file."""
    from onnx import TensorProto

    check_tensor(tensor, what, "")
    return of(array_of(tensor), what, TensorProto.DataType.Name(tensor.data_type).lower())


def _is_int(value: Any, most: int = LARGEST_NUMBER) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= most


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else text[:37] + "..."
