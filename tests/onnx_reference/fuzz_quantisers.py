"""Random quantisers of every kind: what each layer of a random network ends in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .fuzz_builder import Builder, Tensor

MODES = ("ROUND", "ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN", "CEIL", "FLOOR", "FLOOR", "UP", "DOWN")


def per_channel(b: Builder, x: Tensor) -> tuple[int, ...]:
    """The shape of parameters, one per channel."""
    return (1, x.channels) + (1,) * len(x.spatial)


def quantise(b: Builder, x: Tensor, uniform: bool = False) -> Tensor:
    """Any quantiser. uniform: one scale for all channels, no other kind."""
    kinds: list[Any] = [quant] * 6 + [bipolar, thresholds, qcdq, qcdq, trunc]
    if uniform:
        return quant(b, x, uniform=True)
    return kinds[b.between(0, len(kinds) - 1)](b, x)


def quant(b: Builder, x: Tensor, uniform: bool = False) -> Tensor:
    bits = b.pick(1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 8)
    signed, narrow = b.chance(0.6), b.chance(0.3)
    if bits == 1 and narrow:
        narrow = False  # one code alone: nothing to compute
    channels = not uniform and x.channels > 1 and b.chance(0.2)
    shape = per_channel(b, x) if channels else b.pick((), (), (1,), (1,) * len(x.shape))
    levels = 2 ** (bits - 1) if signed else 2**bits
    scale = b.scales(b.size(x) * b.pick(0.5, 1.0, 1.0, 2.0) / levels, *shape)
    zero = 0
    if bits > 1 and b.chance(0.2):
        zero = b.between(0, 2**bits - 1) if not signed else b.between(-(levels // 2), levels // 2)
    kind = b.pick("Quant", "Quant", "IntQuant")
    result = b.one(
        kind,
        [x, b.constant(scale), b.constant(zero), b.constant(float(bits))],
        signed=int(signed),
        narrow=int(narrow),
        rounding_mode=b.pick(*MODES),
    )
    known = None if channels or (bits == 1 and signed) else float(scale.reshape(-1)[0])
    return replace(result, quantised=True, scale=known, zero=zero, bits=bits)


def bipolar(b: Builder, x: Tensor) -> Tensor:
    return replace(b.one("BipolarQuant", [x, b.constant(b.scales(1.0))]), quantised=True, bits=1)


def thresholds(b: Builder, x: Tensor) -> Tensor:
    count = b.pick(1, 2, 3, 7, 15)
    rows = x.channels if b.chance(0.7) else 1
    steps = np.sort(b.numbers(b.size(x) / 2, rows, count), axis=1)
    # qonnx takes three axes without a layout for NWC
    layout = {2: "NC", 3: "NCW", 4: "NCHW"}[len(x.shape)]
    given = layout if len(x.shape) == 3 or b.chance(0.5) else None
    scale, bias = b.pick((1.0, 0.0), (2.0, -1.0), (0.5, -float(count // 2)), (float(b.scales(0.3)), 0.0))
    result = b.one(
        "MultiThreshold",
        [x, b.constant(steps)],
        out_scale=scale,
        out_bias=bias,
        out_dtype="FLOAT32",
        data_layout=given,
    )
    return replace(result, quantised=True)


def qcdq(b: Builder, x: Tensor) -> Tensor:
    """QuantizeLinear, a Clip to fewer bits sometimes, DequantizeLinear; along the channels sometimes (opset 13)."""
    kind: Any = b.pick(np.int8, np.uint8)
    bits = b.pick(8, 8, 4, 3)
    zero = b.pick(0, 0, b.between(0, 100))
    axis = 1 if b.opset >= 13 and x.channels > 1 and b.chance(0.2) else None
    shape = (x.channels,) if axis else ()
    # before opset 10 there is no such node
    if b.opset < 10:
        return quant(b, x)
    scale = b.constant(b.scales(b.size(x) / 2 ** (bits - 1), *shape))
    offset = b.constant(np.full(shape, zero), kind)
    codes = b.one("QuantizeLinear", [x, scale, offset], axis=axis)
    # ONNX's own Clip takes integers from opset 12
    if bits < 8 and b.opset >= 12:
        low = 0 if kind is np.uint8 else -(2 ** (bits - 1))
        high = low + 2**bits - 1
        codes = b.one("Clip", [codes, b.constant(low, kind), b.constant(high, kind)])
    result = b.one("DequantizeLinear", [codes, scale, offset], axis=axis)
    return replace(result, quantised=True)


def trunc(b: Builder, x: Tensor) -> Tensor:
    """A quantiser, and a Trunc that drops bits of it: version 1, or 2 with its own scale."""
    first = quant(b, x, uniform=True)
    if first.scale is None or first.bits < 3 or b.domain.startswith("finn"):
        return first
    dropped = b.between(1, first.bits - 1)
    scale, bits = b.constant(first.scale), b.constant(float(first.bits))
    left = b.constant(float(first.bits - dropped))
    mode = b.pick("FLOOR", "ROUND", "CEIL", "HALF_UP", "DOWN")
    zero = b.constant(first.zero)
    if b.chance(0.5) and b.custom_version == 1:
        result = b.one("Trunc", [first, scale, zero, bits, left], rounding_mode=mode)
        b.custom_version = -1
    elif b.custom_version != -1:
        b.custom_version = 2
        out = b.constant(first.scale * 2.0**dropped)
        result = b.one(
            "Trunc",
            [first, scale, zero, bits, out, left],
            rounding_mode=mode,
            signed=int(b.chance(0.5)),
            narrow=int(b.chance(0.3)),
        )
    else:
        return first
    return replace(result, quantised=True)


def weights(b: Builder, shape: tuple[int, ...], outs_axis: int = 0) -> str | Tensor:
    """Quantised weights as exporters write them: through a quantiser, as int8 codes, or as few-bit constants."""
    values = np.asarray(b.rng.uniform(-1, 1, shape), np.float32)
    across = [1] * len(shape)
    if b.chance(0.35):
        across[outs_axis] = shape[outs_axis]
    kind = b.pick("quant", "quant", "quant", "bipolar", "codes", "constant")
    if kind == "bipolar":
        return b.one("BipolarQuant", [b.constant(values), b.constant(b.scales(0.5))])
    if kind == "codes" and b.opset >= 10:
        along = across[outs_axis] > 1 and b.opset >= 13
        count = (shape[outs_axis],) if along else ()
        codes = b.constant(b.rng.integers(-128, 128, shape), np.int8)
        zero = b.constant(np.zeros(count), np.int8)
        axis = outs_axis if along else None
        return b.one("DequantizeLinear", [codes, b.constant(b.scales(1 / 128, *count)), zero], axis=axis)
    if kind == "constant":
        return b.constant(np.round(values * 8) / 8)
    bits = b.pick(1, 2, 3, 4, 6, 8)
    scale = b.scales(1 / 2 ** (bits - 1), *(across if max(across) > 1 else ()))
    return b.one(
        "Quant",
        [b.constant(values), b.constant(scale), b.constant(0.0), b.constant(float(bits))],
        signed=1,
        narrow=int(b.chance(0.5) and bits > 1),
        rounding_mode=b.pick("ROUND", "ROUND", "HALF_UP", "FLOOR"),
    )
