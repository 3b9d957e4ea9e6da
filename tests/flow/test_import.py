"""Networks that others trained: loaded, each equal to exact rational execution on every sample; and what is refused.

What runs here is a share; `python hls_tests/fuzz.py` runs thousands, `pytest -m slow` every network of Brevitas.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import intaglio
import numpy as np
import onnx
import pytest
from onnx_reference.brevitas_networks import NETWORKS
from onnx_reference.fuzzing import build, judge, resist
from onnx_reference.rational import Reference

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")


def equal(graph: intaglio.Graph, model: onnx.ModelProto, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """simulate(x), once it has been shown to be the nearest float64 of the rational result, frame by frame."""
    reference = Reference(model)
    (name,) = graph_inputs(model)
    got = intaglio.simulate(graph, x)
    for frame, y in zip(x, got, strict=True):
        (want,) = reference({name: frame[None]}).values()
        assert [Fraction(v) for v in y.ravel().tolist()] == [Fraction(float(v)) for v in np.ravel(want)]
    return got


def graph_inputs(model: onnx.ModelProto) -> list[str]:
    held = {each.name for each in model.graph.initializer}
    return [each.name for each in model.graph.input if each.name not in held]


def loads_and_equals(name: str, folder: Path, frames: int, seed: int = 0) -> intaglio.Graph:
    path, example = NETWORKS[name](folder / f"{name}.onnx", seed)
    graph = intaglio.load(path)
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (frames, *example.shape[1:])).astype(np.float32)
    x[0] = example[0]
    y = equal(graph, onnx.load(path), x)
    assert len(np.unique(y)) > 1
    return graph


QUICK = ["TFC_1W1A", "TFC_1W2A", "mobilenet_4bit", "resnet8_8bit_unequal", "asymmetric", "qcdq_asymmetric"]


@pytest.mark.parametrize("name", QUICK)
def test_networks_of_brevitas_load_and_are_equal(name: str, tmp_path: Path) -> None:
    loads_and_equals(name, tmp_path, frames=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_network_of_brevitas_loads_and_is_equal(name: str, seed: int, tmp_path: Path) -> None:
    loads_and_equals(name, tmp_path, frames=4, seed=seed)


@needs_shared
def test_a_trained_two_bit_network_is_exact_and_as_accurate_as_published() -> None:
    """96.60 % of MNIST's 10,000; 40 of them also in exact rational arithmetic."""
    path = SHARED / "qonnx" / "TFC_2W2A.onnx"
    graph, data = intaglio.load(path), np.load(SHARED / "mnist.npz")
    x = (data["x_test"].astype(np.float32) / 255)[:, None]
    assert int((intaglio.simulate(graph, x).argmax(axis=1) == data["y_test"]).sum()) == 9660
    equal(graph, onnx.load(path), x[:40])


@needs_shared
def test_a_trained_network_without_an_input_quantiser_takes_one() -> None:
    """77.4 % of the 1,000 jets with 11 fraction bits or more; on that grid exact up to the softmax, which is ours."""
    path = SHARED / "qonnx" / "qkeras_jettagging.onnx"
    with pytest.raises(intaglio.IntaglioError, match="the input global_in has no quantiser") as refused:
        intaglio.load(path)
    assert "--input-type fixed<16,6>" in refused.value.hint
    data, graph = np.load(SHARED / "jets_openml_1000.npz"), intaglio.load(path, input_type="fixed<16,5>")
    probabilities = intaglio.simulate(graph, data["x"])
    assert int((probabilities.argmax(axis=1) == data["y"]).sum()) == 774
    model = onnx.load(path)
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.node.remove(softmax)
    model.graph.output[0].name = softmax.input[0]
    grid = np.clip(np.floor(data["x"][:30] * 2048 + 0.5), -(1 << 15), (1 << 15) - 1) / 2048
    reference = Reference(model)
    for row, y in zip(grid.astype(np.float32), probabilities, strict=False):
        (logits,) = reference({"global_in": row[None]}).values()
        best = max(range(5), key=lambda k: (logits[0][k], -k))
        assert y.argmax() == best
        exact = np.exp([float(v) for v in logits[0]])
        assert np.abs(y - exact / exact.sum()).max() < 2**-15


def test_a_share_of_random_networks() -> None:
    """load == rational == simulator; the rest of them by `python hls_tests/fuzz.py`."""
    verdicts = [judge(seed) for seed in range(5000, 5120)]
    assert not [v for v in verdicts if v.failed]
    assert sum(v.outcome in {"equal", "last bit"} for v in verdicts) > 100


@pytest.mark.parametrize("seed", [5001, 5004, 5010])
def test_random_networks_through_hls_and_rtl(seed: int) -> None:
    assert build(seed).outcome == "built"


def test_a_share_of_hostile_files() -> None:
    """Each one clear error in bounded time, or a network that means something."""
    verdicts = [resist(seed) for seed in range(60)]
    assert not [v for v in verdicts if v.failed]
    assert sum(v.outcome == "refused" for v in verdicts) > 40
