"""Fully unrolled layers through Yosys: da4ml's own Verilog, its graphs in our templates, ours, constant multipliers."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.flow import bench_adders
from intaglio.flow.bench_adders import Matrix, matrices, quantised

needs_da4ml = pytest.mark.skipif(
    importlib.util.find_spec("da4ml") is None, reason="da4ml is not installed: pip install intaglio[da]"
)


@needs_da4ml
def test_luts_beside_da4mls_own_verilog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = quantised(np.random.default_rng(4).normal(0, 0.3, (8, 10)), 5)
    monkeypatch.setattr(bench_adders, "matrices", lambda *_, **__: [Matrix("small", 5, weight)])
    rows = {row["what"]: row for row in bench_adders.bench_adders(folder=tmp_path)}
    assert list(rows) == ["da4ml's Verilog", "da4ml", "adders", "lut"]
    assert rows["da4ml"]["lut"] <= rows["da4ml's Verilog"]["lut"]
    assert rows["adders"]["lut"] <= 1.05 * rows["da4ml's Verilog"]["lut"]
    assert rows["lut"]["lut"] > 1.3 * rows["adders"]["lut"]
    for way in ("da4ml", "adders"):  # what the estimate counts is what Yosys builds
        assert rows[way]["lut"] == pytest.approx(rows[way]["overlap"], rel=0.03)


def test_matrices_have_the_bits_that_are_asked_for() -> None:
    every = matrices(full=True)
    assert {m.bits for m in every} == {4, 6, 8}
    for matrix in every:
        assert np.abs(matrix.weight).max() < 1 << (matrix.bits - 1)
    assert {m.weight.shape for m in matrices()} <= {m.weight.shape for m in every}


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no")
    with pytest.raises(IntaglioError, match="cannot read it as ONNX"):
        matrices(path)
