"""Every operator in its forms, links, FIFOs and a whole core through Yosys: no latches, and memories as asked for.

Whatever Yosys cannot map (a latch, a multiplier without cells) has no price, which `synthesise_modules` refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import networks
import numpy as np
from intaglio.codegen.env import render
from intaglio.codegen.rtl import library, render_rtl
from intaglio.ir import IntType, Kernel, Op, TensorType, as_integers
from intaglio.ops import (
    Add,
    Argmax,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Gather,
    Lookup,
    Maximum,
    MaxPool,
    Minimum,
    MulShift,
    Multiply,
    Pad,
    PositionAffine,
    Shift,
    Slice,
    Softmax,
    Subtract,
    SumPool,
    Threshold,
    TopK,
    Upsample,
    ZeroStuff,
)
from intaglio.ops.links import Fork, Width
from intaglio.toolchain.yosys import Cells, SynthesisJob, synthesise_modules
from test_registry import OPERATORS

Form = tuple[Op, Kernel, tuple[TensorType, ...], Callable[[Cells], bool]]


def logic(cells: Cells) -> bool:
    return cells.lut > 0 and cells.dsp == cells.bram36 == cells.uram == 0


def distributed(cells: Cells) -> bool:
    """A memory that is written, in LUTs."""
    return cells.lutram > 0 and cells.bram36 == cells.uram == 0


def block(cells: Cells) -> bool:
    return cells.bram36 > 0 and cells.lutram == cells.uram == 0


def ultra(cells: Cells) -> bool:
    return cells.uram > 0 and cells.bram36 == 0


def slices(cells: Cells) -> bool:
    return cells.dsp > 0 and cells.bram36 == cells.uram == 0


def ints(shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    return as_integers(np.random.default_rng(sum(shape)).integers(low, high, shape, endpoint=True))


def dense(outputs: int, inputs: int, high: int = 3) -> Dense:
    return Dense(ints((outputs, inputs), -high, high), ints((outputs,), -9, 9))


def binary(outputs: int, inputs: int) -> Dense:
    op = dense(outputs, inputs)
    return replace(op, weight=as_integers(np.where(op.weight < 0, -1, 1)))


def sparse(op: Dense | Conv2d) -> Dense | Conv2d:
    """The same without the weights of the first two outputs' first two inputs."""
    weight = op.weight.copy()
    weight[:2, ..., :2] = 0
    return replace(op, weight=as_integers(weight))


def conv(outputs: int, inputs: int, kernel: tuple[int, int], **rest: object) -> Conv2d:
    return Conv2d(ints((outputs, *kernel, inputs), -3, 3), ints((outputs,), -9, 9), **rest)  # type: ignore[arg-type]


V, ACC = TensorType.integer((2, 6), 0, 7), TensorType.integer((2, 5), -90, 70)
ONE_BIT = TensorType((8,), IntType(True, 1), (-1,) * 8, (1,) * 8)
IMAGE, GATE = TensorType.integer((4, 4, 3), 0, 7), TensorType.integer((6,), 0, 7)
LEVELS = np.sort(ints((5, 7), -80, 60), axis=1)
TWO = Kernel(2, 2)
THRESHOLD = Threshold(as_integers(LEVELS), ints((5,), -3, 3), as_integers([1, 1, -1, 1, 1]))
TABLE = Lookup(ints((1, 8), 0, 15), 0)
AFFINE = PositionAffine(ints((1, 6), -9, 9), ints((2, 6), -9, 9))
TURNED = Gather(as_integers(np.arange(48).reshape(4, 4, 3).transpose(1, 0, 2).ravel()), (4, 4, 3), 3)
MIXED = Gather(as_integers(np.random.default_rng(1).permutation(48)), (4, 4, 3), 3)

