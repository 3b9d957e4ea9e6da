"""The networks that FINN published for MLPerf Tiny, on the same board: rate, resources, and their integers in RTL.

FINN's figures: CNV-W1A1 at 661 inferences/s and keyword spotting (W3A3) at 57,268 on a PYNQ-Z1/Z2 (MLPerf Tiny v0.7 and
Borras et al., 2022); CNV-W2A2 on xc7z020: 37,302 LUT, 51,386 FF, 140 block RAMs, 32 DSP (FINN-R, Blott et al., 2018).
Ours are estimates at 100 MHz; cycles are what Verilator counts.
"""

from __future__ import annotations

from pathlib import Path

import intaglio
import numpy as np
import pytest
import torch
from intaglio.estimate.resources import Resources
from onnx_reference.brevitas_networks import NETWORKS
from torch import nn

FINN_CNV = Resources(lut=37_302, ff=51_386, dsp=32, bram36=140)
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
JETS = SHARED / "qonnx" / "qkeras_jettagging.onnx"


@pytest.mark.slow
def test_cnv_is_faster_and_smaller_than_the_published_one(tmp_path: Path) -> None:
    """Whole images of 32x32x3 through HLS and RTL; some ten minutes."""
    path, _ = NETWORKS["CNV_2W2A"](tmp_path / "cnv.onnx", 0)
    graph = intaglio.load(path)
    fastest = intaglio.compile(graph, board="pynq-z2", budget=0.8)
    assert fastest.estimate().fps > 661
    design = intaglio.compile(graph, board="pynq-z2", budget=0.8, target_fps=662)
    assert design.estimate().fps > 661
    assert design.estimate().resources.total <= FINN_CNV
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32)) / 256
    result = design.verify(images)
    assert (result.hls_mismatches, result.rtl_mismatches) == (0, 0)
    cycles = design.estimate().cycles
    assert (result.interval_cycles, result.latency_cycles) == (cycles.interval, cycles.latency)


def keyword_spotting() -> nn.Sequential:
    """490-256-256-256-12, as MLPerf Tiny's FINN entry; untrained: weights of three bits use their whole range."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in ((490, 256), (256, 256), (256, 256)):
        layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(256, 12))


def test_keyword_spotting_is_faster_than_the_published_one(tmp_path: Path) -> None:
    frames = torch.randn(16, 490, generator=torch.Generator().manual_seed(1))
    recipe = intaglio.Recipe(method="layerwise", keep=1.0, weight_bits=3, act_bits=3, input_bits=8)
    model = intaglio.prepare(keyword_spotting(), frames[:1], recipe)
    model.calibrate([frames])
    model.freeze()
    design = intaglio.compile(intaglio.lower(model), board="pynq-z2", target_fps=60_000)
    estimate = design.estimate()
    assert estimate.fps > 57_268
    assert estimate.resources.total <= design.board.capacity * 0.8
    result = design.verify(frames[:3].numpy())
    assert (result.hls_mismatches, result.rtl_mismatches) == (0, 0)
    assert (result.interval_cycles, result.latency_cycles) == (estimate.cycles.interval, estimate.cycles.latency)


@pytest.mark.slow
@pytest.mark.skipif(not JETS.is_file(), reason="needs ../shared/data")
def test_jets_are_fully_unrolled_at_one_frame_a_cycle() -> None:
    graph = intaglio.load(JETS, input_type="fixed<16,6>")
    design = intaglio.compile(graph, board="kv260", strategy="adders", budget=1.0)
    assert design.estimate().cycles.interval == 1
    rows = np.load(SHARED / "jets_openml_1000.npz")["x"][:20]
    result = design.verify(rows)
    assert (result.hls_mismatches, result.rtl_mismatches) == (0, 0)
    assert (result.interval_cycles, result.latency_cycles) == (1, design.estimate().cycles.latency)
