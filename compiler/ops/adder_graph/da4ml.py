"""Adder graphs by da4ml's solver (an optional package), as graphs of ours, proven by their linear forms.

da4ml: C. Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs", 2025. Nothing of it is
copied here; its public function `da4ml.cmvm.solve` gives a pipeline of operation lists, whose formats are
documented in `da4ml.types`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import IntaglioError
from ...ir import Int64
from .graph import NOTHING, AdderGraph, Tap
from .wiring import Wiring, outputs_of

INPUT, ADD, SUBTRACT = -1, 0, 1
"""The operations that a matrix product is made of, as da4ml numbers them."""


def solve(weight: Int64, bias: Int64, lo: Int64, hi: Int64) -> AdderGraph:
    """da4ml's graph of `weight @ x + bias` for lo <= x <= hi. Raises IntaglioError if da4ml is not installed."""
    rows, columns = weight.any(axis=1), weight.any(axis=0)
    wiring = Wiring(lo, hi, turn=False)
    taps = [Tap(NOTHING) for _ in range(len(weight))]
    if rows.any():
        used = np.flatnonzero(columns)
        kernel = np.ascontiguousarray(weight[np.ix_(rows, columns)].T, np.float32)  # strides are not read
        if (kernel.T.astype(np.int64) != weight[np.ix_(rows, columns)]).any():
            raise IntaglioError("da4ml takes weights of at most 24 bits", hint="choose strategy adders")
        intervals = [(float(lo[k]), float(hi[k]), 1.0) for k in used]
        pipeline = _solver()(kernel, qintervals=intervals, adder_size=1, carry_size=-1)
        values = [(Tap(int(k)), 0) for k in used]
        for stage in pipeline.solutions:
            values = _stage(stage, values, wiring)
        for row, (tap, exponent) in zip(np.flatnonzero(rows), values, strict=True):
            taps[row] = Tap(tap.node, tap.shift + exponent, tap.minus)
    return outputs_of(wiring, taps, bias).prove(weight, bias)


def _solver() -> Any:
    try:
        from da4ml.cmvm import solve as solver  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise IntaglioError(
            "strategy da4ml needs the package da4ml, which is not installed", hint="pip install intaglio[da]"
        ) from None
    return solver


def _stage(stage: Any, values: list[tuple[Tap, int]], wiring: Wiring) -> list[tuple[Tap, int]]:
    """One operation list: from its inputs to its outputs, each a tap and the power of two that it is to be taken at."""
    found: list[tuple[Tap, int]] = []
    for op in stage.ops:
        if op.opcode == INPUT:
            tap, exponent = values[op.id0]
            found.append((tap, exponent + int(stage.inp_shifts[op.id0])))
        elif op.opcode in (ADD, SUBTRACT):
            (left, at), (right, to) = found[op.id0], found[op.id1]
            to += int(op.data)
            base = min(at, to)
            right = Tap(right.node, right.shift + to - base, right.minus ^ (op.opcode == SUBTRACT))
            found.append((wiring.add(Tap(left.node, left.shift + at - base, left.minus), right), base))
        else:
            raise IntaglioError(f"da4ml gave an operation {op.opcode}, which no matrix product has", where="da4ml")
    ends = []
    for index, shift, minus in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True):
        if index < 0:
            ends.append((Tap(NOTHING), 0))
            continue
        tap, exponent = found[index]
        ends.append((Tap(tap.node, tap.shift, tap.minus ^ bool(minus)), exponent + int(shift)))
    return ends
