"""Streaming through simulated cores: values under stalls, exact cycles, resets, and faults that must be seen."""

from pathlib import Path

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.toolchain.stream import StreamJob, beats_of, ints_of, run_stream_jobs

FRAMES, BEATS = 12, 8


def frames(seed: int = 0, count: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, BEATS, 2), dtype=np.uint8)


def plus(beats: np.ndarray, amount: int) -> np.ndarray:
    return (beats.view("<u2") + np.uint16(amount)).view(np.uint8)


def job(beats: np.ndarray, **options: object) -> StreamJob:
    return StreamJob((beats,), ((len(beats), BEATS),), max_cycles=20_000, **options)  # type: ignore[arg-type]


def test_beats_and_ints_are_inverse() -> None:
    values = [[1, 2**99 + 5], [0, 2**100 - 1]]
    assert beats_of(values, 100).shape == (2, 2, 13)
    assert ints_of(beats_of(values, 100)) == values
    assert ints_of(beats_of([[-1]], 12)) == [[0xFFF]]


@pytest.mark.parametrize("models", ["plain", "cocotbext"])
def test_cycles_are_exact(add_source: Path, tmp_path: Path, models: str) -> None:
    x = frames()
    (result,) = run_stream_jobs([add_source], "add", [job(x)], tmp_path, models=models)  # type: ignore[arg-type]
    assert np.array_equal(result.outputs[0], plus(x, 3))
    assert result.latency == BEATS - 1 + 3
    assert result.interval == BEATS
    assert result.in_cycles[0].tolist() == list(range(result.in_cycles[0][0], result.in_cycles[0][0] + x.shape[0] * 8))
    assert result.first_in[0].tolist() == result.in_cycles[0][::BEATS].tolist()
    assert result.tlast_exact
    assert result.error is False


@pytest.mark.parametrize("models", ["plain", "cocotbext"])
def test_many_cores_in_one_simulation_with_stalls(
    add_source: Path, top_source: Path, tmp_path: Path, models: str
) -> None:
    stalls = [(0.5, 0.0), (0.0, 0.5), (0.3, 0.7)]
    jobs = [
        job(frames(k), prefix=f"k{k}_", seed=k, source_stall=source, sink_stall=sink)
        for k, (source, sink) in enumerate(stalls)
    ]
    sources = [add_source, top_source]
    results = run_stream_jobs(sources, "top", jobs, tmp_path, models=models)  # type: ignore[arg-type]
    for k, (result, amount) in enumerate(zip(results, (1, 2, 300), strict=True)):
        assert np.array_equal(result.outputs[0], plus(frames(k), amount))
        assert result.tlast_exact
        assert result.interval > BEATS


@pytest.mark.parametrize("models", ["plain", "cocotbext"])
def test_reset_in_the_middle_of_a_frame(add_source: Path, tmp_path: Path, models: str) -> None:
    x = frames()
    jobs = [job(x, sink_stall=0.3, reset_at=21)]
    (result,) = run_stream_jobs([add_source], "add", jobs, tmp_path, models=models)  # type: ignore[arg-type]
    assert np.array_equal(result.outputs[0], plus(x, 3))
    assert result.tlast_exact
    assert result.error is False


def test_a_misplaced_tlast_is_sent_and_flagged(add_source: Path, tmp_path: Path) -> None:
    x = frames()
    last = np.zeros((FRAMES, BEATS), dtype=bool)
    last[:, -1] = True
    last[3, 2] = True
    (result,) = run_stream_jobs([add_source], "add", [job(x, last=(last,))], tmp_path)
    assert np.array_equal(result.outputs[0], plus(x, 3))
    assert result.tlast_exact
    assert result.error is True


def test_a_deadlock_is_an_error_that_says_where(add_source: Path, tmp_path: Path) -> None:
    text = add_source.read_text().replace("assign s_axis_0_tready = enable;", "assign s_axis_0_tready = enable && 0;")
    add_source.write_text(text.replace("{valid[1:0], s_axis_0_tvalid}", "{valid[1:0], 1'b0}"))
    deadlock = StreamJob((frames(),), ((FRAMES, BEATS),), max_cycles=500)
    with pytest.raises(IntaglioError, match=r"m_axis_0 gave only 0 of 12 x 8 beats by cycle 500; s_axis_0 took 0"):
        run_stream_jobs([add_source], "add", [deadlock], tmp_path)


def test_wrong_tlast_and_surplus_beats_are_seen(add_source: Path, tmp_path: Path) -> None:
    short = StreamJob((frames(),), ((FRAMES, BEATS - 1),), max_cycles=5000)
    with pytest.raises(IntaglioError, match="gave 96 of 12 x 7 beats"):
        run_stream_jobs([add_source], "add", [short], tmp_path)
    (result,) = run_stream_jobs([add_source], "add", [short], tmp_path, strict=False)
    assert result.problem
    assert not result.tlast_exact


def test_a_failing_build_shows_the_compiler_message(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sv"
    broken.write_text("module broken (input logic ap_clk);\n  assign nowhere = ap_clk + ;\nendmodule\n")
    with pytest.raises(IntaglioError, match="syntax error"):
        run_stream_jobs([broken], "broken", [job(frames())], tmp_path)


def test_registers_without_reset_start_at_random(add_source: Path, tmp_path: Path) -> None:
    """A design that relies on a power-up value is found out: here the first beats depend on the seed."""
    text = add_source.read_text().replace("s_axis_0_tdata + W'(K)", "s_axis_0_tdata + power_up")
    add_source.write_text(text.replace("logic enable;", "logic [W-1:0] power_up;\n    logic enable;"))
    seen = set()
    for seed in range(3):
        (result,) = run_stream_jobs([add_source], "add", [job(frames(), seed=seed)], tmp_path, run_name=f"run{seed}")
        seen.add(result.outputs[0].tobytes())
    assert len(seen) == 3
