"""What source operators have in common, for those who treat several alike."""

from __future__ import annotations

from .argmax import SourceArgmax
from .concat import SourceConcat
from .flatten import SourceFlatten
from .gather import SourceGather
from .max_pool import SourceMaxPool
from .maximum import SourceMaximum
from .minimum import SourceMinimum
from .pad import SourcePad
from .slice import SourceSlice
from .top_k import SourceTopK
from .upsample import SourceUpsample
from .zero_stuff import SourceZeroStuff

MOVES = (SourceFlatten, SourceMaxPool, SourceGather, SourceSlice, SourceUpsample, SourceZeroStuff, SourcePad)
"""They hand on what they are given, so codes stay codes."""
CHOICES = (SourceMaximum, SourceMinimum, SourceConcat)
"""Of codes of one scale, they make codes of it."""
RANKS = (SourceArgmax, SourceTopK)
"""They ask which is the largest."""
