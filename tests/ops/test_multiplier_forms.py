"""The arithmetic of the ways to multiply, by exhaustion: what hardware computes, in plain integers, on all values."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Dense
from intaglio.ops.multiply_accumulate import MacLayer, mac_layer
from intaglio.ops.multiply_accumulate.forms import FORMS
from intaglio.ops.multiply_accumulate.forms.booth import digits
from intaglio.ops.multiply_accumulate.forms.packed_dsp import PORT_A, PORT_B, PackedDsp


def inputs(bits: int, *, signed: bool) -> TensorType:
    low = -(1 << (bits - 1)) if signed else 0
    return TensorType.integer((1,), low, low + (1 << bits) - 1)


def one_weight(weight: int, x: TensorType, *, widest: int) -> MacLayer:
    """A layer of one weight beside one of the widest, which sets the type."""
    return mac_layer(Dense(as_integers([[weight], [-(1 << (widest - 1))]]), as_integers([0, 0])), x)


@pytest.mark.parametrize("bits", range(2, 9))
def test_booth_digits_are_the_weight(bits: int) -> None:
    for weight in range(-(1 << (bits - 1)), 1 << (bits - 1)):
        found = [int(d) for d in digits(np.array(weight), bits)]
        assert sum(d * 4**j for j, d in enumerate(found)) == weight
        assert all(-2 <= d <= 2 for d in found)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", range(2, 7))
def test_booth_selects_and_complements_give_every_product(bits: int, *, signed: bool) -> None:
    """As the RTL does: 0, x or 2x, complemented for a negative digit; the ones that lack are in the constant."""
    booth = FORMS["booth"]
    for weight in range(-(1 << (bits - 1)), 1 << (bits - 1)):
        x = inputs(4, signed=signed)
        layer = one_weight(weight, x, widest=bits)
        constant = int(booth.constants(layer)[0])
        term_bits = booth.term_bits(layer)
        recoded = [weight << 1 >> k & 1 for k in range(2 * ((bits + 1) // 2) + 1)]
        for value in range(min(x.lo), max(x.hi) + 1):
            term = 0
            for j in range((bits + 1) // 2):
                low, middle, high = recoded[2 * j : 2 * j + 3]
                none, two = low == middle == high, (low, middle, high) in ((1, 1, 0), (0, 0, 1))
                size = 0 if none else 2 * value if two else value
                term += (~size if high and not none else size) << (2 * j)
            assert -(1 << (term_bits - 1)) <= term < 1 << (term_bits - 1)
            assert term + constant == weight * value


def packings() -> list[tuple[int, int, int]]:
    """(pack, weight bits, input bits) of every packing that is allowed, of up to 2^24 cases to go through."""
    every = [
        (pack, w, b) for pack in (2, 4) for w in range(2, 13) for b in range(1, PORT_B + 1)
        if (pack - 1) * (w + b) + w <= PORT_A
    ]  # fmt: skip
    return [p for p in every if p[0] * p[1] + p[2] <= 24]


@pytest.mark.parametrize(("pack", "weight_bits", "bits"), packings())
def test_fields_of_a_packed_product_never_touch(pack: int, weight_bits: int, bits: int) -> None:
    """All weights in all fields, times all inputs: every field is its own product, in 25 x 18 signed bits."""
    field = weight_bits + bits
    weights = np.stack(np.meshgrid(*[np.arange(1 << weight_bits)] * pack, indexing="ij"), -1).reshape(-1, pack)
    packed = sum(weights[:, j] << (j * field) for j in range(pack))
    assert packed.max() < 1 << PORT_A
    for value in range(1 << bits):
        product = packed * value
        for j in range(pack):
            assert (((product >> (j * field)) & ((1 << field) - 1)) == weights[:, j] * value).all()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", ["dsp2", "dsp4"])
def test_offsets_of_packed_products_cancel(name: str, *, signed: bool) -> None:
    """u v - 2^(n-1) v, and the constant, are the product: for all weights of 3 bits and inputs of 3."""
    form = FORMS[name]
    for weight in range(-4, 4):
        x = inputs(3, signed=signed)
        layer = one_weight(weight, x, widest=3)
        code = int(form.codes(layer, as_integers([weight]))[0])
        assert 0 <= code < 8
        constant = int(form.constants(layer)[0])
        for value in range(min(x.lo), max(x.hi) + 1):
            shifted = value + 4 * signed
            assert code * shifted - 4 * shifted + constant == weight * value


def test_which_packings_are_allowed() -> None:
    assert isinstance(FORMS["dsp2"], PackedDsp)
    fits = {
        (name, w, b): FORMS[name].fits(one_weight(0, inputs(b, signed=False), widest=w))
        for name in ("dsp2", "dsp4") for w in range(2, 13) for b in range(1, 20)
    }  # fmt: skip
    assert fits["dsp2", 8, 8]
    assert not fits["dsp2", 9, 8]
    assert fits["dsp4", 3, 4]
    assert not fits["dsp4", 4, 4]
    assert not fits["dsp2", 2, 18]
    bipolar = TensorType((1,), IntType(True, 1), (-1,), (1,))
    assert not FORMS["dsp2"].fits(one_weight(0, bipolar, widest=3))


@pytest.mark.parametrize("name", ["lut", "booth", "dsp", "dsp2"])
def test_a_faster_clock_takes_more_registers(name: str) -> None:
    op = Dense(as_integers(np.arange(64).reshape(2, 32) - 32), as_integers([0, 0]))
    x = TensorType.integer((32,), 0, 15)
    stages = [op.pipelined(Kernel(2, 16, multiplier=name), clock, x).stages for clock in (50, 100, 200, 400)]
    assert stages == sorted(stages)
    assert stages[0] < stages[-1] <= 5
    assert (
        op.program(Kernel(2, 16, multiplier=name, stages=stages[-1]), x).latency
        > op.program(Kernel(2, 16, multiplier=name, stages=stages[0]), x).latency
    )
