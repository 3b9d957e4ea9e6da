"""What joins operators in hardware and is no node of the graph: FIFOs, width converters, forks, frame counters."""

from .fifo import Fifo
from .fork import Fork
from .frame import Frame
from .link import Link
from .width import Width

__all__ = ["Fifo", "Fork", "Frame", "Link", "Width"]
