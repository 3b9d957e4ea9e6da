"""A report says of zeros that its kernels do not leave out that they save nothing."""

from __future__ import annotations

import io

import intaglio
import numpy as np
from intaglio.flow.show import print_facts
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ops import Dense
from intaglio.report.page import render_page
from rich.console import Console


def _sparse() -> Graph:
    """64 x 64 weights, one of eight left at random places: hardly a block of zeros."""
    rng = np.random.default_rng(3)
    weight = np.where(rng.random((64, 64)) < 1 / 8, rng.choice((-3, -2, 1, 3), (64, 64)), 0)
    layer = Node("layer", Dense(as_integers(weight), as_integers(np.zeros(64))), ("x",))
    return Graph({"x": TensorType.integer((64,), 0, 15)}, (layer,), ("layer",))


def _said(kernel: Kernel) -> tuple[dict, str, str]:
    design = intaglio.compile(_sparse(), folding={"layer": kernel})
    facts, text = design.facts(), io.StringIO()
    print_facts(facts, Console(file=text, width=200))
    return facts["figures"]["total"], text.getvalue(), render_page(facts)


def test_random_zeros_in_a_folded_layer_save_nothing_and_the_report_says_so() -> None:
    total, terminal, page = _said(Kernel(pe=16, simd=8))
    zeros = total["zero_weights"]
    assert (total["weights"], total["free_zeros"]) == (64 * 64, 0)
    sentence = (
        f"layer: {zeros:,} of its {zeros:,} weights of 0 save nothing in this kernel; those of layers leave out blocks "
        "of PE x SIMD zeros, and unrolled every zero"
    )
    assert sentence in terminal
    assert sentence in page


def test_zeros_of_an_unrolled_layer_are_all_free() -> None:
    total, terminal, page = _said(Kernel(pe=64, simd=64))
    assert total["free_zeros"] == total["zero_weights"] > 3000
    assert "save nothing in" not in terminal + page
