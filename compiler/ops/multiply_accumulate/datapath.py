"""One kernel of a layer of sums of products: its folds, its words, its latency, its parts.

Step at cycle t; operands are in registers at t+1, the sum of products after the form's own registers and `stages` more,
the accumulator and the output register one later. Sums are taken modulo 2^(bits of the output): the proven bounds say
that the last one is what it should be, whatever the partial ones were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Array, Int64, Kernel, Part, Parts
from ..contents import different_parts
from ..hardware import (
    VERILOG_STYLE,
    braces,
    counted_rom,
    counter,
    folds,
    hex_literal,
    memory_style,
    pack,
    plain_integer,
    signed_holding,
    width_of,
)
from .few_words import VERY_FEW_WORDS, bit_states, known_sums
from .forms import FORMS, Form
from .layer import MacLayer
from .starts import added_bits, start, starts
from .tiles import Tiles
from .trees import segments

LATENCY = 2
"""Cycles from a step to its output beat, besides the registers between operands and sums."""


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


@dataclass(frozen=True, eq=False)
class Datapath:
    """A layer with a kernel. kernel.simd counts the inputs of each output; `side` groups of channels lie side by side;
    `tiles` are the blocks of weights that it steps over.
    """

    layer: MacLayer
    kernel: Kernel
    tiles: Tiles
    side: int = 1

    def checked(self) -> Self:
        """Itself. Raises IntaglioError for a multiplier that is not for such a layer."""
        if refused := self.form.refusal(self):
            raise IntaglioError(refused[0], hint=refused[1])
        return self

    @property
    def form(self) -> Form:
        return FORMS[self.kernel.multiplier]

    @property
    def turns(self) -> int:
        """Output folds."""
        return self.tiles.turns

    @property
    def beats(self) -> int:
        """Most steps of an output fold."""
        return self.tiles.longest

    @property
    def depth(self) -> int:
        """Weight words."""
        return len(self.tiles.blocks)

    @property
    def constant(self) -> bool:
        """Fully unrolled: every weight is a constant of its own multiplier."""
        return self.depth == 1

    def free(self, weight: Int64) -> npt.NDArray[np.bool_]:
        """Which of these weights (outputs, ..., inputs) have neither a step nor hardware: they are 0."""
        return weight == 0 if self.constant else self.tiles.skipped(weight.shape, self.kernel.pe, self.kernel.simd)

    @property
    def delay(self) -> int:
        """Registers between the operands and their sum."""
        return self.form.delay + self.kernel.stages

    @property
    def latency(self) -> int:
        """Cycles from a step to its output beat."""
        return LATENCY + self.delay

    @property
    def sum_bits(self) -> int:
        tree = self.form.term_bits(self.layer) + (self.kernel.simd - 1).bit_length()
        return tree + self.form.extra_sum_bits(self.layer)

    @property
    def memory(self) -> str:
        """Where the weights lie: `constant`, `lutram` or `bram`."""
        return memory_style(self.depth, self.word_width, self.kernel)

    @cached_property
    def start(self) -> Int64:
        """What each output's sum starts from."""
        return start(self.form, self.layer)

    @cached_property
    def bias_bits(self) -> int:
        wanted = signed_holding(int(self.start.min(initial=0)), int(self.start.max(initial=0))).bits
        return max(2, min(wanted, self.layer.out.bits))

    @property
    def added_bits(self) -> int:
        """Bits in which a sum of products and its start are added, where sums take one step; of all outputs."""
        bits = min(max(self.sum_bits, self.bias_bits), self.layer.out.bits)
        return added_bits(self.form, self.layer, self.kernel.pe, bits)

    @cached_property
    def _spare(self) -> _Spare:
        flagged = self.form.flags_spare or self.form.word(self.layer).bits == 1
        return _Spare.of(self.layer.weight, self.kernel) if flagged else _Spare(0, 0, 1)

    @cached_property
    def _codes(self) -> Int64:
        """The weights as they lie in memory: (words, pe, simd)."""
        blocks = folded_weights(self.layer.weight, self.kernel).reshape(-1, self.kernel.pe, self.kernel.simd)
        return self.form.codes(self.layer, blocks[self.tiles.blocks])

    def words(self) -> tuple[list[int], int]:
        """The words of the weight memory and their width."""
        word = self.form.word(self.layer)
        packed = [pack(block.ravel(), word.bits) for block in self._codes]
        width = self.kernel.pe * self.kernel.simd * word.bits
        for short in self._spare.flags(self):
            packed = [value | int(is_short) << width for value, is_short in zip(packed, short, strict=True)]
            width += 1
        return packed, width

    @property
    def word_width(self) -> int:
        flags = (self._spare.terms > 0) + (self._spare.outputs > 0)
        return self.kernel.pe * self.kernel.simd * self.form.word(self.layer).bits + flags

    def params(self) -> dict[str, Any]:
        """Weights and biases as nested lists (HLS) and as words (RTL), widths, folds."""
        layer, kernel, form, spare = self.layer, self.kernel, self.form, self._spare
        word = form.word(layer)
        words, width = self.words()
        padded = np.zeros(self.turns * kernel.pe, np.int64)
        padded[: len(layer.bias)] = _wrapped(self.start, self.bias_bits)
        biases = padded.reshape(self.turns, kernel.pe)
        short_terms, short_outputs = spare.words(self)
        return {
            "multiplier": form.template,
            "turns": self.turns,
            "beats": self.beats,
            "turn_bits": width_of(self.turns),
            "beat_bits": width_of(self.beats),
            "stages": kernel.stages,
            "delay": self.delay,
            "terms": kernel.simd,
            "side": self.side,
            "bipolar": layer.bipolar,
            "spare_terms": spare.terms,
            "spare_outputs": spare.outputs,
            "full_terms": kernel.simd - spare.terms,
            "full_outputs": kernel.pe - spare.outputs,
            "short_terms": braces([int(short) for short in short_terms]),
            "short_outputs": braces([int(short) for short in short_outputs]),
            "weights": braces(self._codes.tolist()),
            "weight_type": f"ap_{'' if word.signed else 'u'}int<{word.bits}>",
            "weight_bits": word.bits,
            "weight_plain": plain_integer(word.bits + (not word.signed)),
            "weight_words": [hex_literal(value, width) for value in words],
            "weight_width": width,
            "weight_depth": self.depth,
            "weight_address_bits": width_of(self.depth),
            "weight_rom_style": VERILOG_STYLE[memory_style(self.depth, width, kernel)],
            "biases": braces(biases.tolist()),
            "bias_bits": self.bias_bits,
            "bias_plain": plain_integer(self.bias_bits),
            "bias_words": [hex_literal(pack(row, self.bias_bits), kernel.pe * self.bias_bits) for row in biases],
            "bias_width": kernel.pe * self.bias_bits,
            "operand_bits": layer.operand_bits,
            "term_bits": form.term_bits(layer),
            "sum_bits": self.sum_bits,
            "use_dsp": "no",
            "total": form.total,
        } | form.params(self)

    def parts(self) -> Parts:
        """What `multiply_accumulate.sv.j2` is made of: weight memory, multipliers, trees, accumulators, result."""
        layer, kernel, form = self.layer, self.kernel, self.form
        pe, out = kernel.pe, layer.out.bits
        parts = [
            Part("control"),
            Part("register", 1, {"bits": self.delay + 2}),  # valid
        ]
        if self.constant and (unrolled := form.unrolled(self)) is not None:
            return (*parts, *unrolled)
        parts += [
            Part("register", pe, {"bits": out}),  # the result
            *self._weight_memory(),
            *self._sums(),
            *form.beside(self),
            *form.registers(self),
            *form.accumulator(self),
        ]
        if not self.constant:
            parts.append(counter(self.depth))
        if self.beats > 1:
            parts.append(delay_line(self.delay + 1, 2))  # first and last of a sum
        if self.turns > 1 and (begin := starts(form, layer, pe, self.bias_bits))["columns"]:
            parts.append(delay_line(self.delay, width_of(self.turns)))
            parts += [Part("rom_case", 1, begin), Part("case_register", 1, begin)]
        return tuple(parts)

    @property
    def idle_bits(self) -> int:
        """Bits of the word of operands that take no flip-flop of their own."""
        return self.form.idle(self) if self.constant else 0

    def _weight_memory(self) -> Parts:
        if self.constant:
            return ()
        if self.memory == "bram":
            return (Part("rom_bram", 1, {"depth": self.depth, "width": self._columns()}),)
        return (counted_rom(self.depth, self.word_width, self.kernel, self._contents),)

    def _contents(self) -> dict[str, int]:
        """What is known of the weights in memory: columns that are equal or constant, if there are any."""
        if self.depth <= FEW_WORDS and self.layer.weight.size <= MOST_WEIGHTS and self.tiles.complete:
            return _few_words(self.form, self.layer, Kernel(self.kernel.pe, self.kernel.simd))  # nothing else matters
        columns = self._columns()
        return {"columns": columns} if columns < self.word_width else {}

    def _columns(self) -> int:
        """Bits of a word that are not the same for all weights; where there is no weight, there are zeros."""
        bits, kernel = self.form.word(self.layer).bits, self.kernel
        varying, with_zeros = _varying_bits(self.form, self.layer)
        if varying == bits:
            return self.word_width
        spare = _Spare.of(self.layer.weight, kernel)
        full = (kernel.pe - spare.outputs) * (kernel.simd - spare.terms)
        others = kernel.pe * kernel.simd - full
        return self.word_width - full * (bits - varying) - others * (bits - with_zeros)

    def known_bits(self) -> Int64 | None:
        """Of very few words, what each bit of the weights (pe, simd) is."""
        if not 1 < self.depth <= VERY_FEW_WORDS or self.layer.weight.size > MOST_WEIGHTS:
            return None
        return bit_states(self._codes, self.form.word(self.layer).bits)

    def _sums(self) -> Iterator[Part]:
        """Products and adder trees, from register to register."""
        layer, form, pe = self.layer, self.form, self.kernel.pe
        known, done = self.known_bits(), 0
        for sums, terms, bottom, top in segments(self.kernel.simd, self.kernel.stages):
            if bottom == 0:
                width = min(form.term_bits(layer) + top, layer.out.bits)
                parts = form.summed(self, pe * sums, terms, width)
                if known is not None:
                    chosen, done = known[:, done : done + sums * terms], done + sums * terms
                    parts = tuple(piece for part in parts for piece in known_sums(part, chosen, self.side))
                yield from parts
            elif terms > 1:
                bits = form.live_term_bits(layer)
                width = min(bits + top, layer.out.bits)
                yield Part("sum", pe * sums, {"terms": terms, "bits": min(bits + bottom, width), "width": width})


