"""How fast an imported network is: loaded, and simulated beside qonnx and plain float32 PyTorch, in one run.

PyTorch runs the same network with its quantisers left out: what a float network of that shape costs.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import Affine, FixedQuantise, SourceConv2d, SourceLinear
from ..simulator import simulate
from ..simulator.border import random_inputs
from .bench import best, quietly
from .source import load

BATCHES = (1, 100)


def bench_import(path: Path, batches: tuple[int, ...] = BATCHES, *, peers: bool = True) -> list[dict[str, Any]]:
    """Rows for a table or for JSON: seconds to load, milliseconds per batch, and how many times slower than ours.

    Args:
        path: a QONNX file with one input.
        batches: frames side by side.
        peers: also through qonnx and PyTorch.

    Raises IntaglioError as `load` does.
    """
    start = time.perf_counter()
    graph = load(path)
    rows = [_row(path, 0, "intaglio load", time.perf_counter() - start, 1.0, "")]
    for batch in batches:
        (x,) = random_inputs(graph, batch).values()
        x = x.astype(np.float32)
        simulate(graph, x)
        ours = best(lambda x=x: simulate(graph, x))  # type: ignore[misc]
        rows.append(_row(path, batch, "intaglio simulate", ours, ours, ""))
        if peers:
            rows.append(_torch_row(path, batch, x, ours))
            rows.append(_qonnx_row(path, batch, x, ours))
    return rows


def _torch_row(path: Path, batch: int, x: Any, ours: float) -> dict[str, Any]:
    import torch

    from ..compress.model import PreparedModel
    from ..compress.recipe import Recipe
    from ..frontend.onnx import read_onnx

    model = PreparedModel(_float_graph(read_onnx(path)), Recipe(keep=1.0)).eval()
    tensor = torch.from_numpy(x)
    with torch.inference_mode():
        seconds = best(lambda: model(tensor))
    return _row(path, batch, "PyTorch float32", seconds, ours, f"{torch.get_num_threads()} threads, no quantisers")


def _float_graph(source: Graph) -> Graph:
    """The network without its quantisers: weights as the real numbers that their codes stand for."""
    now: dict[str, str] = {}
    nodes = []
    for node in source.nodes:
        inputs = tuple(now.get(name, name) for name in node.inputs)
        op: Any = node.op
        if isinstance(op, FixedQuantise):
            now[node.name] = inputs[0]
            continue
        if isinstance(op, SourceConv2d | SourceLinear) and op.weight_scale is not None:
            scale = np.array([float(v) for v in op.weight_scale]).reshape(-1, *(1,) * (op.weight.ndim - 1))
            op = replace(op, weight=op.weight * scale, bias=np.array([float(v) for v in op.bias]), weight_scale=None)
        elif isinstance(op, Affine):
            op = Affine(*(np.array([float(v) for v in values]) for values in (op.multiplier, op.shift)))
        nodes.append(Node(node.name, op, inputs, node.loc))
    outputs = tuple(now.get(name, name) for name in source.outputs)
    return Graph(source.inputs, tuple(nodes), outputs)


def _qonnx_row(path: Path, batch: int, x: Any, ours: float) -> dict[str, Any]:
    if importlib.util.find_spec("qonnx") is None:
        return _row(path, batch, "qonnx execute_onnx", None, ours, "not installed: pip install qonnx")
    with quietly():
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.change_batchsize import ChangeBatchSize
        from qonnx.transformation.infer_shapes import InferShapes
        from qonnx.util.cleanup import cleanup_model

        model = cleanup_model(ModelWrapper(str(path)))
        if batch != 1:
            model = model.transform(ChangeBatchSize(batch))
        model = model.transform(InferShapes())
        name = model.graph.input[0].name
        try:
            seconds = best(lambda: execute_onnx(model, {name: x}))
        except Exception as error:
            raise IntaglioError(f"qonnx cannot execute this file: {error}", where=str(path)) from None
    return _row(path, batch, "qonnx execute_onnx", seconds, ours, "")


def _row(path: Path, batch: int, what: str, seconds: float | None, ours: float, note: str) -> dict[str, Any]:
    return {
        "network": path.stem,
        "batch": batch,
        "what": what,
        "ms": None if seconds is None else round(seconds * 1e3, 2),
        "times_slower_than_intaglio": None if seconds is None or not batch else round(seconds / ours, 2),
        "note": note,
    }
