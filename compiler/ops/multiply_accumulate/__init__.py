"""The multiply-accumulate datapath that dense and convolution kernels share.

layer.py      weights, bias and types: what no kernel changes
datapath.py   one kernel of it: folds, words, latency, what templates need, what it is made of
choices.py    kernels that it may have, and those worth considering
forms/        the ways to multiply, one file each: `Kernel.multiplier` names them
constant_sums/ what an unrolled layer is made of
tiles.py      the blocks of weights that it steps over: not those that are all zero
trees.py      adder trees, counted
"""

from .choices import check_kernel, kernel_choices
from .datapath import Datapath, with_stages
from .forms import DSP_PRODUCT_BITS
from .layer import MacLayer, mac_layer
from .tiles import Tiles, aligned_lanes, occupied

__all__ = [
    "DSP_PRODUCT_BITS",
    "Datapath",
    "MacLayer",
    "Tiles",
    "aligned_lanes",
    "check_kernel",
    "kernel_choices",
    "mac_layer",
    "occupied",
    "with_stages",
]
