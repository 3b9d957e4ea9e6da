"""More of them: pools, and what moves elements."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx_cases import CASES, IMAGE, case, conv_1x1, flat, pooled
from onnx_twin import Net

# -- pools
case(
    "max pool",
    IMAGE,
    lambda n: n.add("MaxPool", n.x, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    ["max_pool"],
)
case(
    "max pool ceil",
    IMAGE,
    lambda n: n.add("MaxPool", n.x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    ["max_pool"],
)
case(
    "max pool ceil 3",
    IMAGE,
    lambda n: n.add("MaxPool", n.x, kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1, pads=[1, 1, 1, 1]),
)
case(
    "max pool same", IMAGE, lambda n: n.add("MaxPool", n.x, kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_UPPER")
)
case("max pool 1d", ("N", 3, 11), lambda n: n.add("MaxPool", n.x, kernel_shape=[3], strides=[2], pads=[1, 1]))
case("average pool", IMAGE, lambda n: n.add("AveragePool", n.x, kernel_shape=[3, 2], strides=[1, 2]), ["avg_pool"])
_padded = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
case("average pool pads", IMAGE, lambda n: n.add("AveragePool", n.x, **_padded))
case("average pool counted", IMAGE, lambda n: n.add("AveragePool", n.x, count_include_pad=1, **_padded))
case("average pool ceil", IMAGE, lambda n: n.add("AveragePool", n.x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1))
case(
    "average pool same",
    IMAGE,
    lambda n: n.add("AveragePool", n.x, kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_LOWER"),
)
case("average pool 1d", ("N", 3, 11), lambda n: n.add("AveragePool", n.x, kernel_shape=[3], strides=[2], pads=[1, 1]))
case("global average", IMAGE, lambda n: n.add("GlobalAveragePool", n.x), ["avg_pool"])
case("global max", IMAGE, lambda n: n.add("GlobalMaxPool", n.x), ["max_pool"])
case("global average 1d", ("N", 3, 11), lambda n: n.add("GlobalAveragePool", n.x), ["avg_pool"])
case("mean", IMAGE, lambda n: n.add("ReduceMean", n.x, axes=[2, 3]), ["avg_pool"])
case("mean flat", IMAGE, lambda n: n.add("ReduceMean", n.x, axes=[-1, -2], keepdims=0), ["avg_pool"])
case("mean row", IMAGE, lambda n: n.add("ReduceMean", n.x, axes=[3], keepdims=0))
case("mean channels", IMAGE, lambda n: n.add("ReduceMean", n.x, axes=[1]), ["linear"])
case("mean all", IMAGE, lambda n: n.add("ReduceMean", n.x, axes=[1, 2, 3], keepdims=0))
case("sum pixels", IMAGE, lambda n: n.add("ReduceSum", n.x, n.ints(2, 3), keepdims=0), ["avg_pool"])
case("sum channels", IMAGE, lambda n: n.add("ReduceSum", n.x, n.ints(1), keepdims=0), ["linear"])
case("max pixels", IMAGE, lambda n: n.add("ReduceMax", n.x, axes=[2, 3]), ["max_pool"])
case("max channels", IMAGE, lambda n: n.add("ReduceMax", n.x, axes=[1], keepdims=0))
case("min pixels", IMAGE, lambda n: n.add("ReduceMin", n.x, axes=[2, 3]))
case("mean of sequence", ("N", 5, 6), lambda n: n.add("ReduceMean", n.x, axes=[1], keepdims=0))

# -- movers
case("transpose", IMAGE, lambda n: n.add("Transpose", n.add("Relu", n.x), perm=[0, 2, 3, 1]), ["relu"])
case(
    "nhwc",
    ("N", 5, 7, 6),
    lambda n: n.add("Conv", n.add("Transpose", n.x, perm=[0, 3, 1, 2]), n.weight(4, 6, 3, 3)),
    ["conv2d"],
)


def _nhwc_network(n: Net) -> str:
    y = n.add("Mul", n.add("Relu", n.x), n.const(0.5))
    y = n.add("Conv", n.add("Transpose", y, perm=[0, 3, 1, 2]), n.weight(4, 6, 3, 3))
    y = n.add("Add", n.add("Transpose", y, perm=[0, 2, 3, 1]), n.weight(4))
    y = n.add("Relu", y)
    y = n.add("MaxPool", n.add("Transpose", y, perm=[0, 3, 1, 2]), kernel_shape=[2, 2])
    y = n.add("Reshape", n.add("Transpose", y, perm=[0, 2, 3, 1]), n.ints(-1, 32))
    return n.add("MatMul", y, n.weight(32, 3))


case(
    "nhwc network",
    ("N", 5, 7, 6),
    _nhwc_network,
    ["relu", "affine", "conv2d", "affine", "relu", "max_pool", "flatten", "linear"],
)
case(
    "reshape to image",
    ("N", 210),
    lambda n: n.add("Conv", n.add("Reshape", n.x, n.ints(-1, 6, 5, 7)), n.weight(4, 6, 3, 3)),
    ["conv2d"],
)
case(
    "channel shuffle",
    IMAGE,
    lambda n: n.add(
        "Conv",
        n.add(
            "Reshape",
            n.add("Transpose", n.add("Reshape", conv_1x1(n), n.ints(0, 2, 3, 5, 7)), perm=[0, 2, 1, 3, 4]),
            n.ints(0, 6, 5, 7),
        ),
        n.weight(4, 6, 3, 3),
    ),
    ["conv2d", "gather", "conv2d"],
)
for _mode in ("DCR", "CRD"):
    case(
        f"depth to space {_mode}",
        ("N", 8, 3, 4),
        lambda n, m=_mode: n.add("Relu", n.add("DepthToSpace", n.x, blocksize=2, mode=m)),
    )
case(
    "space to depth",
    ("N", 3, 6, 4),
    lambda n: n.add("Conv", n.add("SpaceToDepth", n.x, blocksize=2), n.weight(4, 12, 1, 1)),
)
case("squeeze", ("N", 6, 1, 7), lambda n: n.add("Squeeze", n.x, n.ints(2)))
case("unsqueeze", ("N", 6, 7), lambda n: n.add("Conv", n.add("Unsqueeze", n.x, n.ints(2)), n.weight(4, 6, 1, 3)))
case("concat", IMAGE, lambda n: n.add("Concat", n.x, conv_1x1(n), n.x, axis=1), ["conv2d", "concat"])
case("concat rows", IMAGE, lambda n: n.add("Concat", n.x, conv_1x1(n), axis=2))
case(
    "concat vectors",
    IMAGE,
    lambda n: n.add("Gemm", n.add("Concat", flat(n, n.x), flat(n, pooled(n)), axis=-1), n.weight(216, 3)),
)
case(
    "split",
    IMAGE,
    lambda n: n.add("Mul", *n.add("Split", n.x, n.ints(3, 3), outputs=2, axis=1)),
    ["slice", "slice", "multiply"],
)
case("slice", IMAGE, lambda n: n.add("Slice", n.x, n.ints(1, 0), n.ints(5, 9), n.ints(1, 3), n.ints(2, 2)), ["slice"])
case(
    "slice reversed", IMAGE, lambda n: n.add("Slice", n.x, n.ints(-1), n.ints(-100), n.ints(1), n.ints(-1)), ["gather"]
)
case(
    "slice flat",
    IMAGE,
    lambda n: n.add("Gemm", n.add("Slice", flat(n, n.x), n.ints(7), n.ints(99), n.ints(1)), n.weight(92, 3)),
)
case("slice of flat conv", IMAGE, lambda n: n.add("Slice", flat(n, conv_1x1(n)), n.ints(7), n.ints(99), n.ints(1)))
case("gather channels", IMAGE, lambda n: n.add("Gather", n.x, n.ints(5, 0, 3), axis=1), ["gather"])
case("gather one", IMAGE, lambda n: n.add("Gather", n.x, n.const(2, np.int64), axis=2))
case("pad", IMAGE, lambda n: n.add("Pad", n.x, n.ints(0, 0, 1, 2, 0, 0, 0, 1), n.const(0.5)), ["pad"])
case("pad cut", IMAGE, lambda n: n.add("Pad", n.x, n.ints(0, 0, -1, 2, 0, 0, 0, -1)), ["slice", "pad"])
case(
    "pad nhwc",
    ("N", 5, 7, 6),
    lambda n: n.add(
        "Conv",
        n.add("Transpose", n.add("Pad", n.x, n.ints(0, 1, 2, 0, 0, 0, 1, 0)), perm=[0, 3, 1, 2]),
        n.weight(4, 6, 3, 3),
    ),
)


def resized(scales: list[float] | None, sizes: list[int] | None = None, **attributes: object) -> Callable[[Net], str]:
    def build(n: Net) -> str:
        ends = [n.const(scales)] if scales else ["", n.ints(*sizes)]
        return n.add("Resize", n.x, "", *ends, mode="nearest", **attributes)

    return build


_floor = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
case("resize", IMAGE, resized([1, 1, 2, 3], **_floor), ["upsample"])
case("resize half pixel", IMAGE, resized([1, 1, 3, 2]), ["upsample"])
case("resize down", IMAGE, resized([1, 1, 0.5, 0.5], **_floor))
case("resize odd", IMAGE, resized([1, 1, 1.5, 1.25], **_floor))
case(
    "resize corners", IMAGE, resized([1, 1, 2, 2], coordinate_transformation_mode="align_corners", nearest_mode="ceil")
)
case("resize 1d", ("N", 6, 7), resized([1, 1, 2], **_floor), ["upsample"])
case("identity", IMAGE, lambda n: n.add("Dropout", n.add("Cast", n.add("Identity", n.x), to=1)), [])
case(
    "two ways",
    IMAGE,
    lambda n: n.add(
        "Add", n.add("Transpose", n.x, perm=[0, 1, 3, 2]), n.add("Transpose", n.add("Relu", n.x), perm=[0, 1, 3, 2])
    ),
)
case("two ways that differ", ("N", 4, 5, 5), lambda n: n.add("Add", n.add("Transpose", n.x, perm=[0, 1, 3, 2]), n.x))

__all__ = ["CASES", "IMAGE"]
