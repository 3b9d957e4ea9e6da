"""From which sparsity on weights at random places pay in our kernels, layer by layer, by the estimator.

Two ways in which zeros pay; of each, the share of them from which on area x cycles is less than that of the layer in
the kernel of the design, without a zero:

- folded: blocks of PE x SIMD weights that are all zero have no step and no memory; the order of the others costs a
  table. The kernel is that of the design.
- unrolled: every weight a constant with hardware of its own, of which a zero has none. The kernel has all outputs and
  all inputs side by side; products are left to the synthesiser.

Area: LUTs, and for each DSP slice, block RAM or UltraRAM as many as the board has LUTs for each. Flip-flops, of which
boards have two for every LUT, are not counted. Cycles: those of the layer alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from ..errors import IntaglioError
from ..estimate.board import Board
from ..estimate.prices import Prices
from ..estimate.resources import Resources, price
from ..ir import Kernel, Node, Op, TensorType
from ..ops.netlist import Netlist

PRECISION = 1 / 256
"""How near the break-even is found."""


@dataclass(frozen=True)
class BreakEven:
    """Of one layer; a share of zeros, or None where zeros never pay, not even with one weight left for each output.

    Attributes:
        node: its name.
        sparsity: of the weights that the design has.
        folded: None, too, where no block can be skipped: of a layer that is unrolled, or takes whole windows.
        unrolled: 0 where the unrolled layer is no dearer even without zeros.
        unrolled_lut: LUTs of the unrolled layer there.
        fits: share from which on these are no more than the board has.
    """

    node: str
    sparsity: float
    folded: float | None
    unrolled: float | None
    unrolled_lut: int | None
    fits: float | None

    def row(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def break_even(netlist: Netlist, board: Board, prices: Prices, clock_mhz: float) -> list[BreakEven]:
    """Of every layer of a design whose weights can be zeroed."""
    graph, found = netlist.graph, []
    for node in graph.nodes:
        layer = _Layer(node, graph.input_types(node), board, prices, clock_mhz)
        if node.op.with_zeros(0.0) is not None:
            found.append(layer.break_even(netlist.schedule.kernels[node.name]))
    return found


@dataclass(frozen=True)
class _Layer:
    node: Node
    ins: tuple[TensorType, ...]
    board: Board
    prices: Prices
    clock_mhz: float

    def break_even(self, kernel: Kernel) -> BreakEven:
        work, op = self.node.op.work(*self.ins), self.node.op
        sparsest = min(1 - PRECISION, 1 - op.infer(*self.ins).channels / work.weights)
        widest = max(op.kernels(*self.ins), key=lambda k: k.pe * k.simd)
        limit, steps = self.cost(0.0, kernel)

        def skips(share: float) -> bool:
            cost, fewer = self.cost(share, kernel)
            return fewer < steps and cost < limit

        folded = least_share(skips, sparsest)
        unrolled = least_share(lambda share: self.cost(share, widest)[0] <= limit, sparsest)
        lut = None if unrolled is None else round(self._used(unrolled, widest)[0].lut)
        fits = least_share(lambda share: self._used(share, widest)[0] <= self.board.capacity, sparsest)
        return BreakEven(self.node.name, work.zeros / work.weights, folded, unrolled, lut, fits)

    def cost(self, share: float, kernel: Kernel) -> tuple[float, float]:
        """Area times cycles, and cycles, with this share of zeros; infinite where zeros do not go with the kernel."""
        try:
            used, steps = self._used(share, kernel)
        except IntaglioError:
            return inf, inf
        return lut_equivalents(used, self.board) * steps, steps

    def _used(self, share: float, kernel: Kernel) -> tuple[Resources, int]:
        op: Op | None = self.node.op.with_zeros(share)
        assert op is not None
        kernel = op.pipelined(kernel, self.clock_mhz, *self.ins)
        return price(op.parts(kernel, *self.ins), self.prices, op.name), op.steps(kernel, *self.ins)


def lut_equivalents(used: Resources, board: Board) -> float:
    """LUTs, and those that the board has for each of its other blocks that is used."""
    has = board.capacity
    blocks = ((used.dsp, has.dsp), (used.bram36, has.bram36), (used.uram, has.uram))
    return used.lut + sum(count * has.lut / of for count, of in blocks if count and of)


def least_share(pays: Callable[[float], bool], most: float) -> float | None:
    """The least share from which on it pays, as near as `PRECISION`; None where it does not even at `most`."""
    if most <= 0 or not pays(most):
        return 0.0 if most <= 0 and pays(0.0) else None
    if pays(0.0):
        return 0.0
    below = 0.0
    while most - below > PRECISION:
        middle = (below + most) / 2
        if pays(middle):
            most = middle
        else:
            below = middle
    return most
