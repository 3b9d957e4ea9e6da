"""The bench is tested: kernels that are wrong in one way each, beside one that is right, and it names them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import numpy as np
import pytest
from harness import Case, check
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops import Flatten, MaxPool, Shift

ENABLE = "wire enable = !m0_valid || m0_ready;"
READY = "assign s0_ready = enable;"
FOLD = "if (!ap_rst_n) fold <= 0;\n        else if (step)"
VALID = "if (!ap_rst_n) valid <= 0;\n        else if (enable)"
PAUSE = "reg pause;\n    always @(posedge ap_clk) pause <= ap_rst_n && s0_valid && s0_ready;\n    "

WRONG: dict[str, tuple[str, dict[str, str], str]] = {
    "right": ("sv", {}, ""),
    "drops_beats": ("sv", {ENABLE: "wire enable = 1'b1;"}, "RTL at stalls (0.0, 0.5)"),
    "makes_up_beats": ("sv", {"wire step   = enable && s0_valid;": "wire step = enable;"}, "RTL at stalls (0.5, 0.0)"),
    "keeps_its_place": (
        "sv",
        {f"always @(posedge ap_clk)\n        {FOLD}": "initial fold = 0;\n    always @(posedge ap_clk) if (step)"},
        "RTL at stalls (0.0, 0.0) after a reset in the middle",
    ),
    "keeps_its_beats": (
        "sv",
        {f"always @(posedge ap_clk)\n        {VALID}": "initial valid = 0;\n    always @(posedge ap_clk) if (enable)"},
        "RTL at stalls (0.0, 0.0) after a reset in the middle",
    ),
    "litters": ("sv", {"next & channels": "next | ~channels"}, "spare lanes are not zero"),
    "rests": (
        "sv",
        {
            "assign s0_ready = enable;": f"{PAUSE}assign s0_ready = enable && !pause;",
            "<= s0_valid": "<= s0_valid && !pause",
        },
        "in cycle",
    ),
    "wrong": ("sv", {">>> 2": ">>> 1"}, "RTL at stalls (0.0, 0.0): at"),
    "idle": ("sv", {ENABLE: f"{ENABLE}\n    wire forgotten = enable;"}, "lint"),
    "wrong_in_cpp": ("cpp", {"SHIFT = 2": "SHIFT = 1"}, "HLS: at"),
    "short_in_cpp": ("cpp", {"STEPS = 9": "STEPS = 8"}, "HLS gave the wrong number of beats, or left some unread"),
    "idles_in_cpp": (
        "cpp",
        {"m0.write(result);": "m0.write(result);\n        m0.write(result);"},
        "wrong number of beats",
    ),
    "hurries_in_cpp": ("cpp", {"DISTANCE(lines, 4)": "DISTANCE(lines, 6)"}, "HLS reads a word again sooner"),
}
"""By name: which text is changed, how, and what the bench must say."""


def test_the_bench_finds_every_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = TensorType.integer((3, 5), -64, 63)
    shift = Shift(as_integers(np.arange(5)), 2, -8, 7)
    cases = [Case(name, shift, Kernel(2, 2), (x,)) for name in WRONG if name not in ("rests", "hurries_in_cpp")]
    cases.append(Case("rests", Flatten(), Kernel(5, 5), (x,)))
    image = TensorType.integer((4, 4, 1), 0, 7)
    cases.append(Case("hurries_in_cpp", MaxPool((2, 2), (1, 1), (0, 1, 0, 1)), Kernel(1, 1), (image,)))
    honest = harness.render

    def broken(template: str, /, **context: Any) -> str:
        text = honest(template, **context)
        language, changes, _ = WRONG.get(context.get("module", "").removeprefix("unit_"), ("", {}, ""))
        for old, new in changes.items() if f".{language}." in template else ():
            assert text.count(old) == 1, (context["module"], old)
            text = text.replace(old, new)
        return text

    monkeypatch.setattr(harness, "render", broken)
    with pytest.raises(AssertionError) as caught:
        check(cases, tmp_path)
    problems = str(caught.value)
    for name, (_, _, message) in WRONG.items():
        said = [line for line in problems.splitlines() if line.startswith(f"{name}: ")]
        assert bool(said) == (name != "right"), name
        assert any(message in line for line in said) or not message, (name, said)