SHORTEST_LINE = 3
"""Registers in a row that become a shift register in LUTs."""


def delay_line(length: int, width: int) -> Part:
    """Registers in a row without a reset."""
    if length < SHORTEST_LINE:
        return Part("register", length, {"bits": width})
    return Part("shift_line", 1, {"depth": length, "width": width})


FEW_WORDS = 16
"""Of memories with more words hardly any columns are equal or constant."""

MOST_WEIGHTS = 1 << 15
"""Of more weights in few words nobody builds the multipliers: they are priced by what is expected."""


@lru_cache(maxsize=1024)
def _few_words(form: Form, layer: MacLayer, kernel: Kernel) -> dict[str, int]:
    """What differs in the memory of all weights."""
    words = form.codes(layer, folded_weights(layer.weight, kernel))
    return different_parts(words.reshape(len(words) * words.shape[1], -1), form.word(layer).bits)


@lru_cache(maxsize=64)
def _varying_bits(form: Form, layer: MacLayer) -> tuple[int, int]:
    """Of the code of a weight, those that are not the same in all; and in all and zero."""
    mask, codes = (1 << form.word(layer).bits) - 1, form.codes(layer, layer.weight)
    ones, all_ones = np.bitwise_or.reduce(codes, axis=None), np.bitwise_and.reduce(codes, axis=None)
    zero = form.codes(layer, np.zeros(1, np.int64))[0]
    found = (ones ^ all_ones) & mask, ((ones | zero) ^ (all_ones & zero)) & mask
    return int(found[0]).bit_count(), int(found[1]).bit_count()


