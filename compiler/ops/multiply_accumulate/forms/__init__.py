"""The ways to multiply, by the name that `Kernel.multiplier` gives them."""

from __future__ import annotations

from .adders import Adders
from .base import Form, Word
from .booth import Booth
from .dsp import DSP_PRODUCT_BITS, Dsp
from .lut import Lut
from .packed_dsp import PackedDsp
from .xnor import Xnor

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Xnor(),
        Lut(),
        Adders("adders"),
        Adders("da4ml"),
        Booth(),
        Dsp(),
        PackedDsp("dsp2", 2),
        PackedDsp("dsp4", 4),
    )
}

__all__ = ["DSP_PRODUCT_BITS", "FORMS", "Form", "Word"]
