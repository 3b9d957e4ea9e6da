"""gather: out.flat[i] = x.flat[index[i]]: any transpose, reshape, shuffle or crop.

Kernel: takes `simd` channels a step and issues `pe`, where every beat that goes out is of lanes of one that came in,
chosen in one of a few ways; one channel at a time always is. Where the beats keep their order and there is but one
way, the hardware is a register. Else beats are written to a buffer of a frame, and read from it one after the other
from when on none has to wait; the next frame starts when the last has been read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import PINNED, Array, Int64, Kernel, Op, Part, Parts, Program, TensorType, as_integers
from .contents import counted_parts
from .executors import Executor
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    buffer_parts,
    buffer_style,
    counted_rom,
    counter,
    distinct_lanes,
    folds,
    hex_literal,
    memory_style,
    plain_integer,
    stream_params,
    width_of,
)
from .moving import counter_params, moved, pick_params
from .order import Loop, gathered_labels, loops_of

DIRECT, BUFFERED = 1, 3
"""Cycles from a step to its output beat: the result; or the word and its address, the buffer, and the result."""

GLANCE = 64
"""Beats that are looked at before all are."""


MOST_WAYS = 16
"""Ways in which the lanes of a beat may be chosen: a multiplexer of so many inputs."""


@dataclass(frozen=True, slots=True)
class Route:
    """order, way: for each beat that goes out, which of those that came in, and which of the ways its lanes are chosen.

    ways: for each lane that goes out, which one of what came in.
    """

    order: Int64
    way: Int64
    ways: tuple[tuple[int, ...], ...]
    beats: int

    @property
    def direct(self) -> bool:
        single = len(self.ways) == 1 and len(self.order) == self.beats
        return single and bool((self.order == np.arange(self.beats)).all())

    @property
    def way_bits(self) -> int:
        return (len(self.ways) - 1).bit_length()

    @property
    def codes(self) -> Int64:
        """Order and way in one: the way in the low bits."""
        return (self.order << self.way_bits) | self.way

    @property
    def start(self) -> int:
        """The step of the first beat that goes out: every beat is in the buffer when it is read."""
        return max(0, int((self.order + 1 - np.arange(len(self.order))).max()))

    @property
    def steps(self) -> int:
        return self.beats if self.direct else max(self.beats, self.start + len(self.order))


@dataclass(frozen=True, eq=False, repr=False)
class Gather(Op, name="gather"):
    """index: (output size,). shape: of the output. channels: of the input; where 0 (unknown) no channel may go."""

    index: Int64
    shape: tuple[int, ...]
    channels: int = 0

    def infer(self, x: TensorType) -> TensorType:
        if prod(self.shape) != len(self.index):
            raise IntaglioError(f"gather has {len(self.index)} indices for an output of {self.shape}")
        if self.channels not in (0, x.channels):
            raise IntaglioError(f"gather takes {self.channels} channels, not {x.channels}")
        if self.index.min() < 0 or self.index.max() >= x.size:
            raise IntaglioError(f"gather draws element {self.index.max()} of an input of {x.size}")
        sources = (self.index % x.channels).reshape(-1, self.shape[-1])
        return moved(x, self.shape, x.lo_array[sources].min(axis=0), x.hi_array[sources].max(axis=0))

    def run(self, x: Array) -> Array:
        return np.asarray(x.reshape(len(x), -1).take(self.index, axis=1).reshape(len(x), *self.shape))

    def executor(self, x: TensorType) -> Executor:
        if x.size == len(self.index) and (self.index == np.arange(x.size)).all():
            return lambda x: x.reshape(len(x), *self.shape)
        return self.run

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        """An output channel stands or falls with every input channel that it draws from."""
        if not self.channels:
            return (np.full(x.channels, PINNED),), np.full(self.shape[-1], PINNED)
        return gathered_labels(self.index % x.channels, x.channels, self.shape[-1])

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        if not self.channels:
            return self
        pixel, channel = np.divmod(self.index.reshape(-1, self.shape[-1])[:, out], self.channels)
        index = pixel * len(ins[0]) + np.searchsorted(ins[0], channel)
        return type(self)(as_integers(index.ravel()), (*self.shape[:-1], len(out)), len(ins[0]))

    # -- how it is built -------------------------------------------------------------------------------------------
    @cached_property
    def _routes(self) -> dict[tuple[int, ...], Route | None]:
        return {}

    def route(self, pe: int, simd: int, x: TensorType) -> Route | None:
        """Which beat goes where; None where beats would have to be taken apart."""
        key = (pe, simd, x.channels, x.size)
        if key not in self._routes:
            self._routes[key] = self._route(pe, simd, x)
        return self._routes[key]

    def _route(self, pe: int, simd: int, x: TensorType) -> Route | None:
        channels = self.shape[-1]
        count = folds(channels, pe)
        padded = np.full((len(self.index) // channels, count * pe), -1, np.int64)
        padded[:, :channels] = self.index.reshape(-1, channels)
        table = padded.reshape(-1, pe)
        for part in (table[:GLANCE], table):
            used = part >= 0
            pixel, channel = np.divmod(part, x.channels)
            fold, lane = np.divmod(channel, simd)
            beat = pixel * folds(x.channels, simd) + fold
            if not ((beat == beat[:, :1]) | ~used).all():
                return None
            lane = np.where(used, lane, lane[0])  # a lane without a channel takes what the first beat has there
            if (lane == lane[0]).all():
                ways, way = lane[:1], np.zeros(len(lane), np.int64)
            else:
                ways, way = np.unique(lane, axis=0, return_inverse=True)
            if len(ways) > MOST_WAYS:
                return None
        chosen = tuple(tuple(lanes) for lanes in ways.tolist())
        return Route(beat[:, 0], way.reshape(-1), chosen, x.pixels * folds(x.channels, simd))

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return self._kernels(range(1, x.channels + 1), range(1, self.shape[-1] + 1), x)

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        """Of those with equal folds on both sides, only the narrowest; none that another beats in time and in size."""
        found: dict[tuple[int, int], Kernel] = {}
        for kernel in self._kernels(distinct_lanes(x.channels), distinct_lanes(self.shape[-1]), x):
            found.setdefault((folds(x.channels, kernel.simd), folds(self.shape[-1], kernel.pe)), kernel)
        sizes = {}
        for key, kernel in found.items():
            route = self._taken(kernel, x)
            sizes[key] = (route.steps, kernel.simd, kernel.pe * len(route.ways))
        return (
            found[key]
            for key, mine in sizes.items()
            if not any(
                other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in sizes.values()
            )
        )

    def _kernels(self, taken: Iterable[int], issued: Iterable[int], x: TensorType) -> Iterator[Kernel]:
        """As many out as in, one out of several, or some out of a whole pixel."""
        most = min(x.channels, self.shape[-1])
        sizes = {(n, n) for n in (*taken, *issued) if n <= most}
        if (single := self.route(1, 1, x)) is not None and not single.direct:
            sizes |= {(1, n) for n in taken if n <= MOST_WAYS} | {(n, x.channels) for n in issued}
        return (Kernel(pe=pe, simd=simd) for pe, simd in sorted(sizes) if self.route(pe, simd, x) is not None)

    def _taken(self, kernel: Kernel, x: TensorType) -> Route:
        route = self.route(kernel.pe, kernel.simd, x)
        if route is None:
            raise IntaglioError(
                f"gather cannot take {kernel.simd} channels and issue {kernel.pe}", hint="see kernels()"
            )
        return route

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        self._taken(kernel, x)
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self._taken(kernel, x).steps

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        route = self._taken(kernel, x)
        start = 0 if route.direct else route.start
        writes = beat_steps(len(route.order), start=start)
        return Program(route.steps, (beat_steps(route.beats),), writes, DIRECT if route.direct else BUFFERED)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out, route = self.infer(x), self._taken(kernel, x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        count = folds(out.channels, kernel.pe)
        context |= {
            **pick_params(x, "s0_data" if route.direct else "kept", route.ways, kernel.simd),
            "direct": route.direct,
            "latency": DIRECT if route.direct else BUFFERED,
            "steps": route.steps,
            "folds": count,
            "fold_bits": width_of(count),
            "last_fold_out": count - 1,
            "last_used": out.channels - (count - 1) * kernel.pe,
        }
        return context if route.direct else context | self._buffer_params(kernel, x, route)

    def _buffer_params(self, kernel: Kernel, x: TensorType, route: Route) -> dict[str, Any]:
        beats, start, stop = route.beats, route.start, route.start + len(route.order)
        loops, bits = loops_of(route.codes), width_of(route.beats) + route.way_bits
        depth = max(2, beats)
        writes = [f"position >= {start}"] if start else []
        writes += [f"position < {stop}"] if stop < route.steps else []
        return {
            "beats": beats,
            "start": start,
            "position_bits": width_of(route.steps),
            "counts_steps": route.steps > 1,
            "reads": f"position < {beats}" if beats < route.steps else "1",
            "writes": " && ".join(writes) or "1",
            "depth": depth,
            "address_bits": width_of(beats),
            "code_bits": bits,
            "way_bits": route.way_bits,
            "ways_mask": (1 << route.way_bits) - 1,
            "memory_style": VERILOG_STYLE[buffer_style(depth, kernel.simd * x.bits, kernel)],
            "computed": loops is not None,
            **_address_params(loops or [], route.codes, bits),
            "order": [] if loops is not None else [hex_literal(int(code), bits) for code in route.codes],
            "order_table": "" if loops is not None else f"{{{', '.join(map(str, route.codes.tolist()))}}}",
            "order_style": VERILOG_STYLE[memory_style(len(route.order), bits, kernel)],
            "order_plain": plain_integer(bits + 1),
            "issued": len(route.order),
            "issue_bits": width_of(len(route.order)),
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context, route = self.params(kernel, x), self._taken(kernel, x)
        parts = [Part("register", 1, {"bits": context["out"]["width"]}), Part("control")]
        if spare := context["out"]["spare"]:
            parts.append(Part("mask", 1, {"bits": spare * context["out"]["bits"]}))
            parts.append(counter(context["folds"]))
        if route.direct:
            return tuple(parts)
        width, bits = context["ins"][0]["width"], context["code_bits"]
        held = width + context["address_bits"] + context["way_bits"] + 3  # filling, drawing, issues
        parts += [Part("register", 1, {"bits": held}), *buffer_parts(context["depth"], width, kernel)]
        chosen = sum(len(set(lanes)) > 1 for lanes in zip(*route.ways, strict=True))
        if chosen:
            parts.append(Part("mux", chosen, {"inputs": 2, "bits": x.bits * way_luts(len(route.ways))}))
        parts.append(counter(route.steps))
        compared = f"{context['reads']} && {context['writes']}".count("position")
        parts.append(Part("constant_comparator", compared, {"bits": context["position_bits"]}))
        if context["computed"]:
            parts += [counter(loop["size"]) for loop in context["counters"]]
            parts += [Part("register", 1, {"bits": bits}), Part("accumulator", 1, {"bits": bits})]
        else:
            parts.append(counter(context["issued"]))
            contents = partial(counted_parts, route.codes[:, None], bits)
            parts.append(counted_rom(context["issued"], bits, kernel, contents))
        return tuple(parts)


def way_luts(ways: int) -> int:
    """LUTs of a bit that is one of so many, as measured: four share one, and a last one alone needs none of its own;
    those of two fours share another, and of more, two.
    """
    fours, last = divmod(ways, 4)
    groups = fours + (last > 0)
    return fours + (last > 1) + min(groups - 1, 2) + (fours == 0 and last == 1)


def _address_params(loops: list[Loop], codes: Int64, bits: int) -> dict[str, Any]:
    """Counters of the loops; what is added to the address where loop k advances, all inside it being at their ends."""
    context = counter_params([(f"loop{k}", loop.count) for k, loop in enumerate(loops)])
    back, jumps = 0, []
    for loop in loops:
        jumps.append(loop.stride - back)
        back += (loop.count - 1) * loop.stride
    steps = zip(context["counters"], jumps, strict=True)
    return {
        "counters": context["counters"],
        "phases": [],
        "base": int(codes[0]),
        "jumps": [{"at": c["name"], "value": j, "word": hex_literal(j % (1 << bits), bits)} for c, j in steps],
        "back": -back,
        "back_word": hex_literal(-back % (1 << bits), bits),
    }
