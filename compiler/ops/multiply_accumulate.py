"""The multiply-accumulate datapath that dense and convolution kernels share: its words, its parts, its latency.

Step at cycle t; operands are in registers at t+1, the sum of products after `stages` more registers, the accumulator
and the output register one later.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Int64, Kernel, Part, Parts, TensorType
from .hardware import (
    VERILOG_STYLE,
    braces,
    folds,
    hex_literal,
    memory_part,
    memory_style,
    pack,
    signed_holding,
    weight_type,
    width_of,
)

LATENCY = 2
"""Cycles from a step to its output beat, besides the registers of the adder tree."""


def folded_weights(weight: Int64, kernel: Kernel, simd: int) -> Int64:
    """weight (outputs, ..., inputs) as (turns, positions * input folds, pe, simd), zero where a fold is not full."""
    outputs, inputs = weight.shape[0], weight.shape[-1]
    turns, beats = folds(outputs, kernel.pe), folds(inputs, simd)
    flat = weight.reshape(outputs, -1, inputs)
    full = np.zeros((turns * kernel.pe, flat.shape[1], beats * simd), np.int64)
    full[:outputs, :, :inputs] = flat
    split = full.reshape(turns, kernel.pe, flat.shape[1], beats, simd)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(turns, -1, kernel.pe, simd)


def mac_params(
    weight: Int64, bias: Int64, kernel: Kernel, x: TensorType, out: TensorType, simd: int
) -> dict[str, Any]:
    """Weights and biases as nested lists (HLS) and as words (RTL), widths, folds. weight's last axis meets x."""
    words = folded_weights(weight, kernel, simd)
    turns, beats = words.shape[:2]
    padded = np.zeros(turns * kernel.pe, np.int64)
    padded[: len(bias)] = bias
    biases = padded.reshape(turns, kernel.pe)
    weight_bits = weight_type(weight).bits
    bias_bits = signed_holding(int(bias.min(initial=0)), int(bias.max(initial=0))).bits
    word_width = kernel.pe * simd * weight_bits
    # A spare output lane of the last fold accumulates nothing but zeros: it needs no wider accumulator.
    accumulator_bits = signed_holding(min(*out.lo, *partial_lo(weight, bias, x)), max(*out.hi, *partial_hi(weight, bias, x))).bits
    return {
        "turns": turns,
        "beats": beats,
        "turn_bits": width_of(turns),
        "beat_bits": width_of(beats),
        "steps_per_pixel": turns * beats,
        "stages": kernel.stages,
        "weights": braces(words.reshape(-1, kernel.pe, simd).tolist()),
        "weight_bits": weight_bits,
        "weight_words": [
            hex_literal(pack(words[t, b].ravel(), weight_bits), word_width) for t in range(turns) for b in range(beats)
        ],
        "weight_width": word_width,
        "weight_depth": turns * beats,
        "weight_address_bits": width_of(turns * beats),
        "weight_rom_style": VERILOG_STYLE[memory_style(turns * beats, word_width, kernel)],
        "biases": braces(biases.tolist()),
        "bias_bits": bias_bits,
        "bias_words": [hex_literal(pack(row, bias_bits), kernel.pe * bias_bits) for row in biases],
        "bias_width": kernel.pe * bias_bits,
        "accumulator_bits": accumulator_bits,
        "operand_bits": x.bits + (0 if x.signed else 1),
        "product_bits": x.bits + (0 if x.signed else 1) + weight_bits,
        "sum_bits": x.bits + (0 if x.signed else 1) + weight_bits + (simd - 1).bit_length(),
        "buffer_ram_style": VERILOG_STYLE[memory_style(beats, simd * x.bits, kernel)],
        "use_dsp": "yes" if kernel.multiplier == "dsp" else "no",
    }


def partial_lo(weight: Int64, bias: Int64, x: TensorType) -> Int64:
    """A lower bound of every partial sum, whatever the order of the terms: the bias plus all negative products."""
    return bias + _products(weight, x, np.minimum)


def partial_hi(weight: Int64, bias: Int64, x: TensorType) -> Int64:
    """An upper bound of every partial sum: the bias plus all positive products."""
    return bias + _products(weight, x, np.maximum)


def _products(weight: Int64, x: TensorType, pick: Any) -> Int64:
    low, high = weight * x.lo_array, weight * x.hi_array
    extreme = pick(pick(low, high), 0)
    return np.asarray(extreme.reshape(len(weight), -1).sum(axis=1), np.int64)


def mac_parts(
    weight: Int64, bias: Int64, kernel: Kernel, x: TensorType, out: TensorType, simd: int
) -> Parts:
    """Multipliers (or constant ones, when unrolled), adder trees, accumulators, weight memory, input buffer."""
    context = mac_params(weight, bias, kernel, x, out, simd)
    turns, beats, pe = context["turns"], context["beats"], kernel.pe
    a, b, acc = context["operand_bits"], context["weight_bits"], context["accumulator_bits"]
    parts = [
        Part("register", 1, {"bits": simd * x.bits}),
        Part("register", pe, {"bits": acc}),
        Part("counter", 1, {"bits": max(1, (turns - 1).bit_length())}),
        Part("counter", 1, {"bits": max(1, (beats - 1).bit_length())}),
        Part("control"),
    ]
    if turns * beats == 1:
        digits = int(sum(nonzero_digits(int(w)) for w in weight.ravel()))
        parts.append(Part("constant_multiplier", 1, {"bits": a, "digits": digits, "weights": int(np.count_nonzero(weight))}))
    else:
        parts += [
            Part(f"{kernel.multiplier}_multiplier", pe * simd, {"a": a, "b": b}),
            Part("adder", pe * (simd - 1), {"bits": context["sum_bits"]}),
            Part("adder", pe, {"bits": acc}),
            memory_part("rom", turns * beats, context["weight_width"], kernel),
            memory_part("rom", turns, context["bias_width"], kernel),
        ]
    parts.append(Part("register", pe * kernel.stages, {"bits": context["sum_bits"]}))
    if turns > 1:
        parts.append(memory_part("ram", beats, simd * x.bits, kernel))
    return tuple(parts)


def nonzero_digits(value: int) -> int:
    """Non-zero digits of the canonical signed-digit form: the terms of a shift-and-add product."""
    magnitude = abs(value)
    return bin(magnitude ^ (3 * magnitude)).count("1")
