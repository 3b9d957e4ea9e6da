"""The benchmark of the simulator: three times one network, and honest rows where a peer is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from intaglio.flow import bench
from intaglio.flow.bench_estimate import bench_estimate
from intaglio.simulator import run, simulate

TINY = bench.Size(2, 3, 5, 4)


def test_rows_are_for_tables_and_json() -> None:
    rows = bench.bench_simulator((TINY,), peers=False)
    assert [row["what"] for row in rows] == ["intaglio simulate", "PyTorch float32"]
    assert json.loads(json.dumps(rows)) == rows
    assert all(row["ms_per_batch"] > 0 for row in rows)
    assert rows[0]["times_slower_than_intaglio"] == 1


def test_without_hls4ml_its_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    row = bench.bench_simulator((TINY,))[-1]
    assert row["ms_per_batch"] is None
    assert "pip install hls4ml" in row["note"]


@pytest.mark.parametrize("size", [bench.FULL, bench.CARVED])
def test_the_networks_are_alive_and_the_same(size: bench.Size) -> None:
    """The layers before the first quantiser agree, and no requantiser is stuck at one value."""
    weights = bench._weights(size)
    graph = bench.lenet(weights)
    x = np.random.default_rng(3).integers(0, 256, (7, 1, 28, 28)) / 256
    tensors = run(graph, {"x": (x * 256).astype(int).transpose(0, 2, 3, 1)}, probes=[n.name for n in graph.nodes])
    for name, values in tensors.items():
        assert len(np.unique(values)) > 4, name
    first = bench._network(weights)[0].double()
    with torch.no_grad():
        real = first(torch.from_numpy(x)).numpy().transpose(0, 2, 3, 1)
    bias = weights[0][1]
    assert (real * 8 * 256 - bias * 256 == tensors["conv0"] - bias).all()
    assert (simulate(graph, x) == tensors[graph.outputs[0]]).all()


def test_estimates_of_a_narrow_cnv() -> None:
    """Nothing depends on what was estimated before; a design that nothing is remembered of takes longer."""
    rows = bench_estimate(narrower=16)
    assert json.loads(json.dumps(rows)) == rows
    again, changed, new, rtl = (row["times_an_estimate"] for row in rows)
    assert again == 1
    assert min(changed, new, rtl) > 0
    assert rows[0]["per_second"] > 1
