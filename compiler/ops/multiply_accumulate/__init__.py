"""The multiply-accumulate datapath that dense and convolution kernels share.

layer.py      weights, bias and types: what no kernel changes
datapath.py   one kernel of it: folds, words, latency, what templates need, what it is made of
forms/        the ways to multiply, one file each: `Kernel.multiplier` names them
trees.py      adder trees and constants, counted
"""

from .datapath import Datapath, check_kernel, kernel_choices, with_stages
from .forms import DSP_PRODUCT_BITS
from .layer import MacLayer, mac_layer
from .trees import constant_sizes

__all__ = [
    "DSP_PRODUCT_BITS",
    "Datapath",
    "MacLayer",
    "check_kernel",
    "constant_sizes",
    "kernel_choices",
    "mac_layer",
    "with_stages",
]