FORMS: dict[str, Form] = {
    "dense_serial": (dense(5, 6), Kernel(1, 1, memory="lutram"), (V,), logic),
    "dense_spare": (dense(5, 6), Kernel(2, 4, memory="lutram", stages=2), (V,), distributed),
    "dense_block": (dense(8, 6), Kernel(2, 2, memory="bram", buffer="bram"), (V,), block),
    "dense_unrolled": (dense(3, 6), Kernel(3, 6), (V,), logic),
    "dense_dsp": (dense(4, 6, 100), Kernel(2, 3, multiplier="dsp"), (V,), slices),
    "dense_packed": (dense(4, 6), Kernel(2, 2, multiplier="dsp2"), (V,), slices),
    "dense_booth": (dense(4, 6), Kernel(2, 3, multiplier="booth"), (V,), distributed),
    "dense_xnor": (binary(4, 8), Kernel(2, 4, multiplier="xnor"), (ONE_BIT,), logic),
    "dense_sparse": (sparse(dense(4, 6)), TWO, (V,), distributed),
    "conv2d_rows": (conv(3, 3, (2, 2), padding=(1, 0, 0, 1)), Kernel(2, 2, buffer="lutram"), (IMAGE,), distributed),
    "conv2d_rows_block": (conv(3, 3, (2, 2)), Kernel(3, 3, buffer="bram", memory="lutram"), (IMAGE,), block),
    "conv2d_sparse": (sparse(conv(4, 3, (2, 2))), TWO, (IMAGE,), distributed),
    "conv2d_window": (conv(3, 3, (2, 2), padding=(1, 1, 1, 1)), Kernel(2, 12), (IMAGE,), logic),
    "conv2d_depthwise": (conv(3, 1, (2, 2), groups=3), Kernel(2, 2), (IMAGE,), distributed),
    "max_pool": (MaxPool((2, 2), (2, 2)), TWO, (IMAGE,), distributed),
    "max_pool_sliding": (MaxPool((2, 2), (1, 1)), Kernel(1, 1), (IMAGE,), logic),
    "sum_pool": (SumPool((2, 2), (2, 2)), Kernel(2, 2, buffer="bram"), (IMAGE,), block),
    "sum_pool_sliding": (SumPool((3, 3), (1, 1)), Kernel(3, 3), (IMAGE,), logic),
    "threshold": (THRESHOLD, TWO, (ACC,), logic),
    "threshold_search": (THRESHOLD, Kernel(2, 2, compare="search"), (ACC,), logic),
    "threshold_block": (THRESHOLD, Kernel(2, 2, compare="search", memory="bram"), (ACC,), block),
    "lookup": (TABLE, TWO, (V,), logic),
    "lookup_block": (TABLE, Kernel(2, 2, memory="bram"), (V,), block),
    "mul_shift": (MulShift(ints((5,), 1, 9), ints((5,), -9, 9), 4, 0, 7), TWO, (ACC,), logic),
    "mul_shift_dsp": (
        MulShift(ints((5,), 1, 99), ints((5,), -9, 9), 4, 0, 7),
        Kernel(2, 2, multiplier="dsp"),
        (ACC,),
        slices,
    ),
    "shift": (Shift(ints((5,), -9, 9), 3, 0, 7), TWO, (ACC,), logic),
    "position_affine": (AFFINE, TWO, (V,), logic),
    "multiply": (Multiply(), TWO, (V, V), logic),
    "multiply_dsp": (Multiply(), Kernel(2, 2, multiplier="dsp"), (ACC, ACC), slices),
    "add": (Add(), TWO, (V, V), logic),
    "subtract_gate": (Subtract(), TWO, (V, GATE), distributed),
    "maximum": (Maximum(), TWO, (V, TensorType.integer((2, 1), 0, 7)), logic),
    "minimum": (Minimum(), TWO, (V, V), logic),
    "concat": (Concat(2), Kernel(3, 3), (V, V), logic),
    "flatten": (Flatten(), Kernel(3, 3), (V,), lambda cells: cells.ff > 0),
    "gather": (MIXED, Kernel(1, 1), (IMAGE,), distributed),
    "gather_turned": (TURNED, Kernel(3, 3, buffer="bram"), (IMAGE,), block),
    "slice": (Slice((0, 4, 2), (1, 4, 1), as_integers([0, 2])), Kernel(1, 1), (IMAGE,), logic),
    "pad": (Pad((1, 0, 0, 1), 0), TWO, (IMAGE,), logic),
    "upsample": (Upsample((2, 2)), TWO, (IMAGE,), distributed),
    "zero_stuff": (ZeroStuff((2, 2)), TWO, (IMAGE,), logic),
    "argmax": (Argmax(), Kernel(simd=2), (TensorType.integer((5,), -9, 9),), logic),
    "top_k": (TopK(2, True, False), Kernel(simd=2), (TensorType.integer((5,), -9, 9),), logic),
    "softmax": (Softmax(as_integers([16, 9, 5, 3, 1]), 3), Kernel(1, 1), (TensorType.integer((3,), 0, 5),), logic),
}

