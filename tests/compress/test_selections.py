"""Which groups stay: against slow and obvious programs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress.projections import SELECTIONS, Candidates, channels_kept

scores = st.lists(st.integers(0, 9), min_size=2, max_size=12)


def offer(values: list[float], share: float, alive: list[int] | None = None, size: int = 1) -> Candidates:
    return Candidates(
        torch.tensor(values, dtype=torch.float64),
        torch.tensor(alive or [1] * len(values)),
        torch.full((len(values),), size),
        share,
    )


@given(scores, st.floats(0.05, 1))
def test_top_k_takes_the_best_and_the_lower_of_equals(values: list[int], share: float) -> None:
    (mask,) = SELECTIONS["top-k"]([offer(values, share)], 0.0)
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert np.flatnonzero(mask).tolist() == sorted(order[: channels_kept(len(values), share)])


@given(scores, scores, st.floats(0.05, 1))
def test_a_global_budget_ranks_layers_together(first: list[int], second: list[int], share: float) -> None:
    masks = SELECTIONS["top-k"]([offer(first, share), offer(second, share)], 0.0)
    layers = list(zip((first, second), (mask.tolist() for mask in masks), strict=True))
    kept = [[v for v, m in zip(values, mask, strict=True) if m] for values, mask in layers]
    gone = [[v for v, m in zip(values, mask, strict=True) if not m] for values, mask in layers]
    assert all(max(values) in one for values, one in zip((first, second), kept, strict=True))
    count = sum(map(len, kept))
    assert count == max(2, int(share * (len(first) + len(second)) + 0.5))
    beyond = [v for values, one in zip((first, second), kept, strict=True) for v in sorted(one)[:-1]]
    if beyond and any(gone):
        assert min(beyond) >= max(v for one in gone for v in one)


@given(scores, st.floats(0.05, 1))
def test_cumulative_mass_is_the_fewest_that_hold_the_share(values: list[int], share: float) -> None:
    (mask,) = SELECTIONS["cumulative-mass"]([offer(values, share)], 0.0)
    ranked, total = sorted(values, reverse=True), sum(values)
    count = int(mask.sum())
    assert sum(ranked[:count]) >= share * total - 1e-9
    assert count == 1 or sum(ranked[: count - 1]) < share * total
    assert sorted((np.array(values)[mask.numpy() > 0]).tolist(), reverse=True) == ranked[:count]


def test_a_threshold_keeps_what_reaches_it_and_never_nothing() -> None:
    assert SELECTIONS["threshold"]([offer([0.5, 1.0, 3.0], 1)], 1.0)[0].tolist() == [0, 1, 1]
    assert SELECTIONS["threshold"]([offer([0.5, 0.7, 0.6], 1)], 1.0)[0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("name", SELECTIONS)
def test_what_is_gone_stays_gone(name: str) -> None:
    (mask,) = SELECTIONS[name]([offer([9.0, 1.0, 8.0, 2.0], 1.0, [0, 1, 0, 1])], 0.5)
    assert mask.tolist() == [0, 1, 0, 1]


def fairest_by_hand(worth: np.ndarray, count: int) -> set[int]:
    """Again and again the class furthest below its share of the total takes its best weight."""
    share = worth.sum(axis=1) / worth.sum()
    taken: list[int] = []
    for _ in range(count):
        held = worth[:, taken].sum(axis=1)
        now = held / held.sum() if held.sum() else np.zeros(len(worth))
        lacking = int(np.argmax(share - now))
        left = [w for w in range(worth.shape[1]) if w not in taken]
        taken.append(max(left, key=lambda w: (worth[lacking, w], -w)))
    return set(taken)


@given(st.integers(2, 4), st.integers(3, 10), st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_fair_greedy_serves_who_is_furthest_below(classes: int, groups: int, seed: int, share: float) -> None:
    worth = np.random.default_rng(seed).uniform(0.1, 1, (classes, groups))
    offered = Candidates(torch.from_numpy(worth), torch.ones(groups), torch.ones(groups, dtype=torch.int64), share)
    (mask,) = SELECTIONS["fair-greedy"]([offered], 0.0)
    assert set(np.flatnonzero(mask).tolist()) == fairest_by_hand(worth, channels_kept(groups, share))


def test_fair_greedy_keeps_a_weak_class_that_top_k_forgets() -> None:
    worth = torch.tensor([[9.0, 8.0, 7.0, 6.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 3.0, 2.9]])
    offered = Candidates(worth, torch.ones(6), torch.ones(6, dtype=torch.int64), 0.5)
    assert SELECTIONS["top-k"]([offered], 0.0)[0].tolist() == [1, 1, 1, 0, 0, 0]
    assert SELECTIONS["fair-greedy"]([offered], 0.0)[0].tolist() == [1, 1, 0, 0, 1, 0]
