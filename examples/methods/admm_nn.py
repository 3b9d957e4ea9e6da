"""ADMM-NN (6): weights are pruned and then drawn to levels by ADMM, where pruning pays in our kernels.

    python examples/methods/admm_nn.py

A tenth of the weights is to stay (0.3 of the last layer's), on levels of 3 bits whose step is searched row by row;
activations of 8 bits. Of the dense network as a core of 100,000 frames/s on a PYNQ-Z2 the estimator says, layer by
layer, from which share of zeros on pruning pays: for weights at any place that is the break-even of the unrolled
kernel. Layers that are to lose less than that stay dense, in both arms; these differ in the driver alone (magnitude
pruning and levels at once). On LeNet-5: lenet5.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import intaglio
from common_admm import DATA, HIDDEN, OUTPUT, fitted, fp32, leads, ratio
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe
from intaglio.flow.break_even import BreakEven

ARMS = {"ADMM-NN": "admm", "at once": "one-shot"}
PLANNED = dict.fromkeys(HIDDEN, 0.1) | {OUTPUT: 0.3}
"""The share of each layer's weights that is to stay."""
BOARD, FPS = "pynq-z2", 100_000


@cache
def break_evens() -> dict[str, BreakEven]:
    """By layer, of the dense network (seed 0) at 4 bits."""
    dense, _ = fitted(Recipe("admm", keep=1.0, projections=("top-k", "levels")), 10)
    design = intaglio.compile(intaglio.lower(dense), board=BOARD, target_fps=FPS)
    return {row.node: row for row in design.break_even()}


def paying(planned: Mapping[str, float], rows: Mapping[str, BreakEven]) -> dict[str, float]:
    """What is planned, but 1 (dense) for layers whose zeros would be too few to pay."""
    least = {name: rows[name].unrolled for name in planned}
    return {
        name: share if (found := least[name]) is not None and 1 - share >= found else 1.0
        for name, share in planned.items()
    }


def run(arm: str, seed: int) -> Measured:
    recipe = Recipe(
        "admm", driver=ARMS[arm], keep=paying(PLANNED, break_evens()), projections=("top-k", "levels"), weight_bits=3,
        act_bits=8, ramp=1.0, start_epoch=0.0, shares=(0, 0.6, 0.25, 0.15), seed=seed,
    )  # fmt: skip
    model, accuracy = fitted(recipe)
    return {
        "accuracy": accuracy, "lost": fp32(seed) - accuracy, "without indices": ratio(model, "without_indices"),
        "with indices": ratio(model, "with_indices"), "Rice": ratio(model, "with_rice"),
    }  # fmt: skip


def judge(found: Outcome) -> tuple[bool, str]:
    ours, other = ARMS
    (lead,) = leads(found, ours, [other], "accuracy")
    each = "; ".join(
        f"{arm} {found.of(arm, 'accuracy').text()} % ({found.of(arm, 'lost').text()} points below FP32), "
        f"{found.of(arm, 'without indices').text(0)}x smaller, {found.of(arm, 'with indices').text(0)}x with indices, "
        f"{found.of(arm, 'Rice').text(0)}x with Rice codes"
        for arm in ARMS
    )
    rows = break_evens()
    dense = [name for name, share in paying(PLANNED, rows).items() if share == 1]
    places = "; ".join(
        f"{name} {_percent(row.unrolled)} unrolled, {_percent(row.folded)} folded" for name, row in rows.items()
    )
    return lead.low > 0, f"{each}; difference {lead.text()}; break-even: {places}; left dense: {dense or 'none'}"


def _percent(share: float | None) -> str:
    return "never" if share is None else f"{100 * share:.0f} %"


experiment = Experiment(
    6, "admm_nn", "Pruned and then drawn to levels by ADMM, a network is more accurate than pruned by magnitude and "
    "rounded at once, after as many epochs", DATA, tuple(ARMS), run, judge,
    note="Folded kernels skip zeros in whole blocks only.",
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
