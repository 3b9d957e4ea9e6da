"""Small networks of one ONNX operator each, and the source operators that they become: arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx_twin import Net

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


def flat(n: Net, x: str) -> str:
    return n.add("Flatten", x)


case("flatten linear", IMAGE, lambda n: n.add("Gemm", flat(n, n.x), n.weight(210, 3)), ["linear"])
case(
    "conv flatten linear",
    IMAGE,
    lambda n: n.add("Gemm", flat(n, n.add("Conv", n.x, n.weight(4, 6, 3, 3))), n.weight(60, 3)),
    ["conv2d", "flatten", "linear"],
)
case(
    "global pool head",
    IMAGE,
    lambda n: n.add("Gemm", flat(n, n.add("GlobalAveragePool", n.x)), n.weight(6, 3)),
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
case("batch norm flat", IMAGE, lambda n: _norm(n, flat(n, n.add("Conv", n.x, n.weight(4, 6, 3, 3))), 60))
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
pooled = lambda n: n.add("GlobalAveragePool", n.x)  # noqa: E731
_plane = lambda n: n.add("ReduceMean", n.x, axes=[1])  # noqa: E731
conv_1x1 = lambda n: n.add("Conv", n.x, n.weight(6, 6, 1, 1))  # noqa: E731
for _name in ("Add", "Sub", "Mul"):
    case(
        f"{_name} tensors",
        IMAGE,
        lambda n, o=_name: n.add(o, n.x, conv_1x1(n)),
        ["conv2d", {"Sub": "subtract", "Mul": "multiply", "Add": "add"}[_name]],
    )
    case(f"{_name} gate", IMAGE, lambda n, o=_name: n.add(o, n.x, pooled(n)))
    case(f"{_name} gate first", IMAGE, lambda n, o=_name: n.add(o, pooled(n), n.x))
    case(f"{_name} plane", IMAGE, lambda n, o=_name: n.add(o, _plane(n), n.x))
for _name in ("Max", "Min"):
    case(f"{_name} tensors", IMAGE, lambda n, o=_name: n.add(o, n.x, conv_1x1(n)))
    case(f"{_name} constant", IMAGE, lambda n, o=_name: n.add(o, n.x, n.const(0.5)))
    case(f"{_name} channel", IMAGE, lambda n, o=_name: n.add(o, n.weight(6, 1, 1), n.x))
case("sum", IMAGE, lambda n: n.add("Sum", n.x, conv_1x1(n)))


def _squeeze_excite(n: Net) -> str:
    y = flat(n, pooled(n))
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
