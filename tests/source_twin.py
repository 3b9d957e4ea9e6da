"""Test helpers: a float64 evaluator of source graphs, random networks, and a freezing that only a test would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from intaglio.ir import Graph, Node, Op, TensorType, verify
from intaglio.ops.functions import FUNCTIONS
from intaglio.ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceActivation,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceFlatten,
    SourceGather,
    SourceLinear,
    SourceMaximum,
    SourceMaxPool,
    SourceMinimum,
    SourceMultiply,
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSlice,
    SourceSoftmax,
    SourceSubtract,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from intaglio.ops.window import Window
from intaglio.passes.insert_quantisers import last_layers


def run_integers(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    values = dict(inputs)
    for node in graph.nodes:
        values[node.name] = node.op.run(*(values[name] for name in node.inputs))
        kind = graph.types[node.name]
        assert values[node.name].shape[1:] == kind.shape
        assert (values[node.name] >= kind.lo_array).all()
        assert (values[node.name] <= kind.hi_array).all()
    return values


def evaluate(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor of a source graph in float64, channels last."""
    values = {name: np.asarray(value, dtype=np.float64) for name, value in inputs.items()}
    for node in graph.nodes:
        values[node.name] = _evaluate(node.op, *(values[name] for name in node.inputs))
        assert values[node.name].shape[1:] == graph.types[node.name].shape, node
    return values


def _evaluate(op: Op, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    match op:
        case SourceConv2d():
            weight = op.weight * _scales(op, 4)
            kernel, groups = weight.shape[1:3], op.groups
            window = Window(kernel, op.stride, op.padding, op.dilation)
            parts = zip(np.split(x, groups, axis=-1), np.split(weight, groups), strict=True)
            made = [np.tensordot(window.view(image, 0), w, axes=((3, 4, 5), (1, 2, 3))) for image, w in parts]
            return np.concatenate(made, axis=-1) + op.bias
        case SourceLinear():
            return x @ (op.weight * _scales(op, 2)).T + op.bias
        case BatchNorm():
            return (x - op.mean) / np.sqrt(op.variance + op.epsilon) * op.weight + op.bias
        case Affine():
            return x * np.asarray(op.multiplier, float) + np.asarray(op.shift, float)
        case SourcePositionAffine():
            return x * np.asarray(op.multiplier, float) + np.asarray(op.shift, float)
        case SourceRelu():
            return np.maximum(x, 0)
        case SourceActivation():
            return FUNCTIONS[op.function].fast(x, *op.parameters.T)
        case SourceMaxPool():
            return Window(op.kernel, op.stride, op.padding).view(x, -np.inf).max(axis=(3, 4))
        case SourceAvgPool():
            total = Window(op.kernel, op.stride, op.padding).view(x, 0).sum(axis=(3, 4))
            return total / (op.divisor if op.counts is None else op.counts[..., None])
        case SourceFlatten():
            return x.reshape(len(x), -1)
        case SourceGather():
            return x.reshape(len(x), -1)[:, op.index].reshape(len(x), *op.shape)
        case SourceSlice():
            x = x[..., op.channels]
            return x if x.ndim == 2 else x[:, slice(*op.rows), slice(*op.columns)]
        case SourcePad():
            top, bottom, left, right = op.padding
            return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=op.value)
        case SourceUpsample():
            return x.repeat(op.factors[0], axis=1).repeat(op.factors[1], axis=2)
        case SourceZeroStuff():
            (down, right), (_, height, width, _) = op.factors, x.shape
            made = np.zeros((len(x), (height - 1) * down + 1, (width - 1) * right + 1, x.shape[-1]))
            made[:, ::down, ::right] = x
            return made
        case SourceAdd():
            return x + others[0]
        case SourceSubtract():
            return x - others[0]
        case SourceMultiply():
            return x * others[0]
        case SourceMaximum():
            return np.maximum(x, others[0])
        case SourceMinimum():
            return np.minimum(x, others[0])
        case SourceConcat():
            return np.concatenate([x, *others], axis=-1)
        case SourceSoftmax():
            powers = np.exp(x - x.max(axis=-1, keepdims=True))
            return powers / powers.sum(axis=-1, keepdims=True)
        case SourceTopK():
            index = np.argsort(-x if op.largest else x, axis=-1, kind="stable")[:, : op.k]
            return np.take_along_axis(x, index, axis=-1) if op.values else index.astype(float)
        case SourceArgmax():
            return x.argmax(axis=1)[:, None].astype(float)
        case Quantise():
            return np.clip(np.floor(x / op.scale + 0.5), op.lo, op.hi) * op.scale
    raise AssertionError(op.name)


def _scales(op, axes: int) -> np.ndarray:
    return np.ones(1) if op.weight_scale is None else op.weight_scale.reshape(-1, *(1,) * (axes - 1))