ULTRA: dict[str, Form] = {
    "conv2d_ultra": (conv(3, 3, (2, 2)), Kernel(2, 2, buffer="uram", memory="lutram"), (IMAGE,), ultra),
    "gather_ultra": (TURNED, Kernel(3, 3, buffer="uram"), (IMAGE,), ultra),
    "pool_ultra": (SumPool((2, 2), (2, 2)), Kernel(2, 2, buffer="uram"), (IMAGE,), ultra),
}

KIND = TensorType.integer((2, 9), 0, 7)
LINKS = {f"width_{a}_{b}": Width(KIND, a, b) for a, b in ((6, 2), (2, 6), (4, 3))} | {"fork": Fork(KIND, 2, 2)}
FIFOS: dict[str, tuple[int, int, Callable[[Cells], bool]]] = {
    "fifo_word": (8, 1, lambda cells: cells.lutram == cells.bram36 == 0),
    "fifo_words": (8, 12, distributed),
    "fifo_block": (9, 512, block),
}
"""Width, depth."""


def modules(names: Iterable[str]) -> dict[str, str]:
    """Texts by module."""
    found = {}
    for name in names:
        if name in FIFOS:
            width, depth, _ = FIFOS[name]
            fifo = f"(* keep *) intaglio_fifo #(.WIDTH({width}), .DEPTH({depth})) fifo ();"
            found[name] = f"module {name}; {fifo} endmodule\n"
        elif name in LINKS:
            link = LINKS[name]
            found[name] = render(f"rtl/{link.template}.sv.j2", **link.params(), module=name)
        else:
            op, kernel, ins, _ = (FORMS | ULTRA)[name]
            found[name] = render(f"rtl/{op.name}.sv.j2", **op.params(kernel, *ins), module=name)
    return found


def job(folder: Path, texts: dict[str, str], family: str, *, dsp: bool) -> SynthesisJob:
    """A design of all these modules side by side, each kept as it is."""
    texts = texts | {
        path.removeprefix("rtl/").removesuffix(".sv"): text for path, text in library("\n".join(texts.values())).items()
    }
    instances = "\n".join(f"    (* keep *) {name} u_{name} ();" for name in texts if not name.startswith("intaglio_"))
    texts["top"] = f"module top;\n{instances}\nendmodule\n"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.sv").write_text(text)
    return SynthesisJob(tuple(sorted(folder.iterdir())), "top", family, dsp=dsp)


def test_every_form_is_mapped_to_the_cells_that_it_asks_for(tmp_path: Path) -> None:
    with_slices = [name for name, form in FORMS.items() if form[3] == slices]
    rest = [name for name in (*FORMS, *LINKS, *FIFOS) if name not in with_slices]
    core = {Path(path).stem: text for path, text in render_rtl(networks.fork(), "net").items()}
    jobs = [
        job(tmp_path / "logic", modules(rest) | core, "xc7", dsp=False),
        job(tmp_path / "dsp", modules(with_slices), "xc7", dsp=True),
        job(tmp_path / "ultra", modules(ULTRA), "xcup", dsp=False),
    ]
    cells = {name: used for found in synthesise_modules(jobs) for name, used in found.items()}
    expected = {name: form[3] for name, form in (FORMS | ULTRA).items()} | {
        name: fifo[2] for name, fifo in FIFOS.items()
    }
    assert {name: cells[name] for name, fits in expected.items() if not fits(cells[name])} == {}
    assert all(cells[name].ff for name in ("width_6_2", "width_2_6", "width_4_3"))
    assert cells["net"].lut == cells["net_core"].lut > 100


def test_every_operator_has_a_form() -> None:
    assert {op.name for op, *_ in FORMS.values()} == set(OPERATORS)
