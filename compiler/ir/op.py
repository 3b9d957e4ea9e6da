"""The operator contract: semantics once, everything else (bounds, channels, kernels, parts) beside it.

A new operator is one file in `ops/` with a subclass of `Op`, one HLS template, one RTL template and one test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from .types import Array, Int64, TensorType
from .work import Work

PINNED = -1
"""The label of a channel that may never be removed."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Every choice of HOW an operator is built, none of WHAT it computes.

    pe: outputs computed side by side. simd: inputs consumed side by side. memory: where parameters live, buffer: where
    buffers do (`auto`, by size; `lutram`, `bram`, `uram`). multiplier: one of ops/multiply_accumulate's forms.
    compare: `parallel`, or `search` for a binary search. stages: registers on the way, besides the operator's own.
    """

    pe: int = 1
    simd: int = 1
    memory: str = "auto"
    buffer: str = "auto"
    multiplier: str = "lut"
    compare: str = "parallel"
    stages: int = 1


@dataclass(frozen=True, slots=True)
class Program:
    """What a kernel does on its streams, step by step, for one frame: the whole timing of an operator.

    A kernel is a rigid step machine: each step takes one cycle, takes at most one beat from each input and issues at
    most one output beat. Step `reads[i][b]` takes beat b of input i (and the machine waits there until the beat has
    come); step `writes[b]` issues output beat b, which is offered `latency` cycles later. Frames follow each other
    without a gap, so alone the kernel's interval is `steps` cycles. HLS and RTL follow the same program.
    """

    steps: int
    reads: tuple[Int64, ...]
    writes: Int64
    latency: int


@dataclass(frozen=True, slots=True)
class Part:
    """`count` pieces of hardware of one `kind`, with sizes in bits and words; no device is known here."""

    kind: str
    count: int = 1
    sizes: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, size: str) -> int:
        return self.sizes[size]


Parts = tuple[Part, ...]
Labels = tuple[tuple[Int64, ...], Int64]


class Op:
    """One operator. Subclasses are frozen dataclasses (`eq=False`) whose fields are its constants."""

    registry: ClassVar[dict[str, type[Op]]] = {}
    name: ClassVar[str]
    inputs: ClassVar[int] = 1

    def __init_subclass__(cls, /, name: str = "") -> None:
        if name:
            cls.name = name
            Op.registry[name] = cls

    # -- what it computes ------------------------------------------------------------------------------------------
    def infer(self, *ins: TensorType) -> TensorType:
        """The output's shape and proven bounds. Raises IntaglioError where the inputs do not fit."""
        raise NotImplementedError

    def run(self, *ins: Array) -> Array:
        """THE semantics. Arrays of integers (batch axis first, channels last; any dtype that holds them exactly)."""
        raise NotImplementedError

    def executor(self, *ins: TensorType) -> Callable[..., Array]:
        """A function equal to `run` for inputs of these types; an operator may prepare a faster one here."""
        return self.run

    # -- which channels stand or fall together ---------------------------------------------------------------------
    def couplings(self, *ins: TensorType) -> Labels:
        """Integer labels for each input's channels and for the output's: equal labels stand or fall together.

        `PINNED` may never go. An operator that says nothing is pinned, so an unknown one is always safe.
        """
        return tuple(np.full(i.channels, PINNED) for i in ins), np.full(self.infer(*ins).channels, PINNED)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        """The same operator on the channels that stay: indices kept of each input and of the output."""
        return self

    # -- how much it is, and what it would be with a little more ---------------------------------------------------
    def work(self, *ins: TensorType) -> Work:
        """What it computes for a frame; nothing that anybody counts, unless it says so."""
        return Work()

    def finer_weights(self) -> Self | None:
        """The same operator with one more bit in every weight, its output twice as large; None if it has no weights."""
        return None

    def finer_output(self, *ins: TensorType) -> Self | None:
        """The same operator with one more bit in its output; None if that follows from its inputs and weights."""
        return None

    def taking_finer(self, *ins: TensorType) -> Self | None:
        """The same function of inputs that are twice as large, one bit wider; None where its output becomes so, too.

        ins: the inputs as they were.
        """
        return None

    def with_zeros(self, share: float, seed: int = 0) -> Self | None:
        """The same operator with this share of its weights 0, at random places, and no other; None without weights."""
        return None

    def free_zeros(self, kernel: Kernel, *ins: TensorType) -> int:
        """Of the weights that are 0, how many this kernel has neither a step nor hardware for."""
        return 0

    # -- how it may be built ---------------------------------------------------------------------------------------
    def kernels(self, *ins: TensorType) -> Iterator[Kernel]:
        """Every legal way to build it."""
        raise NotImplementedError

    def choices(self, *ins: TensorType) -> Iterator[Kernel]:
        """The legal kernels worth considering: of those with equal folds, only the narrowest."""
        return self.kernels(*ins)

    def pipelined(self, kernel: Kernel, clock_mhz: float, *ins: TensorType) -> Kernel:
        """The same kernel with as many `stages` as a clock of `clock_mhz` asks for."""
        return kernel

    def steps(self, kernel: Kernel, *ins: TensorType) -> int:
        """Cycles per frame of this kernel alone: `program(...).steps`, where that is cheaper to say."""
        return self.program(kernel, *ins).steps

    def lanes(self, kernel: Kernel, *ins: TensorType) -> tuple[tuple[int, ...], int]:
        """Elements per beat of each input stream and of the output stream."""
        raise NotImplementedError

    def program(self, kernel: Kernel, *ins: TensorType) -> Program:
        """Its timing; `reads` and `writes` are non-decreasing step numbers below `steps`."""
        raise NotImplementedError

    def parts(self, kernel: Kernel, *ins: TensorType) -> Parts:
        """What it is made of."""
        raise NotImplementedError

    def params(self, kernel: Kernel, *ins: TensorType) -> dict[str, Any]:
        """The ONE context from which both templates `hls/<name>.cpp.j2` and `rtl/<name>.sv.j2` render."""
        raise NotImplementedError

    # -- as a value ------------------------------------------------------------------------------------------------
    def attributes(self) -> dict[str, Any]:
        """The operator's constants by field name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Op) or type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.attributes(), other.attributes()
        return all(_same(mine[key], theirs[key]) for key in mine)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        texts = (f"{k}={_brief(v)}" for k, v in self.attributes().items())
        return f"{self.name}({', '.join(texts)})"

    def arity(self, ins: tuple[TensorType, ...]) -> None:
        """Raises IntaglioError where the number of inputs is wrong."""
        if len(ins) != self.inputs:
            raise IntaglioError(f"{self.name} takes {self.inputs} inputs, not {len(ins)}")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.shape == b.shape and bool(np.all(a == b))
    return bool(a == b)


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{'x'.join(map(str, value.shape))}>"
    return str(value)


def as_integers(array: npt.ArrayLike) -> Int64:
    """A read-only int64 copy, for an operator's constants."""
    result = np.array(array, dtype=np.int64)
    result.setflags(write=False)
    return result
