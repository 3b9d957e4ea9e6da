"""Pricing: additive, instant, exact where the device has rules; tables and budgets."""

from __future__ import annotations

import time

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.board import load_board
from intaglio.estimate.features import KINDS as PART_KINDS
from intaglio.estimate.features import different_columns, dsp_slices
from intaglio.estimate.prices import Prices, load_prices
from intaglio.estimate.resources import KINDS, Estimate, Resources, estimate, fits, price
from intaglio.ir import Graph, Kernel, Node, Part, TensorType
from intaglio.ir.schedule import Schedule
from intaglio.ops import Dense
from intaglio.ops.netlist import elaborate

PRICES = Prices("toy", {"adder.bits": 1.0, "register.bits": 0.5}, {"register.bits": 1.0})


def test_resources_add_scale_and_compare() -> None:
    a, b = Resources(10, 20, 1, 0.5, 0), Resources(1, 2, 3, 4, 5)
    assert a + b == Resources(11, 22, 4, 4.5, 5)
    assert sum([a, b], Resources()) == sum([b, a]) == a + b
    assert a * 2 == 2 * a == Resources(20, 40, 2, 1.0, 0)
    assert a <= Resources(10, 20, 1, 0.5, 0)
    assert not a <= Resources(1000, 1000, 0, 1000, 1000)


def test_the_share_is_that_of_the_scarcest_resource() -> None:
    assert Resources(lut=50, dsp=3).share(Resources(100, 100, 4, 10, 0)) == 0.75
    assert Resources(uram=1).share(Resources(100, 100, 4, 10, 0)) == float("inf")
    assert Resources().share(Resources(100, 100, 4, 10, 0)) == 0.0


def test_prices_multiply_features_and_add_over_parts() -> None:
    one = price((Part("adder", 3, {"bits": 8}), Part("register", 1, {"bits": 10})), PRICES)
    assert one == Resources(3 * 8 + 5, 10)
    slices, block = Part("dsp_multiplier", 2, {"a": 9, "b": 9}), Part("rom_bram", 1, {"depth": 1024, "width": 18})
    other = price((slices, block), PRICES)
    assert (other.dsp, other.bram36) == (2, 0.5)
    parts = (Part("adder", 3, {"bits": 8}), Part("register", 1, {"bits": 10}), slices)
    assert price(parts, PRICES) == sum((price((p,), PRICES) for p in parts), Resources())
    assert price((), PRICES) == Resources()


def test_an_unknown_part_is_an_error() -> None:
    with pytest.raises(IntaglioError, match="flux capacitor"):
        price((Part("flux capacitor"),), PRICES)


def test_dsp_slices() -> None:
    assert [dsp_slices(a, b) for a, b in [(4, 4), (5, 4), (18, 25), (25, 18), (26, 18), (25, 19), (30, 30)]] == [
        0,  # narrow products become LUTs
        1,
        1,
        1,
        2,
        2,
        4,
    ]


def test_columns_of_a_small_memory_repeat() -> None:
    assert different_columns(1, 40) == 0
    assert different_columns(2, 1000) == pytest.approx(2)
    assert different_columns(64, 10) == pytest.approx(10)
    rng = np.random.default_rng(0)
    columns = [len({c for c in map(tuple, rng.integers(0, 2, (12, 4))) if 0 < sum(c) < 4}) for _ in range(2000)]
    assert np.mean(columns) == pytest.approx(different_columns(4, 12), rel=0.03)


def test_every_price_is_of_a_kind_of_part() -> None:
    assert {name.partition(".")[0] for name in (*PRICES.lut, *PRICES.ff)} <= set(PART_KINDS)


# ---- whole netlists ------------------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Graph:
    rng = np.random.default_rng(1)
    x = TensorType.integer((5, 12), 0, 15)
    layers = [Dense(rng.integers(-7, 8, (9, 12)), np.zeros(9, np.int64))]
    layers.append(Dense(rng.integers(-7, 8, (4, 9)), np.zeros(4, np.int64)))
    return Graph({"x": x}, (Node("a", layers[0], ("x",)), Node("b", layers[1], ("a",))), ("b",))


def _estimate(graph: Graph, **kernels: Kernel) -> Estimate:
    return estimate(elaborate(graph, Schedule(kernels)), load_prices("xc7"))


def test_the_total_is_the_sum_of_blocks_and_fifos(graph: Graph) -> None:
    result = _estimate(graph, a=Kernel(3, 4), b=Kernel(2, 3))
    assert {"a", "b"} <= result.blocks.keys()
    assert len(result.ports) == 2
    every = [*result.blocks.values(), *result.channels.values(), *result.ports.values()]
    assert tuple(sum(every)) == pytest.approx(tuple(result.total))
    assert result.fifos.lut > 0
    wider = _estimate(graph, a=Kernel(9, 12), b=Kernel(4, 9))
    assert wider.blocks["a"].lut > result.blocks["a"].lut


def test_the_table_has_blocks_fifos_and_total(graph: Graph) -> None:
    result, board = _estimate(graph, a=Kernel(3, 4), b=Kernel(4, 3)), load_board("pynq-z2")
    rows = result.table(board)
    assert [row["name"] for row in rows] == [*result.blocks, "FIFOs", "ports", "total"]
    assert {"name", "kind", *KINDS, "steps", "share"} == rows[0].keys()
    assert rows[0]["kind"] == "dense"
    assert rows[0]["steps"] == 5 * 3 * 3
    assert rows[-1]["share"] == pytest.approx(result.total.lut / board.capacity.lut)
    assert all("share" not in row for row in result.table())


def test_fits_compares_with_a_part_of_the_board(graph: Graph) -> None:
    result, board = _estimate(graph, a=Kernel(3, 4), b=Kernel(2, 3)), load_board("pynq-z2")
    share = result.total.share(board.capacity)
    assert fits(result, board)
    assert fits(result, board, share * 1.01)
    assert not fits(result, board, share * 0.99)


def test_pricing_is_instant() -> None:
    parts = tuple(Part("register", 4, {"bits": a * b}) for a in range(2, 9) for b in range(2, 9))
    prices = load_prices("xc7")
    price(parts, prices)
    start = time.perf_counter()
    for _ in range(100):
        price(parts, prices)
    assert (time.perf_counter() - start) / 100 < 0.01