@dataclass(frozen=True, slots=True)
class _Spare:
    """Lanes that must not be counted where a weight that is not there has no code of its own to say so.

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

    def words(self, datapath: Datapath) -> tuple[Array, Array]:
        """For each weight word, whether its spare terms and its spare outputs are there and not to be counted."""
        block = datapath.tiles.blocks
        return block % self.folds == self.folds - 1, block >= (datapath.turns - 1) * datapath.tiles.beats

    def flags(self, datapath: Datapath) -> list[Array]:
        """Those of them that the memory holds."""
        short_terms, short_outputs = self.words(datapath)
        return [short_terms] * (self.terms > 0) + [short_outputs] * (self.outputs > 0)


def _wrapped(values: Int64, bits: int) -> Int64:
    """Modulo 2^bits, as signed numbers."""
    if bits >= 64:
        return values
    half = 1 << (bits - 1)
    return ((values + half) & ((1 << bits) - 1)) - half


def with_stages(layer: MacLayer, kernel: Kernel, terms: int, clock_mhz: float) -> Kernel:
    """The kernel with the registers that `terms` products and their adder tree need at a clock (ops/timing.py)."""
    stages = FORMS[kernel.multiplier].stages(layer, terms, clock_mhz)
    return replace(kernel, stages=min(stages, (terms - 1).bit_length() + 1))
