"""Links: the steps of a width converter against their formula and against plain lists, forks, FIFOs."""

from __future__ import annotations

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.ir import TensorType
from intaglio.ops.links import Fifo, Fork, Link, Width
from intaglio.ops.links.fifo import BLOCK_BITS, BLOCK_DEPTH

LANES = st.integers(1, 40)


def width(channels: int, a: int, b: int, pixels: int = 2) -> Width:
    return Width(TensorType.integer((pixels, channels), 0, 3), a, b)


@given(st.integers(1, 120), LANES, LANES)
def test_steps_per_pixel_follow_the_formula(channels: int, a: int, b: int) -> None:
    reads, writes = -(-channels // a), -(-channels // b)
    expected = writes if a >= b else reads - 1 + writes - (reads - 1) * a // b
    link = width(channels, a, b)
    assert len(link.pixel()) == expected
    assert max(reads, writes) <= expected <= max(reads, writes) + 1
    assert link.program().steps == 2 * expected


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20))
def test_the_program_repacks_a_pixel(channels: int, a: int, b: int) -> None:
    """Followed step by step on lists, it gives every element once, in order, and never holds more than it says."""
    link = width(channels, a, b)
    program, context = link.program(), link.params()
    elements = list(range(2 * channels))
    beats = [elements[p * channels :][:channels][k : k + a] for p in range(2) for k in range(0, channels, a)]
    wanted = [elements[p * channels :][:channels][k : k + b] for p in range(2) for k in range(0, channels, b)]
    held: list[int] = []
    given_beats: list[list[int]] = []
    reads, writes = set(program.reads[0].tolist()), set(program.writes.tolist())
    for step in range(program.steps):
        if step in reads:
            held += beats.pop(0)
        assert len(held) <= context["hold"]
        if step in writes:
            size = len(wanted[len(given_beats)])
            given_beats.append(held[:size])
            held = held[size:]
        assert len(held) <= context["buffer"] < a + b
    assert given_beats == wanted
    assert not beats
    assert not held


@pytest.mark.parametrize(
    ("channels", "a", "b", "form", "counters"),
    [
        (8, 2, 8, "widen", 1),
        (7, 2, 4, "widen", 2),
        (8, 8, 2, "narrow", 1),
        (7, 4, 2, "narrow", 2),
        (8, 4, 4, "widen", 0),
        (12, 4, 6, "any", 1),
    ],
)
def test_multiples_need_no_multiplexer_of_places(channels: int, a: int, b: int, form: str, counters: int) -> None:
    link = width(channels, a, b)
    parts = link.parts()
    assert link.form == form
    assert sum(part.count for part in parts if part.kind == "counter") == counters
    if form == "widen":
        assert not [part for part in parts if part.kind == "mux"]


def test_a_fork_passes_each_beat_on_at_once() -> None:
    link = Fork(TensorType.integer((2, 2, 5), 0, 3), 2, 3)
    program = link.program()
    assert (program.steps, program.latency) == (12, 0)
    assert program.reads[0].tolist() == program.writes.tolist() == list(range(12))
    assert link.params()["readers"] == ["m0", "m1", "m2"]
    assert isinstance(link, Link)


@pytest.mark.parametrize(
    ("fifo", "kinds"),
    [
        (Fifo(8, 0), set()),
        (Fifo(8, 1), {"ram_constant", "fifo_control"}),
        (Fifo(8, 64), {"ram_lutram", "fifo_control"}),
        (Fifo(8, 512), {"ram_lutram", "fifo_control"}),
        (Fifo(8, 513), {"ram_bram", "fifo_control"}),
    ],
)
def test_a_large_fifo_is_a_block_ram(fifo: Fifo, kinds: set[str]) -> None:
    assert {part.kind for part in fifo.parts()} == kinds
    assert all(part["block"] == fifo.in_block for part in fifo.parts() if part.kind == "fifo_control")


def test_python_and_verilog_agree_on_what_large_is() -> None:
    text = (files("intaglio.templates") / "rtl" / "lib" / "intaglio_fifo.sv.j2").read_text()
    assert f"DEPTH > {BLOCK_DEPTH} && DEPTH * WIDTH > {BLOCK_BITS}" in text
