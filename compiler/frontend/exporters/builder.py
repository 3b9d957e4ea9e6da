"""What the rules of the QONNX export share: an ONNX graph that grows node by node, and constants that are exact in it.

A tensor is carried as integer * unit, channels first; the unit is a power of two. float32 holds it as long as integers
stay below 2^24; beyond that it is wide: float64, which holds them to 2^53.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ...errors import IntaglioError
from ...ir import Array, Graph, IntType, Node, Op, TensorType
from ...ops.exact import FLOAT32_EXACT, FLOAT64_EXACT

QONNX = "qonnx.custom_op.general"
ONE, HALF = Fraction(1), Fraction(1, 2)
FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64
NUMPY = {FLOAT: np.float32, DOUBLE: np.float64, INT64: np.int64}
LAYOUTS = {1: "NC", 2: "NCW", 3: "NCHW", 4: "NCDHW"}


@dataclass(frozen=True)
class Carried:
    """One tensor of the integer graph in the exported one: `name` holds integer * unit, channels first."""

    name: str
    kind: TensorType
    unit: Fraction = ONE
    wide: bool = False

    @property
    def dtype(self) -> int:
        return DOUBLE if self.wide else FLOAT


Rule = Callable[["Builder", Node, list[Carried]], Carried]
RULES: dict[type[Op], Rule] = {}


def exports(*operators: type[Op]) -> Callable[[Rule], Rule]:
    """The decorated function is how these operators leave."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, rule))
        return rule

    return register