class Builder:
    """A random source network, front to back."""

    def __init__(self, seed: int, shape: tuple[int, ...]) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs = {"x": TensorType(shape)}
        self.nodes: list[Node] = []
        self.shapes = {"x": shape}

    def add(self, op: Op, *inputs: str) -> str:
        name = f"n{len(self.nodes)}_{op.name.rpartition('.')[2]}"
        self.nodes.append(Node(name, op, inputs, f"net.py:{len(self.nodes)}"))
        self.shapes[name] = op.infer(*(TensorType(self.shapes[i]) for i in inputs)).shape
        return name

    def conv(self, x: str, channels: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> str:
        weight = self.random.normal(size=(channels, kernel, kernel, self.shapes[x][-1]))
        return self.add(SourceConv2d(weight, np.zeros(channels), (stride, stride), (padding,) * 4), x)

    def linear(self, x: str, outputs: int) -> str:
        return self.add(SourceLinear(self.random.normal(size=(outputs, self.shapes[x][-1])), np.zeros(outputs)), x)

    def norm(self, x: str) -> str:
        one = np.ones(self.shapes[x][-1])
        return self.add(BatchNorm(0 * one, one, one, 0 * one), x)

    def relu(self, x: str) -> str:
        return self.add(SourceRelu(), x)

    def max_pool(self, x: str) -> str:
        return self.add(SourceMaxPool((2, 2), (2, 2), (0, 0, 0, 0)), x)

    def avg_pool(self, x: str, kernel: int, padding: int = 0) -> str:
        divisor = int(self.random.choice([kernel * kernel, kernel * kernel, 3]))
        return self.add(SourceAvgPool((kernel, kernel), (kernel, kernel), (padding,) * 4, divisor), x)

    def chance(self, p: float = 0.5) -> bool:
        return bool(self.random.random() < p)

    def stage(self, x: str, channels: int) -> str:
        """A convolution and what may follow it, in any order that people write."""
        x = self.conv(x, channels, kernel=int(self.random.choice([1, 3])), stride=int(self.random.choice([1, 1, 2])))
        for step in self.random.permutation(["norm", "relu", "max", "avg"]):
            if step == "norm" and self.chance(0.8):
                x = self.norm(x)
            elif step == "relu" and self.chance(0.8):
                x = self.relu(x)
            elif step == "max" and self.chance(0.4) and min(self.shapes[x][:2]) >= 2:
                x = self.max_pool(x)
            elif step == "avg" and self.chance(0.3) and min(self.shapes[x][:2]) >= 2:
                x = self.avg_pool(x, 2, padding=int(self.random.integers(2)))
        return x

    def residual(self, x: str) -> str:
        y = self.norm(self.conv(x, self.shapes[x][-1]))
        if self.chance():
            y = self.norm(self.conv(self.relu(y), self.shapes[x][-1]))
        y = self.add(SourceAdd(), *((x, y) if self.chance() else (y, x)))
        return self.relu(y) if self.chance(0.8) else y

    def finish(self, x: str) -> Graph:
        """To the logits, by a linear layer or by a convolution and a global pool."""
        if self.chance(0.7):
            x = self.add(SourceFlatten(), x)
            if self.chance():
                x = self.relu(self.norm(self.linear(x, 6)))
            x = self.linear(x, 5)
        else:
            x = self.conv(x, 5, kernel=1, padding=0)
            if self.shapes[x][0] == self.shapes[x][1]:
                x = self.avg_pool(x, self.shapes[x][0])
            x = self.add(SourceFlatten(), x)
        if self.chance(0.2):
            x = self.norm(x)
        if self.chance(0.3):
            x = self.add(SourceArgmax(), x)
        return verify(Graph(self.inputs, tuple(self.nodes), (x,)), lowered=False)


def random_network(seed: int) -> Graph:
    b = Builder(seed, (int(seed % 4) + 4, 6, 2))
    x = b.stage("x", 4)
    for _ in range(int(b.random.integers(3))):
        x = b.residual(x) if b.chance() else b.stage(x, int(b.random.integers(2, 6)))
    return b.finish(x)


def freeze_randomly(graph: Graph, seed: int) -> Graph:
    """Integer codes, dyadic scales, biases and multipliers: as `model.freeze()` leaves a graph, only wilder."""
    random = np.random.default_rng(seed)
    last = last_layers(graph)
    scales: dict[str, float] = {}
    groups: dict[str, Quantise] = {}
    signs = dict.fromkeys(graph.inputs, True)
    nodes = []

    def dyadic(size: int, step: float = 1 / 32) -> np.ndarray:
        return random.integers(-64, 65, size=size) * step

    for node in graph.nodes:
        op = node.op
        signed = any(signs[name] for name in node.inputs)
        if isinstance(op, SourceConv2d | SourceLinear):
            outputs = len(op.bias)
            codes = random.integers(-3, 4, size=op.weight.shape).astype(float)
            codes[random.random(outputs) < 0.3] = 0
            scale = random.choice([1 / 4, 3 / 16, 1 / 8, 5 / 64], size=outputs)
            if node.name in last:
                scale[:] = 1 / 8
                bias = random.integers(-9, 10, size=outputs) / 8 * scales[node.inputs[0]]
            else:
                bias = dyadic(outputs) * (random.random(outputs) < 0.5)
            op = replace(op, weight=codes, bias=bias, weight_scale=scale)
            signed = True
        elif isinstance(op, BatchNorm):
            channels = len(op.mean)
            shift = dyadic(channels) * (random.random(channels) < 0.6)
            op = Affine(dyadic(channels, 1 / 16) * (random.random(channels) < 0.9), shift)
            signed = True
        elif isinstance(op, SourceRelu):
            signed = False
        elif isinstance(op, Quantise):
            made = replace(op, signed=signed or bool(random.random() < 0.2), scale=random.choice([1 / 2, 1 / 4, 3 / 8]))
            if op.group:
                made = groups.setdefault(op.group, replace(made, signed=True))
            op = made
        nodes.append(replace(node, op=op))
        signs[node.name] = signed
        scales[node.name] = op.scale if isinstance(op, Quantise) else scales.get(node.inputs[0], 1.0)
    return verify(Graph(graph.inputs, tuple(nodes), graph.outputs), lowered=False)
