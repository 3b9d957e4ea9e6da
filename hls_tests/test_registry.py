"""Every operator that is registered and can be built, through g++ and Verilator, at six folds or more."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from harness import Case, check
from intaglio.flow.specimens import draw
from intaglio.ir import Kernel, Op, TensorType

FOLDS = 6
SMALL = 200
"""Elements of the inputs together, at most, once there are enough folds."""

SPECIMENS = 60
"""Looked through; the larger ones last."""

EVEN = {"flatten"}
"""Operators that are built on lanes that divide their channels only, where they have more than one pixel."""

FEW = {"top_k"}
"""Operators of so few lanes that their folds are told apart by their steps, too."""

OPERATORS = [
    name for name, op in Op.registry.items() if op.__module__.startswith("intaglio.ops.") and op.params is not Op.params
]
SHARES = 3


@cache
def cases_of(name: str) -> list[Case]:
    """Specimens of an operator at folds and forms that all differ; at least one leaves lanes over in its last fold."""
    cases: list[Case] = []
    folds, forms, uneven = set(), set(), False
    drawn = [(index, *draw(name, index)) for index in range(SPECIMENS)]
    for index, op, _, ins in sorted(drawn, key=lambda one: max(SMALL, _elements(one[-1]))):
        if _elements(ins) > SMALL and len(folds) >= FOLDS and (uneven or name in EVEN):
            break
        for kernel in _spread(op, ins):
            case = Case(f"{name}_{index}_{len(cases)}", op, kernel, ins)
            new_fold = _fold(case) not in folds and (len(folds) < FOLDS or (_uneven(case) and not uneven))
            if new_fold or _form(kernel) not in forms:
                folds.add(_fold(case))
                forms.add(_form(kernel))
                uneven = uneven or _uneven(case)
                cases.append(case)
    return cases


def _elements(ins: tuple[TensorType, ...]) -> int:
    return sum(x.size for x in ins)


def _fold(case: Case) -> tuple[int, ...]:
    kernel = case.kernel
    return (kernel.pe, kernel.simd, *((case.op.steps(kernel, *case.ins),) if case.op.name in FEW else ()))


def _spread(op: Op, ins: tuple[TensorType, ...]) -> Iterator[Kernel]:
    """The slowest kernel, the fastest, two between; then one of every other form."""
    kernels = sorted(op.kernels(*ins), key=lambda kernel: -op.steps(kernel, *ins))
    yield from (kernels[(len(kernels) - 1) * third // 3] for third in range(4))
    yield from {_form(kernel): kernel for kernel in (*kernels, *op.choices(*ins))}.values()


def _form(kernel: Kernel) -> tuple[str, ...]:
    """Ways to multiply have benches of their own (test_multiplier_kernels.py)."""
    return kernel.memory, kernel.buffer, kernel.compare


def _uneven(case: Case) -> bool:
    lanes, _ = case.op.lanes(case.kernel, *case.ins)
    return any(x.channels % count and x.channels > count for x, count in zip(case.ins, lanes, strict=True))


@pytest.mark.parametrize("name", OPERATORS)
def test_there_are_six_folds_of_every_operator(name: str) -> None:
    cases = cases_of(name)
    assert len(set(map(_fold, cases))) >= FOLDS
    assert name in EVEN or any(map(_uneven, cases))


@pytest.mark.parametrize("share", range(SHARES))
def test_every_operator_gives_its_integers_in_its_cycles(share: int, tmp_path: Path) -> None:
    check([case for name in OPERATORS[share::SHARES] for case in cases_of(name)], tmp_path)
