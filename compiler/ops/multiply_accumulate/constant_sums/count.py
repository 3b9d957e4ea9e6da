"""What an unrolled layer of constants is made of, found once for each number of registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ....ir import Int64, Part, Parts
from ..layer import MacLayer, Same
from .compressors import counted
from .merging import addends_of
from .registers import SHORTEST_LINE, Registers, registers_of
from .rows import Net, rows_of
from .signals import Terms, signals_of
from .widths import widths_of


@dataclass(frozen=True)
class ConstantLayer:
    """parts: adders and registers, those of the results among them. idle: bits of the word of operands that need no
    flip-flop.
    """

    parts: Parts
    idle: int


def constant_layer(
    layer: MacLayer, stages: int, term_bits: int, starts: Int64, *, differences: bool = False
) -> ConstantLayer:
    """Made once. starts: what each output's sum starts from. differences: count them, as XNOR does."""
    return _made(Same(layer), stages, term_bits, starts.tobytes(), differences)


@lru_cache(maxsize=256)
def _made(same: Same, stages: int, term_bits: int, starts: bytes, differences: bool) -> ConstantLayer:
    layer = same.value
    net, registers = registered_net(layer, stages, term_bits, np.frombuffer(starts, np.int64), differences)
    parts = [
        Part("constant_sums", 1, counted(rows_of(net, net.roots))),
        Part("register", 1, {"bits": registers.bits}),
    ]
    parts += [Part("shift_line", 1, {"width": registers.lines, "depth": SHORTEST_LINE})] if registers.lines else []
    return ConstantLayer(tuple(parts), registers.idle)


def registered_net(
    layer: MacLayer, stages: int, term_bits: int, starts: Int64, differences: bool
) -> tuple[Net, Registers]:
    terms, inputs = terms_of(layer, stages, term_bits, differences)
    signals = signals_of(terms)
    widths = widths_of(signals, terms)
    net = Net(terms, signals, widths, addends_of(signals, widths, terms))
    return net, registers_of(net, starts, inputs, held=layer.weight.ndim == 2)


def terms_of(layer: MacLayer, stages: int, term_bits: int, differences: bool) -> tuple[Terms, int]:
    """And how many inputs there are."""
    rows, within = layer.rows, layer.weight.shape[-1]
    groups = layer.x.channels // within
    group = np.arange(len(rows)) // max(1, len(rows) // groups)
    places = group[:, None] * rows.shape[1] + np.arange(rows.shape[1])
    low, high = (np.full_like(rows, -1), np.zeros_like(rows)) if differences else layer.products
    bits, signed = (1, True) if differences else (layer.x.bits, layer.x.signed and not layer.bipolar)
    used = layer.out.bits - int(differences and layer.bipolar)
    terms = Terms(rows, places, low, high, bits, signed, term_bits, used, stages, complemented=differences)
    return terms, groups * rows.shape[1]
