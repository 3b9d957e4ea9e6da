"""What sums start from: the biases of a layer, and what a form of its products adds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...ir import Int64
from ..contents import different_parts
from ..hardware import folds, width_of
from .forms import Form
from .layer import MacLayer


@lru_cache(maxsize=64)
def start(form: Form, layer: MacLayer) -> Int64:
    """What the sums of a layer start from, (outputs,): made once for all folds."""
    return layer.bias + form.constants(layer)


def _start_words(form: Form, layer: MacLayer, pe: int) -> Int64:
    """What sums start from, (turns, pe); behind the last turn there are zeros."""
    first = start(form, layer)
    words = np.zeros((1 << width_of(folds(len(first), pe)), pe), np.int64)
    words.reshape(-1)[: len(first)] = first
    return words


@lru_cache(maxsize=1024)
def added_bits(form: Form, layer: MacLayer, pe: int, bits: int) -> int:
    """Of the starts of all outputs side by side, as numbers of so many bits, those that are not the same at all turns:
    a carry chain takes no LUT to add a constant bit.
    """
    words = _start_words(form, layer, pe)
    varies = np.bitwise_or.reduce(words ^ words[0], axis=0) & ((1 << bits) - 1)
    return int(np.bitwise_count(varies).sum())


@lru_cache(maxsize=1024)
def starts(form: Form, layer: MacLayer, pe: int, bits: int) -> dict[str, int]:
    """The memory of what sums start from, at each turn."""
    words = _start_words(form, layer, pe)
    varied = different_parts(words, bits) if (words != words[0]).any() else {"columns": 0}
    return {"depth": len(words), "width": pe * bits} | varied
