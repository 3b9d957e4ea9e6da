"""Test helpers: small ONNX networks, a float64 evaluator of source graphs, and the comparison with onnxruntime."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from intaglio.frontend.onnx import read_onnx
from intaglio.ir import Graph
from intaglio.ops.functions import FUNCTIONS
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
WHOLE = ("ArgMax", "ArgMin")


class Net:
    """A network in the making: `net.x` is its input, every call adds a node and gives the name of its result."""

    def __init__(self, shape: tuple[Any, ...], opset: int = 17, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.opset, self.nodes, self.initialisers, self.count = opset, [], [], 0
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        self.x = "x"

    def input(self, name: str, shape: tuple[Any, ...], kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const(values, np.int64)

    def weight(self, *shape: int) -> str:
        """Multiples of 1/8."""
        return self.const(self.random.integers(-8, 9, shape) / 8)

    def add(self, op: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        self.count += 1
        names = [f"t{self.count}_{i}" for i in range(outputs)]
        node = helper.make_node(op, list(inputs), names, name=f"{op}_{self.count}", domain=domain, **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def quant(self, x: str, scale: Any = 0.25, zero: Any = 0, bits: int = 8, **attributes: Any) -> str:
        settings = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"} | attributes
        operands = [x, self.const(scale), self.const(zero), self.const(bits)]
        return self.add("Quant", *operands, domain=QONNX, **settings)

    def model(self, *outputs: str) -> onnx.ModelProto:
        whole = {
            o for n in self.nodes for i, o in enumerate(n.output) if n.op_type in WHOLE or (n.op_type == "TopK" and i)
        }
        kind = {True: TensorProto.INT64, False: TensorProto.FLOAT}
        ends = [helper.make_tensor_value_info(o, kind[o in whole], None) for o in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, ends, self.initialisers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def save(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def run_reference(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """By onnxruntime, or by qonnx where there are its operators."""
    if all(n.domain == "" for n in model.graph.node):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        return session.run(None, inputs)
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapper = ModelWrapper(model).transform(InferShapes())
    found = execute_onnx(wrapper, inputs)
    return [found[o.name] for o in model.graph.output]


def evaluate(graph: Graph, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """A source graph in float64: the user's arrays in and out, channels last inside."""
    values = {n: graph.border_of(n).inwards(np.asarray(inputs[n], np.float64), graph.types[n]) for n in graph.inputs}
    for node in graph.nodes:
        values[node.name] = _run(node.op, *(values[i] for i in node.inputs))
        assert values[node.name].shape[1:] == graph.types[node.name].shape, node
    return [graph.border_of(o).outwards(values[o]) for o in graph.outputs]


