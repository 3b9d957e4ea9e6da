"""Training on CUDA: every method trains there, the frozen model equals the simulator, a run resumes bit for bit.

Bit for bit takes PyTorch's deterministic algorithms, on CUDA: without them, sums of scattered values have no order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import intaglio
import pytest
import torch
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe, fit
from intaglio.flow.lower import lower
from test_fit import METHODS as STATEFUL
from test_fit import run
from test_methods import PUBLISHED

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.fixture
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("make", [residual_network, mlp_network])
@pytest.mark.parametrize("method", PUBLISHED)
def test_what_was_trained_on_cuda_equals_the_simulator_on_both_devices(method: str, make) -> None:
    recipe = Recipe(method, start_epoch=0.1)
    graph = make(act_bits=recipe.widest_act_bits)
    model = PreparedModel(graph, recipe)
    fit(model, batches_of(graph, 6), None, 6, lr=0.01, progress=False, device="cuda")
    assert model.masks.is_cuda
    x = batches_of(graph, 2, 32, seed=5)[1][0]
    want = intaglio.simulate(lower(model), x.numpy())
    assert (model(x.cuda()).cpu().numpy() == want).all()
    assert (model.cpu()(x).numpy() == want).all()


@pytest.mark.usefixtures("_deterministic")
@pytest.mark.parametrize("device", ["cuda", "cpu"])
@pytest.mark.parametrize("method", ["layerwise", *STATEFUL])
def test_a_run_resumes_from_the_checkpoint_of_a_cuda_device(tmp_path: Path, method: str, device: str) -> None:
    """On the same device bit for bit; on the other one it ends."""
    given = {"start_epoch": 0.1, "shares": (0.1, 0.5, 0.2, 0.2), **STATEFUL.get(method, {})}
    recipe = Recipe(method, **given)
    whole, _ = run(tmp_path / "whole.pt", recipe=recipe, device="cuda")
    run(tmp_path / "part.pt", stop_after=4, recipe=recipe, device="cuda")
    resumed, _ = run(tmp_path / "part.pt", recipe=recipe, device=device)
    assert resumed.frozen
    if device == "cuda":
        for (name, mine), (_, theirs) in zip(whole.state_dict().items(), resumed.state_dict().items(), strict=True):
            assert torch.equal(mine, theirs) if isinstance(mine, torch.Tensor) else mine == theirs, name
