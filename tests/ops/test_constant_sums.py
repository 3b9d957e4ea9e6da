"""Unrolled layers: their parts beside small twins in plain Python, and beside what Yosys built once."""

import numpy as np
import pytest
from intaglio.ir import IntType, Kernel, Part, TensorType, as_integers
from intaglio.ops.dense import Dense
from intaglio.ops.multiply_accumulate import mac_layer
from intaglio.ops.multiply_accumulate.constant_sums import compressors, constant_layer, count
from intaglio.ops.multiply_accumulate.constant_sums.compressors import counted, full_adders, levels, pack
from intaglio.ops.multiply_accumulate.constant_sums.rows import rows_of

PRICES = {"pairs": 1.0, "tops": 0.85, "near": 1.06, "inner": 1.88, "half": 0.41}
"""LUTs of each count, about."""


def random_layer(outputs: int, inputs: int, weight_bits: int, zeros: float = 0.0) -> Dense:
    rng = np.random.default_rng(1)
    high = (1 << (weight_bits - 1)) - 1
    weight = rng.integers(-high, high, (outputs, inputs), endpoint=True)
    weight *= rng.random((outputs, inputs)) >= zeros
    return Dense(as_integers(weight), as_integers(rng.integers(-20, 20, outputs)))


def image(inputs: int, bits: int, signed: bool = False) -> TensorType:
    low = -(1 << (bits - 1)) if signed else 0
    return TensorType.integer((inputs,), low, (1 << (bits - signed)) - 1)


def resources(op: Dense, kernel: Kernel, x: TensorType) -> tuple[float, int]:
    """LUTs of sums and shift registers, flip-flops."""
    luts, flops = 0.0, 1  # result_valid
    for part in op.parts(kernel, x):
        sizes = part.sizes
        if part.kind == "constant_sums":
            luts += sum(price * sizes[name] for name, price in PRICES.items())
        elif part.kind in ("graph_adders", "shift_line"):
            luts += part.count * sizes["overlap" if part.kind == "graph_adders" else "width"]
        elif part.kind == "register":
            flops += part.count * sizes["bits"]
    return luts, flops


# ---- beside Yosys 0.70, xc7 ------------------------------------------------------------------------------------------

MEASURED = [
    # outputs, inputs, weight bits, zeros, input bits, signed, multiplier, stages: LUT, FF
    ((6, 12, 5, 0.0, 4, False, "lut", 2), (985, 244)),
    ((6, 12, 5, 0.5, 4, False, "lut", 2), (489, 244)),
    ((6, 12, 5, 0.8, 4, False, "lut", 2), (200, 236)),
    ((6, 12, 5, 0.95, 4, False, "lut", 2), (10, 35)),
    ((3, 20, 4, 0.0, 8, False, "lut", 4), (1103, 612)),
    ((4, 9, 6, 0.0, 3, True, "lut", 1), (475, 118)),
    ((5, 16, 3, 0.5, 6, True, "lut", 5), (417, 760)),
    ((8, 8, 4, 0.0, 1, False, "lut", 3), (145, 221)),
    ((4, 8, 5, 0.0, 4, False, "adders", 1), (191, 157)),
    ((6, 10, 4, 0.5, 5, False, "adders", 3), (223, 439)),
    ((3, 16, 4, 0.0, 1, False, "adders", 4), (113, 192)),
]


@pytest.mark.parametrize(("layer", "measured"), MEASURED)
def test_as_yosys_builds_it(layer: tuple, measured: tuple[int, int]) -> None:
    outputs, inputs, weight_bits, zeros, bits, signed, multiplier, stages = layer
    op = random_layer(outputs, inputs, weight_bits, zeros)
    kernel = Kernel(outputs, inputs, multiplier=multiplier, stages=stages)
    luts, flops = resources(op, kernel, image(inputs, bits, signed))
    assert luts == pytest.approx(measured[0], rel=0.16, abs=5)
    assert flops == pytest.approx(measured[1], rel=0.07, abs=2)


