"""When layers are watched, refreshed and frozen."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress import Recipe
from intaglio.compress.drivers import DRIVERS, Clock, driver_of, layerwise, one_shot, stepwise


def test_layer_i_starts_at_t0_plus_i_times_delta_plus_1() -> None:
    recipe = Recipe(start_epoch=0.5, layer_epochs=0.125, refreshes=5)
    windows = layerwise(4, recipe, Clock(400, 4000))
    assert [w.layer for w in windows] == [0, 1, 2, 3]
    assert [w.start for w in windows] == [200 + i * 51 for i in range(4)]
    for window in windows:
        assert window.stop == window.start + 50
        assert window.refreshes == tuple(window.start + 10 * (j + 1) for j in range(5))


def test_one_shot_watches_all_layers_at_once() -> None:
    windows = one_shot(3, Recipe(start_epoch=1, layer_epochs=0.5), Clock(10, 100))
    assert {(w.start, w.stop, w.refreshes) for w in windows} == {(10, 15, (15,))}


def test_stepwise_takes_global_steps() -> None:
    windows = stepwise(2, Recipe(start_epoch=0, layer_epochs=1, stages=4), Clock(10, 100))
    assert [(w.layer, w.share, w.start) for w in windows] == [
        (layer, (stage + 1) / 4, 11 * stage) for stage in range(4) for layer in range(2)
    ]


def test_iterative_takes_the_same_share_of_what_is_left() -> None:
    recipe = Recipe(driver="iterative", keep=0.2, round_keep=0.9, start_epoch=0)
    windows = driver_of("iterative")(1, recipe, Clock(100, 1000))
    kept = [w.kept(0.2) for w in windows]
    assert len(kept) == 16  # 0.9^16 is the first below 0.2
    assert kept[-1] == pytest.approx(0.2)
    assert [later / earlier for earlier, later in pairwise(kept)] == pytest.approx([0.2 ** (1 / 16)] * 15)
    assert [w.start for w in windows] == [0, *(w.stop for w in windows[:-1])]
    assert windows[-1].stop == 800  # ramp


def test_cubic_is_fast_at_first() -> None:
    windows = driver_of("cubic")(1, Recipe(driver="cubic", stages=4, start_epoch=0), Clock(100, 1000))
    gone = [1 - w.kept(0.2) for w in windows]
    assert gone == pytest.approx([0.8 * (1 - (1 - t) ** 3) for t in (0.25, 0.5, 0.75, 1.0)])


def test_admm_finds_the_mask_first_and_then_the_levels() -> None:
    recipe = Recipe("admm", projections=("top-k", "levels"), updates=4, start_epoch=0, ramp=0.8)
    first, second = driver_of("admm")(1, recipe, Clock(100, 1000))
    assert (first.levels, first.refreshes) == (False, (100, 200, 300, 400))
    assert (second.levels, second.refreshes) == (True, (500, 600, 700, 800))
    (only,) = driver_of("admm")(1, recipe.override(keep=1.0), Clock(100, 1000))
    assert only.levels


@given(
    st.sampled_from([*DRIVERS, "progressive(admm)", "progressive(cubic)"]),
    st.integers(1, 30),
    st.integers(1, 500),
    st.integers(1, 2000),
)
def test_windows_are_ordered_and_fit_where_they_can(method: str, layers: int, steps: int, budget: int) -> None:
    recipe = Recipe(driver=method)
    windows = driver_of(method)(layers, recipe, Clock(steps, budget))
    for window in windows:
        assert window.start < window.stop == window.refreshes[-1]
        assert list(window.refreshes) == sorted(set(window.refreshes))
    if budget >= 8 * max(layers, recipe.stages):
        assert max(w.stop for w in windows) <= budget
    assert {w.layer for w in windows if w.share == 1} == set(range(layers))
