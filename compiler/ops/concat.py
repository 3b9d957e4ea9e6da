"""concat: the channels of several tensors behind each other, those of the first input first.

Kernel: `pe` lanes, any number up to all channels; an input of fewer channels comes in as many lanes as it has. Every
step issues a beat and takes a beat of each input that begins in it. All beats of an input begin at the same lane, where
its first one does; what of a beat goes beyond the last lane is held for the next step. Nothing is ever held where the
lanes divide the channels of all inputs but the last, or are all channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from math import gcd
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, IntType, Kernel, Op, Part, Parts, Program, TensorType
from .elements import element_params, is_bipolar
from .exact import integers
from .executors import Executor, float_carrier
from .hardware import beat_steps, counter, distinct_lanes, folds, stream_params, width_of

LATENCY = 1
"""Cycles from a step to its output beat."""


@dataclass(frozen=True, eq=False, repr=False)
class Concat(Op, name="concat"):
    """count: how many inputs."""

    count: int = 2

    def __post_init__(self) -> None:
        if self.count < 2:
            raise IntaglioError(f"concat joins two tensors or more, not {self.count}")

    def arity(self, ins: tuple[TensorType, ...]) -> None:
        if len(ins) != self.count:
            raise IntaglioError(f"concat of {self.count} takes {self.count} inputs, not {len(ins)}")

    def infer(self, *ins: TensorType) -> TensorType:
        first = ins[0]
        for other in ins[1:]:
            if other.shape[:-1] != first.shape[:-1]:
                raise IntaglioError(f"concat needs equal pixels, not {first.shape} and {other.shape}")
        low, high = (tuple(chain.from_iterable(ends)) for ends in ([x.lo for x in ins], [x.hi for x in ins]))
        shape = (*first.shape[:-1], len(low))
        scale = first.scale if all(x.scale == first.scale for x in ins) else None
        if all(map(is_bipolar, ins)):
            return TensorType(shape, IntType(True, 1), low, high, scale)
        return TensorType.integer(shape, low, high, scale)

    def run(self, *ins: Array) -> Array:
        return np.concatenate([integers(x) for x in ins], axis=-1)

    def executor(self, *ins: TensorType) -> Executor:
        dtype = float_carrier(*(x.magnitude for x in ins))
        if dtype is None:
            return self.run
        return lambda *arrays: np.concatenate(arrays, axis=-1, dtype=dtype, casting="unsafe")

    def couplings(self, *ins: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        starts = _starts([x.channels for x in ins])
        labels = tuple(np.arange(x.channels) + start for x, start in zip(ins, starts, strict=False))
        return labels, np.arange(starts[-1])

    def kernels(self, *ins: TensorType) -> Iterator[Kernel]:
        return (_kernel(lanes, ins) for lanes in range(1, sum(x.channels for x in ins) + 1))

    def choices(self, *ins: TensorType) -> Iterator[Kernel]:
        """The fewest lanes for each number of steps, and those that hold nothing."""
        common = gcd(*(x.channels for x in ins[:-1]))
        even = {lanes for lanes in range(1, common + 1) if common % lanes == 0}
        return (_kernel(lanes, ins) for lanes in sorted({*distinct_lanes(sum(x.channels for x in ins)), *even}))

    def lanes(self, kernel: Kernel, *ins: TensorType) -> tuple[tuple[int, ...], int]:
        total = sum(x.channels for x in ins)
        if not 1 <= kernel.pe <= total:
            raise IntaglioError(
                f"concat cannot put {total} channels on {kernel.pe} lanes", hint=f"choose a pe of 1 to {total}"
            )
        if kernel.simd != (simd := _kernel(kernel.pe, ins).simd):
            raise IntaglioError(
                f"concat on {kernel.pe} lanes takes at most {simd} channels of an input at once, not {kernel.simd}",
                hint=f"choose simd = {simd}",
            )
        return tuple(min(kernel.pe, x.channels) for x in ins), kernel.pe

    def steps(self, kernel: Kernel, *ins: TensorType) -> int:
        return ins[0].pixels * folds(sum(x.channels for x in ins), kernel.pe)

    def program(self, kernel: Kernel, *ins: TensorType) -> Program:
        steps = self.steps(kernel, *ins)
        pixels = beat_steps(steps).reshape(ins[0].pixels, -1)
        reads = tuple(pixels[:, place.start : place.end].ravel() for place in self._places(kernel, ins))
        return Program(steps, reads, beat_steps(steps), LATENCY)

    def _places(self, kernel: Kernel, ins: tuple[TensorType, ...]) -> list[_Place]:
        """Where each input's beats go."""
        counts, starts = self.lanes(kernel, *ins)[0], _starts([x.channels for x in ins])
        return [
            _Place(start // kernel.pe, start // kernel.pe + folds(x.channels, count), start % kernel.pe, count)
            for x, count, start in zip(ins, counts, starts, strict=False)
        ]

    def parts(self, kernel: Kernel, *ins: TensorType) -> Parts:
        places, positions = self._places(kernel, ins), self.steps(kernel, *ins) // ins[0].pixels
        sources = [(place, x.bits, x.signed) for place, x in zip(places, ins, strict=True)]
        gates = _gates(kernel.pe, self.infer(*ins).bits, sources)
        parts = [Part("register", 1, {"bits": sum(gates.values())}), Part("control")]
        if positions > 1:
            parts.append(counter(positions))
            parts.append(Part("constant_comparator", len(ins) - 1, {"bits": width_of(positions)}))
            parts += [Part("gate", 1, {"inputs": inputs, "bits": bits}) for inputs, bits in sorted(gates.items())]
        return tuple(parts)

    def params(self, kernel: Kernel, *ins: TensorType) -> dict[str, Any]:
        out, counts, places = self.infer(*ins), self.lanes(kernel, *ins), self._places(kernel, ins)
        context = stream_params(kernel, ins, counts, out)
        positions, held = self.steps(kernel, *ins) // ins[0].pixels, _held(kernel.pe, places)
        bits = width_of(positions)
        sources = []
        for k, (x, place) in enumerate(zip(ins, places, strict=True)):
            together = [j for j, other in enumerate(places) if j != k and other.meets(place)]
            ready = [f"from_{k}", *(f"(s{j}_valid || !from_{j})" for j in together)]
            same = x.bits == out.bits and is_bipolar(x) == is_bipolar(out)
            element = element_params(x, f"s{k}_data", f"input{k}")
            if same:  # also between bipolar ones, which stay bits
                element = {
                    "rtl": f"s{k}_data[p*{x.bits} +: {x.bits}]",
                    "type": f"ap_uint<{x.bits}>",
                    "cpp": f"input{k}.range({x.bits} * p + {x.bits - 1}, {x.bits} * p)",
                }
            sources.append(
                {
                    "index": k,
                    "width": context["ins"][k]["width"],
                    "lanes": place.lanes,
                    "lane": place.lane,
                    "start": place.start,
                    "end": place.end,
                    "last": place.end - 1,
                    "spare": context["ins"][k]["spare"],
                    "used": place.lanes - context["ins"][k]["spare"],
                    "from": _within(place, positions, bits),
                    "ready": " && ".join(ready),
                    "element": element,
                }
            )
        return context | {
            "sources": sources,
            "positions": positions,
            "position_bits": bits,
            "steps": self.steps(kernel, *ins),
            "held": held,
            "both": kernel.pe + held,
        }


@dataclass(frozen=True, slots=True)
class _Place:
    """An input's beats: one of `lanes` elements in each step from `start` to before `end`, from lane `lane` upwards."""

    start: int
    end: int
    lane: int
    lanes: int

    def meets(self, other: _Place) -> bool:
        """Is there a step that takes a beat of both?"""
        return self.start < other.end and other.start < self.end


def _kernel(lanes: int, ins: tuple[TensorType, ...]) -> Kernel:
    return Kernel(pe=lanes, simd=min(lanes, max(x.channels for x in ins)))


def _held(lanes: int, places: list[_Place]) -> int:
    """Most elements beyond the last lane."""
    return max(0, *(place.lane + place.lanes - lanes for place in places))


def _gates(lanes: int, bits: int, sources: list[tuple[_Place, int, bool]]) -> Counter[int]:
    """Bits of the registers by their inputs: what may come to their place, each with what says that it does.

    A lane is as wide as what comes to it; the bits of a sign beyond are one.
    """
    held = _held(lanes, [place for place, _, _ in sources])
    found: Counter[int] = Counter()
    alike: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
    for lane in range(lanes + held):
        here = tuple(k for k, (place, _, _) in enumerate(sources) if place.lane <= lane < place.lane + place.lanes)
        behind = lane + lanes if lane < held else -1
        kept = tuple(k for k, (place, _, _) in enumerate(sources) if place.lane <= behind < place.lane + place.lanes)
        alike[here, kept] += 1
    for (here, kept), count in alike.items():
        before: list[tuple[int, int]] = []
        for bit in range(bits):
            comes, stays = ([_bit(bit, *sources[k][1:]) for k in some] for some in (here, kept))
            different = [
                (k, at) for k, at in zip((*here, *(-1 - k for k in kept)), comes + stays, strict=True) if at >= 0
            ]
            if different and different != before:
                found[2 * sum(at >= 0 for at in comes) + any(at >= 0 for at in stays)] += count
            before = different
    return found


def _bit(bit: int, bits: int, signed: bool) -> int:
    """Which bit of an element of so many becomes this one of a wider element; -1 where it is 0."""
    return min(bit, bits - 1) if signed else bit if bit < bits else -1


def _within(place: _Place, positions: int, bits: int) -> str:
    """Is `position` one of the steps of an input? In SystemVerilog."""
    if place.end - place.start == 1 < positions:
        return f"position == {bits}'d{place.start}"
    ends = [f"position >= {bits}'d{place.start}"] if place.start else []
    ends += [f"position < {bits}'d{place.end}"] if place.end < positions else []
    return " && ".join(ends) or "1'b1"


def _starts(sizes: list[int]) -> list[int]:
    """Where each begins, and where the last ends."""
    return list(accumulate(sizes, initial=0))
