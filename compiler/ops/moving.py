"""What the operators share that move data and compute nothing: types, positions that are chosen, counters.

A mover is a step machine over counters, the innermost first: fold, column, row. Conditions on them are texts that
Verilog and C++ read alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Int64, Part, TensorType
from .elements import element_params, is_bipolar
from .hardware import counter, width_of

Range = tuple[int, int, int]


def moved(x: TensorType, shape: Iterable[int], lo: Int64, hi: Int64) -> TensorType:
    """A tensor of x's elements, with these bounds of its channels: bipolar if x is, else as narrow as the bounds."""
    out = TensorType.integer(shape, lo, hi, x.scale)
    return TensorType(out.shape, x.dtype, out.lo, out.hi, x.scale) if is_bipolar(x) else out


def image_shape(x: TensorType, what: str) -> tuple[int, int, int]:
    """(height, width, channels). Raises IntaglioError for anything but an image."""
    if len(x.shape) != 3:
        raise IntaglioError(f"{what} needs (height, width, channels), not {x.shape}")
    height, width, channels = x.shape
    return height, width, channels


def moved_element(x: TensorType, vector: str, word: str) -> dict[str, Any]:
    """Element `p` of a beat, to be cast to the output's width: bipolar elements move as the bits that they are."""
    if is_bipolar(x):
        return {"rtl": f"{vector}[p]", "type": "ap_uint<1>", "cpp": f"{word}[p]"}
    return element_params(x, vector, word)


def pick_params(x: TensorType, vector: str, ways: tuple[tuple[int, ...], ...], width: int) -> dict[str, Any]:
    """Lanes that go out of a beat of `width`, in one way of several: of `vector` in SystemVerilog, of `beat` in C++."""
    bits = x.bits
    whole = ways == (tuple(range(width)),)
    every = ways + ways[:1] * ((1 << (len(ways) - 1).bit_length()) - len(ways))  # all that `way` may be
    pieces = [f"{vector}[{lane * bits} +: {bits}]" for lanes in reversed(every) for lane in reversed(lanes)]
    tables = [f"{{{', '.join(map(str, lanes))}}}" for lanes in ways]
    return {
        "picked": vector if whole else f"{{{', '.join(pieces)}}}",
        "picked_width": len(ways[0]) * bits,
        "picked_lanes": "" if whole else f"{{{', '.join(tables)}}}",
        "ways": len(ways),
        "all_ways": len(every),
        "partly": "" if len({lane for lanes in ways for lane in lanes}) == width else vector,
        "element": moved_element(x, "picked", "word"),
        "element_bits": bits,
    }


@dataclass(frozen=True, slots=True)
class Stretch:
    """`size` positions along rows, columns or folds, of which every `step`-th from `start` before `stop` is chosen."""

    name: str
    size: int
    start: int
    stop: int
    step: int = 1

    @property
    def positions(self) -> Int64:
        return np.arange(self.start, self.stop, self.step, dtype=np.int64)

    @property
    def has_phase(self) -> bool:
        return self.step > 1 and len(self.positions) > 1

    @property
    def initial(self) -> int:
        """The phase, which is 0 where a position may be chosen, of position 0."""
        return -self.start % self.step

    @property
    def condition(self) -> str:
        """Is this position chosen?"""
        first, last = int(self.positions[0]), int(self.positions[-1])
        if first == last:
            return f"{self.name} == {first}" if self.size > 1 else "1"
        step = self.step
        tests = [f"{self.name}_phase == 0"] if step > 1 else []
        tests += [f"{self.name} >= {first}"] if first >= step else []
        tests += [f"{self.name} < {last + 1}"] if last + step < self.size else []
        return " && ".join(tests) or "1"


def counter_params(sizes: Iterable[tuple[str, int]], stretches: Iterable[Stretch] = ()) -> dict[str, Any]:
    """Counters that are needed at all, the innermost first, and the phases of stretches."""
    counters: list[dict[str, Any]] = []
    for name, size in sizes:
        if size > 1:
            inner = [f"last_{c['name']}" for c in counters]
            counters.append(
                {
                    "name": name,
                    "size": size,
                    "bits": width_of(size),
                    "advance": " && ".join(["step", *inner]),
                    "when": " && ".join(inner) or "true",
                }
            )
    phases = [
        {"name": f"{s.name}_phase", "of": s.name, "step": s.step, "bits": width_of(s.step), "initial": s.initial}
        for s in stretches
        if s.has_phase
    ]
    return {
        "counters": counters,
        "phases": phases,
        "last_step": " && ".join(f"last_{c['name']}" for c in counters) or "1'b1",
    }


def counter_parts(context: dict[str, Any], *conditions: str) -> list[Part]:
    """The counters of such a context, up to the outermost that something looks at, and what conditions compare: texts,
    or the names of counters.
    """
    words = {word for condition in conditions for word in condition.split()}
    counters, phases = context["counters"], context["phases"]
    used = [k for k, c in enumerate(counters) if words & {c["name"], f"{c['name']}_phase"}]
    counters = counters[: max(used) + 1] if used else []
    phases = [phase for phase in phases if phase["of"] in {c["name"] for c in counters}]
    bits = {c["name"]: c["bits"] for c in (*counters, *phases)}
    compared = [test.split(" ")[0] for test in " && ".join(c for c in conditions if " " in c).split(" && ")]
    return [
        *(counter(c["size"]) for c in counters),
        *(counter(phase["step"]) for phase in phases),
        *(Part("constant_comparator", 1, {"bits": bits[name]}) for name in compared if name in bits),
    ]
