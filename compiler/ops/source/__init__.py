"""The float operators of a network that is not yet lowered: what the frontend reads and `prepare` trains.

They have no templates and no integer semantics; `verify` forbids them once a graph is lowered. All tensors are
channels last. Arrays are float64; a frozen network's are dyadic, hence exact.
"""

from .add import SourceAdd
from .affine import Affine
from .argmax import SourceArgmax
from .avg_pool import SourceAvgPool
from .batch_norm import BatchNorm
from .conv2d import SourceConv2d
from .flatten import SourceFlatten
from .linear import SourceLinear
from .max_pool import SourceMaxPool
from .quantise import Quantise
from .relu import SourceRelu

__all__ = [
    "Affine",
    "BatchNorm",
    "Quantise",
    "SourceAdd",
    "SourceArgmax",
    "SourceAvgPool",
    "SourceConv2d",
    "SourceFlatten",
    "SourceLinear",
    "SourceMaxPool",
    "SourceRelu",
]
