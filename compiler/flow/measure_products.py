"""Measures products of few bits with Yosys, alone and with a number added, and writes the table that prices them.

    python -m intaglio.flow.measure_products

It takes about a quarter of an hour. What the table says of a lane is all LUTs of a `multiply` of four lanes less those
of its handshake; of a product and a sum, those of a module of nothing else.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import track

from ..codegen.env import render
from ..estimate.features.products import FAR, PRODUCT, PRODUCT_AND_SUM, TABLE
from ..ir import Kernel, TensorType
from ..ops import Multiply
from ..toolchain.yosys import SynthesisJob, synthesise_many

LANES, HANDSHAKE = 4, 4
"""Of the modules of products, and LUTs of them that are not the lanes'."""

SHORTEST, LONGEST = 2, 8
"""Bits of the shorter factor."""

NEAR = {PRODUCT: 10, PRODUCT_AND_SUM: 9}
"""Bits up to which every longer factor is measured."""

TOGETHER = 16
"""Modules in one run of Yosys."""

SUM = """
module {name} (input clk, input enable, input [{x}-1:0] x_in, input signed [{f}-1:0] f_in, input signed [{c}-1:0] c_in,
               output reg [{width}-1:0] result);
    reg [{x}-1:0] x;
    reg signed [{f}-1:0] f;
    reg signed [{c}-1:0] c;
    always @(posedge clk) if (enable) begin
        x <= x_in; f <= f_in; c <= c_in;
    end
    wire signed [{operand}-1:0] value = {value};
    wire signed [{operand}+{f}-1:0] product = value * f;
    always @(posedge clk) if (enable) result <= {width}'(product) + {width}'(c);
endmodule
"""


@dataclass(frozen=True)
class Case:
    what: str
    short_bits: int
    short_signed: int
    long_bits: int
    long_signed: int

    def module(self, name: str) -> str:
        return self._product(name) if self.what == PRODUCT else self._sum(name)

    def luts(self, counted: int) -> float:
        return (counted - HANDSHAKE) / LANES if self.what == PRODUCT else counted

    def _product(self, name: str) -> str:
        short, long = _tensor(self.short_bits, self.short_signed), _tensor(self.long_bits, self.long_signed)
        equal = self.short_bits - self.short_signed == self.long_bits - self.long_signed
        pair = (long, short) if equal else (short, long)
        return render("rtl/multiply.sv.j2", **Multiply().params(Kernel(pe=LANES, simd=LANES), *pair), module=name)

    def _sum(self, name: str) -> str:
        """A signed factor f, and another one."""
        short, long = (self.short_bits, self.short_signed), (self.long_bits, self.long_signed)
        (x, signed), (f, _) = (long, short) if self.short_signed else (short, long)
        c, operand = self.long_bits, x + (not signed)
        value = "$signed(x)" if signed else "$signed({1'b0, x})"
        width = max(x + f, c) + 1
        return SUM.format(name=name, x=x, f=f, c=c, width=width, operand=operand, value=value)


def cases() -> Iterator[Case]:
    for what, near in NEAR.items():
        for short_signed, long_signed in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if what == PRODUCT_AND_SUM and not short_signed | long_signed:
                continue
            for short in range(SHORTEST, LONGEST + 1):
                least = short + long_signed - short_signed
                least += what == PRODUCT_AND_SUM and least > short  # an unsigned x is the shorter one only then
                if least <= near:
                    yield from (Case(what, short, short_signed, b, long_signed) for b in (*range(least, near + 1), FAR))


def _tensor(bits: int, signed: int) -> TensorType:
    half = 1 << (bits - 1)
    return TensorType.integer((2, 2, LANES), -half if signed else 0, half - 1 if signed else 2 * half - 1)


def measure(wanted: Sequence[Case]) -> list[float]:
    """LUTs of each."""
    with TemporaryDirectory(prefix="intaglio_products_") as scratch:
        jobs = []
        for number, case in enumerate(wanted):
            path = Path(scratch) / f"m{number}.sv"
            path.write_text(case.module(path.stem))
            jobs.append(SynthesisJob((path,), path.stem, "xc7", dsp=False))
        return [case.luts(cells.lut) for case, cells in zip(wanted, synthesise_many(jobs), strict=True)]


def main() -> None:
    every, found = list(cases()), []
    for first in track(range(0, len(every), TOGETHER), "synthesising"):
        found += measure(every[first : first + TOGETHER])
    with Path(str(files("intaglio.estimate") / TABLE)).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*Case.__annotations__, "luts"))
        for case, luts in zip(every, found, strict=True):
            writer.writerow((*vars(case).values(), f"{luts:g}"))


if __name__ == "__main__":
    main()
