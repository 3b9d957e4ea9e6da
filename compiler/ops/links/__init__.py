"""What stands between operators in hardware, and is no choice of WHAT: FIFOs, width converters, forks.

A link has an operator's hardware half: `template`, `program()`, `parts()`, `params()`.
"""

from .fifo import Fifo
from .fork import Fork
from .width import Width

__all__ = ["Fifo", "Fork", "Width"]
