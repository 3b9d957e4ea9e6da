"""concat: the channels of several tensors behind each other, those of the first input first.

Kernel: `pe` = `simd` = lanes that divide the channels of all inputs but the last: a step takes a beat of one input and
issues it. Or `pe` = all channels, the parallel form: a step takes a whole pixel of every input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from math import gcd
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, IntType, Kernel, Op, Part, Parts, Program, TensorType
from .elements import element_params, is_bipolar
from .exact import integers
from .executors import Executor, float_carrier
from .hardware import beat_steps, folds, stream_params, width_of

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
        common, total = gcd(*(x.channels for x in ins[:-1])), sum(x.channels for x in ins)
        for lanes in range(1, common + 1):
            if common % lanes == 0:
                yield Kernel(pe=lanes, simd=lanes)
        yield Kernel(pe=total, simd=max(x.channels for x in ins))

    def lanes(self, kernel: Kernel, *ins: TensorType) -> tuple[tuple[int, ...], int]:
        if _parallel(kernel, ins):
            return tuple(x.channels for x in ins), kernel.pe
        if uneven := [x.channels for x in ins[:-1] if x.channels % kernel.simd]:
            raise IntaglioError(
                f"concat cannot take {kernel.simd} of {uneven[0]} channels",
                hint="choose a divisor of the channels of all inputs but the last, or all channels",
            )
        return (kernel.simd,) * len(ins), kernel.pe

    def steps(self, kernel: Kernel, *ins: TensorType) -> int:
        return ins[0].pixels * (1 if _parallel(kernel, ins) else _starts(self._beats(kernel, ins))[-1])

    def program(self, kernel: Kernel, *ins: TensorType) -> Program:
        steps = self.steps(kernel, *ins)
        beats = beat_steps(steps)
        if _parallel(kernel, ins):
            return Program(steps, (beats,) * len(ins), beats, LATENCY)
        starts = _starts(self._beats(kernel, ins))
        pixels = beats.reshape(ins[0].pixels, -1)
        reads = tuple(pixels[:, start:end].ravel() for start, end in pairwise(starts))
        return Program(steps, reads, beats, LATENCY)

    def _beats(self, kernel: Kernel, ins: tuple[TensorType, ...]) -> list[int]:
        """Beats of a pixel of each input."""
        counts = self.lanes(kernel, *ins)[0]
        return [folds(x.channels, count) for x, count in zip(ins, counts, strict=True)]

    def parts(self, kernel: Kernel, *ins: TensorType) -> Parts:
        context = self.params(kernel, *ins)
        parts = [Part("register", 1, {"bits": context["out"]["width"]}), Part("control")]
        if not context["parallel"]:  # the LUTs that choose among the inputs also mask the spare lanes
            parts += [
                Part("counter", 1, {"bits": context["position_bits"]}),
                Part("constant_comparator", len(ins) - 1, {"bits": context["position_bits"]}),
                Part("mux", 1, {"inputs": len(ins), "bits": context["out"]["width"]}),
            ]
        return tuple(parts)

    def params(self, kernel: Kernel, *ins: TensorType) -> dict[str, Any]:
        out, counts, parallel = self.infer(*ins), self.lanes(kernel, *ins), _parallel(kernel, ins)
        context = stream_params(kernel, ins, counts, out)
        starts = _starts(self._beats(kernel, ins))
        lane_starts = _starts([x.channels for x in ins])
        sources = []
        for k, x in enumerate(ins):
            others = [f"s{j}_valid" for j in range(len(ins)) if j != k] if parallel else [f"from_{k}"]
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
                    "lanes": counts[0][k],
                    "first_lane": lane_starts[k] if parallel else 0,
                    "start": starts[k],
                    "end": starts[k + 1],
                    "others": " && ".join(others),
                    "element": element,
                }
            )
        return context | {
            "parallel": parallel,
            "sources": sources,
            "position_bits": width_of(starts[-1]),
            "positions": starts[-1],
            "steps": self.steps(kernel, *ins),
            "all_valid": " && ".join(f"s{k}_valid" for k in range(len(ins))),
            "spare": context["out"]["spare"],
            "used": counts[1] - context["out"]["spare"],
        }


def _parallel(kernel: Kernel, ins: tuple[TensorType, ...]) -> bool:
    return kernel.pe == sum(x.channels for x in ins)


def _starts(sizes: list[int]) -> list[int]:
    """Where each begins, and where the last ends."""
    return list(accumulate(sizes, initial=0))
