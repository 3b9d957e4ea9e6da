"""One kernel of a convolution: its lanes, its tiles, how its windows come about, its program.

In groups, one group is folded as a layer of its own where `pe` and `simd` divide what it has, or any number of whole
groups lie side by side. Other lanes cut across groups: then the layer is built without groups, the weights between
them being 0, and steps over the blocks that are not all zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ..errors import IntaglioError
from ..ir import Kernel, Parts, Program, TensorType
from .conv2d_parts import row_parts, window_parts
from .conv2d_taps import line_parts, taps_read
from .hardware import ULTRA_RAM_BITS, distinct_lanes, folds
from .multiply_accumulate import Datapath, Tiles, aligned_lanes, check_kernel, mac_layer, occupied
from .sliding import Raster, RowBuffer

if TYPE_CHECKING:
    from .conv2d import Conv2d

Lanes = tuple[int, int]
"""pe, simd."""


@dataclass(frozen=True, eq=False)
class ConvKernel:
    """`op` is what is built: a convolution whose groups fit the lanes of `kernel`, or one without groups."""

    op: Conv2d
    kernel: Kernel
    x: TensorType

    @staticmethod
    def of(op: Conv2d, kernel: Kernel, x: TensorType) -> ConvKernel:
        """Raises IntaglioError for an illegal kernel."""
        found = ConvKernel(op if fits_groups(op, kernel.pe, kernel.simd) else op.ungrouped, kernel, x)
        found.check(op)
        return found

    @property
    def side(self) -> int:
        """Whole groups side by side."""
        return max(1, self.kernel.pe // self.op.group_outputs) if self.op.groups > 1 else 1

    @property
    def terms(self) -> int:
        """Inputs of each output and step."""
        return self.kernel.simd // self.side

    @property
    def takes_windows(self) -> bool:
        """Whole windows at a time?"""
        return self.terms > self.op.group_inputs

    @property
    def lanes(self) -> Lanes:
        """Elements per beat, in and out."""
        return self.side * min(self.terms, self.op.group_inputs), self.kernel.pe

    @cached_property
    def tiles(self) -> Tiles:
        """The blocks of weights that have steps."""
        if self.takes_windows:
            return Tiles.every(folds(len(self.op.bias), self.kernel.pe), 1)
        tiles = occupied(self.op.weight, self.kernel.pe, self.terms)
        every = Tiles.every(tiles.turns, tiles.beats)
        pays = tiles.pays(len(tiles.blocks)) and self._rows(tiles).steps < self._rows(every).steps
        return tiles if pays else every

    @cached_property
    def path(self) -> Datapath:
        """Its simd is the terms of each output, and its tree may hold fewer registers."""
        mac = replace(self.kernel, simd=self.terms, stages=min(self.kernel.stages, (self.terms - 1).bit_length() + 1))
        return Datapath(mac_layer(self.op, self.x), mac, self.tiles, self.side)

    @cached_property
    def form(self) -> RowBuffer | Raster:
        """How the windows come about."""
        if not self.takes_windows:
            return self._rows(self.tiles)
        groups = folds(self.op.groups, self.side)
        return Raster(self.op.window, *self._sizes, self.tiles.turns // groups, groups)

    @property
    def fills_ultra_ram(self) -> bool:
        """Is there a buffer that a good part of an UltraRAM is worth?"""
        form = self.form
        return isinstance(form, RowBuffer) and form.depth * self.lanes[0] * self.x.bits >= ULTRA_RAM_BITS

    def _rows(self, tiles: Tiles) -> RowBuffer:
        beats, groups = folds(self.x.channels, self.lanes[0]), folds(self.op.groups, self.side)
        ends, whole = tuple(tiles.ends.tolist()), not tiles.complete
        return RowBuffer(self.op.window, *self._sizes, beats, ends, groups, whole)

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        """Rows and columns of the image, and of the output."""
        rows, columns, _ = self.op.window.output_shape(self.x, len(self.op.bias), "conv2d")
        return self.x.shape[0], self.x.shape[1], rows, columns

    def program(self) -> Program:
        # where tiles are skipped, the address of each is made in a cycle of its own
        return self.form.program(self.path.checked().latency + (not self.tiles.complete))

    def parts(self) -> Parts:
        word, form, parts = self.lanes[0] * self.x.bits, self.form, self.path.checked().parts()
        line = None
        if self.path.constant:  # then what no weight reads is not kept
            read = taps_read(self.op, self.x.channels)
            word = int(read.any(axis=0).sum()) * self.x.bits
            line = line_parts(form, read, self.x.bits) if isinstance(form, Raster) else None
        if isinstance(form, RowBuffer):
            return parts + row_parts(form, self.kernel, self.tiles, word)
        return parts + window_parts(form, word, line)

    def check(self, asked: Conv2d) -> None:
        """Raises IntaglioError for a kernel that `asked`, the convolution itself, cannot have."""
        op, kernel, x = self.op, self.kernel, self.x
        check_kernel(kernel, len(op.bias), kernel.simd)
        channels = x.channels
        if not 1 <= self.terms <= op.group_inputs and not (self.terms == op.whole and op.groups == asked.groups):
            hint = f"choose 1 to {channels}, or {asked.whole} for a whole window per step"
            hint += ", or that times a number of groups and as many outputs" if asked.groups > 1 else ""
            raise IntaglioError(f"a conv2d of {channels} channels cannot take {kernel.simd} side by side", hint=hint)
        if self.takes_windows and opens_in_padding(op):
            hint = f"choose a simd of 1 to {channels}"
            raise IntaglioError("windows that hold nothing but padding cannot be taken whole", hint=hint)
        if x.dtype is not None and x.dtype.bipolar and op.window.covers_padding():
            raise IntaglioError("a bipolar image has no 0 to pad with", hint="pad with -1 or +1 before it is quantised")


# ---- which lanes there are ------------------------------------------------------------------------------------------


def legal_lanes(op: Conv2d, channels: int) -> Iterator[Lanes]:
    """Of every legal kernel."""
    everything = list(range(1, len(op.bias) + 1)), list(range(1, channels + 1))
    if op.groups == 1:
        return _with_windows(op, *everything)
    return iter(dict.fromkeys((*_group_lanes(op, range(2, op.groups + 1)), *product(*everything))))


def lanes_worth(op: Conv2d, x: TensorType) -> Iterator[Lanes]:
    """Of the kernels worth considering: one for each number of folds; more where they skip blocks of zeros."""
    if op.groups > 1:
        side = [count for count in distinct_lanes(op.groups) if count > 1]
        return iter([*_group_lanes(op, side), *_lanes_across(op)])
    plain = list(_with_windows(op, distinct_lanes(len(op.bias)), distinct_lanes(x.channels)))
    more = set(product(aligned_lanes(len(op.bias)), aligned_lanes(x.channels))) - set(plain)
    skipping = (lanes for lanes in sorted(more) if not ConvKernel(op, Kernel(*lanes), x).tiles.complete)
    return iter([*plain, *skipping])


def fits_groups(op: Conv2d, pe: int, simd: int) -> bool:
    """Are these lanes those of one group in folds, or of whole groups side by side?"""
    side = max(1, pe // op.group_outputs)
    return op.groups == 1 or (pe, simd) in _group_lanes(op, [side] * (side > 1))


def opens_in_padding(op: Conv2d) -> bool:
    """Is the first window complete before the first pixel: would the window form send it before a frame comes?"""
    (rows, columns), (top, _, left, _) = op.window.span, op.window.padding
    return (rows - 1, columns - 1) < (top, left)


def _with_windows(op: Conv2d, outputs: list[int], inputs: list[int]) -> Iterator[Lanes]:
    """Lanes of the rows form, and of the window form; of a 1x1 kernel they would be the same."""
    rows_only = op.whole in inputs or opens_in_padding(op)
    return product(outputs, inputs if rows_only else [*inputs, op.whole])


def _group_lanes(op: Conv2d, side: Iterable[int]) -> Iterator[Lanes]:
    """Lanes of folds of one group, and of so many whole groups side by side."""
    yield from _with_windows(op, _divisors(op.group_outputs), _divisors(op.group_inputs))
    for pe, simd in _with_windows(op, [op.group_outputs], [op.group_inputs]):
        yield from ((count * pe, count * simd) for count in side)


def _lanes_across(op: Conv2d) -> Iterator[Lanes]:
    """Lanes of up to a group that do not divide it, where they take fewer steps than all that are no wider."""
    outputs = [pe for pe in distinct_lanes(len(op.bias)) if pe <= op.group_outputs]
    inputs = [simd for simd in distinct_lanes(op.groups * op.group_inputs) if simd <= op.group_inputs]
    fewest = dict.fromkeys(inputs, len(op.bias) * op.whole)
    for pe in outputs:
        narrower = len(op.bias) * op.whole + 1
        for simd in inputs:
            steps = _blocks_of_groups(op, pe, simd)
            if steps < min(narrower, fewest[simd]) and not fits_groups(op, pe, simd):
                yield pe, simd
            narrower = fewest[simd] = min(steps, narrower, fewest[simd])


def _blocks_of_groups(op: Conv2d, pe: int, simd: int) -> int:
    """How many blocks of these lanes, at one position of the window, touch a group."""
    turn = np.arange(folds(len(op.bias), pe))
    first = turn * pe // op.group_outputs
    last = np.minimum(turn * pe + pe - 1, len(op.bias) - 1) // op.group_outputs
    beats = ((last + 1) * op.group_inputs - 1) // simd - first * op.group_inputs // simd + 1
    return int(beats.sum())


def _divisors(count: int) -> list[int]:
    return [n for n in range(1, count + 1) if count % n == 0]
