"""Structured pruning by ADMM (18), against one shot by the L2 norm of the groups, and against single weights.

All networks are W4A4, and keep a quarter of the groups of every layer: filters, coupled channels, or columns of the
GEMM view (shapes). The same recipe with the driver `one-shot` prunes the trained network at once by the norms of the
same groups; all are retrained alike. A network of single weights, by the same ADMM, keeps as many weights in each layer
as filters leave. What they cost is estimated: LUTs and DSP slices of the cheapest design of FPS frames a second, and
the cycles of a frame, all layers together, where each is folded to PE outputs and inputs a cycle. Such a kernel skips
blocks without a weight; zeros at random places seldom leave one.

python examples/methods/structured_admm.py
"""

from __future__ import annotations

import intaglio
from common_digits import LAYERS, cost_at, cycles_folded, fitted, nonzero_weights
from experiment import Experiment, Interval, Measured, Outcome
from intaglio.compress import Recipe

KEEP, FPS, PE = 0.25, 50_000, 4
STRUCTURES = ("filter", "channel", "shape")
SINGLE = "single weights"
ARMS = (*STRUCTURES, *(f"{structure}, one shot" for structure in STRUCTURES), SINGLE)


def recipe(arm: str, seed: int) -> Recipe:
    structure, _, one_shot = arm.partition(", ")
    fields = {"weight_bits": 4, "act_bits": 4, "shares": (0, 0.4, 0.3, 0.3), "seed": seed}
    if arm == SINGLE:
        first, second, last = LAYERS  # the second loses inputs and outputs, the last one inputs
        keep = {first: KEEP, second: KEEP**2, last: KEEP}
        return Recipe("admm-structured", structure="element", keep=keep, **fields)
    driver = "one-shot" if one_shot else "admm"
    return Recipe("admm-structured", structure=structure, driver=driver, keep=KEEP, **fields)


def run(arm: str, seed: int) -> Measured:
    model, accuracy = fitted(recipe(arm, seed))
    graph = intaglio.lower(model)
    found = {"accuracy": accuracy, "weights": nonzero_weights(graph)}
    if arm not in ("filter", SINGLE):
        return found
    used = cost_at(graph, FPS)
    return found | {"LUT": used["LUT"], "DSP": used["DSP"], "cycles": cycles_folded(graph, PE)}


def judge(outcome: Outcome) -> tuple[bool, str]:
    gains = {one: outcome.difference(one, f"{one}, one shot", "accuracy") for one in STRUCTURES}
    shown = [
        f"{one} {outcome.of(one, 'accuracy').text()} % (ADMM - one shot {found.text()} points, "
        f"{outcome.of(one, 'weights').mean:.0f} weights)"
        for one, found in gains.items()
    ]
    costs = [_cost(outcome, arm) for arm in ("filter", SINGLE)]
    fewer = {what: outcome.difference("filter", SINGLE, what) for what in ("LUT", "cycles")}
    holds = all(found.low > 0 for found in gains.values()) and all(found.high < 0 for found in fewer.values())
    where = f"(LUTs at {FPS:,}/s, cycles at PE = SIMD = {PE})"
    return holds, f"{'; '.join(shown)}; {'; '.join(costs)} {where}."


def _cost(outcome: Outcome, arm: str) -> str:
    lut, dsp, cycles = (outcome.of(arm, what) for what in ("LUT", "DSP", "cycles"))
    weights: Interval = outcome.of(arm, "weights")
    accuracy = outcome.of(arm, "accuracy").text()
    return (
        f"{arm}: {weights.mean:.0f} weights, {accuracy} %, {lut.text(0)} LUTs and {dsp.mean:.0f} DSP, "
        f"{cycles.text(0)} cycles"
    )


experiment = Experiment(
    number=18,
    system="structured_admm",
    claim="ADMM beats one-shot L2 at equal groups, whatever the structure, and structured pruning beats unstructured "
    "in LUTs and in cycles at equal parameters",
    data="digits, 16-32-10, W4A4, a quarter of the groups",
    arms=ARMS,
    run=run,
    judge=judge,
    seeds=3,
    note="LUTs, DSP slices and cycles are estimates. ADMM has 63 optimiser steps here.",
)

if __name__ == "__main__":
    experiment.main()
