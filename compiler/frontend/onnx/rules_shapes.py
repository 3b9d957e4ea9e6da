"""Reshapes and transposes: nothing is emitted for them until an operator needs an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from ..findings import Refusal
from ..values import Value
from .builder import Codes, Tensor
from .call import Call, rule
from .constants import Constant

BATCH = "a shape whose first axis is the batch"


def shaped(a: Call, shape: tuple[int, ...]) -> Tensor:
    """Input 0 in another shape."""
    x = a.tensor(0)
    if isinstance(x, Constant):
        return x.reshaped(shape)
    own = _shape_of(x)
    if prod(shape) != prod(own):
        raise Refusal(f"it turns {own} into {shape}", "a shape of as many elements")
    if len(shape) < 2 or shape[0] != own[0]:
        raise Refusal(f"it turns {own} into {shape}, which mixes the batch", BATCH)
    if len(shape) > 8:
        raise Refusal(f"a shape of {len(shape)} axes", "at most 8")
    return _moved(x, lambda v: a.builder.reshaped(v, shape))


def _shape_of(x: Tensor) -> tuple[int, ...]:
    return x.value.shape if isinstance(x, Codes) else x.shape or ()


def _moved(x: Tensor, move: Callable[[Value], Value]) -> Tensor:
    """The integers of a QuantizeLinear with one scale move as its operand does."""
    if isinstance(x, Value):
        return move(x)
    assert isinstance(x, Codes)
    if x.scale.size != 1 or x.zero.size != 1:
        raise Refusal("it moves the integers of a QuantizeLinear with scales per channel", "DequantizeLinear before it")
    return replace(x, value=move(x.value))


@rule("Reshape")
def reshape(a: Call) -> Tensor:
    own = _shape_of(a.tensor(0))
    wanted = a.ints("shape") if a.opset < 5 else a.input_ints(1)
    zero_is_zero = a.flag("allowzero", default=False)
    a.ignore("consumed_inputs")
    return shaped(a, resolved(own, wanted, zero_is_zero=zero_is_zero))


def resolved(own: tuple[int, ...], wanted: list[int], *, zero_is_zero: bool) -> tuple[int, ...]:
    """0 is the axis as it was, -1 what remains."""
    shape = []
    for i, n in enumerate(wanted):
        if n == 0 and not zero_is_zero:
            if i >= len(own):
                raise Refusal(f"the shape {wanted} copies axis {i} of {own}", "a shape that fits")
            n = own[i]  # noqa: PLW2901
        if n < -1 or n > 1 << 40:
            raise Refusal(f"the shape {wanted}", "positive sizes")
        shape.append(n)
    if shape.count(-1) > 1:
        raise Refusal(f"the shape {wanted} has two unknown sizes", "one -1")
    if -1 in shape:
        rest = prod(n for n in shape if n != -1)
        if not rest or prod(own) % rest:
            raise Refusal(f"it turns {own} into {wanted}", "a shape of as many elements")
        shape[shape.index(-1)] = prod(own) // rest
    return tuple(shape)


@rule("Flatten")
def flatten(a: Call) -> Tensor:
    own = _shape_of(a.tensor(0))
    axis = a.int("axis", 1)
    axis = axis + len(own) if axis < 0 else axis
    if not 0 <= axis <= len(own):
        raise Refusal(f"axis={axis} of {own}", "axis=1")
    return shaped(a, (prod(own[:axis]), prod(own[axis:])))


@rule("Squeeze")
def squeeze(a: Call) -> Tensor:
    own = _shape_of(a.tensor(0))
    given = _axes(a, 1)
    if given is None:
        given = [i for i, n in enumerate(own) if n == 1 and (i or isinstance(a.tensor(0), Constant))]
    axes = {any_axis(axis, len(own)) for axis in given}
    if any(own[axis] != 1 for axis in axes):
        raise Refusal(f"it squeezes axes {sorted(axes)} of {own}", "axes of size 1")
    return shaped(a, tuple(n for i, n in enumerate(own) if i not in axes))


@rule("Unsqueeze")
def unsqueeze(a: Call) -> Tensor:
    own = _shape_of(a.tensor(0))
    given = _axes(a, 1)
    if given is None or len(given) > 8:
        raise Refusal("its axes are missing", "axes")
    rank = len(own) + len(given)
    axes = {any_axis(axis, rank) for axis in given}
    if len(axes) != len(given):
        raise Refusal(f"axes={given}", "each axis once")
    rest = iter(own)
    return shaped(a, tuple(1 if i in axes else next(rest) for i in range(rank)))


def _axes(a: Call, index: int) -> list[int] | None:
    """An attribute before opset 13, an input since."""
    if a.opset < 13:
        return a.ints("axes", None)
    return a.input_ints(index) if a.has(index) else None


def any_axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} of {rank} axes", "an axis that there is")
    return axis % rank


@rule("Transpose")
def transpose(a: Call) -> Tensor:
    x = a.tensor(0)
    rank = len(_shape_of(x))
    axes = a.ints("perm", None) or [*range(rank)][::-1]
    if sorted(axes) != [*range(rank)]:
        raise Refusal(f"perm={axes} of {rank} axes", "each axis once")
    if isinstance(x, Constant):
        return x.transposed(axes)
    if axes[0]:
        raise Refusal(f"perm={axes} moves the batch axis", BATCH)
    return _moved(x, lambda v: a.builder.transposed(v, axes))


@rule("DepthToSpace")
def depth_to_space(a: Call) -> Tensor:
    x, block = a.value(0), a.int("blocksize")
    mode = a.text("mode", "DCR")
    n, c, h, w = _image_shape(x)
    if block < 1 or c % (block * block) or mode not in ("DCR", "CRD"):
        raise Refusal(
            f"blocksize={block}, mode={mode} on {c} channels", "a blocksize whose square divides the channels"
        )
    each = c // (block * block)
    if mode == "DCR":
        split, axes = (n, block, block, each, h, w), (0, 3, 4, 1, 5, 2)
    else:
        split, axes = (n, each, block, block, h, w), (0, 1, 4, 2, 5, 3)
    y = a.builder.transposed(a.builder.reshaped(x, split), axes)
    return a.builder.reshaped(y, (n, each, h * block, w * block))


@rule("SpaceToDepth")
def space_to_depth(a: Call) -> Tensor:
    x, block = a.value(0), a.int("blocksize")
    n, c, h, w = _image_shape(x)
    if block < 1 or h % block or w % block:
        raise Refusal(f"blocksize={block} on {h}x{w}", "a blocksize that divides the image")
    split = a.builder.reshaped(x, (n, c, h // block, block, w // block, block))
    moved = a.builder.transposed(split, (0, 3, 5, 1, 2, 4))
    return a.builder.reshaped(moved, (n, c * block * block, h // block, w // block))


def _image_shape(x: Value) -> tuple[int, int, int, int]:
    if len(x.shape) != 4:
        raise Refusal(f"its input has shape {x.shape}", "an image (N, C, H, W)")
    return x.shape[0], x.shape[1], x.shape[2], x.shape[3]
