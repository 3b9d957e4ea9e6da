"""The integer graph, on one screen: types, the operator contract, the graph, its verifier and its text form."""

from .border import Border
from .graph import Graph, Node
from .op import PINNED, Kernel, Op, Part, Parts, Program, as_integers
from .text import parse_graph, print_graph
from .types import Array, Int64, IntType, TensorType
from .verify import verify
from .work import Work, bit_operations

__all__ = [
    "PINNED",
    "Array",
    "Border",
    "Graph",
    "Int64",
    "IntType",
    "Kernel",
    "Node",
    "Op",
    "Part",
    "Parts",
    "Program",
    "TensorType",
    "Work",
    "as_integers",
    "bit_operations",
    "parse_graph",
    "print_graph",
    "verify",
]
