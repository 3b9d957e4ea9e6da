"""Modules to measure: every operator and link of ours, in sizes drawn at random, the same ones on every machine.

`specimens(limit)` is a fixed list: specimen k of an operator depends on nothing but its name and k. An operator
that has no kernels yet, or that this file does not know, is left out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from .. import ops
from ..codegen.env import environment, render
from ..errors import IntaglioError
from ..ir import Op, Parts
from ..ops.links import Fifo, Fork, Frame, Width
from .draws import DRAWS, Draw
from .draws.common import between, sized, tensor


@cache
def library() -> dict[str, str]:
    """The library's modules, rendered, by name."""
    paths = environment().list_templates(filter_func=lambda path: path.startswith("rtl/lib/"))
    return {path.split("/")[-1].split(".")[0]: render(path) for path in sorted(paths)}


@dataclass(frozen=True)
class Specimen:
    """One module: where its parts and its RTL come from.

    `operator` is the name of its template, whose prices hold for it; `dsp` says whether its multipliers may become DSP
    slices; `of_library` names the library's module that it is, with these parameters.
    """

    kind: str
    index: int
    operator: str
    text: str
    dsp: bool
    make_parts: Callable[[], Parts]
    make_rtl: Callable[[], str]
    parameters: tuple[tuple[str, int], ...] = ()
    of_library: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.index}"

    @property
    def module(self) -> str:
        return self.of_library or self.name

    @cached_property
    def parts(self) -> Parts:
        return self.make_parts()

    @cached_property
    def rtl(self) -> str:
        return self.make_rtl()

    @cached_property
    def sources(self) -> dict[str, str]:
        """The module and the library modules under it: text by name."""
        found = {self.module: self.rtl}
        while missing := {n: t for n, t in library().items() if n not in found and n in "".join(found.values())}:
            found |= missing
        return found

    def fingerprint(self, *context: str) -> str:
        """A hash of the RTL (comments apart), its parameters and the context: the same hash, the same measurement."""
        code = re.sub(r"//[^\n]*", "", "\n".join(self.sources.values()))
        words = " ".join(code.split())
        return sha256(repr((words, self.parameters, self.dsp, context)).encode()).hexdigest()[:16]


def specimens(limit: int | None = None) -> Iterator[Specimen]:
    """All specimens; with a limit, the first so many, kinds taking turns."""
    count = 0
    for index in range(max(COUNTS.values())):
        for kind, total in COUNTS.items():
            if index >= total or (limit is not None and count >= limit):
                continue
            made = specimen(kind, index)
            if made is not None:
                count += 1
                yield made


def draw(kind: str, index: int) -> Draw:
    """Operator, kernel and inputs number `index` of an operator's name."""
    return DRAWS[kind][1](_generator(kind, index), index)


def _generator(kind: str, index: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(kind.encode()), index])


@cache
def specimen(kind: str, index: int) -> Specimen | None:
    """Specimen number `index` of a kind; None where that kind cannot be built."""
    if kind in _LINKS:
        link, text, parameters = _LINKS[kind](_generator(kind, index))
        if parameters:
            return of_library(link, parameters, text, kind, index)
        source, name = f"rtl/{link.template}.sv.j2", f"{kind}_{index}"
        return Specimen(
            kind, index, link.template, text, False, link.parts, lambda: render(source, **link.params(), module=name)
        )
    op, kernel, ins = draw(kind, index)
    if type(op).params is Op.params:
        return None
    name = f"{kind}_{index}"
    types = ", ".join(f"{i.dtype}[{'x'.join(map(str, i.shape))}]" for i in ins)
    choices = f"pe={kernel.pe} simd={kernel.simd} {kernel.memory} {kernel.multiplier} stages={kernel.stages}"
    return Specimen(
        kind,
        index,
        op.name,
        f"{op!r} on {types}, {choices}",
        kernel.multiplier.startswith("dsp"),
        lambda: op.parts(kernel, *ins),
        lambda: render(f"rtl/{op.name}.sv.j2", **op.params(kernel, *ins), module=name),
    )


def of_library(
    link: Fifo | Frame, parameters: tuple[tuple[str, int], ...], text: str, kind: str = "", index: int = 0
) -> Specimen:
    """A FIFO or the frame counter of a port: the library's module of that name."""
    module = f"intaglio_{link.template}"
    kind = kind or link.template
    return Specimen(kind, index, link.template, text, False, link.parts, lambda: library()[module], parameters, module)


# ---- links ---------------------------------------------------------------------------------------------------------


def _fifo(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    width, depth = sized(rng, 4, 300), sized(rng, 2, 64) if rng.random() < 0.6 else sized(rng, 65, 2048)
    return Fifo(width, depth), f"{depth} x {width}", (("WIDTH", width), ("DEPTH", depth))


def _deep_fifo(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    """Of block RAMs that may well lie one above the other."""
    width, depth = sized(rng, 20, 120), sized(rng, 1025, 5000)
    return Fifo(width, depth), f"{depth} x {width}", (("WIDTH", width), ("DEPTH", depth))


def _width(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    x = tensor(rng, (3, sized(rng, 16, 128)))
    narrow = sized(rng, 1, x.channels // 2)
    wide = sized(rng, narrow + 1, x.channels)
    if rng.random() < 0.5:  # one divides the other, as solvers like it
        wide = narrow * max(2, wide // narrow)
    lanes = (narrow, wide) if rng.random() < 0.5 else (wide, narrow)
    return Width(x, *lanes), f"{x.dtype}x{x.channels}, {lanes[0]} to {lanes[1]}", ()


def _fork(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    x, copies = tensor(rng, (3, sized(rng, 2, 32))), between(rng, 2, 8)
    return Fork(x, sized(rng, 1, x.channels), copies), f"{copies} copies", ()


def _frame(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    beats = sized(rng, 2, 100_000)
    return Frame(beats), f"{beats} beats", (("BEATS", beats),)


_LINKS = {"fifo": _fifo, "deep_fifo": _deep_fifo, "width": _width, "fork": _fork, "frame": _frame}

COUNTS = {
    **{kind: count for kind, (count, _) in DRAWS.items()},
    "fifo": 44,
    "deep_fifo": 16,
    "width": 36,
    "fork": 8,
    "frame": 8,
}
"""How many of each kind are measured."""
assert ops is not None  # importing it registers the operators


def known_kinds(kinds: Sequence[str]) -> Sequence[str]:
    """The same. Raises IntaglioError where no modules of a kind are measured."""
    for kind in kinds:
        if kind not in COUNTS:
            raise IntaglioError(f"no modules of a kind {kind!r} are measured", hint=f"there are {', '.join(COUNTS)}")
    return kinds
