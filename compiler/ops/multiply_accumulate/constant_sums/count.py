"""What an unrolled layer of constants is made of, found once for each number of registers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ....ir import Int64, Part, Parts
from ..layer import MacLayer, Same
from .compressors import counted
from .merging import addends_of
from .registers import SHORTEST_LINE, registers_of
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


MOST_WEIGHTS = 1 << 15
"""Of larger layers some outputs stand for all: no device holds them, and what outputs share matters less."""


@lru_cache(maxsize=256)
def _made(same: Same, stages: int, term_bits: int, starts: bytes, differences: bool) -> ConstantLayer:
    layer = same.value
    chosen = np.arange(0, len(layer.rows), -(-layer.rows.size // MOST_WEIGHTS))
    share = len(layer.rows) / len(chosen)
    net, inputs = net_of(layer, stages, term_bits, chosen, differences)
    registers = registers_of(net, np.frombuffer(starts, np.int64)[chosen], inputs, held=layer.weight.ndim == 2)
    sizes = {name: round(size * share) for name, size in counted(rows_of(net, net.roots)).items()}
    lines = round(registers.lines * share)
    parts = [Part("constant_sums", 1, sizes), Part("register", 1, {"bits": round(registers.bits * share)})]
    parts += [Part("shift_line", 1, {"width": lines, "depth": SHORTEST_LINE})] if lines else []
    return ConstantLayer(tuple(parts), registers.idle if share == 1 else 0)


def net_of(layer: MacLayer, stages: int, term_bits: int, chosen: Int64, differences: bool = False) -> tuple[Net, int]:
    """The signals of these outputs, and how many inputs there are."""
    terms, inputs = terms_of(layer, stages, term_bits, chosen, differences)
    signals = signals_of(terms)
    widths = widths_of(signals, terms)
    return Net(terms, signals, widths, addends_of(signals, widths, terms)), inputs


def terms_of(
    layer: MacLayer, stages: int, term_bits: int, chosen: Int64, differences: bool = False
) -> tuple[Terms, int]:
    """What these outputs add up, and how many inputs there are."""
    rows, within = layer.rows[chosen], layer.weight.shape[-1]
    groups = layer.x.channels // within
    group = chosen // max(1, len(layer.rows) // groups)
    places = group[:, None] * rows.shape[1] + np.arange(rows.shape[1])
    low, high = (np.full_like(rows, -1), np.zeros_like(rows))
    if not differences:
        low, high = (ends[chosen] for ends in layer.products)
    bits, signed = (1, True) if differences else (layer.x.bits, layer.x.signed and not layer.bipolar)
    used = layer.out.bits - int(differences and layer.bipolar)
    terms = Terms(rows, places, low, high, bits, signed, term_bits, used, stages, complemented=differences)
    return terms, groups * rows.shape[1]
