"""Intaglio carves a PyTorch network into an FPGA IP core that computes exactly the same integers.

recipe = intaglio.Recipe(keep=0.5, weight_bits=4, act_bits=4)
model  = intaglio.prepare(net, example_input, recipe)
intaglio.fit(model, train, valid, epochs=10)
graph  = intaglio.lower(model)
design = intaglio.compile(graph, board="pynq-z2", clock_mhz=100)
design.verify(x); design.write("build/")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compress.fit import evaluate, fit
    from .compress.recipe import Recipe
    from .errors import IntaglioError
    from .estimate.board import board_names, load_board
    from .flow.compile import compile  # noqa: A004  the product's verb
    from .flow.design import Design
    from .flow.lower import lower
    from .flow.prepare import prepare
    from .flow.quantize import quantize
    from .flow.search import SearchResult, search
    from .flow.source import load
    from .ir import Graph
    from .simulator import simulate

__all__ = [
    "Design",
    "Graph",
    "IntaglioError",
    "Recipe",
    "SearchResult",
    "board_names",
    "compile",
    "evaluate",
    "fit",
    "load",
    "load_board",
    "lower",
    "prepare",
    "quantize",
    "search",
    "simulate",
]

# Each name is imported when it is first used, so that `import intaglio` costs nothing and torch comes only if needed.
_HOMES = {
    "Design": ".flow.design",
    "Graph": ".ir",
    "IntaglioError": ".errors",
    "Recipe": ".compress.recipe",
    "SearchResult": ".flow.search",
    "board_names": ".estimate.board",
    "compile": ".flow.compile",
    "evaluate": ".compress.fit",
    "fit": ".compress.fit",
    "load": ".flow.source",
    "load_board": ".estimate.board",
    "lower": ".flow.lower",
    "prepare": ".flow.prepare",
    "quantize": ".flow.quantize",
    "search": ".flow.search",
    "simulate": ".simulator",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'intaglio' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