class Builder:
    """`thresholds`: requantisers leave as MultiThreshold (which FINN builds), not as Quant (which hls4ml builds)."""

    def __init__(self, graph: Graph, batch: int, *, thresholds: bool) -> None:
        self.graph, self.batch, self.thresholds = graph, batch, thresholds
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.values: dict[str, onnx.ValueInfoProto] = {}
        self.notes: list[str] = []
        self.bias_of: dict[str, tuple[str, list[Fraction]]] = {}
        """Of a tensor that only one node reads: what it was before a bias was added, and that bias."""
        self.place = ""
        self._taken: dict[str, int] = {}

    # -- nodes -----------------------------------------------------------------------------------------------------
    def emit(
        self,
        what: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        dtype: int = FLOAT,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """One node of one output, whose name is given back."""
        name = self.fresh(what)
        self.nodes.append(
            helper.make_node(what, list(inputs), [name], name=name + "_node", domain=domain, **attributes)
        )
        self.values[name] = helper.make_tensor_value_info(name, dtype, list(shape))
        return name

    def emit_several(
        self, what: str, inputs: Sequence[str], outputs: Sequence[tuple[str, Sequence[int], int]], **attributes: Any
    ) -> None:
        """One node whose outputs (name, shape, type) have fresh names."""
        names = [name for name, _, _ in outputs]
        self.nodes.append(helper.make_node(what, list(inputs), names, name=names[0] + "_node", **attributes))
        for name, shape, dtype in outputs:
            self.values[name] = helper.make_tensor_value_info(name, dtype, list(shape))

    def fresh(self, what: str) -> str:
        stem = f"{self.place}_{what}"
        number = self._taken.get(stem, 0)
        self._taken[stem] = number + 1
        return f"{stem}_{number}"

    def note(self, text: str) -> None:
        """Something that a peer may refuse."""
        self.notes.append(f"{self.place}: {text}")

    def shape_of(self, kind: TensorType) -> tuple[int, ...]:
        return (self.batch, kind.channels, *kind.shape[:-1])

    def cast(self, name: str, shape: Sequence[int], dtype: int) -> str:
        if dtype == DOUBLE:
            self.note("float64, beyond what float32 holds exactly")
        return self.emit("Cast", [name], shape, dtype, to=dtype)

    # -- carried tensors -------------------------------------------------------------------------------------------
    def widened(self, x: Carried) -> Carried:
        if x.wide:
            return x
        return replace(x, name=self.cast(x.name, self.shape_of(x.kind), DOUBLE), wide=True)

    def fitted(self, x: Carried, reach: int) -> Carried:
        """x in float64, where numbers up to `reach` are made of it that float32 does not hold."""
        if reach > FLOAT64_EXACT:
            raise IntaglioError(
                f"numbers up to {reach} come about, which no float holds exactly", where=self.place, hint="fewer bits"
            )
        return self.widened(x) if reach > FLOAT32_EXACT else x

    def narrowed(self, x: Carried) -> Carried:
        """x in float32, where that holds it."""
        if not x.wide or x.kind.magnitude > FLOAT32_EXACT:
            return x
        return replace(x, name=self.cast(x.name, self.shape_of(x.kind), FLOAT), wide=False)

    def in_unit(self, x: Carried, unit: Fraction) -> Carried:
        if x.unit == unit:
            return x
        factor = self.fixed([unit / x.unit], (), x.wide)
        name = self.emit("Mul", [x.name, factor], self.shape_of(x.kind), x.dtype)
        return replace(x, name=name, unit=unit)

    def affine(self, x: Carried, factors: Sequence[Fraction], addends: Sequence[Fraction]) -> Carried:
        """x * factor + addend, per channel: Mul and Add; of an image, where channels differ, a BatchNormalization, as
        peers turn it to channels last. An addend that a convolution left in `bias_of` goes into it.
        """
        shape = self.shape_of(x.kind)
        uniform = len(set(factors)) == 1 and len(set(addends)) == 1
        if len(shape) > 2 and not x.wide and not (uniform and x.name not in self.bias_of):
            return self._normalised(x, factors, addends)
        name = x.name
        if set(factors) != {ONE}:
            name = self.emit("Mul", [name, self.per_channel(factors, x.kind, x.wide)], shape, x.dtype)
        if any(addends):
            name = self.emit("Add", [name, self.per_channel(addends, x.kind, x.wide)], shape, x.dtype)
        return replace(x, name=name)

    def _normalised(self, x: Carried, factors: Sequence[Fraction], addends: Sequence[Fraction]) -> Carried:
        name = x.name
        if name in self.bias_of:
            source, bias = self.bias_of[name]
            merged = [a + f * v for a, f, v in zip(addends, factors, bias, strict=True)]
            reached = [abs(int(v / x.unit)) + x.kind.magnitude for v in bias]
            if all(map(sums_fit_float32, [f * x.unit for f in factors], merged, reached)):
                self.nodes = [node for node in self.nodes if name not in node.output]
                del self.values[name]
                name, addends = source, merged
        count = x.kind.channels
        constants = [np.array([float(v) for v in values]) for values in (factors, addends)]
        constants += [np.zeros(count), np.ones(count)]
        inputs = [name, *map(self.constant, constants)]
        shape = self.shape_of(x.kind)
        return replace(x, name=self.emit("BatchNormalization", inputs, shape, epsilon=0.0, momentum=0.9))

    def as_int64(self, x: Carried) -> str:
        return self.cast(self.in_unit(x, ONE).name, self.shape_of(x.kind), INT64)

    def from_int64(self, name: str, kind: TensorType) -> Carried:
        wide = kind.magnitude > FLOAT32_EXACT
        return Carried(self.cast(name, self.shape_of(kind), DOUBLE if wide else FLOAT), kind, ONE, wide)

    # -- constants -------------------------------------------------------------------------------------------------
    def constant(self, values: Any, dtype: int = FLOAT) -> str:
        name = self.fresh("constant")
        self.constants.append(numpy_helper.from_array(np.array(values, NUMPY[dtype], order="C"), name))
        return name

    def per_channel(self, values: Sequence[Fraction], kind: TensorType, wide: bool) -> str:
        """One constant per channel, or one for all where they are equal."""
        if len(set(values)) == 1:
            return self.fixed(values[:1], (), wide)
        return self.fixed(values, (1, len(values), *(1,) * (len(kind.shape) - 1)), wide)

    def read_once(self, target: str) -> bool:
        """Is the graph's tensor read by one node, and no output?"""
        return len(self.graph.consumers[target]) == 1 and target not in self.graph.outputs

    def fixed(self, values: Sequence[Fraction], shape: Sequence[int], wide: bool = False) -> str:
        """Dyadic constants: quantised by a node that says how few bits they need (in float64: as they are)."""
        steps, scale = dyadic_integers(values)
        real = np.array([float(v) for v in values]).reshape(shape)
        if wide:
            return self.constant(real, DOUBLE)
        bits = max(2, IntType.holding(min(0, *steps), max(0, *steps)).bits + (min(steps) >= 0))
        return self.quant(self.constant(real), real.shape, scale, bits, signed=True, narrow=False, rounding="ROUND")

    def weights(self, values: Array, *, bipolar: bool = True) -> str:
        """Integer weights, quantised by a node."""
        lo, hi = int(values.min()), int(values.max())
        name = self.constant(values)
        if bipolar and bool((np.abs(values) == 1).all()):
            return self.emit("BipolarQuant", [name, self.constant(1.0)], values.shape, domain=QONNX)
        bits = max(2, IntType.holding(min(lo, 0), max(hi, 0)).bits + (lo >= 0))
        narrow = lo > -(1 << (bits - 1))
        return self.quant(name, values.shape, ONE, bits, signed=True, narrow=narrow, rounding="ROUND")

    def quant(
        self,
        x: str,
        shape: Sequence[int],
        scale: Fraction,
        bits: int,
        *,
        signed: bool,
        narrow: bool,
        rounding: str,
        zero: int = 0,
        wide: bool = False,
    ) -> str:
        """QONNX's Quant; scale a power of two. It takes float64 where `wide`, and gives float32."""
        inputs = [x, *(self.constant(float(v), DOUBLE if wide else FLOAT) for v in (scale, zero, bits))]
        flags = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": rounding}
        return self.emit("Quant", inputs, shape, FLOAT, QONNX, **flags)

    def indices(self, values: Any) -> str:
        return self.constant(np.asarray(values, np.int64), INT64)

    def reshape(self, name: str, shape: Sequence[int], dtype: int) -> str:
        """To (batch, *shape); the batch axis is taken over as it is."""
        target = self.indices([0, *shape])
        return self.emit("Reshape", [name, target], (self.batch, *shape), dtype)

    def transpose(self, name: str, shape: Sequence[int], order: Sequence[int], dtype: int) -> str:
        return self.emit("Transpose", [name], [shape[axis] for axis in order], dtype, perm=list(order))

    def flat(self, x: Carried) -> str:
        """(batch, elements) in the integer graph's order, channels innermost."""
        shape = self.shape_of(x.kind)
        if len(shape) == 2:
            return x.name
        last = self.transpose(x.name, shape, (0, *range(2, len(shape)), 1), x.dtype)
        return self.emit("Flatten", [last], (self.batch, prod(shape[1:])), x.dtype, axis=1)


def dyadic_integers(values: Sequence[Fraction]) -> tuple[list[int], Fraction]:
    """Integers and the largest power of two of which they are multiples. Raises IntaglioError for 1/3, say."""
    denominator = lcm(*(v.denominator for v in values))
    if denominator & (denominator - 1):
        raise IntaglioError(f"a denominator of {denominator} is no power of two")
    steps = [int(v * denominator) for v in values]
    common = 0
    for step in steps:
        common |= step
    zeros = (common & -common).bit_length() - 1 if common else 0
    return [step >> zeros for step in steps], Fraction(1 << zeros, denominator)


def sums_fit_float32(factor: Fraction, addend: Fraction, magnitude: int) -> bool:
    """Does float32 hold factor * integer, and that plus the addend, for all integers up to a magnitude?"""
    if not (is_dyadic(factor) and is_dyadic(addend)):
        return False
    (multiplier, constant), _ = dyadic_integers([factor, addend])
    return abs(multiplier) * magnitude + abs(constant) <= FLOAT32_EXACT


def is_dyadic(value: Fraction) -> bool:
    return value.denominator & (value.denominator - 1) == 0


def is_power_of_two(value: Fraction) -> bool:
    return value > 0 and is_dyadic(value) and value.numerator & (value.numerator - 1) == 0


def fits_float32(value: Fraction) -> bool:
    """Is it dyadic, with a numerator that float32 holds (and an exponent far from its ends)?"""
    top = value.numerator
    return is_dyadic(value) and abs(top) // max(top & -top, 1) <= FLOAT32_EXACT and value.denominator < 1 << 100