ROUND = {
    "half_up": lambda v: np.floor(v + 0.5),
    "half_even": np.rint,
    "half_away": lambda v: np.sign(v) * np.floor(np.abs(v) + 0.5),
    "half_zero": lambda v: np.sign(v) * np.ceil(np.abs(v) - 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
    "down": np.trunc,
    "up": lambda v: np.sign(v) * np.ceil(np.abs(v)),
}


def _floats(values: Any) -> np.ndarray:
    return np.asarray(values).astype(np.float64)


def _run(op: Any, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    kind = op.name.removeprefix("source.")
    y = others[0] if others else x
    if kind == "affine":
        return x * _floats(op.multiplier) + _floats(op.shift)
    if kind == "position_affine":
        return x * _floats(op.multiplier) + _floats(op.shift)
    if kind == "batch_norm":
        return (x - op.mean) / np.sqrt(op.variance + op.epsilon) * op.weight + op.bias
    if kind == "relu":
        return np.maximum(x, 0)
    if kind == "activation":
        return FUNCTIONS[op.function].fast(x, *_floats(op.parameters).T)
    if kind == "fixed_quantise":
        scale = _floats(op.scale)
        if op.bipolar:
            return np.where(x >= 0, 1.0, -1.0) * scale
        return (np.clip(ROUND[op.rounding](x / scale + op.zero), op.lo, op.hi) - op.zero) * scale
    if kind == "multi_threshold":
        thresholds = np.broadcast_to(_floats(op.thresholds), (x.shape[-1], op.thresholds.shape[1]))
        return (x[..., None] >= thresholds).sum(-1) * float(op.out_scale) + float(op.out_bias)
    if kind == "linear":
        return x @ _weight(op).T + _floats(op.bias)
    if kind == "conv2d":
        return _conv(op, x)
    if kind in ("add", "subtract", "multiply", "maximum", "minimum"):
        return getattr(np, kind)(x, y)
    if kind == "concat":
        return np.concatenate([x, *others], -1)
    if kind == "flatten":
        return x.reshape(len(x), -1)
    if kind == "gather":
        return x.reshape(len(x), -1)[:, op.index].reshape(len(x), *op.shape)
    if kind == "slice":
        if x.ndim == 2:
            return x[:, op.channels]
        return x[:, slice(*op.rows), slice(*op.columns)][..., op.channels]
    if kind == "pad":
        top, bottom, left, right = op.padding
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=float(op.value))
    if kind == "upsample":
        return x.repeat(op.factors[0], 1).repeat(op.factors[1], 2)
    if kind == "zero_stuff":
        down, right = op.factors
        result = np.zeros((len(x), (x.shape[1] - 1) * down + 1, (x.shape[2] - 1) * right + 1, x.shape[3]))
        result[:, ::down, ::right] = x
        return result
    if kind in ("max_pool", "avg_pool"):
        fill = -np.inf if kind == "max_pool" else 0.0
        windows = _windows(x, op.kernel, op.stride, op.padding, (1, 1), fill)
        if kind == "max_pool":
            return windows.max((3, 4))
        return windows.sum((3, 4)) / (op.divisor if op.counts is None else op.counts[..., None])
    if kind == "softmax":
        powers = np.exp(x - x.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)
    if kind == "argmax":
        return x.argmax(-1)[:, None].astype(np.float64)
    if kind == "top_k":
        order = np.argsort(-x if op.largest else x, axis=-1, kind="stable")[:, : op.k]
        return np.take_along_axis(x, order, -1) if op.values else order.astype(np.float64)
    raise AssertionError(op.name)


def _weight(op: Any) -> np.ndarray:
    scale = np.ones(1) if op.weight_scale is None else _floats(op.weight_scale)
    return op.weight * scale.reshape(-1, *(1,) * (op.weight.ndim - 1))


def _windows(x: np.ndarray, kernel: Any, stride: Any, padding: Any, dilation: Any, fill: float) -> np.ndarray:
    """(N, OH, OW, KH, KW, C)"""
    top, bottom, left, right = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    rows = range(0, x.shape[1] - span[0] + 1, stride[0])
    columns = range(0, x.shape[2] - span[1] + 1, stride[1])
    cut = [[x[:, r : r + span[0] : dilation[0], c : c + span[1] : dilation[1]] for c in columns] for r in rows]
    return np.moveaxis(np.array(cut), 2, 0)


def _conv(op: Any, x: np.ndarray) -> np.ndarray:
    weight = _weight(op)
    windows = _windows(x, weight.shape[1:3], op.stride, op.padding, op.dilation, 0.0)
    each_in, each_out = weight.shape[3], len(weight) // op.groups
    parts = [
        np.einsum(
            "nhwklc,oklc->nhwo",
            windows[..., g * each_in : (g + 1) * each_in],
            weight[g * each_out : (g + 1) * each_out],
        )
        for g in range(op.groups)
    ]
    return np.concatenate(parts, -1) + _floats(op.bias)


def grid(shape: tuple[int, ...], seed: int = 1, scale: float = 16.0, limit: int = 48) -> np.ndarray:
    """Multiples of 1/16 that fixed<16,8> holds."""
    values = np.random.default_rng(seed).integers(-limit, limit + 1, shape) / scale
    return values.astype(np.float32)


def agree(
    net: Net, outputs: str | list[str], folder: Path, *, batch: int = 3, tolerance: float = 2e-4, positive: bool = False
) -> Graph:
    """The source graph in float64 and the reference in float32, on random inputs; quantised and float alike."""
    names = [outputs] if isinstance(outputs, str) else outputs
    model = net.model(*names)
    path = save(model, folder)
    inputs = {}
    for i, info in enumerate(net.inputs):
        dims = [d.dim_value for d in info.type.tensor_type.shape.dim]
        inputs[info.name] = grid((dims[0] or batch, *dims[1:]), seed=i + 1)
        if positive:
            inputs[info.name] = np.abs(inputs[info.name]) + np.float32(0.0625)
    wanted = run_reference(model, inputs)
    graphs = [read_onnx(path, input_types="fixed<16,8>"), read_onnx(path, quantised=False)]
    for graph in graphs:
        renamed = dict(zip(graph.inputs, inputs.values(), strict=True))
        found = evaluate(graph, renamed)
        assert len(found) == len(wanted)
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)
    return graphs[0]


def kinds(graph: Graph) -> list[str]:
    """The operators after the quantisers of the inputs."""
    own = [n for n in graph.nodes if not n.loc.startswith("ONNX input")]
    return [n.op.name.removeprefix("source.") for n in own]


def fractions(values: Any) -> list[Fraction]:
    return [Fraction(v) for v in np.asarray(values).ravel().tolist()]
