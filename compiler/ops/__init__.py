"""One file per operator: what it computes, its bounds, its channels, its kernels and their parts.

Importing this package imports every file in it, and so registers every operator: a new one needs no mention here.
"""

from importlib import import_module
from pkgutil import iter_modules

from .add import Add
from .argmax import Argmax
from .concat import Concat
from .conv2d import Conv2d
from .dense import Dense
from .flatten import Flatten
from .gather import Gather
from .lookup import Lookup
from .max_pool import MaxPool
from .maximum import Maximum
from .minimum import Minimum
from .mul_shift import MulShift
from .multiply import Multiply
from .pad import Pad
from .position_affine import PositionAffine
from .requantise import Requantise
from .shift import Shift
from .slice import Slice
from .softmax import Softmax
from .subtract import Subtract
from .sum_pool import SumPool
from .threshold import Threshold
from .top_k import TopK
from .upsample import Upsample
from .zero_stuff import ZeroStuff

__all__ = [
    "Add",
    "Argmax",
    "Concat",
    "Conv2d",
    "Dense",
    "Flatten",
    "Gather",
    "Lookup",
    "MaxPool",
    "Maximum",
    "Minimum",
    "MulShift",
    "Multiply",
    "Pad",
    "PositionAffine",
    "Requantise",
    "Shift",
    "Slice",
    "Softmax",
    "Subtract",
    "SumPool",
    "Threshold",
    "TopK",
    "Upsample",
    "ZeroStuff",
]

for _module in iter_modules(__path__):
    if not _module.ispkg:
        import_module(f"{__name__}.{_module.name}")
