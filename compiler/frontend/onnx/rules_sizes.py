"""Pad, Resize and Upsample."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np

from ...ops.source import SourcePad, SourceUpsample
from ..findings import Refusal
from .builder import Tensor
from .call import Call, rule
from .geometry import LARGEST
from .rules_movers import chosen
from .rules_shapes import BATCH, any_axis


@rule("Pad")
def pad(a: Call) -> Tensor:
    x = a.value(0)
    rank = len(x.shape)
    mode = a.text("mode", "constant")
    if mode != "constant":
        raise Refusal(f"mode={mode}", "mode=constant")
    if a.opset < 11:
        pads, value = a.ints("pads"), a.number("value", Fraction(0))
        axes = [*range(rank)]
    else:
        pads = a.input_ints(1)
        value = a.scalar(2) if a.has(2) else Fraction(0)
        axes = a.input_ints(3) if a.has(3) else [*range(rank)]
    if len(pads) != 2 * len(axes) or any(abs(p) > LARGEST for p in pads):
        raise Refusal(f"pads={pads} for {len(axes)} axes", "a beginning and an end for each axis")
    sides = dict.fromkeys(range(rank), (0, 0))
    for i, axis in enumerate(axes):
        sides[any_axis(axis, rank)] = (pads[i], pads[i + len(axes)])
    if any(sides[0]):
        raise Refusal("it pads the batch", BATCH)
    cuts = {i: [*range(max(-p, 0), x.shape[i] - max(-q, 0))] for i, (p, q) in sides.items() if min(p, q) < 0}
    if cuts:
        x = chosen(a, x, cuts)
    ends = {i: (max(p, 0), max(q, 0)) for i, (p, q) in sides.items()}
    if not any(any(e) for e in ends.values()):
        return x
    for axes_now in (None, (0, rank - 1, *range(1, rank - 1))):
        order = axes_now or tuple(range(rank))
        if rank not in (3, 4) or any(ends[order[1]]):
            continue
        y = a.standard(a.builder.transposed(x, order))
        spatial = [ends[i] for i in order[2:]]
        spatial = [(0, 0), *spatial] if rank == 3 else spatial
        fill = float(value)
        op = SourcePad((*spatial[0], *spatial[1]), fill if Fraction(fill) == value else value)  # type: ignore[arg-type]
        return a.builder.transposed(a.image(op, y), tuple(int(i) for i in np.argsort(order)))
    raise Refusal(f"it pads the channels: {pads}", "pads of the height and width alone")


@rule("Resize", "Upsample")
def resize(a: Call) -> Tensor:
    """Nearest neighbours: blocks of equal pixels, or any other choice of rows and columns."""
    x = a.value(0)
    rank = len(x.shape)
    old = a.node.op_type == "Upsample" or a.opset < 11
    if a.text("mode", "nearest") != "nearest":
        raise Refusal("it interpolates", "mode=nearest, or a transposed convolution")
    a.ignore("cubic_coeff_a", "exclude_outside", "extrapolation_value")  # of modes that are refused
    a.refuse_unless("antialias", 0, "antialias=0")
    coordinates = "asymmetric" if old else a.text("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if old else a.text("nearest_mode", "round_prefer_floor")
    policy = a.text("keep_aspect_ratio_policy", "stretch")
    axes = a.ints("axes", [*range(rank)])
    axes = [any_axis(i, rank) for i in axes]
    if policy != "stretch":
        raise Refusal(f"keep_aspect_ratio_policy={policy}", "stretch")
    scales, sizes = _scales_and_sizes(a, old)
    given = sizes or scales or []
    if len(given) != len(axes):
        raise Refusal(f"{len(given)} scales or sizes for {len(axes)} axes", "one for each axis")
    picks: dict[int, list[int]] = {}
    for i, axis in enumerate(axes):
        size = x.shape[axis]
        out = sizes[i] if sizes else floor(size * scales[i]) if scales else 0
        if not 1 <= out <= LARGEST:
            raise Refusal(f"it makes {out} rows or columns", f"1 to {LARGEST}")
        scale = Fraction(out, size) if sizes else scales[i] if scales else Fraction(1)
        picks[axis] = [_nearest(k, size, out, scale, coordinates, nearest) for k in range(out)]
    if picks.pop(0, [*range(x.shape[0])]) != [*range(x.shape[0])]:
        raise Refusal("it resizes the batch", BATCH)
    factors = {}
    for axis, indices in picks.items():
        factor = len(indices) // x.shape[axis]
        if factor * x.shape[axis] == len(indices) and indices == [k // factor for k in range(len(indices))]:
            factors[axis] = factor
    if len(factors) < len(picks):
        return chosen(a, x, picks)
    if rank in (3, 4) and factors.get(1, 1) == 1:
        y = a.standard(x)
        down, right = (1, factors.get(2, 1)) if rank == 3 else (factors.get(2, 1), factors.get(3, 1))
        return y if (down, right) == (1, 1) else a.image(SourceUpsample((down, right)), y)
    return chosen(a, x, picks)


def _scales_and_sizes(a: Call, old: bool) -> tuple[list[Fraction] | None, list[int] | None]:
    if a.node.op_type == "Upsample" and a.opset < 9:
        given = a._take("scales", None)
        if not isinstance(given, list) or not all(isinstance(v, float) and np.isfinite(v) and v > 0 for v in given):
            raise Refusal("its scales are no numbers", "positive scales")
        return [Fraction(v) for v in given], None
    if not old and a.has(1):
        a.constant(1)  # the region of interest, for a mode that is refused
    index = 1 if old else 2
    scales = None
    if a.has(index) and a.constant(index).size:
        scales = [Fraction(v) for v in a.constant(index).exact().ravel().tolist()]
        if min(scales) <= 0 or len(scales) > 8:
            raise Refusal("a scale is zero or negative", "positive scales")
    sizes = a.input_ints(3) if not old and a.has(3) and a.constant(3).size else None
    if (scales is None) == (sizes is None):
        raise Refusal("it needs either scales or sizes", "one of them")
    return scales, sizes


def _nearest(k: int, size: int, out: int, scale: Fraction, coordinates: str, nearest: str) -> int:
    """The input index behind output index k, exactly."""
    half = Fraction(1, 2)
    if coordinates == "asymmetric":
        where = k / scale
    elif coordinates == "half_pixel" or (coordinates == "pytorch_half_pixel" and out > 1):
        where = (k + half) / scale - half
    elif coordinates == "pytorch_half_pixel":
        where = Fraction(0)
    elif coordinates == "align_corners":
        where = Fraction(k * (size - 1), out - 1) if out > 1 else Fraction(0)
    else:
        raise Refusal(f"coordinate_transformation_mode={coordinates}", "asymmetric or half_pixel")
    if nearest == "floor":
        index = floor(where)
    elif nearest == "ceil":
        index = -floor(-where)
    elif nearest == "round_prefer_floor":
        index = -floor(half - where)
    elif nearest == "round_prefer_ceil":
        index = floor(where + half)
    else:
        raise Refusal(f"nearest_mode={nearest}", "floor, ceil, round_prefer_floor or round_prefer_ceil")
    return min(max(index, 0), size - 1)
