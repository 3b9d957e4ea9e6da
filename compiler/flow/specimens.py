"""Modules to measure: every operator and link of ours, in sizes drawn at random, the same ones on every machine.

`specimens(limit)` is a fixed list: specimen k of an operator depends on nothing but its name and k. An operator
that has no kernels yet, or that this file does not know, is left out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from .. import ops
from ..codegen.env import environment, render
from ..ir import Kernel, Op, Parts, TensorType


@cache
def library() -> dict[str, str]:
    """The library's modules, rendered, by name."""
    paths = environment().list_templates(filter_func=lambda path: path.startswith("rtl/lib/"))
    return {path.split("/")[-1].split(".")[0]: render(path) for path in sorted(paths)}


@dataclass(frozen=True)
class Specimen:
    """One module: where its parts and its RTL come from. `dsp` says whether its multipliers may become DSP slices."""

    kind: str
    index: int
    text: str
    dsp: bool
    make_parts: Callable[[], Parts]
    make_rtl: Callable[[], str]
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    def name(self) -> str:
        return f"{self.kind}_{self.index}"

    @property
    def module(self) -> str:
        return "intaglio_fifo" if self.kind == "fifo" else self.name

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


Draw = tuple[Op, Kernel, tuple[TensorType, ...]]


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
    return _OPS[kind](_generator(kind, index), index)


def _generator(kind: str, index: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(kind.encode()), index])


def specimen(kind: str, index: int) -> Specimen | None:
    """Specimen number `index` of a kind; None where that kind cannot be built."""
    if kind in _LINKS:
        link, text, parameters = _LINKS[kind](_generator(kind, index))
        if kind == "fifo":
            return Specimen(kind, index, text, False, link.parts, lambda: library()["intaglio_fifo"], parameters)
        source, name = f"rtl/{link.template}.sv.j2", f"{kind}_{index}"
        return Specimen(kind, index, text, False, link.parts, lambda: render(source, **link.params(), module=name))
    op, kernel, ins = draw(kind, index)
    if type(op).params is Op.params:
        return None
    name = f"{kind}_{index}"
    types = ", ".join(f"{i.dtype}[{'x'.join(map(str, i.shape))}]" for i in ins)
    choices = f"pe={kernel.pe} simd={kernel.simd} {kernel.memory} {kernel.multiplier} stages={kernel.stages}"
    return Specimen(
        kind,
        index,
        f"{op!r} on {types}, {choices}",
        kernel.multiplier == "dsp",
        lambda: op.parts(kernel, *ins),
        lambda: render(f"rtl/{op.name}.sv.j2", **op.params(kernel, *ins), module=name),
    )


# ---- what is drawn -------------------------------------------------------------------------------------------------


def _make(name: str, **constants: Any) -> Op:
    return Op.registry[name](**constants)


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high, endpoint=True))


