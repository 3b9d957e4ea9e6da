"""One file per operator: what it computes, its bounds, its channels, its kernels and their parts.

Importing this package registers every operator.
"""

from .add import Add
from .argmax import Argmax
from .conv2d import Conv2d
from .dense import Dense
from .flatten import Flatten
from .max_pool import MaxPool
from .mul_shift import MulShift
from .requantise import Requantise
from .shift import Shift
from .sum_pool import SumPool
from .threshold import Threshold

__all__ = [
    "Add",
    "Argmax",
    "Conv2d",
    "Dense",
    "Flatten",
    "MaxPool",
    "MulShift",
    "Requantise",
    "Shift",
    "SumPool",
    "Threshold",
]
