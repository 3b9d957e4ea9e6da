"""slice: some of the rows, columns and channels.

Kernel: takes `simd` channels a step and issues `pe`, where the channels that stay need no repacking: every beat that
goes out is a fixed choice of the lanes of one that came in. One channel at a time always is, and so is a whole pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType, as_integers
from .hardware import beat_steps, distinct_lanes, folds, stream_params
from .moving import Range, Stretch, counter_params, counter_parts, moved, pick_params

LATENCY = 1
"""Cycles from a step to its output beat."""


@dataclass(frozen=True, slots=True)
class Choice:
    """lanes: of a beat, those that stay. folds: the folds of a pixel that have any."""

    lanes: tuple[int, ...]
    folds: tuple[int, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Slice(Op, name="slice"):
    """rows, columns: start, stop, step (of an image; a vector has none). channels: ascending indices."""

    rows: Range
    columns: Range
    channels: Int64

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) not in (1, 3):
            raise IntaglioError(f"slice needs (height, width, channels) or (channels,), not {x.shape}")
        kept = self.channels
        if not len(kept) or kept[0] < 0 or kept[-1] >= x.channels or (np.diff(kept) <= 0).any():
            raise IntaglioError(f"slice needs ascending channels below {x.channels}, not {kept.tolist()}")
        shape = [len(kept)]
        if len(x.shape) == 3:
            for name, (start, stop, step), size in (
                ("rows", self.rows, x.shape[0]),
                ("columns", self.columns, x.shape[1]),
            ):
                if not 0 <= start < stop <= size or step < 1:
                    raise IntaglioError(f"slice has no {name} {start}:{stop}:{step} of {size}")
            shape = [len(range(*self.rows)), len(range(*self.columns)), len(kept)]
        return moved(x, shape, x.lo_array[kept], x.hi_array[kept])

    def run(self, x: Array) -> Array:
        whole = bool(len(self.channels) == x.shape[-1])
        if x.ndim == 4:
            x = x[:, slice(*self.rows), slice(*self.columns)]
        return np.ascontiguousarray(x) if whole else x[..., self.channels]

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return (np.arange(x.channels),), self.channels

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.rows, self.columns, as_integers(np.searchsorted(ins[0], self.channels[out])))

    # -- how it is built -------------------------------------------------------------------------------------------
    def choice(self, simd: int) -> Choice | None:
        """What stays of beats of so many channels; None where it would have to be repacked."""
        fold, lane = np.divmod(self.channels, simd)
        touched, counts = np.unique(fold, return_counts=True)
        lanes = lane[: counts[0]]
        if (counts[:-1] != counts[0]).any() or counts[-1] > counts[0]:
            return None
        if (lane != np.resize(lanes, len(lane))).any():
            return None
        return Choice(tuple(lanes.tolist()), tuple(touched.tolist()))

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return self._kernels(range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        """Of those with equal folds on both sides, only the narrowest."""
        if len(self.channels) == x.channels:
            return self._kernels(distinct_lanes(x.channels))
        found: dict[tuple[int, int], Kernel] = {}
        for kernel in self.kernels(x):
            found.setdefault((folds(x.channels, kernel.simd), folds(len(self.channels), kernel.pe)), kernel)
        return iter(found.values())

    def _kernels(self, lanes: Any) -> Iterator[Kernel]:
        for simd in lanes:
            if (choice := self.choice(simd)) is not None:
                yield Kernel(pe=len(choice.lanes), simd=simd)

    def _choice(self, kernel: Kernel) -> Choice:
        choice = self.choice(kernel.simd)
        if choice is None or len(choice.lanes) != kernel.pe:
            raise IntaglioError(f"slice cannot take {kernel.simd} channels and issue {kernel.pe}", hint="see kernels()")
        return choice

    def _stretches(self, x: TensorType) -> tuple[Stretch, Stretch]:
        if len(x.shape) == 1:
            return Stretch("row", 1, 0, 1), Stretch("column", 1, 0, 1)
        return Stretch("row", x.shape[0], *self.rows), Stretch("column", x.shape[1], *self.columns)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        self._choice(kernel)
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * folds(x.channels, kernel.simd)

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        choice, count = self._choice(kernel), self.steps(kernel, x)
        rows, columns = self._stretches(x)
        steps = beat_steps(count).reshape(rows.size, columns.size, -1)
        writes = steps[np.ix_(rows.positions, columns.positions, np.array(choice.folds))].ravel()
        return Program(count, (beat_steps(count),), writes, LATENCY)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out, choice = self.infer(x), self._choice(kernel)
        rows, columns = self._stretches(x)
        count = folds(x.channels, kernel.simd)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        place = _stretch(choice.folds, count)
        stretches = [s for s in (place, columns, rows) if s is not None]
        conditions = [s.condition for s in stretches] + ([] if place else ["fold_stays"])
        sizes = [("fold", count), ("column", columns.size), ("row", rows.size)]
        return (
            context
            | counter_params(sizes, stretches)
            | pick_params(x, "s0_data", (choice.lanes,), kernel.simd)
            | {
                "steps": self.steps(kernel, x),
                "latency": LATENCY,
                "folds": count,
                "stays": " && ".join(c for c in conditions if c != "1") or "1",
                "fold_mask": ""
                if place
                else f"{count}'b{''.join(str(int(f in choice.folds)) for f in range(count))[::-1]}",
                "fold_table": "" if place else f"{{{', '.join(str(int(f in choice.folds)) for f in range(count))}}}",
                "last_fold_out": choice.folds[-1],
                "fold_bits": max(1, (count - 1).bit_length()),
                "last_used": out.channels - (folds(out.channels, kernel.pe) - 1) * kernel.pe,
            }
        )

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        parts = [Part("register", 1, {"bits": context["out"]["width"]}), Part("control")]
        masked = context["fold_mask"] or context["out"]["spare"]
        parts += counter_parts(context, context["stays"], *(["fold"] if masked else []))
        if context["fold_mask"]:
            parts.append(Part("gate", 1, {"inputs": context["fold_bits"], "bits": 1}))
        if spare := context["out"]["spare"]:
            parts.append(Part("mask", 1, {"bits": spare * context["out"]["bits"]}))
        return tuple(parts)


def _stretch(chosen: tuple[int, ...], size: int) -> Stretch | None:
    """These folds as a regular choice of all of them, if they are one."""
    steps = set(np.diff(chosen).tolist()) or {1}
    return Stretch("fold", size, chosen[0], chosen[-1] + 1, steps.pop()) if len(steps) == 1 else None
