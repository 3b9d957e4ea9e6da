"""Quantisers whose steps are powers of two, one for each fused module or one for each operator (12); no retraining.

A residual network is trained in float and quantised from calibration data by the recipe `bit-shift`. Fused: one
quantiser behind convolution + batch norm + ReLU, and one behind addition + ReLU, operands aligned by shifts. Per
operator: one more behind each batch norm and each addition (a batch norm is part of its convolution in both). Beside
them the same fused network with `dyadic` scales, which are multiplied. The error is that of the logits before any
class is chosen, ||O - O_q||^2 / ||O||^2. LUTs are Yosys's, of a requantiser from SUM_BITS to 8 bits, one lane that
CHANNELS channels pass in turn: a shifter, and a multiplier by constants of FACTOR_BITS bits a channel before the same
shift.

python examples/methods/bit_shift_quantisation.py
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import intaglio
import numpy as np
import torch
from common_digits import RESNET, data
from experiment import Experiment, Measured, Outcome
from intaglio.codegen.env import render
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.fit import evaluate
from intaglio.flow.specimens import library
from intaglio.ir import Graph, Kernel, Node, Op, TensorType
from intaglio.ops import MulShift, Shift
from intaglio.ops.source import BatchNorm, Quantise, SourceAdd
from intaglio.toolchain.yosys import synthesise

FUSED, APART, DYADIC = ARMS = ("fused", "per operator", "fused, dyadic scales")
WIDTHS = (8, 6)
CHANNELS, SUM_BITS, FACTOR_BITS = 16, 20, 8


def run(arm: str, seed: int) -> Measured:
    dense, _ = RESNET.fit_float(seed, data(), progress=False)
    train, held_out = data()
    found: Measured = {}
    for bits in WIDTHS:
        model = quantised(arm, bits, dense, seed)
        torch.manual_seed(seed)
        model.calibrate(train)
        model.freeze()
        with torch.no_grad():
            wanted, got = dense.eval()(held_out.x).double(), model(held_out.x).double()
        found |= {
            f"accuracy, {bits} bits": 100 * evaluate(model, held_out),
            f"error, {bits} bits": float((got - wanted).square().sum() / wanted.square().sum()),
            "quantisers": sum(isinstance(node.op, Quantise) for node in model.graph.nodes),
        }
    if arm == APART:
        return found
    kind = Shift if arm == FUSED else MulShift
    return found | {"requantiser LUTs": requantiser_luts(kind.name)}


def quantised(arm: str, bits: int, dense: PreparedModel, seed: int) -> PreparedModel:
    """The float network with its quantisers, before they have seen data."""
    method = Recipe(keep=1.0, seed=seed) if arm == DYADIC else Recipe("bit-shift", seed=seed)
    recipe = replace_bits(method, bits)
    torch.manual_seed(seed)
    model = intaglio.prepare(RESNET.net(), RESNET.example_input, recipe)
    if arm == APART:
        model = PreparedModel(per_operator(model.graph, bits), recipe)
    return model.copy_weights(dense)


def replace_bits(recipe: Recipe, bits: int) -> Recipe:
    return Recipe(recipe.method, {**recipe.given, "weight_bits": bits, "act_bits": bits})


def per_operator(graph: Graph, bits: int) -> Graph:
    """The graph with a quantiser behind each batch norm and each addition that has none."""
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)))
        readers = [graph.by_name[reader].op for reader, _ in graph.consumers[node.name]]
        if isinstance(node.op, BatchNorm | SourceAdd) and not any(isinstance(op, Quantise) for op in readers):
            renamed[node.name] = f"{node.name}_own_q"
            nodes.append(Node(renamed[node.name], Quantise(bits), (node.name,), node.loc))
    return graph.with_nodes(nodes)


@lru_cache
def requantiser_luts(kind: str) -> int:
    """LUTs of a requantiser after synthesis by Yosys, without DSP slices."""
    rng = np.random.default_rng(0)
    low, high = -(1 << (SUM_BITS - 1)), (1 << (SUM_BITS - 1)) - 1
    x = TensorType.integer((CHANNELS,), np.full(CHANNELS, low), np.full(CHANNELS, high))
    shift = SUM_BITS - 8
    addend = rng.integers(-(1 << shift), 1 << shift, CHANNELS)
    factor = rng.integers(1 << (FACTOR_BITS - 1), 1 << FACTOR_BITS, CHANNELS)
    op: Op = Shift(addend, shift, 0, 255)
    if kind == MulShift.name:
        op = MulShift(factor, addend << (FACTOR_BITS - 1), shift + FACTOR_BITS - 1, 0, 255)
    sources = {"requantiser": render(f"rtl/{op.name}.sv.j2", **op.params(Kernel(), x), module="requantiser")}
    sources |= {name: text for name, text in library().items() if name in sources["requantiser"]}
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.sv" for name in sources]
        for path, text in zip(paths, sources.values(), strict=True):
            path.write_text(text)
        return synthesise(paths, "requantiser", dsp=False).lut


def judge(outcome: Outcome) -> tuple[bool, str]:
    shown = []
    for arm in ARMS:
        at = [
            f"{bits} bits {outcome.of(arm, f'accuracy, {bits} bits').text()} %, "
            f"error {outcome.of(arm, f'error, {bits} bits').mean:.2g}"
            for bits in WIDTHS
        ]
        shown.append(f"{arm}: {outcome.of(arm, 'quantisers').mean:.0f} quantisers, {', '.join(at)}")
    over = outcome.difference(FUSED, APART, "accuracy, 8 bits")
    less = outcome.difference(FUSED, APART, "error, 8 bits")
    luts = {arm: outcome.of(arm, "requantiser LUTs").mean for arm in (FUSED, DYADIC)}
    fewer = outcome.of(FUSED, "quantisers").mean < outcome.of(APART, "quantisers").mean
    text = (
        f"{'; '.join(shown)}; fused - per operator at 8 bits {over.text()} points, error {less.mean:+.2g} "
        f"± {less.half:.2g}; Yosys: {luts[FUSED]:.0f} LUTs for a shifter, {luts[DYADIC]:.0f} for a multiplier."
    )
    return fewer and over.low > 0 and luts[FUSED] < luts[DYADIC], text


experiment = Experiment(
    number=12,
    system="bit_shift_quantisation",
    claim="One quantiser for each fused module is fewer quantisers and better 8-bit accuracy than one for each "
    "operator, and a shifter takes fewer LUTs than a multiplier",
    data="digits, residual network, W8A8 and W6A6, calibrated only",
    arms=ARMS,
    run=run,
    judge=judge,
    seeds=3,
)

if __name__ == "__main__":
    experiment.main()
