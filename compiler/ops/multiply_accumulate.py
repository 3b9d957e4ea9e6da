"""The multiply-accumulate datapath that dense and convolution kernels share: its words, its parts, its latency.

Step at cycle t; operands are in registers at t+1, the sum of products after `stages` more registers, the accumulator
and the output register one later.

The multiplier `xnor` is for weights of -1 and +1 and inputs of one bit, -1 and +1 or 0 and 1. It counts the bits in
which weights and inputs differ: with inputs of -1 and +1 a product is 1 less 2 for a difference, with 0 and 1 it is 1
(a weight of +1) or 0 (of -1) less 1 for a difference. The constants are part of the bias, the count comes negative out
of a tree of signed terms of one bit, and 0 as padding needs nothing special.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType
from .accumulate import input_bounds
from .hardware import (
    VERILOG_STYLE,
    braces,
    chosen_among,
    folds,
    hex_literal,
    memory_style,
    pack,
    plain_integer,
    rom_part,
    signed_holding,
    weight_type,
    width_of,
)

LATENCY = 2
"""Cycles from a step to its output beat, besides the registers of the adder tree."""


DSP_PRODUCT_BITS = 36
"""Products whose operand widths multiply to less than this are never worth a DSP slice."""


def multiplier_choices(weight: Int64, x: TensorType, lanes: Iterable[tuple[int, int]]) -> Iterator[Kernel]:
    """Kernels over (pe, simd) lanes, with LUT multipliers (XNOR where all is one bit), and with DSP slices where the
    products are wide.
    """
    wide = (x.bits + (not x.signed)) * weight_type(weight).bits >= DSP_PRODUCT_BITS
    multiplier = "xnor" if is_binary(weight, x) else "lut"
    for pe, simd in lanes:
        yield Kernel(pe=pe, simd=simd, multiplier=multiplier)
        if wide:
            yield Kernel(pe=pe, simd=simd, multiplier="dsp")


def is_binary(weight: Int64, x: TensorType) -> bool:
    """Weights of -1 and +1 that meet inputs of one bit."""
    return x.bits == 1 and bool((np.abs(weight) == 1).all())


def check_multiplier(kernel: Kernel, weight: Int64, x: TensorType) -> None:
    """Raises IntaglioError for a multiplier that is none, or that these numbers do not allow."""
    if kernel.multiplier not in ("lut", "dsp", "xnor"):
        raise IntaglioError(f"there is no multiplier {kernel.multiplier!r}", hint="choose lut, dsp or xnor")
    if kernel.multiplier == "xnor" and not is_binary(weight, x):
        raise IntaglioError(
            "xnor multiplies weights of -1 and +1 with inputs of one bit only", hint="choose lut or dsp as multiplier"
        )


def check_kernel(kernel: Kernel, outputs: int, terms: int) -> None:
    """Raises IntaglioError for more lanes than outputs, or more registers than an adder tree of `terms` has places."""
    if not 1 <= kernel.pe <= outputs:
        raise IntaglioError(f"pe is {kernel.pe}, but there are {outputs} outputs", hint=f"choose 1 to {outputs}")
    levels = (terms - 1).bit_length()
    if not 1 <= kernel.stages <= levels + 1:
        raise IntaglioError(
            f"{kernel.stages} registers do not fit an adder tree of {terms} terms", hint=f"choose 1 to {levels + 1}"
        )


def folded_weights(weight: Int64, kernel: Kernel) -> Int64:
    """weight (outputs, ..., inputs of a group) as (turns, positions * input folds, pe, simd).

    It is zero where a fold is not full. A simd beyond the inputs takes all positions side by side.
    """
    outputs = weight.shape[0]
    if kernel.simd > weight.shape[-1]:
        weight = weight.reshape(outputs, -1)
    inputs = weight.shape[-1]
    turns, beats = folds(outputs, kernel.pe), folds(inputs, kernel.simd)
    flat = weight.reshape(outputs, -1, inputs)
    full = np.zeros((turns * kernel.pe, flat.shape[1], beats * kernel.simd), np.int64)
    full[:outputs, :, :inputs] = flat
    split = full.reshape(turns, kernel.pe, flat.shape[1], beats, kernel.simd)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(turns, -1, kernel.pe, kernel.simd)


@dataclass(frozen=True, slots=True)
class MacSizes:
    """Folds and widths of a datapath: `turns` output folds of `beats` steps each, and the bits of every number."""

    turns: int
    beats: int
    operand: int
    weight: int
    product: int
    total: int
    bias: int
    accumulator: int

    @staticmethod
    def of(weight: Int64, bias: Int64, kernel: Kernel, x: TensorType, out: TensorType) -> MacSizes:
        """`bias` is what sums start from, the constants of an XNOR kernel included."""
        inputs = weight.shape[-1]
        beats = 1 if kernel.simd > inputs else weight[0].size // inputs * folds(inputs, kernel.simd)
        xnor = kernel.multiplier == "xnor"
        operand = x.bits + (0 if x.signed and not _bipolar(x) else 1)
        weight_bits = 1 if xnor else weight_type(weight).bits
        product = 1 if xnor else operand + weight_bits
        lo, hi = min(out.lo), max(out.hi)
        if beats > 1:  # partial sums have wider bounds; a spare lane of the last output fold holds nothing but zeros
            start = bias - _binary_constants(weight, x) if xnor else bias
            low, high = products(weight, x)
            lo = min(lo, *(start + np.minimum(low, 0).sum(axis=1)))
            hi = max(hi, *(start + np.maximum(high, 0).sum(axis=1)))
        return MacSizes(
            turns=folds(len(bias), kernel.pe),
            beats=beats,
            operand=operand,
            weight=weight_bits,
            product=product,
            total=product + (kernel.simd - 1).bit_length() + int(xnor and _bipolar(x)),
            bias=signed_holding(int(bias.min(initial=0)), int(bias.max(initial=0))).bits,
            accumulator=signed_holding(int(lo), int(hi)).bits,
        )

    @property
    def constant(self) -> bool:
        """Fully unrolled: every weight is a constant of its own multiplier."""
        return self.turns * self.beats == 1


def mac_params(weight: Int64, bias: Int64, kernel: Kernel, x: TensorType, out: TensorType) -> dict[str, Any]:
    """Weights and biases as nested lists (HLS) and as words (RTL), widths, folds. weight's last axis meets x, or its
    output's group of x's channels; kernel.simd counts the inputs of each output.

    Raises IntaglioError for an illegal kernel.
    """
    check_kernel(kernel, len(bias), kernel.simd)
    check_multiplier(kernel, weight, x)
    xnor = kernel.multiplier == "xnor"
    start = bias + _binary_constants(weight, x) if xnor else bias
    sizes = MacSizes.of(weight, start, kernel, x, out)
    depth = sizes.turns * sizes.beats
    words = folded_weights(weight, kernel).reshape(-1, kernel.pe, kernel.simd)
    padded = np.zeros(sizes.turns * kernel.pe, np.int64)
    padded[: len(bias)] = start
    biases = padded.reshape(sizes.turns, kernel.pe)
    packed = [pack(word.ravel(), sizes.weight) for word in (words > 0 if xnor else words)]
    word_width = kernel.pe * kernel.simd * sizes.weight
    spare = _Spare.of(weight, kernel) if xnor else _Spare(0, 0, 1)
    short_terms, short_outputs = spare.words(sizes)
    for short in [short_terms] * (spare.terms > 0) + [short_outputs] * (spare.outputs > 0):
        packed = [word | int(is_short) << word_width for word, is_short in zip(packed, short, strict=True)]
        word_width += 1
    return {
        "turns": sizes.turns,
        "beats": sizes.beats,
        "turn_bits": width_of(sizes.turns),
        "beat_bits": width_of(sizes.beats),
        "steps_per_pixel": depth,
        "stages": kernel.stages,
        "terms": kernel.simd,
        "side": 1,
        "bipolar": _bipolar(x),
        "xnor": xnor,
        "spare_terms": spare.terms,
        "spare_outputs": spare.outputs,
        "full_terms": kernel.simd - spare.terms,
        "full_outputs": kernel.pe - spare.outputs,
        "short_terms": braces([int(short) for short in short_terms]),
        "short_outputs": braces([int(short) for short in short_outputs]),
        "count_bits": width_of(kernel.simd + 1),
        "weights": braces((words > 0).astype(int).tolist() if xnor else words.tolist()),
        "weight_type": f"ap_{'u' if xnor else ''}int<{sizes.weight}>",
        "weight_bits": sizes.weight,
        "weight_plain": plain_integer(sizes.weight),
        "weight_words": [hex_literal(word, word_width) for word in packed],
        "weight_width": word_width,
        "weight_depth": depth,
        "weight_address_bits": width_of(depth),
        "weight_rom_style": VERILOG_STYLE[memory_style(depth, word_width, kernel)],
        "biases": braces(biases.tolist()),
        "bias_bits": sizes.bias,
        "bias_plain": plain_integer(sizes.bias),
        "bias_words": [hex_literal(pack(row, sizes.bias), kernel.pe * sizes.bias) for row in biases],
        "bias_width": kernel.pe * sizes.bias,
        "accumulator_bits": sizes.accumulator,
        "operand_bits": sizes.operand,
        "product_bits": sizes.product,
        "sum_bits": sizes.total,
        "use_dsp": "yes" if kernel.multiplier == "dsp" else "no",
    }


@dataclass(frozen=True, slots=True)
class _Spare:
    """Lanes that an XNOR kernel must not count: a weight that is not there has no bit of its own to say so.

    terms: of every `folds`-th step, the last input fold. outputs: of the last output fold.
    """

    terms: int
    outputs: int
    folds: int

    @staticmethod
    def of(weight: Int64, kernel: Kernel) -> _Spare:
        outputs, inputs = len(weight), weight.shape[-1]
        beats = folds(inputs, kernel.simd)
        terms = beats * kernel.simd - inputs if kernel.simd <= inputs else 0
        return _Spare(terms, folds(outputs, kernel.pe) * kernel.pe - outputs, beats)

    def words(self, sizes: MacSizes) -> tuple[Array, Array]:
        """For each weight word, whether its spare terms and its spare outputs are there and not to be counted."""
        step = np.arange(sizes.turns * sizes.beats)
        return step % self.folds == self.folds - 1, step >= (sizes.turns - 1) * sizes.beats


def _binary_constants(weight: Int64, x: TensorType) -> Int64:
    """What an XNOR kernel adds to the bias of each output: the sum of its products if no bit were different."""
    ones = np.ones_like(weight) if _bipolar(x) else np.maximum(weight, 0)
    return np.asarray(ones.reshape(len(weight), -1).sum(axis=1), np.int64)


def _bipolar(x: TensorType) -> bool:
    return x.dtype is not None and x.dtype.bipolar


def products(weight: Int64, x: TensorType) -> tuple[Int64, Int64]:
    """The least and the largest value of every product, (outputs, terms)."""
    flat = weight.reshape(len(weight), -1, weight.shape[-1])
    low, high = (flat * ends[:, None] for ends in input_bounds(weight, x))
    return np.minimum(low, high).reshape(len(weight), -1), np.maximum(low, high).reshape(len(weight), -1)


def mac_parts(weight: Int64, bias: Int64, kernel: Kernel, x: TensorType, out: TensorType) -> Parts:
    """What `multiply_accumulate.sv.j2` is made of: weight memory, multipliers, adder trees, accumulators, result."""
    check_kernel(kernel, len(bias), kernel.simd)
    check_multiplier(kernel, weight, x)
    xnor = kernel.multiplier == "xnor"
    start = bias + _binary_constants(weight, x) if xnor else bias
    sizes = MacSizes.of(weight, start, kernel, x, out)
    pe, simd, stages, depth = kernel.pe, kernel.simd, kernel.stages, sizes.turns * sizes.beats
    parts = [
        Part("control"),
        Part("register", 1, {"bits": stages + 2}),  # valid
        Part("register", pe, {"bits": out.bits}),  # the result
    ]
    if sizes.constant and not xnor:
        parts.append(Part("constant_multiplier", 1, constant_sizes(weight, x.bits, sizes.weight)))
        parts.append(Part("adder", int(np.count_nonzero(bias)), {"bits": out.bits}))
        parts.append(Part("register", 1, {"bits": _constant_tree_registers(*products(weight, x), stages)}))
        return tuple(parts)
    product = 1 if xnor else min(sizes.product, _product_bits(weight, x))
    tree = [
        *(Part("register", pe * count, {"bits": bits}) for count, bits in _tree_registers(simd, product, stages)),
        *(Part("tree_adder", pe * count, {"bits": bits}) for count, bits in _tree_adders(simd, product)),
    ]
    if sizes.constant:  # a difference from a constant bit is a wire or an inverter, and part of the tree
        return (*parts, *tree, Part("adder", pe, {"bits": out.bits}))
    spare = _Spare.of(weight, kernel)
    flags = (spare.terms > 0) + (spare.outputs > 0) if xnor else 0
    memory = rom_part(depth, pe * simd * sizes.weight + flags, kernel)
    parts.append(memory)
    if xnor:  # where two terms meet, their differences are part of the adder
        parts += [Part("mask", pe, {"bits": 1})] if simd % 2 else []
    else:
        factors = {"a": x.bits, "b": sizes.weight, "signed": int(x.signed), **chosen_among((memory,))}
        parts.append(Part(f"{kernel.multiplier}_multiplier", pe * simd, factors))
    parts += [
        *tree,
        Part("accumulator" if sizes.beats > 1 else "adder", pe, {"bits": sizes.accumulator}),
        Part("counter", 1, {"bits": width_of(depth)}),
    ]
    if sizes.beats > 1:
        parts.append(Part("register", 2, {"bits": stages + 1}))  # first and last of a sum
    if sizes.turns > 1:
        parts.append(Part("register", stages, {"bits": width_of(sizes.turns)}))
        parts.append(Part("rom_lutram", 1, {"depth": sizes.turns, "width": pe * sizes.bias}))
    return tuple(parts)


def _tree_adders(terms: int, bits: int) -> Iterator[tuple[int, int]]:
    """(how many, bits) of each level of an adder tree."""
    while terms > 1:
        bits += 1
        yield terms // 2, bits
        terms = (terms + 1) // 2


def _tree_registers(terms: int, bits: int, stages: int) -> Iterator[tuple[int, int]]:
    """(how many, bits) of each row of registers that `intaglio_sum_tree` spreads over its levels, its last included."""
    levels = (terms - 1).bit_length()
    for level in range(levels):
        terms, bits = (terms + 1) // 2, bits + 1
        if (level + 1) * (stages - 1) // levels != level * (stages - 1) // levels:
            yield terms, bits
    yield 1, bits


def _product_bits(weight: Int64, x: TensorType) -> int:
    """Bits that the widest product needs: the others of its wire are copies of the sign, and built once."""
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    ends = [w * v for w in (low, high) for v in (min(x.lo), max(x.hi))]
    return signed_holding(min(ends), max(ends)).bits


def _constant_tree_registers(low: Int64, high: Int64, stages: int) -> int:
    """Bits of all registers in adder trees over constant multiples: each as wide as its own bounds, none for a zero."""
    terms, total = low.shape[1], 0
    levels = (terms - 1).bit_length()
    for level in range(levels):
        if low.shape[1] % 2:
            low, high = (np.pad(ends, ((0, 0), (0, 1))) for ends in (low, high))
        low, high = low[:, ::2] + low[:, 1::2], high[:, ::2] + high[:, 1::2]
        if (level + 1) * (stages - 1) // levels != level * (stages - 1) // levels:
            total += _signed_bits(low, high)
    return total + _signed_bits(low, high)


def _signed_bits(low: Int64, high: Int64) -> int:
    """Bits of signed words that hold these ranges, all together."""
    reach = np.maximum(np.maximum(high, -low - 1), 0).astype(np.float64)
    return int(np.where((low == 0) & (high == 0), 0, np.frexp(reach)[1] + 1).sum())


def constant_sizes(weights: Int64, bits: int, weight_bits: int) -> dict[str, int]:
    """Of sums of products with constants, one per row: their terms as non-zero signed digits and as ones in two's
    complement, and how many of these are beyond the two that one adder takes.
    """
    rows = weights.reshape(len(weights), -1)
    magnitude = np.abs(rows)
    digits = np.bitwise_count(magnitude ^ (3 * magnitude)).sum(axis=1, dtype=np.int64)
    ones = np.bitwise_count(rows & ((1 << weight_bits) - 1)).sum(axis=1, dtype=np.int64)
    return {
        "bits": bits,
        "digits": int(digits.sum()),
        "ones": int(ones.sum()),
        "more_digits": int(np.maximum(digits - 2, 0).sum()),
        "more_ones": int(np.maximum(ones - 2, 0).sum()),
        "weights": int(np.count_nonzero(weights)),
    }
