"""Energy of an inference (9): devices that others measured, and our design, whose joules are modelled.

The network is that of Blouw et al. 2019, a keyword spotter of 390-256-256-29. Its weights are drawn here: the model
counts what a design is made of and how long each part of it works, and never looks at a value; narrow, it is what
channel pruning by half leaves. What was measured stands in compiler/estimate/measured_devices.csv, with its source.
Measured are dynamic watts per inference and second at batch 1, so the modelled joules beside them are dynamic, too.

python examples/methods/energy_per_inference.py
"""

from __future__ import annotations

import intaglio
import torch
from experiment import Experiment, Measured, Outcome
from intaglio.estimate.energy import measured_devices
from torch import nn

BOARD = "pynq-z2"
SAMPLES = 256
DESIGNS = {
    "8 bits, one product a cycle": (256, 8, 100),
    "8 bits, 100,000/s": (256, 8, 100_000),
    "4 bits, 100,000/s": (256, 4, 100_000),
    "half the channels, 4 bits, 100,000/s": (128, 4, 100_000),
}
"""Hidden neurons, bits, inferences per second asked for."""
NEUROMORPHIC = "Loihi"
MILLI = 1e3


def net(hidden: int) -> nn.Module:
    """390-256-256-29, or narrow."""
    widths = (390, hidden, hidden, 29)
    layers = [nn.Linear(widths[0], widths[1]), nn.ReLU(), nn.Linear(widths[1], widths[2]), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[2], widths[3]))


def run(arm: str, seed: int) -> Measured:
    hidden, bits, rate = DESIGNS[arm]
    torch.manual_seed(seed)
    graph = intaglio.quantize(net(hidden), torch.randn(SAMPLES, 390), weight_bits=bits, act_bits=bits)
    summary = intaglio.compile(graph, board=BOARD, target_fps=rate).estimate()
    energy = summary.energy
    assert energy is not None
    return {
        "modelled dynamic mJ": MILLI * energy.dynamic,
        "modelled static mJ": MILLI * energy.static,
        "modelled dynamic W": energy.dynamic_watts,
        "inferences/s": summary.fps,
        "LUT": summary.total.lut,
        "BRAM36": summary.total.bram36,
    }


def judge(outcome: Outcome) -> tuple[bool, str]:
    measured = {row["device"]: row["millijoules_per_inference"] for row in measured_devices()}
    modelled = {arm: outcome.of(arm, "modelled dynamic mJ") for arm in DESIGNS}
    ours = [
        f"{arm} {dynamic.mean:.4f} dynamic (+ {outcome.of(arm, 'modelled static mJ').mean:.4f} static) at "
        f"{outcome.of(arm, 'inferences/s').mean:,.0f}/s"
        for arm, dynamic in modelled.items()
    ]
    theirs = [f"{device} {joules:g}" for device, joules in measured.items()]
    holds = all(dynamic.high < measured[NEUROMORPHIC] for dynamic in modelled.values())
    return holds, f"mJ MODELLED for {BOARD}: {'; '.join(ours)}. mJ MEASURED by Blouw et al.: {'; '.join(theirs)}."


experiment = Experiment(
    number=9,
    system="energy_per_inference",
    claim="By our model, an inference takes less dynamic energy in our core than was measured on Loihi",
    data="no data: weights are drawn, the model counts parts and cycles",
    arms=tuple(DESIGNS),
    run=run,
    judge=judge,
    seeds=2,
    note="A model beside measurements is no measurement: toggle rates and joules per toggle are assumed "
    "(boards/pynq-z2.toml), processor and DRAM are not counted; an order of magnitude at best.",
)

if __name__ == "__main__":
    experiment.main()
