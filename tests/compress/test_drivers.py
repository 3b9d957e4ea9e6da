"""When layers are watched, refreshed and frozen."""

from __future__ import annotations

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
