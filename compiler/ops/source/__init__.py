"""The float operators of a network that is not yet lowered: what the frontend reads and `prepare` trains.

They have no templates and no integer semantics; `verify` forbids them once a graph is lowered. All tensors are
channels last. Arrays are float64; a frozen network's are dyadic, hence exact.
"""

from .activation import SourceActivation
from .add import SourceAdd
from .affine import Affine
from .argmax import SourceArgmax
from .avg_pool import SourceAvgPool
from .batch_norm import BatchNorm
from .concat import SourceConcat
from .conv2d import SourceConv2d
from .fixed_quantise import FixedQuantise
from .flatten import SourceFlatten
from .gather import SourceGather
from .linear import SourceLinear
from .max_pool import SourceMaxPool
from .maximum import SourceMaximum
from .minimum import SourceMinimum
from .multi_threshold import SourceMultiThreshold
from .multiply import SourceMultiply
from .pad import SourcePad
from .position_affine import SourcePositionAffine
from .quantise import Quantise
from .relu import SourceRelu
from .slice import SourceSlice
from .softmax import SourceSoftmax
from .subtract import SourceSubtract
from .top_k import SourceTopK
from .upsample import SourceUpsample
from .zero_stuff import SourceZeroStuff

__all__ = [
    "Affine",
    "BatchNorm",
    "FixedQuantise",
    "Quantise",
    "SourceActivation",
    "SourceAdd",
    "SourceArgmax",
    "SourceAvgPool",
    "SourceConcat",
    "SourceConv2d",
    "SourceFlatten",
    "SourceGather",
    "SourceLinear",
    "SourceMaxPool",
    "SourceMaximum",
    "SourceMinimum",
    "SourceMultiThreshold",
    "SourceMultiply",
    "SourcePad",
    "SourcePositionAffine",
    "SourceRelu",
    "SourceSlice",
    "SourceSoftmax",
    "SourceSubtract",
    "SourceTopK",
    "SourceUpsample",
    "SourceZeroStuff",
]
