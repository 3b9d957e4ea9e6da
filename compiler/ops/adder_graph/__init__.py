"""Products with constants as graphs of shared two-term adders, for layers that are fully unrolled.

graph.py      the graph: exact bounds, evaluation in plain integers, proof by linear forms
wiring.py     building one: the cheapest form of every adder, nothing twice
optimise.py   ours: differences.py, share.py and summing.py, by cost.py
da4ml.py      that of the package da4ml, if it is installed
stages.py     where registers lie
render.py     what templates need
registers.py  how many registers that makes
layer.py      the graph of a layer, its parts
"""

from .graph import Adder, AdderGraph, Tap
from .layer import SOLVERS, LayerGraph, layer_graph
from .optimise import optimise
from .stages import stages_for

__all__ = ["SOLVERS", "Adder", "AdderGraph", "LayerGraph", "Tap", "layer_graph", "optimise", "stages_for"]
