"""Every ONNX operator that becomes a source operator, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from intaglio.frontend.onnx import read_onnx
from onnx_twin import Net, agree, evaluate, kinds, run_reference, save

IMAGE = ("N", 6, 5, 7)
CASES: dict[str, tuple[tuple, Callable[[Net], str], list[str] | None]] = {}


def case(name: str, shape: tuple, build: Callable[[Net], str], becomes: list[str] | None = None) -> None:
    assert name not in CASES
    CASES[name] = (shape, build, becomes)


# -- convolutions
case("conv", IMAGE, lambda n: n.add("Conv", n.x, n.weight(4, 6, 3, 3), n.weight(4)), ["conv2d"])
case("conv pads", IMAGE, lambda n: n.add("Conv", n.x, n.weight(4, 6, 3, 2), pads=[1, 0, 2, 1], strides=[2, 1]))
case("conv dilation", IMAGE, lambda n: n.add("Conv", n.x, n.weight(4, 6, 2, 3), dilations=[2, 3], kernel_shape=[2, 3]))
case("conv groups", IMAGE, lambda n: n.add("Conv", n.x, n.weight(4, 3, 3, 3), group=2, pads=[1, 1, 1, 1]))
case("conv depthwise", IMAGE, lambda n: n.add("Conv", n.x, n.weight(12, 1, 3, 3), n.weight(12), group=6))
for _auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    case(
        f"conv {_auto}", IMAGE, lambda n, m=_auto: n.add("Conv", n.x, n.weight(2, 6, 2, 4), auto_pad=m, strides=[2, 3])
    )
case("conv 1d", ("N", 3, 11), lambda n: n.add("Conv", n.x, n.weight(4, 3, 3), n.weight(4), pads=[2, 1], strides=[2]))
case("conv 1d dilated", ("N", 4, 11), lambda n: n.add("Conv", n.x, n.weight(4, 2, 3), dilations=[2], group=2))


def transposed(**attributes: object) -> Callable[[Net], str]:
    return lambda n: n.add("ConvTranspose", n.x, n.weight(6, 4, 3, 3), n.weight(4), **attributes)


case("deconv", IMAGE, transposed(), ["conv2d"])
case("deconv stride", IMAGE, transposed(strides=[2, 3], pads=[1, 0, 1, 2]), ["zero_stuff", "conv2d"])
case("deconv output padding", IMAGE, transposed(strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]))
case("deconv dilation", IMAGE, transposed(strides=[2, 2], dilations=[2, 1], pads=[0, 1, 2, 0]))
case("deconv cut", IMAGE, transposed(strides=[2, 2], pads=[4, 3, 3, 4]), ["zero_stuff", "slice", "conv2d"])
case("deconv same upper", IMAGE, transposed(strides=[2, 2], auto_pad="SAME_UPPER"))
case("deconv same lower", IMAGE, transposed(strides=[2, 2], auto_pad="SAME_LOWER"))
case("deconv output shape", IMAGE, transposed(strides=[2, 2], output_shape=[10, 14]))
case(
    "deconv groups",
    IMAGE,
    lambda n: n.add(
        "ConvTranspose", n.x, n.weight(6, 2, 3, 2), n.weight(6), group=3, strides=[2, 1], pads=[1, 0, 0, 1]
    ),
)
case("deconv 1d", ("N", 3, 6), lambda n: n.add("ConvTranspose", n.x, n.weight(3, 2, 3), strides=[2], pads=[1, 0]))

# -- matrices
case("gemm", ("N", 9), lambda n: n.add("Gemm", n.x, n.weight(9, 4), n.weight(4), alpha=0.5, beta=2.0), ["linear"])
case("gemm transposed", ("N", 9), lambda n: n.add("Gemm", n.x, n.weight(4, 9), n.weight(1, 4), transB=1), ["linear"])
case("matmul", ("N", 9), lambda n: n.add("MatMul", n.x, n.weight(9, 4)), ["linear"])
case("matmul sequence", ("N", 5, 9), lambda n: n.add("MatMul", n.x, n.weight(9, 4)), ["linear"])
case("matmul image", ("N", 3, 5, 9), lambda n: n.add("MatMul", n.x, n.weight(1, 9, 4)), ["linear"])
case("matmul left", ("N", 5, 9), lambda n: n.add("MatMul", n.weight(4, 5), n.x), ["linear"])
case(
    "mixer",
    ("N", 5, 9),
    lambda n: n.add("MatMul", n.weight(4, 5), n.add("Relu", n.add("MatMul", n.x, n.weight(9, 3)))),
)


def _flat(n: Net, x: str) -> str:
    return n.add("Flatten", x)


case("flatten linear", IMAGE, lambda n: n.add("Gemm", _flat(n, n.x), n.weight(210, 3)), ["linear"])
case(
    "conv flatten linear",
    IMAGE,
    lambda n: n.add("Gemm", _flat(n, n.add("Conv", n.x, n.weight(4, 6, 3, 3))), n.weight(60, 3)),
    ["conv2d", "flatten", "linear"],
)
case(
    "global pool head",
    IMAGE,
    lambda n: n.add("Gemm", _flat(n, n.add("GlobalAveragePool", n.x)), n.weight(6, 3)),
    ["avg_pool", "linear"],
)


# -- batch norms and constants
def _norm(n: Net, x: str, c: int) -> str:
    r = n.random
    stats = [r.normal(size=c), r.normal(size=c), r.normal(size=c), r.uniform(0.5, 2, c)]
    return n.add("BatchNormalization", x, *(n.const(v) for v in stats), epsilon=1e-3)


case("batch norm", IMAGE, lambda n: _norm(n, n.x, 6))
case("batch norm vector", ("N", 6), lambda n: _norm(n, n.x, 6))
case("batch norm 1d", ("N", 6, 4), lambda n: _norm(n, n.x, 6))
case("batch norm flat", IMAGE, lambda n: _norm(n, _flat(n, n.add("Conv", n.x, n.weight(4, 6, 3, 3))), 60))
case("add scalar", IMAGE, lambda n: n.add("Add", n.x, n.const(1.5)), ["affine"])
case("add channel", IMAGE, lambda n: n.add("Add", n.x, n.weight(6, 1, 1)), ["affine"])
case("add row", IMAGE, lambda n: n.add("Add", n.x, n.weight(7)), ["position_affine"])
case("add pixel", IMAGE, lambda n: n.add("Add", n.x, n.weight(1, 1, 5, 7)), ["position_affine"])
case("add all", IMAGE, lambda n: n.add("Add", n.weight(1, 6, 5, 7), n.x), ["position_affine"])
case("add sequence", ("N", 4, 6), lambda n: n.add("Add", n.x, n.weight(4, 6)), ["position_affine"])
case("add features", ("N", 4, 6), lambda n: n.add("Add", n.x, n.weight(6)), ["position_affine"])
case(
    "matmul bias",
    ("N", 4, 6),
    lambda n: n.add("Add", n.add("MatMul", n.x, n.weight(6, 5)), n.weight(5)),
    ["linear", "affine"],
)
case("rsub", IMAGE, lambda n: n.add("Sub", n.const(1.0), n.x), ["affine"])
case("sub channel", IMAGE, lambda n: n.add("Sub", n.x, n.weight(1, 6, 1, 1)), ["affine"])
case("mul channel", IMAGE, lambda n: n.add("Mul", n.weight(1, 6, 1, 1), n.x), ["affine"])
case("div", IMAGE, lambda n: n.add("Div", n.x, n.const(3.0)), ["affine"])
case("rdiv", ("N", 6), lambda n: n.add("Div", n.const(3.0), n.add("Exp", n.x)), ["activation", "activation", "affine"])
case("neg", IMAGE, lambda n: n.add("Neg", n.x), ["affine"])
case("pow 2", IMAGE, lambda n: n.add("Pow", n.x, n.const(2.0)), ["activation"])
case("pow 3", IMAGE, lambda n: n.add("Pow", n.x, n.const(3.0)), ["activation", "multiply"])
case("square", IMAGE, lambda n: n.add("Mul", n.x, n.x), ["activation"])

# -- two tensors
_pool = lambda n: n.add("GlobalAveragePool", n.x)  # noqa: E731
_plane = lambda n: n.add("ReduceMean", n.x, axes=[1])  # noqa: E731
_conv = lambda n: n.add("Conv", n.x, n.weight(6, 6, 1, 1))  # noqa: E731
for _name in ("Add", "Sub", "Mul"):
    case(
        f"{_name} tensors",
        IMAGE,
        lambda n, o=_name: n.add(o, n.x, _conv(n)),
        ["conv2d", {"Sub": "subtract", "Mul": "multiply", "Add": "add"}[_name]],
    )
    case(f"{_name} gate", IMAGE, lambda n, o=_name: n.add(o, n.x, _pool(n)))
    case(f"{_name} gate first", IMAGE, lambda n, o=_name: n.add(o, _pool(n), n.x))
    case(f"{_name} plane", IMAGE, lambda n, o=_name: n.add(o, _plane(n), n.x))
for _name in ("Max", "Min"):
    case(f"{_name} tensors", IMAGE, lambda n, o=_name: n.add(o, n.x, _conv(n)))
    case(f"{_name} constant", IMAGE, lambda n, o=_name: n.add(o, n.x, n.const(0.5)))
    case(f"{_name} channel", IMAGE, lambda n, o=_name: n.add(o, n.weight(6, 1, 1), n.x))
case("sum", IMAGE, lambda n: n.add("Sum", n.x, _conv(n)))


def _squeeze_excite(n: Net) -> str:
    y = _flat(n, _pool(n))
    y = n.add("Relu", n.add("Gemm", y, n.weight(6, 2), n.weight(2)))
    y = n.add("Sigmoid", n.add("Gemm", y, n.weight(2, 6)))
    return n.add("Mul", n.x, n.add("Reshape", y, n.ints(-1, 6, 1, 1)))


case(
    "squeeze and excite",
    IMAGE,
    _squeeze_excite,
    ["avg_pool", "linear", "relu", "linear", "activation", "multiply"],
)

# -- functions
for _name in (
    "Relu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Abs",
    "Exp",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Erf",
    "HardSwish",
    "Sin",
    "Cos",
):
    case(f"{_name}", IMAGE, lambda n, o=_name: n.add(o, n.x), ["relu" if _name == "Relu" else "activation"])
for _name in ("Sqrt", "Log", "Reciprocal"):
    case(f"{_name} of positive", IMAGE, lambda n, o=_name: n.add(o, n.add("Exp", n.x)), ["activation", "activation"])
case("leaky relu", IMAGE, lambda n: n.add("LeakyRelu", n.x, alpha=0.3), ["activation"])
case("leaky relu default", IMAGE, lambda n: n.add("LeakyRelu", n.x), ["activation"])
case("prelu one", IMAGE, lambda n: n.add("PRelu", n.x, n.weight(1)), ["activation"])
case("prelu channels", IMAGE, lambda n: n.add("PRelu", n.x, n.weight(6, 1, 1)), ["activation"])
case("hard sigmoid", IMAGE, lambda n: n.add("HardSigmoid", n.x, alpha=0.3, beta=0.4), ["activation"])
case("hard sigmoid default", IMAGE, lambda n: n.add("HardSigmoid", n.x), ["activation"])
case("elu", IMAGE, lambda n: n.add("Elu", n.x, alpha=0.7), ["activation"])
case("selu", IMAGE, lambda n: n.add("Selu", n.x), ["activation", "affine"])
case("celu", IMAGE, lambda n: n.add("Celu", n.x, alpha=0.5), ["affine", "activation", "affine"])
case("thresholded relu", IMAGE, lambda n: n.add("ThresholdedRelu", n.x, alpha=0.5), ["activation"])
case("hard shrink", IMAGE, lambda n: n.add("Shrink", n.x, lambd=0.75), ["activation"])
case("soft shrink", IMAGE, lambda n: n.add("Shrink", n.x, lambd=0.75, bias=0.75), ["activation"])
case("clip", IMAGE, lambda n: n.add("Clip", n.x, n.const(-0.5), n.const(0.75)), ["activation"])
case("clip below", IMAGE, lambda n: n.add("Clip", n.x, n.const(-0.5)), ["affine", "relu", "affine"])
case("clip at zero", IMAGE, lambda n: n.add("Clip", n.x, n.const(0.0), n.const(np.inf)), ["relu"])
case("clip above", IMAGE, lambda n: n.add("Clip", n.x, "", n.const(0.75)))
case("silu", IMAGE, lambda n: n.add("Mul", n.add("Sigmoid", n.x), n.x), ["activation"])
case("mish", IMAGE, lambda n: n.add("Mul", n.x, n.add("Tanh", n.add("Softplus", n.x))), ["activation"])
case(
    "hard swish by clip",
    IMAGE,
    lambda n: n.add(
        "Div", n.add("Mul", n.x, n.add("Clip", n.add("Add", n.x, n.const(3)), n.const(0), n.const(6))), n.const(6)
    ),
    ["activation", "affine", "affine"],
)
case(
    "hard swish by sigmoid", IMAGE, lambda n: n.add("Mul", n.x, n.add("HardSigmoid", n.x, alpha=1 / 6)), ["activation"]
)


def _gelu(n: Net, form: int) -> str:
    e = n.add("Add", n.add("Erf", n.add("Div", n.x, n.const(np.sqrt(2)))), n.const(1))
    if form == 0:
        return n.add("Mul", n.add("Mul", n.x, e), n.const(0.5))
    if form == 1:
        return n.add("Mul", n.add("Mul", n.x, n.const(0.5)), e)
    return n.add("Mul", n.x, n.add("Mul", n.const(0.5), e))


for _form in range(3):
    case(f"gelu form {_form}", IMAGE, lambda n, f=_form: _gelu(n, f))


def _gelu_tanh(n: Net) -> str:
    cube = n.add("Mul", n.add("Pow", n.x, n.const(3)), n.const(0.044715))
    t = n.add("Tanh", n.add("Mul", n.add("Add", n.x, cube), n.const(np.sqrt(2 / np.pi))))
    return n.add("Mul", n.add("Mul", n.const(0.5), n.x), n.add("Add", t, n.const(1)))


case("gelu by tanh", IMAGE, _gelu_tanh)
case("softmax", ("N", 6), lambda n: n.add("Softmax", n.x), ["softmax"])
case("softmax channels", IMAGE, lambda n: n.add("Softmax", n.x, axis=1), ["softmax"])
case("softmax last", IMAGE, lambda n: n.add("Softmax", n.x, axis=-1), ["softmax"])
case("argmax", ("N", 6), lambda n: n.add("ArgMax", n.x, axis=1), ["argmax"])
case("argmax flat", ("N", 6), lambda n: n.add("ArgMax", n.x, axis=-1, keepdims=0), ["argmax"])
case("argmax of softmax", ("N", 6), lambda n: n.add("ArgMax", n.add("Softmax", n.x), axis=1), ["argmax"])
case("argmax of log", ("N", 6), lambda n: n.add("ArgMax", n.add("LogSoftmax", n.x), axis=1, keepdims=0), ["argmax"])
case("argmin", ("N", 6), lambda n: n.add("ArgMin", n.x, axis=1), ["top_k"])
case("argmax image", ("N", 6, 1, 1), lambda n: n.add("ArgMax", n.x, axis=1), ["argmax"])

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
            n.add("Transpose", n.add("Reshape", _conv(n), n.ints(0, 2, 3, 5, 7)), perm=[0, 2, 1, 3, 4]),
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
case("concat", IMAGE, lambda n: n.add("Concat", n.x, _conv(n), n.x, axis=1), ["conv2d", "concat"])
case("concat rows", IMAGE, lambda n: n.add("Concat", n.x, _conv(n), axis=2))
case(
    "concat vectors",
    IMAGE,
    lambda n: n.add("Gemm", n.add("Concat", _flat(n, n.x), _flat(n, _pool(n)), axis=-1), n.weight(216, 3)),
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
    lambda n: n.add("Gemm", n.add("Slice", _flat(n, n.x), n.ints(7), n.ints(99), n.ints(1)), n.weight(92, 3)),
)
case("slice of flat conv", IMAGE, lambda n: n.add("Slice", _flat(n, _conv(n)), n.ints(7), n.ints(99), n.ints(1)))
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


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str, tmp_path: Path) -> None:
    shape, build, becomes = CASES[name]
    net = Net(shape, seed=len(name))
    graph = agree(net, build(net), tmp_path)
    if becomes is not None:
        assert kinds(graph) == becomes


def test_gelu_of_opset_20(tmp_path: Path) -> None:
    for form in ("none", "tanh"):
        net = Net(IMAGE, opset=20)
        graph = agree(net, net.add("Gelu", net.x, approximate=form), tmp_path)
        assert kinds(graph) == ["activation"]


def test_patterns_leave_one_function(tmp_path: Path) -> None:
    for name in ("gelu form 0", "gelu form 1", "gelu form 2", "gelu by tanh"):
        net = Net(IMAGE)
        graph = agree(net, CASES[name][1](net), tmp_path)
        assert set(kinds(graph)) <= {"activation", "affine"}
        assert kinds(graph).count("activation") == 1


@pytest.mark.parametrize("opset", [9, 11, 13, 18, 21])
def test_opsets(opset: int, tmp_path: Path) -> None:
    """Attributes that became inputs."""
    net = Net(("N", 6, 5, 7), opset=opset)
    y = net.add("Relu", net.x)
    if opset < 13:
        y = net.add("Unsqueeze", net.add("Flatten", y), axes=[2])
        y = net.add("Squeeze", y, axes=[2])
    else:
        y = net.add("Squeeze", net.add("Unsqueeze", net.add("Flatten", y), net.ints(2)), net.ints(2))
    y = net.add("Reshape", y, net.ints(-1, 6, 5, 7))
    y = net.add("ReduceMean", y, axes=[2, 3]) if opset < 18 else net.add("ReduceMean", y, net.ints(2, 3))
    if opset < 11:
        y = net.add("Clip", y, min=-0.25, max=0.25)
        y = net.add("Pad", y, pads=[0, 0, 1, 1, 0, 0, 0, 0], mode="constant", value=0.5)
    else:
        y = net.add(
            "Pad",
            net.add("Clip", y, net.const(-0.25), net.const(0.25)),
            net.ints(0, 0, 1, 1, 0, 0, 0, 0),
            net.const(0.5),
        )
    agree(net, y, tmp_path)


def test_top_k(tmp_path: Path) -> None:
    x = np.random.default_rng(3).permuted(np.tile(np.arange(9), (4, 1)), axis=1).astype(np.float32)
    for largest in (0, 1):
        net = Net(("N", 9))
        model = net.model(*net.add("TopK", net.x, net.ints(3), outputs=2, largest=largest))
        graph = read_onnx(save(model, tmp_path), input_types="int8")
        found = evaluate(graph, {"x": x})
        for mine, theirs in zip(found, run_reference(model, {"x": x}), strict=True):
            assert np.array_equal(mine, theirs)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    net = Net(("N", 6, 5, 7))
    y = net.input("y", ("N", 6, 5, 7))
    z = net.input("z", ("N", 5, 7, 6))
    total = net.add("Add", net.x, net.add("Transpose", z, perm=[0, 3, 1, 2]))
    first, second = net.add("Mul", total, y), net.add("Relu", total)
    graph = agree(net, [first, second, total, second], tmp_path)
    assert len(set(graph.outputs)) == 4


def test_fixed_batch_and_shape_arithmetic(tmp_path: Path) -> None:
    """What torch.onnx writes for x.view(x.size(0), -1)."""
    for batch in (1, 4, "N"):
        net = Net((batch, 6, 2, 3))
        size = net.add("Gather", net.add("Shape", net.x), net.const(0, np.int64), axis=0)
        shape = net.add("Concat", net.add("Unsqueeze", size, net.ints(0)), net.ints(-1), axis=0)
        y = net.add("Gemm", net.add("Reshape", net.x, shape), net.weight(36, 3))
        graph = agree(net, y, tmp_path)
        assert kinds(graph) == ["linear"]
