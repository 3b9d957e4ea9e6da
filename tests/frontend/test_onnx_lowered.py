"""Every ONNX operator between two quantisers, loaded and simulated: the integers are those of rational arithmetic."""

from __future__ import annotations

from pathlib import Path

import intaglio
import numpy as np
import onnx
import pytest
from intaglio.errors import IntaglioError
from intaglio.frontend.onnx import read_onnx
from onnx_cases_movers import CASES
from onnx_reference.operands import UnsupportedError
from onnx_reference.rational import Reference
from onnx_twin import Net, evaluate, grid, save

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "qonnx"

# patterns whose float32 constants are taken for what they mean; and log(exp(x)), which is rational, at ties too
BY_DEFINITION = {
    "gelu form 0",
    "gelu form 1",
    "gelu form 2",
    "gelu by tanh",
    "hard swish by sigmoid",
    "Log of positive",
}
# a product whose operand no quantiser has met: refused in words
NOT_IN_INTEGERS = {"pow 3", "squeeze and excite"}


def exactly(model: onnx.ModelProto, path: Path, x: np.ndarray, **types: str) -> None:
    found = intaglio.simulate(intaglio.load(path, **types), x)
    try:
        reference = Reference(model)
        name = reference.inputs[0]
        rows = [reference({name: x[i : i + 1]}) for i in range(len(x))]
        (wanted,) = (np.concatenate([row[key] for row in rows]) for key in rows[0])
    except UnsupportedError:  # the source graph, which onnxruntime has agreed with
        (wanted,) = evaluate(read_onnx(path), {"x": x})
    assert found.shape == wanted.shape
    assert np.array_equal(found, wanted.astype(np.float64))


@pytest.mark.parametrize("name", [n for n in CASES if n not in BY_DEFINITION | NOT_IN_INTEGERS])
def test_between_quantisers(name: str, tmp_path: Path) -> None:
    shape, build, _ = CASES[name]
    net = Net(shape, seed=len(name))
    net.x = net.quant("x", 1 / 16, 0, 6)
    y = build(net)
    if not name.startswith("arg"):
        y = net.quant(y, 1 / 8, 0, 8)
    model = net.model(y)
    try:
        exactly(model, save(model, tmp_path), grid((3, *shape[1:]), limit=40))
    except IntaglioError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("name", sorted(NOT_IN_INTEGERS))
def test_what_integers_cannot_express(name: str, tmp_path: Path) -> None:
    shape, build, _ = CASES[name]
    net = Net(shape)
    net.x = net.quant("x", 1 / 16, 0, 6)
    with pytest.raises(IntaglioError, match="not quantised after") as caught:
        intaglio.load(save(net.model(net.quant(build(net))), tmp_path))
    assert "a quantiser after the function" in str(caught.value)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
def test_published_networks() -> None:
    random = np.random.default_rng(0)
    path = SHARED / "TFC_2W2A.onnx"
    exactly(onnx.load(path), path, random.integers(0, 256, (5, 1, 28, 28)).astype(np.float32) / 255)
