"""Which sums Yosys's `alumacc` makes one of: those that a single other sum reads, all of them, as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....ir import Array, Int64
from .signals import NEGATIVE, PRODUCT, SUM, Signals, Terms
from .widths import Widths


@dataclass(frozen=True, eq=False)
class Addends:
    """Arrays by addend. sum: of which sum (or product on its own) it is a part. signal: what is added. whole: as a
    signal of its own; otherwise a product with its factors, or something subtracted. signed: is the signal, or the
    product, taken as a signed number?
    """

    sum: Int64
    signal: Int64
    whole: Array
    signed: Array


def addends_of(signals: Signals, widths: Widths, terms: Terms) -> Addends:
    root = np.arange(len(signals))
    melts = {}
    for sums in signals.sums:
        for side, ports in (("left", widths.left), ("right", widths.right)):
            operand = getattr(signals, side)[sums]
            melts[side, sums[0]] = melted = _melts(signals, widths, terms, sums, operand, ports[sums])
            inner = melted & (signals.kind[operand] == SUM)
            root[operand[inner]] = root[sums[inner]]
    owner, signal, whole, signed = [], [], [], []
    for sums in signals.sums:
        for side in ("left", "right"):
            operand, melted = getattr(signals, side)[sums], melts[side, sums[0]]
            own = ~(melted & (signals.kind[operand] == SUM))
            owner.append(root[sums[own]])
            signal.append(operand[own])
            whole.append(~melted[own])
            signed.append(np.where(melted, _product_signed(signals, terms)[operand], widths.signed[sums])[own])
    alone = _alone(signals, np.concatenate(signal) if signal else _EMPTY, np.concatenate(whole) if whole else _EMPTY)
    owner.append(alone)
    signal.append(alone)
    whole.append(np.zeros(len(alone), bool))
    signed.append(_product_signed(signals, terms)[alone])
    return Addends(*(np.concatenate(column) for column in (owner, signal, whole, signed)))


_EMPTY = np.zeros(0, np.int64)


def _product_signed(signals: Signals, terms: Terms) -> Array:
    return np.asarray(terms.signed | (signals.odd < 0))


def _melts(signals: Signals, widths: Widths, terms: Terms, sums: Int64, operand: Int64, port: Int64) -> Array:
    """Which operands become part of the sum that reads them: those whose port is the whole of what drives it. Where
    the sum is wider than its operand, both are signed or both are not, and nothing unsigned is subtracted.
    """
    kind = signals.kind[operand]
    exact = (signals.low[operand] == 0) & (port == widths.width[operand]) & (signals.readers[operand] == 1)
    signed = np.where(kind == SUM, widths.signed[operand], _product_signed(signals, terms)[operand])
    fits = (signed == widths.signed[sums]) & ((kind != NEGATIVE) | terms.signed)
    return exact & np.isin(kind, (SUM, PRODUCT, NEGATIVE)) & (fits | (widths.width[operand] == widths.width[sums]))


def _alone(signals: Signals, added: Int64, whole: Array) -> Int64:
    """Products that are added by themselves; those of the same odd constant are built once."""
    melted = np.zeros(len(signals), bool)
    melted[added[~whole.astype(bool)]] = True
    alone = np.flatnonzero((signals.kind == PRODUCT) & ~melted & (signals.readers > 0))
    _, first = np.unique(np.stack([signals.place[alone], signals.odd[alone]]), axis=1, return_index=True)
    return np.asarray(alone[first], np.int64)
