"""Layers as qonnx leaves them behind `to_channels_last`: Conv, MaxPool and BatchNormalization whose tensors are
(N, H, W, C) or (N, L, C), and whose kernels are (O, kh, kw, I). Each is the standard operator between two transposes,
which move nothing here.
"""

from __future__ import annotations

from dataclasses import replace

from ..findings import Refusal
from ..values import Value
from .builder import Tensor
from .call import CHANNELS_LAST, RULES, STANDARD, Call, rule
from .constants import Constant


@rule("Conv", family=CHANNELS_LAST)
def conv(a: Call) -> Tensor:
    return _between_transposes(a, 2)


@rule("MaxPool", "BatchNormalization", family=CHANNELS_LAST)
def per_channel(a: Call) -> Tensor:
    return _between_transposes(a, 1)


def _between_transposes(a: Call, count: int) -> Tensor:
    """The standard rule on this node, whose first `count` inputs come channels last."""
    names = list(a.node.inputs)
    made = []
    for index, name in enumerate(names[:count]):
        x = a.tensor(index)
        first = f"{name} of {a.node.name}, channels first"
        a.builder.tensors[first] = _channels_first(a, x)
        names[index] = first
        made.append(first)
    inner = Call(replace(a.node, inputs=tuple(names), domain=""), a.builder, a.opset, a.options, a.readers)
    try:
        results = RULES[STANDARD, a.node.op_type](inner)
    finally:
        for name in made:
            del a.builder.tensors[name]
    a.untaken, a.unread = inner.untaken, inner.unread
    y = results[0] if isinstance(results, tuple) else results
    assert isinstance(y, Value)
    rank = len(y.shape)
    return a.builder.transposed(y, (0, *range(2, rank), 1)) if rank > 2 else y


def _channels_first(a: Call, x: Tensor) -> Tensor:
    if not isinstance(x, Value | Constant):
        raise Refusal("it reads the integers of a QuantizeLinear", "DequantizeLinear right behind QuantizeLinear")
    rank = len(x.shape)
    axes = (0, rank - 1, *range(1, rank - 1))
    return x.transposed(axes) if isinstance(x, Constant) else a.builder.transposed(x, axes)
