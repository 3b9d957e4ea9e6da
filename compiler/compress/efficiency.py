"""Neural efficiency: how much of what a layer's neurons could say they do say.

The binary state of a layer is which of its neurons are above 0; of a convolution, at each position. Its entropy over
data, in bits, is at most the number of neurons, and the quotient is the layer's efficiency. The network's is the
geometric mean. Source: Hawks et al., "Ps and Qs: quantization-aware pruning for efficient low latency neural network
inference", Front. AI 4 (2021), after Schaub, Hotaling, "Assessing intelligence in artificial neural networks" (2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import log2, prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..ops.source import Quantise
from .checks import inputs_of
from .structures import Layer

if TYPE_CHECKING:
    from .model import PreparedModel


@torch.no_grad()
def layer_efficiencies(model: PreparedModel, batches: Iterable[Tensor | tuple[Any, ...]]) -> dict[str, float]:
    """Of every tensor of hidden activations, by name: the entropy of its states / neurons that are still there.

    Pixels that are always 0 have no state.

    The entropy is that of the states that were seen, so never more than log2 of their number: compare only what was
    measured on the same data.

    batches: of x or of (x, y); where the network takes several inputs, x is a tuple, alone or beside y.
    """
    states: dict[str, Counter[bytes]] = {name: Counter() for layer in model.layers for name in _said(model, layer)}
    was = model.training
    model.eval()
    try:
        for batch in batches:
            tensors = model.tensors(*(x.to(model.masks.device) for x in inputs_of(batch, len(model.graph.inputs))))
            for name, seen in states.items():
                says = (tensors[name] > 0).movedim(1, -1)
                if (places := model.places_alive(name)) is not None:
                    says = says[:, places != 0]
                rows = says.flatten(0, -2).cpu().numpy()
                seen.update(row.tobytes() for row in np.packbits(rows, axis=1))
    finally:
        model.train(was)
    return {n: entropy(seen) / max(1, int((model.mask_of(n) != 0).sum())) for n, seen in states.items()}


def neural_efficiency(model: PreparedModel, batches: Iterable[Tensor | tuple[Any, ...]]) -> float:
    """Of the whole network: the geometric mean of its layers' efficiencies."""
    found = layer_efficiencies(model, batches).values()
    return float(prod(found) ** (1 / max(1, len(found))))


def _said(model: PreparedModel, layer: Layer) -> Iterator[str]:
    """What a layer's activations are for those that read them: rounded, where they are."""
    quantised = {node.inputs[0]: node.name for node in model.graph.nodes if isinstance(node.op, Quantise)}
    yield from (quantised.get(name, name) for name in layer.watched)


def entropy(seen: Counter[bytes]) -> float:
    """In bits, of states that were seen so often."""
    total = seen.total()
    return -sum(count / total * log2(count / total) for count in seen.values())
