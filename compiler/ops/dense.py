"""dense: y[m] = bias[m] + sum over k of weight[m, k] * x[k], at every pixel.

Kernel: `simd` inputs times `pe` outputs per step; for each pixel, output folds outside, input folds inside. The first
steps take a beat of the stream each, which a buffer keeps for later ones; a step uses the beat that it takes, or one
that has come before. Where many blocks of `pe` x `simd` weights are all zero, the others alone have steps, in an order
that a table holds; steps in which the next block's beat has still to come only take one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, Program, TensorType
from .accumulate import bounds, free_labels
from .contents import counted_parts
from .exact import integers, magnitude_of, matmul
from .executors import Executor, dense_executor
from .hardware import (
    VERILOG_STYLE,
    braces,
    buffer_parts,
    buffer_style,
    counted_rom,
    counter,
    distinct_lanes,
    hex_literal,
    memory_style,
    stream_params,
    width_of,
)
from .multiply_accumulate import (
    Datapath,
    Tiles,
    aligned_lanes,
    check_kernel,
    kernel_choices,
    mac_layer,
    occupied,
    with_stages,
)
from .weighted import Weighted


@dataclass(frozen=True, eq=False)
class Schedule:
    """The steps of a pixel: step b takes beat b while there are any; a tile has the first step after the one before it
    in which its beat is there.
    """

    tiles: Tiles

    @cached_property
    def starts(self) -> Int64:
        """The step of each tile."""
        order = np.arange(len(self.tiles.blocks))
        return order + np.maximum.accumulate(self.tiles.beat - order)

    @property
    def steps(self) -> int:
        return max(int(self.starts[-1]) + 1, self.tiles.beats)

    @property
    def waits(self) -> bool:
        """Are there steps without a tile?"""
        return self.steps > len(self.starts)

    @property
    def word_bits(self) -> int:
        return width_of(self.tiles.beats) + 1 + self.waits

    def words(self) -> Int64:
        """For each step its beat; above it, whether its sum is complete; above that, whether there is a tile at all."""
        beat, last = width_of(self.tiles.beats), self.tiles.last
        words = np.zeros(self.steps, np.int64)
        words[self.starts] = self.tiles.beat | last << beat | int(self.waits) << (beat + 1)
        return words


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Weighted, name="dense"):
    """weight: (outputs, inputs), bias: (outputs,), integers. scale: real value of one step of the output, if known."""

    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != self.weight.shape[1]:
            raise IntaglioError(f"dense takes {self.weight.shape[1]} inputs, not {x.channels}")
        lo, hi = bounds(self.weight, self.bias, x, may_pad=False)
        return TensorType.integer((*x.shape[:-1], len(self.bias)), lo, hi, self.scale)

    def run(self, x: Array) -> Array:
        return integers(matmul(x, self.weight.T, magnitude_of(x))) + self.bias

    def executor(self, x: TensorType) -> Executor:
        return dense_executor(self.weight, self.bias, x, self.run)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.weight[np.ix_(out, ins[0])], self.bias[out], self.scale)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        outputs, inputs = self.weight.shape
        return (Kernel(pe=pe, simd=simd) for pe in range(1, outputs + 1) for simd in range(1, inputs + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        outputs, inputs = self.weight.shape
        plain = set(product(distinct_lanes(outputs), distinct_lanes(inputs)))
        kernels = [Kernel(pe, simd) for pe, simd in product(aligned_lanes(outputs), aligned_lanes(inputs))]
        paths = ((k, Datapath(mac_layer(self, x), k, self._tiles(k))) for k in kernels)
        return kernel_choices((k, p) for k, p in paths if (k.pe, k.simd) in plain or not p.tiles.complete)

    def pipelined(self, kernel: Kernel, clock_mhz: float, x: TensorType) -> Kernel:
        return with_stages(mac_layer(self, x), kernel, kernel.simd, clock_mhz)

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * Schedule(self._tiles(kernel)).steps

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        path = self._datapath(kernel, x)
        schedule = Schedule(path.tiles)
        pixel = np.arange(x.pixels, dtype=np.int64)[:, None] * schedule.steps
        reads = (pixel + np.arange(path.tiles.beats)).ravel()
        writes = (pixel + schedule.starts[path.tiles.ends - 1]).ravel()
        return Program(x.pixels * schedule.steps, (reads,), writes, path.latency)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        path, word = self._datapath(kernel, x), kernel.simd * x.bits
        beats, turns = path.tiles.beats, path.turns
        parts = [*path.parts(), Part("register", 1, {"bits": word - path.idle_bits})]
        parts += [counter(count) for count in (beats, turns) if count > 1]
        if beats > 1:  # is it the first beat, and the last
            parts.append(Part("gate", 1 + (beats & (beats - 1) == 0), {"inputs": width_of(beats), "bits": 1}))
        if turns > 1:  # is it the first turn, is a beat written and where, is it the turn's last, does its sum begin
            parts += buffer_parts(beats, word, kernel, one_address=path.tiles.complete)
            parts.append(Part("mux", 1, {"inputs": 2, "bits": word}))
            parts.append(Part("gate", 1, {"inputs": width_of(turns), "bits": 1}))
            parts.append(Part("gate", 2 + 2 * (beats > 1), {"inputs": 2, "bits": 1}))
        if not path.tiles.complete:
            schedule = Schedule(path.tiles)
            words, bits = schedule.words()[:, None], schedule.word_bits
            parts.append(counted_rom(schedule.steps, bits, Kernel(), lambda: counted_parts(words, bits)))
            parts.append(counter(schedule.steps))
            parts.append(Part("gate", 1, {"inputs": 2, "bits": width_of(schedule.steps)}))  # 0 in a reset
            parts.append(Part("gate", 1, {"inputs": width_of(schedule.steps), "bits": 1}))  # is it the last
            parts.append(Part("gate", 1, {"inputs": width_of(beats), "bits": 1}))
            parts.append(Part("control", 2))  # does it read, does a sum begin
        return tuple(parts)

    def free_zeros(self, kernel: Kernel, x: TensorType) -> int:
        return int(np.count_nonzero(self._datapath(kernel, x).free(self.weight)))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        path = self._datapath(kernel, x)
        schedule = Schedule(path.tiles)
        beats, words = path.tiles.beats, schedule.words().tolist()
        context = stream_params(kernel, (x,), self.lanes(kernel, x), path.layer.out) | path.params()
        return context | {
            "steps": x.pixels * schedule.steps,
            "in_beats": beats,
            "in_beat_bits": width_of(beats),
            "buffer_ram_style": VERILOG_STYLE[buffer_style(beats, kernel.simd * x.bits, kernel)],
            "skips": not path.tiles.complete,
            "waits": schedule.waits,
            "pixel_steps": schedule.steps,
            "pixel_step_bits": width_of(schedule.steps),
            "order_bits": schedule.word_bits,
            "order_words": [hex_literal(word, schedule.word_bits) for word in words],
            "order_rom_style": VERILOG_STYLE[memory_style(schedule.steps, schedule.word_bits, Kernel())],
            "order_beats": braces((schedule.words() & ((1 << width_of(beats)) - 1)).tolist()),
            "order_tiles": braces(np.bincount(schedule.starts, minlength=schedule.steps).tolist()),
            "order_last": braces((schedule.words() >> width_of(beats) & 1).tolist()),
        }

    def _tiles(self, kernel: Kernel) -> Tiles:
        """The blocks of weights that have steps. Raises IntaglioError for an illegal kernel."""
        outputs, inputs = self.weight.shape
        if not 1 <= kernel.simd <= inputs:
            raise IntaglioError(f"simd is {kernel.simd}, but there are {inputs} inputs", hint=f"choose 1 to {inputs}")
        check_kernel(kernel, outputs, kernel.simd)
        tiles = occupied(self.weight, kernel.pe, kernel.simd)
        return tiles if tiles.pays(Schedule(tiles).steps) else Tiles.every(tiles.turns, tiles.beats)

    def _datapath(self, kernel: Kernel, x: TensorType) -> Datapath:
        """Raises IntaglioError for an illegal kernel."""
        tiles = self._tiles(kernel)
        return Datapath(mac_layer(self, x), kernel, tiles).checked()