def _sized(rng: np.random.Generator, low: int, high: int) -> int:
    """Evenly on a logarithmic scale."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _tensor(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    bits = _between(rng, 1, 8)
    signed = bool(rng.random() < 0.3) and bits > 1
    return TensorType.integer(shape, -(1 << (bits - 1)) if signed else 0, (1 << (bits - 1 if signed else bits)) - 1)


def _accumulators(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    """Bounds as they come out of a layer: a little different in every channel."""
    reach = 1 << _between(rng, 5, 15)
    low = -rng.integers(reach // 2, reach, size=shape[-1])
    high = rng.integers(reach // 2, reach, size=shape[-1])
    return TensorType.integer(shape, low, high)


def _weights(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """As training leaves them: rounded Gaussians that use the whole range."""
    high = max(1, (1 << (bits - 1)) - 1)
    return np.clip(np.rint(rng.normal(0, max(0.7, high / 2.2), size=shape)), -high - (bits > 1), high).astype(np.int64)


def _kernel(rng: np.random.Generator, outputs: int, inputs: int, product_bits: int, index: int) -> Kernel:
    """Folds whose multipliers take a few hundred LUTs at most; every fifth is built of DSPs, every seventh in BRAM."""
    multiplier = "dsp" if index % 5 == 4 else "lut"
    most = 16 if multiplier == "dsp" else max(1, 700 // (2 * product_bits))
    pe = min(outputs, _sized(rng, 1, min(12, most)))
    simd = min(inputs, _sized(rng, 1, max(1, most // pe)))
    memory = ("auto", "lutram", "auto", "bram")[_between(rng, 0, 3)]
    return Kernel(pe=pe, simd=simd, memory=memory, multiplier=multiplier, stages=_stages(rng, simd))


def _stages(rng: np.random.Generator, terms: int) -> int:
    """Registers in an adder tree."""
    return min(_between(rng, 1, 3), (terms - 1).bit_length() + 1)


def _dense(rng: np.random.Generator, index: int) -> Draw:
    bits = _between(rng, 1, 8)
    if index % 4 == 3:  # unrolled, weights as constants
        inputs, outputs = _sized(rng, 3, 16), _sized(rng, 1, 10)
        x = _tensor(rng, (inputs,))
        kernel = Kernel(outputs, inputs, stages=_stages(rng, inputs))
    else:
        inputs, outputs = _sized(rng, 4, 96), _sized(rng, 2, 32)
        x = _tensor(rng, (*((3,) if index % 3 == 0 else ()), inputs))
        kernel = _kernel(rng, outputs, inputs, x.bits * bits, index)
    weight = _weights(rng, (outputs, inputs), bits)
    return _make("dense", weight=weight, bias=_weights(rng, (outputs,), bits + 3)), kernel, (x,)


def _conv2d(rng: np.random.Generator, index: int) -> Draw:
    bits, size = _between(rng, 1, 6), (1, 3, 3, 5)[_between(rng, 0, 3)]
    unrolled = index % 4 == 3
    inputs, outputs = _sized(rng, 1, 3 if unrolled else 20), _sized(rng, 2, 6 if unrolled else 24)
    side = _between(rng, size, 14)
    x = _tensor(rng, (side, side + _between(rng, 0, 3), inputs))
    if unrolled:
        kernel = Kernel(outputs, inputs, stages=_between(rng, 1, 3))
    else:
        kernel = _kernel(rng, outputs, inputs, x.bits * bits, index)
    pad = _between(rng, 0, size // 2)
    op = _make(
        "conv2d",
        weight=_weights(rng, (outputs, size, size, inputs), bits),
        bias=_weights(rng, (outputs,), bits + 3),
        stride=(1, 1) if index % 3 else (min(2, size), min(2, size)),
        padding=(pad,) * 4,
    )
    options = list(op.kernels(x)) if unrolled and type(op).kernels is not Op.kernels else []
    if options:  # the most parallel kernel that it has
        kernel = max(options, key=lambda k: (k.pe * k.simd, k.pe))
    return op, kernel, (x,)


def _pool(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        channels, size = _sized(rng, 1, 40), _between(rng, 2, 3)
        x = _tensor(rng, (_between(rng, size, 12), _between(rng, size, 12), channels))
        if index % 6 == 5:
            size = min(x.shape[:2])
        stride = size if index % 3 else max(1, size - 1)
        lanes = _sized(rng, 1, min(channels, 12))
        op = _make(name, kernel=(size, size), stride=(stride, stride))
        return op, _lanes(op, rng, lanes, x), (x,)

    return draw


def _lanes(op: Op, rng: np.random.Generator, lanes: int, *ins: TensorType) -> Kernel:
    """A legal kernel of about so many lanes, memory style drawn."""
    if type(op).kernels is Op.kernels:
        return Kernel()
    options = list(op.kernels(*ins))
    nearest = min(abs(k.pe - lanes) for k in options)
    near = [k for k in options if abs(k.pe - lanes) == nearest]
    return near[_between(rng, 0, len(near) - 1)]


def _add(rng: np.random.Generator, index: int) -> Draw:
    shape = (_between(rng, 1, 5), _sized(rng, 1, 40))
    a, b = _tensor(rng, shape), _tensor(rng, shape)
    op = _make("add")
    return op, _lanes(op, rng, _sized(rng, 1, min(shape[1], 24)), a, b), (a, b)


def _threshold(rng: np.random.Generator, index: int) -> Draw:
    channels = _sized(rng, 1, 40)
    x = _accumulators(rng, (_between(rng, 1, 4), channels))
    levels = (1 << _between(rng, 1, 4)) - 1
    rows = np.sort(rng.integers(x.lo_array[:, None] + 1, x.hi_array[:, None], size=(channels, levels)), axis=1)
    step = np.where(rng.random(channels) < 0.2, -1, 1)
    base = np.where(step < 0, levels, 0)
    op = _make("threshold", thresholds=rows, base=base, step=step)
    lanes = _sized(rng, 1, max(1, min(channels, 400 // (levels * x.bits))))
    return op, _lanes(op, rng, lanes, x), (x,)


def _mul_shift(rng: np.random.Generator, index: int) -> Draw:
    channels = _sized(rng, 1, 40)
    x = _accumulators(rng, (_between(rng, 1, 4), channels))
    factor_bits, bits = _between(rng, 2, 8), _between(rng, 1, 8)
    shift = max(1, x.bits + factor_bits - bits - _between(rng, 1, 3))
    factors = rng.integers(1 << (factor_bits - 1), 1 << factor_bits, size=channels)
    op = _make(
        "mul_shift",
        multiplier=factors,
        addend=rng.integers(-(1 << shift), 1 << shift, size=channels),
        shift=shift,
        lo=0,
        hi=(1 << bits) - 1,
    )
    lanes = _sized(rng, 1, max(1, min(channels, 500 // (x.bits * factor_bits))))
    kernel = _lanes(op, rng, lanes, x)
    return op, kernel, (x,)


def _shift(rng: np.random.Generator, index: int) -> Draw:
    channels = _sized(rng, 1, 40)
    x = _accumulators(rng, (_between(rng, 1, 4), channels))
    bits = _between(rng, 1, 8)
    shift = max(1, x.bits - bits - _between(rng, 0, 2))
    addend = rng.integers(-(1 << shift), 1 << shift, size=channels)
    op = _make("shift", addend=addend, shift=shift, lo=0, hi=(1 << bits) - 1)
    return op, _lanes(op, rng, _sized(rng, 1, min(channels, 16)), x), (x,)


def _argmax(rng: np.random.Generator, index: int) -> Draw:
    x = _accumulators(rng, (_sized(rng, 2, 40),))
    op = _make("argmax")
    return op, _lanes(op, rng, _sized(rng, 1, min(x.channels, 12)), x), (x,)


def _flatten(rng: np.random.Generator, index: int) -> Draw:
    x = _tensor(rng, (_between(rng, 1, 5), _between(rng, 1, 5), _sized(rng, 1, 20)))
    op = _make("flatten")
    return op, _lanes(op, rng, _sized(rng, 1, min(x.channels, 12)), x), (x,)


_OPS: dict[str, Callable[[np.random.Generator, int], Draw]] = {
    "dense": _dense,
    "conv2d": _conv2d,
    "threshold": _threshold,
    "mul_shift": _mul_shift,
    "shift": _shift,
    "max_pool": _pool("max_pool"),
    "sum_pool": _pool("sum_pool"),
    "add": _add,
    "argmax": _argmax,
    "flatten": _flatten,
}


def _fifo(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    from ..ops.links import Fifo

    width, depth = _sized(rng, 1, 100), _sized(rng, 2, 300)
    return Fifo(width, depth), f"{depth} x {width}", (("WIDTH", width), ("DEPTH", depth))


def _width(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    from ..ops.links import Width

    x = _tensor(rng, (3, _sized(rng, 2, 40)))
    narrow, wide = _sized(rng, 1, min(x.channels, 12)), _sized(rng, 1, min(x.channels, 24))
    return Width(x, narrow, wide), f"{x.dtype}x{x.channels}, {narrow} to {wide}", ()


def _fork(rng: np.random.Generator) -> tuple[Any, str, tuple[tuple[str, int], ...]]:
    from ..ops.links import Fork

    x, copies = _tensor(rng, (3, 8)), _between(rng, 2, 4)
    return Fork(x, 4, copies), f"{copies} copies", ()


_LINKS = {"fifo": _fifo, "width": _width, "fork": _fork}

COUNTS = {
    "dense": 32,
    "conv2d": 22,
    "threshold": 15,
    "mul_shift": 15,
    "shift": 8,
    "max_pool": 9,
    "sum_pool": 9,
    "add": 5,
    "argmax": 6,
    "flatten": 6,
    "fifo": 12,
    "width": 8,
    "fork": 2,
}
"""How many of each kind are measured."""

assert ops is not None  # importing it registers the operators
