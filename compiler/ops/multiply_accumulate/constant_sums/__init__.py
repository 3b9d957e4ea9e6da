"""Sums of products with constants, as Yosys builds them for an unrolled layer.

signals.py      the distinct nodes of all adder trees
widths.py       how wide their cells are
merging.py      which sums become one sum of many addends
rows.py         the bits of the addends
compressors.py  the full adders between them, counted
registers.py    the registers, those that hold the same being one
count.py        the parts of a layer
"""

from .count import ConstantLayer, constant_layer

__all__ = ["ConstantLayer", "constant_layer"]