def test_pruning_saves_what_it_saves_in_yosys() -> None:
    found = []
    for (outputs, inputs, weight_bits, zeros, bits, *_), _ in MEASURED[:4]:
        op = random_layer(outputs, inputs, weight_bits, zeros)
        found.append(resources(op, Kernel(outputs, inputs, stages=2), image(inputs, bits))[0])
    for luts, (_, (measured, _)) in zip(found[1:], MEASURED[1:4], strict=True):
        assert luts / found[0] == pytest.approx(measured / MEASURED[0][1][0], abs=0.06)


@pytest.mark.parametrize(("outputs", "inputs", "stages", "measured"), [(6, 16, 2, (197, 89)), (4, 30, 4, (206, 214))])
def test_xnor_as_yosys_builds_it(outputs: int, inputs: int, stages: int, measured: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for rows, columns in ((6, 16), (4, 30)):  # one after the other, as they were measured
        weight, bias = rng.integers(0, 2, (rows, columns)) * 2 - 1, rng.integers(-5, 5, rows)
        if (rows, columns) == (outputs, inputs):
            break
    op = Dense(as_integers(weight), as_integers(bias))
    x = TensorType((inputs,), IntType(True, 1), (-1,) * inputs, (1,) * inputs)
    luts, flops = resources(op, Kernel(outputs, inputs, multiplier="xnor", stages=stages), x)
    assert luts == pytest.approx(measured[0], rel=0.12)
    assert flops == pytest.approx(measured[1], rel=0.09)


# ---- beside plain Python ---------------------------------------------------------------------------------------------


def evaluate(cell: int, values: np.ndarray) -> int:
    return int(cell) if cell < 2 else int(values[int(cell) >> 1]) ^ int(cell) & 1


def test_what_a_full_adder_folds_to() -> None:
    """Three cells, some constant, equal or complements: what is no gate is their sum for any values."""
    rng = np.random.default_rng(0)
    triples = rng.integers(0, 10, (500, 1, 3, 4)).astype(np.uint64)  # variables 1 to 4, plain and complemented
    total, carry, full, half = full_adders(triples)
    different = np.sort(triples >> np.uint64(1), axis=2)
    apart = (np.diff(different, axis=2) > 0) | (different[:, :, 1:] == 0)
    assert (full == (apart.all(axis=2) & (different > 0).all(axis=2))).all()
    assert ((full | half) <= apart.all(axis=2)).all()
    for place in zip(*np.nonzero(~full & ~half), strict=True):
        row, group, column = place
        for _ in range(3):
            values = rng.integers(0, 2, 8)
            ones = sum(evaluate(cell, values) for cell in triples[row, group, :, column])
            assert evaluate(total[place], values) + 2 * evaluate(carry[place], values) == ones


def gates_of_a_difference(words: int, bits: int, columns: int) -> int:
    """Full and half adders of the negative of a sum of signed words, in plain lists: complements, their signs repeated,
    and the ones that these lack; equal ones are counted once.
    """
    cells = [[1] * (words >> column & 1) for column in range(columns)]
    for column in range(columns):
        cells[column] += [("x", word, min(column, bits - 1)) for word in range(words)]
    rows = [[c[k] if k < len(c) else 0 for c in cells] for k in range(max(map(len, cells)))]
    gates: dict[tuple[object, ...], int] = {}
    while len(rows) > 2:
        made = []
        for first in range(0, len(rows) - 2, 3):
            total: list[object] = []
            carry: list[object] = [0]
            for triple in zip(*rows[first : first + 3], strict=True):
                ones, free = triple.count(1), sorted(cell for cell in triple if isinstance(cell, tuple))
                if len(free) > 1:
                    gate = gates.setdefault((ones, *free), len(gates))
                    total.append(("sum", gate, 0))
                    carry.append(("carry", gate, 0))
                else:
                    total.append(free[0] if free else ones % 2)
                    carry.append(free[0] if free and ones == 1 else int(ones > 1))
            made += [total, carry[:columns]]
        rows = made + rows[len(rows) // 3 * 3 :]
    return len(gates)


@pytest.mark.parametrize(("words", "bits"), [(4, 5), (8, 6), (13, 8), (16, 4), (32, 3)])
def test_full_adders_of_a_sum_of_words(words: int, bits: int) -> None:
    op = Dense(as_integers(np.full((1, words), -1)), as_integers(np.zeros(1, np.int64)))
    layer = mac_layer(op, image(words, bits, signed=True))
    net, _ = count.net_of(layer, 1, layer.operand_bits + layer.weight_bits, np.arange(1))
    found = counted(rows_of(net, net.roots))
    columns = int(net.columns[net.roots].max())
    assert found["near"] + found["inner"] + found["half"] == gates_of_a_difference(words, bits, columns)


def test_rows_of_full_adders() -> None:
    assert [levels(words) for words in range(2, 11)] == [0, 1, 2, 3, 3, 4, 4, 4, 5]


def test_bits_of_few_columns_are_carries() -> None:
    """Nine bits in one column: a word takes one, and each further word gives room for one more."""
    words = np.zeros((1, 9, 3), np.uint64)
    words[0, :, 0] = np.arange(9)
    taken, carries = pack(words, np.array([[9, 0, 0]]))
    assert taken[0, :, 0].tolist() == [0, 1, 3, 5, 7]  # 2, 4, 6 and 8 are carries
    assert carries[0, :5].tolist() == [8, 6, 4, 2, 0]


# ---- what is built once, what is left out ----------------------------------------------------------------------------


def parts_of(op: Dense, x: TensorType, stages: int = 1) -> dict[str, Part]:
    layer = mac_layer(op, x)
    made = constant_layer(layer, stages, layer.operand_bits + layer.weight_bits, layer.bias)
    return {part.kind: part for part in made.parts}


def test_equal_rows_are_built_once() -> None:
    x, row = image(6, 5), np.array([3, -5, 7, 1, 0, -2])
    one = parts_of(Dense(as_integers(row[None]), as_integers(np.array([1]))), x, 2)
    three = parts_of(Dense(as_integers(np.stack([row] * 3)), as_integers(np.array([1, 1, 1]))), x, 2)
    assert one == three


def test_zeros_are_nothing() -> None:
    x = image(8, 4)
    weight = np.zeros((3, 8), np.int64)
    op = Dense(as_integers(weight), as_integers(np.arange(3)))
    sums, registers = parts_of(op, x)["constant_sums"], parts_of(op, x)["register"]
    assert set(sums.sizes.values()) == {0}
    assert registers["bits"] == 0
    op.parts(Kernel(3, 8), x)
    layer = mac_layer(op, x)
    assert constant_layer(layer, 1, 8, layer.bias).idle == 8 * 4


def test_a_wire_through_registers_is_a_shift_register() -> None:
    """x, twice: behind its operand's register two of the tree and one of the result."""
    weight = np.array([[2, 0, 0, 0]])
    op = Dense(as_integers(weight), as_integers(np.array([0])))
    x = image(4, 5)
    found = parts_of(op, x, 2)
    assert found["shift_line"].sizes == {"width": 5, "depth": 3}
    assert found["register"]["bits"] == 0
    layer = mac_layer(op, x)
    assert constant_layer(layer, 2, layer.operand_bits + layer.weight_bits, layer.bias).idle == 4 * 5
    assert set(parts_of(op, x, 1)) == {"constant_sums", "register", "shift_line"}  # operand, tree, result: three
    started = Dense(as_integers(weight), as_integers(np.array([1])))
    assert "shift_line" not in parts_of(started, x, 1)


def test_some_sums_stand_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    op, x = random_layer(32, 40, 4), image(40, 5)
    layer = mac_layer(op, x)
    net, _ = count.net_of(layer, 2, layer.operand_bits + layer.weight_bits, np.arange(32))
    rows = rows_of(net, net.roots)
    every = counted(rows)
    monkeypatch.setattr(compressors, "MOST_ROWS", 1500)
    some = counted(rows)
    assert some != every
    for name in ("pairs", "near", "inner"):
        assert some[name] == pytest.approx(every[name], rel=0.12)


def test_some_outputs_stand_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    x = image(40, 5)
    every = parts_of(random_layer(32, 40, 6), x, 2)
    monkeypatch.setattr(count, "MOST_WEIGHTS", 400)
    some = parts_of(random_layer(32, 40, 6), x, 2)
    for kind, name in (("register", "bits"), ("constant_sums", "inner")):
        assert some[kind][name] == pytest.approx(every[kind][name], rel=0.15)
