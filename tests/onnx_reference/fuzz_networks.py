"""Random small networks, one per seed, of every operator that makes sense in integers: `random_network(seed)`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from .fuzz_builder import Builder, Tensor
from .fuzz_layers import IMAGE, VECTOR, dense, finished, flat
from .fuzz_quantisers import quant, quantise


def random_network(seed: int) -> onnx.ModelProto:
    """One to eight layers on one or two inputs, each of which a quantiser reads first; one to three outputs."""
    b = Builder(np.random.default_rng([seed, 0x5EED]))
    shape = _input_shape(b)
    x = _quantised_input(b, shape)
    if b.chance(0.1):
        other = _quantised_input(b, shape)
        kind = b.pick("Add", "Concat", "Mul")
        joined = b.one(kind, [x, other], **({"axis": 1} if kind == "Concat" else {}))
        x = replace(joined, quantised=True) if kind == "Concat" else quantise(b, joined)
    taps: list[Tensor] = []
    for _ in range(b.pick(1, 2, 2, 3, 3, 4, 5, 6, 7, 8)):
        layers = VECTOR if len(x.shape) == 2 else IMAGE
        x = layers[b.between(0, len(layers) - 1)](b, x)
        if not b.nodes or x.name.startswith("x"):
            continue
        if b.chance(0.06) and len(taps) < 2:
            taps.append(x)
        if np.prod(x.shape) > 400:  # tiny: judged in rational arithmetic, and built
            x = quantise(b, b.one("GlobalAveragePool", [x])) if len(x.shape) > 2 else x
    return b.model([_ended(b, x), *taps])


def _input_shape(b: Builder) -> tuple[int, ...]:
    rank = b.pick(0, 0, 1, 2, 2, 2)
    if rank == 0:
        return (1, b.between(2, 12))
    return (1, b.between(1, 4), *(b.between(3, 7) for _ in range(rank)))


def _quantised_input(b: Builder, shape: tuple[int, ...]) -> Tensor:
    """A quantiser, after 2 x - 1 or a division sometimes, as exporters of Brevitas and Keras leave them."""
    x = b.input(shape)
    if b.chance(0.15):
        x = b.one("Sub", [b.one("Mul", [x, b.constant(2.0)]), b.constant(1.0)])
    elif b.chance(0.05):
        x = b.one("Div", [x, b.constant(b.pick(4.0, 3.0))])
    return quantise(b, x) if b.chance(0.5) else quant(b, x, uniform=True)


def _ended(b: Builder, x: Tensor) -> Tensor:
    """A classifier, a choice, an unquantised accumulator, or what the last layer left."""
    end = b.pick("as it is", "accumulators", "dense", "argmax", "top", "softmax", "activation")
    if end == "as it is":
        return x if not x.name.startswith("x") else finished(b, x)
    if len(x.shape) > 2:
        x = flat(b, x)
    if x.shape[1] > 64:
        return x
    y = dense(b, x)
    if end == "dense":
        return finished(b, y)
    if end == "argmax":
        y = quantise(b, y) if b.chance(0.5) else y
        return b.one("ArgMax", [y], axis=b.pick(1, -1) if b.opset >= 11 else 1, keepdims=b.pick(0, 1))
    if end == "top":
        count = b.between(1, y.shape[1])
        y = quantise(b, y) if b.chance(0.5) else y
        if b.opset < 10:
            return b.node("TopK", [y], 2, axis=1, k=count)[1]
        return b.node("TopK", [y, b.constant([count], np.int64)], 2, axis=b.pick(1, -1) if b.opset >= 11 else 1)[1]
    if end == "softmax":
        return b.one("ArgMax", [b.one("Softmax", [y], axis=1)], axis=1, keepdims=0)
    return b.one(b.pick("Relu", "Identity"), [y]) if end == "activation" else y


def random_inputs(model: onnx.ModelProto, seed: int, count: int = 4) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Samples: normal ones, multiples of 1/8 on which ties happen, a constant, and far ones that saturate."""
    rng = np.random.default_rng([seed, 0x1A9])
    held = {each.name for each in model.graph.initializer}
    samples = []
    for at in range(count):
        sample = {}
        for each in model.graph.input:
            if each.name in held:
                continue
            shape = [int(dim.dim_value) for dim in each.type.tensor_type.shape.dim]
            x = rng.normal(0, 2, shape)
            if at % 4 == 1:
                x = np.round(x * 8) / 8
            elif at % 4 == 2:
                x = np.full(shape, np.round(rng.normal(0, 1) * 16) / 16)
            elif at % 4 == 3:
                x = x * 40
            sample[each.name] = np.asarray(x, np.float32)
        samples.append(sample)
    return samples
