"""Kernels, strides and paddings of ONNX nodes: one spatial axis is an image of height 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..findings import Refusal
from ..values import Value
from .call import Call

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
LARGEST = 1 << 20


@dataclass(frozen=True)
class Geometry:
    """padding: top, bottom, left, right. Beyond it, `extra` (bottom, right) is what a ceil mode reads outside."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding
    extra: Pair = (0, 0)

    @property
    def span(self) -> Pair:
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))  # type: ignore[return-value]


def geometry(a: Call, x: Value, kernel: Sequence[int], *, ceil: bool = False) -> Geometry:
    """Of a convolution or pool: its attributes, checked. kernel: two numbers, and what kernel_shape must agree with."""
    rank = len(x.shape) - 2
    pair = _kernel(a, kernel, rank)
    stride, dilation = _pair(a, "strides", rank), _pair(a, "dilations", rank)
    size = x.inside[:2]
    span = [(k - 1) * d + 1 for k, d in zip(pair, dilation, strict=True)]
    begin, end = _pads(a, rank)
    auto = a.text("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        _unpadded(auto, begin, end)
        total = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(size, stride, span, strict=True)]
        less, more = [t // 2 for t in total], [t - t // 2 for t in total]
        begin, end = (less, more) if auto == "SAME_UPPER" else (more, less)
    elif auto == "VALID":
        _unpadded(auto, begin, end)
    elif auto != "NOTSET":
        raise Refusal(f"auto_pad={auto}", "NOTSET with pads, SAME_UPPER, SAME_LOWER or VALID")
    extra = [0, 0]
    for i in (0, 1):
        free = size[i] + begin[i] + end[i] - span[i]
        if free < 0:
            raise Refusal(f"a kernel of {span[i]} does not fit {size[i]} with its padding", "a larger input")
        if ceil and auto not in ("SAME_UPPER", "SAME_LOWER"):
            count = -(-free // stride[i]) + 1
            if (count - 1) * stride[i] >= size[i] + begin[i]:  # a window that starts in the padding is none
                count -= 1
            extra[i] = max((count - 1) * stride[i] - free, 0)
    padding = (begin[0], end[0], begin[1], end[1])
    return Geometry(pair, stride, dilation, padding, (extra[0], extra[1]))


def transposed_padding(a: Call, x: Value, kernel: Sequence[int]) -> tuple[Geometry, Padding]:
    """Of a transposed convolution: what to put around (or, negative, to cut from) the pixels with zeros between."""
    rank = len(x.shape) - 2
    pair = _kernel(a, kernel, rank)
    stride, dilation = _pair(a, "strides", rank), _pair(a, "dilations", rank)
    size = x.inside[:2]
    span = [(k - 1) * d + 1 for k, d in zip(pair, dilation, strict=True)]
    begin, end = _pads(a, rank)
    more = _two(_checked(a.ints("output_padding", [0] * rank), "output_padding", rank, least=0), rank, 0)
    auto, wanted = a.text("auto_pad", "NOTSET"), a.ints("output_shape", None)
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise Refusal(f"auto_pad={auto}", "NOTSET with pads, SAME_UPPER, SAME_LOWER or VALID")
    if auto != "NOTSET":
        _unpadded(auto, begin, end)
    target: list[int] | None = None
    if wanted is not None:
        target = [*_two(_checked(wanted[-rank:], "output_shape", rank, least=1), rank, 1)]
    elif auto.startswith("SAME"):
        target = [n * s for n, s in zip(size, stride, strict=True)]
    if target is not None:
        begin, end = [0, 0], [0, 0]
        for i in range(2 - rank, 2):
            total = stride[i] * (size[i] - 1) + more[i] + span[i] - target[i]
            less = total // 2
            if total < 0:
                raise Refusal(f"its output_shape {target} is larger than it can make", "output_padding")
            begin[i], end[i] = (less, total - less) if auto == "SAME_UPPER" else (total - less, less)
    for i in (0, 1):
        if more[i] >= max(stride[i], dilation[i]) and more[i]:
            raise Refusal(f"output_padding={more}", "less than the stride")
    sides = []
    for i in (0, 1):
        sides += [span[i] - 1 - begin[i], span[i] - 1 - end[i] + more[i]]
    g = Geometry(pair, stride, dilation, (begin[0], end[0], begin[1], end[1]))
    return g, (sides[0], sides[1], sides[2], sides[3])


def pool_kernel(a: Call, x: Value) -> list[int]:
    """The kernel of a pool, which only its attribute says."""
    given = a.ints("kernel_shape")
    return [*_two(_checked(given, "kernel_shape", len(x.shape) - 2), len(x.shape) - 2, 1)]


def _kernel(a: Call, kernel: Sequence[int], rank: int) -> Pair:
    given = a.ints("kernel_shape", None)
    if len(kernel) != 2 or (rank == 1 and kernel[0] != 1):
        raise Refusal(f"a kernel of {tuple(kernel)} on an input of {rank} spatial axes", "a kernel of as many axes")
    if given is not None and given != [*kernel][2 - rank :]:
        raise Refusal(f"kernel_shape={given}, but the kernel is {tuple(kernel)[2 - rank :]}", "the kernel's own shape")
    if max(kernel) > LARGEST or min(kernel) < 1:
        raise Refusal(f"a kernel of {tuple(kernel)}", f"1 to {LARGEST}")
    return kernel[0], kernel[1]


def _pair(a: Call, name: str, rank: int) -> Pair:
    given = _checked(a.ints(name, [1] * rank), name, rank)
    return _two(given, rank, 1)


def _pads(a: Call, rank: int) -> tuple[list[int], list[int]]:
    given = _checked(a.ints("pads", [0] * (2 * rank)), "pads", 2 * rank, least=0)
    return [*_two(given[:rank], rank, 0)], [*_two(given[rank:], rank, 0)]


def _two(values: Sequence[int], rank: int, filler: int) -> Pair:
    return (filler, values[0]) if rank == 1 else (values[0], values[1])


def _checked(values: list[int], name: str, count: int, least: int = 1) -> list[int]:
    if len(values) != count or any(not least <= v <= LARGEST for v in values):
        raise Refusal(f"{name}={values}", f"{count} numbers of at least {least}")
    return values


def _unpadded(auto: str, begin: list[int], end: list[int]) -> None:
    if any(begin) or any(end):
        raise Refusal(f"auto_pad={auto} together with pads", "one of them")
