"""Neural efficiency: against entropies counted by hand."""

from __future__ import annotations

from collections import Counter
from math import log2

import pytest
import torch
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.efficiency import entropy, layer_efficiencies, neural_efficiency
from intaglio.ir import Graph
from torch import Tensor


def frozen(graph: Graph) -> tuple[PreparedModel, list[tuple[Tensor, Tensor]]]:
    model, batches = PreparedModel(graph, Recipe("one-shot")), batches_of(graph, 3)
    model.calibrate(batches)
    return model.freeze(), batches


def test_entropy_is_in_bits() -> None:
    assert entropy(Counter({b"a": 4, b"b": 4, b"c": 4, b"d": 4})) == 2
    assert entropy(Counter({b"a": 9})) == 0


def test_states_of_all_neurons_together_are_counted() -> None:
    model, batches = frozen(mlp_network())
    found = layer_efficiencies(model, batches)
    assert list(found) == ["h1_q", "h2_q"]
    for name, neurons in (("h1_q", 8), ("h2_q", 6)):
        rows = torch.cat([model.tensors(x)[name] > 0 for x, _ in batches]).tolist()
        shares = [count / len(rows) for count in Counter(map(tuple, rows)).values()]
        assert found[name] == pytest.approx(-sum(p * log2(p) for p in shares) / neurons)
    assert neural_efficiency(model, batches) == pytest.approx((found["h1_q"] * found["h2_q"]) ** 0.5)


def test_neurons_that_are_gone_do_not_count() -> None:
    model, batches = PreparedModel(mlp_network(), Recipe()), batches_of(mlp_network(), 3)
    whole = layer_efficiencies(model, batches)["h1_q"]
    model.set_mask("h1", [True, False] * 4)
    rows = [tuple(row) for x, _ in batches for row in (model.eval().tensors(x)["h1_q"][:, ::2] > 0).tolist()]
    shares = [count / len(rows) for count in Counter(rows).values()]
    half = layer_efficiencies(model.train(), batches)["h1_q"]
    assert half == pytest.approx(-sum(p * log2(p) for p in shares) / 4)
    assert half != whole
    assert model.training


def test_every_position_of_a_convolution_is_a_state() -> None:
    model, batches = frozen(residual_network())
    x = batches[0][0][:1]
    found = layer_efficiencies(model, [x])
    state = model.tensors(x)["a_q"][0] > 0
    seen = Counter(tuple(state[:, i, j].tolist()) for i in range(6) for j in range(6))
    assert found["a_q"] == pytest.approx(-sum(c / 36 * log2(c / 36) for c in seen.values()) / 6)
