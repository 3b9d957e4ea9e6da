"""Builds an ONNX graph node by node and evaluates it as it grows: shapes are known, and scales fit the numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper, numpy_helper

from .operands import exact
from .rational import Reference, fractions
from .scaled import Scaled

FLOAT = TensorProto.FLOAT
QUANTISERS = {"Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold"}


@dataclass(frozen=True)
class Tensor:
    """quantised: its numbers are codes times scales, so a convolution may read it. scale: of all, if there is one."""

    name: str
    shape: tuple[int, ...]
    quantised: bool = False
    scale: float | None = None
    zero: int = 0
    bits: int = 8

    @property
    def channels(self) -> int:
        return self.shape[1]

    @property
    def spatial(self) -> tuple[int, ...]:
        return self.shape[2:]


class Builder:
    """rng decides everything. style: of scales, `dyadic` ones make many ties, `float` ones few, `mixed` both."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.style = str(rng.choice(["dyadic", "float", "mixed"]))
        self.opset = int(rng.choice([9, 11, 13, 13, 17, 20]))
        self.domain = str(rng.choice(["qonnx.custom_op.general", "qonnx.custom_op.general", "finn.custom_op.general"]))
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.infos: list[onnx.ValueInfoProto] = []
        self.known: dict[str, Any] = {}
        self.custom_version = 1
        self._evaluator = Reference(helper.make_model(helper.make_graph([], "empty", [], [])))
        self._evaluator.opset = self.opset

    # draws

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def scales(self, size: float, *shape: int) -> np.ndarray[Any, Any]:
        """Positive float32 about `size`, in the network's style."""
        raw = max(size, 1e-6) * 2.0 ** self.rng.uniform(-1, 1, shape)
        style = self.pick("dyadic", "float", "eighths") if self.style == "mixed" else self.style
        if style == "dyadic":
            raw = 2.0 ** np.round(np.log2(raw))
        elif style == "eighths":  # small numerators: ties, though no powers of two
            unit = 2.0 ** np.floor(np.log2(raw) - 2)
            raw = np.maximum(np.round(raw / unit), 1) * unit
        return np.asarray(raw, np.float32)

    def numbers(self, spread: float, *shape: int) -> np.ndarray[Any, Any]:
        """Float32 about zero, in the network's style."""
        raw = spread * self.rng.standard_normal(shape)
        if self.style == "dyadic" or (self.style == "mixed" and self.chance(0.5)):
            raw = np.round(raw * 8 / max(spread, 1e-9)) / 8 * 2.0 ** round(math.log2(max(spread, 1e-9)))
        return np.asarray(raw, np.float32)

    # the graph

    def input(self, shape: tuple[int, ...]) -> Tensor:
        name = f"x{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, FLOAT, shape))
        self.known[name] = Scaled.of(exact(np.asarray(self.rng.normal(0, 2, shape), np.float32)))
        return Tensor(name, shape)

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        """An initialiser; now and then a Constant node, as some exporters write."""
        array = np.asarray(values, kind)
        name = f"c{len(self.known)}"
        proto = numpy_helper.from_array(array, name)
        if self.chance(0.05):
            self.nodes.append(helper.make_node("Constant", [], [name], name=f"const_{name}", value=proto))
        else:
            self.initialisers.append(proto)
        self.known[name] = Scaled.of_floats(array) if array.dtype == np.float32 else array
        return name

    def node(self, kind: str, inputs: list[Any], outputs: int = 1, **attributes: Any) -> list[Tensor]:
        """Adds a node and runs it. Inputs are tensors or names; values that are None are attributes left out."""
        names = [each.name if isinstance(each, Tensor) else each for each in inputs]
        results = [f"t{len(self.known) + at}" for at in range(outputs)]
        given = {key: value for key, value in attributes.items() if value is not None}
        domain = self.domain if kind in QUANTISERS else ""
        proto = helper.make_node(kind, names, results, name=f"{kind}_{len(self.nodes)}", domain=domain, **given)
        self.nodes.append(proto)
        self.known.update(self._evaluator.run_node(proto, self.known))
        made = []
        for name in results:
            shape = tuple(self.known[name].shape)
            whole = not isinstance(self.known[name], Scaled)
            element = helper.np_dtype_to_tensor_dtype(self.known[name].dtype) if whole else FLOAT
            self.infos.append(helper.make_tensor_value_info(name, element, shape))
            made.append(Tensor(name, shape))
        return made

    def one(self, kind: str, inputs: list[Any], **attributes: Any) -> Tensor:
        return self.node(kind, inputs, **attributes)[0]

    def size(self, x: Tensor | str) -> float:
        """How large its numbers are on the sample."""
        values = fractions(self.known[x.name if isinstance(x, Tensor) else x])
        return float(max((abs(Fraction(value)) for value in values.reshape(-1)), default=Fraction(0))) or 1.0

    def model(self, outputs: list[Tensor]) -> onnx.ModelProto:
        listed = {each.name: each for each in self.infos}
        names = list(dict.fromkeys(each.name for each in outputs))
        infos = [each for each in self.infos if each.name not in names]
        graph = helper.make_graph(
            self.nodes, "fuzz", self.inputs, [listed[name] for name in names], self.initialisers, value_info=infos
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, abs(self.custom_version))]
        # the format that came with the opsets
        return helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="fuzz")
