"""Which kernels a layer of sums of products may have, and which are worth considering."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...errors import IntaglioError
from ...ir import Kernel
from .datapath import Datapath
from .forms import FORMS

SMALL_MEMORY, LARGE_MEMORY = 2048, 1 << 18
"""Bits up to which weights always lie in LUTs, and from which on always in block RAM: between them both are tried."""


def kernel_choices(folded: Iterable[tuple[Kernel, Datapath]]) -> Iterator[Kernel]:
    """Kernels worth considering at these folds, each with its datapath: forms that may pay, memories that may."""
    for kernel, path in folded:
        for form in FORMS.values():
            if form.worth(path.layer, kernel.pe, path.depth):
                width = kernel.pe * path.kernel.simd * form.word(path.layer).bits
                if form.refusal(replace(path, kernel=replace(path.kernel, multiplier=form.name))) is None:
                    for memory in _memories(path.depth, width):
                        yield replace(kernel, multiplier=form.name, memory=memory)


def _memories(depth: int, width: int) -> tuple[str, ...]:
    if depth == 1:
        return ("auto",)
    if depth * width <= SMALL_MEMORY or depth <= 32:
        return ("lutram",)
    return ("bram",) if depth * width > LARGE_MEMORY else ("lutram", "bram")


def check_kernel(kernel: Kernel, outputs: int, terms: int) -> None:
    """Raises IntaglioError for more lanes than outputs, more registers than an adder tree of `terms` has places, or a
    multiplier that is none.
    """
    if not 1 <= kernel.pe <= outputs:
        raise IntaglioError(f"pe is {kernel.pe}, but there are {outputs} outputs", hint=f"choose 1 to {outputs}")
    levels = (terms - 1).bit_length()
    if not 1 <= kernel.stages <= levels + 1:
        raise IntaglioError(
            f"{kernel.stages} registers do not fit an adder tree of {terms} terms", hint=f"choose 1 to {levels + 1}"
        )
    if kernel.multiplier not in FORMS:
        raise IntaglioError(f"there is no multiplier {kernel.multiplier!r}", hint=f"choose one of {', '.join(FORMS)}")
