"""What experiments on digits share: the network of the demo, trained in float once a seed, and what designs cost."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import intaglio
from intaglio.compress import PreparedModel, Recipe
from intaglio.ir import Graph

sys.path.insert(0, str(Path(__file__).parent.parent))

import digits_cnn
import digits_resnet
from data import TensorBatches, digits
from training import Example

BOARD = "pynq-z2"


def data() -> tuple[TensorBatches, TensorBatches]:
    """The digits, in batches that are large enough to be quick on one core."""
    x, y, x_valid, y_valid = digits()
    return TensorBatches(x, y, 128, shuffle=True), TensorBatches(x_valid, y_valid, 360)


EXAMPLE = Example(
    "methods_digits", digits_cnn.net, digits_cnn.example_input, data, digits_cnn.recipe, BOARD,
    float_epochs=20, epochs=30, settings={"lr": 0.008, "retrain_lr": 0.75},
)  # fmt: skip
"""Two convolutions of 16 and 32 channels and a linear layer, on the 1,797 digits; 360 are held out."""
RESNET = replace(digits_resnet.example, name="methods_resnet", data=data, float_epochs=20)
"""Two residual blocks, on the same data."""
LAYERS = ("layer_0", "layer_4", "layer_9")
"""What `trace` calls them: the convolutions, the linear layer."""


def fitted(recipe: Recipe) -> tuple[PreparedModel, float]:
    """The frozen model, and the percentage of the images held out that it gets right."""
    model, history = EXAMPLE.fit(recipe, progress=False)
    return model, 100 * history.accuracy


def nonzero_weights(graph: Graph) -> int:
    """How many weights of a lowered network are not 0."""
    works = [node.op.work(*graph.input_types(node)) for node in graph.nodes]
    return sum(work.weights - work.zeros for work in works)


def cost_at(graph: Graph, fps: float) -> dict[str, float]:
    """LUTs and DSP slices (estimated) of the cheapest design of that rate."""
    used = intaglio.compile(graph, board=BOARD, target_fps=fps).estimate().total
    return {"LUT": used.lut, "DSP": used.dsp, "BRAM36": used.bram36}


def folding(pe: int) -> dict[str, dict[str, int]]:
    """Kernels of so many outputs and inputs a cycle; the first layer has one input channel."""
    return {name: {"pe": pe, "simd": 1 if name == LAYERS[0] else pe} for name in LAYERS}


def cycles_folded(graph: Graph, pe: int) -> int:
    """Cycles that a frame takes in all layers together, each folded to that."""
    steps = intaglio.compile(graph, board=BOARD, folding=folding(pe)).estimate().cycles.steps
    return sum(steps[name] for name in LAYERS)
