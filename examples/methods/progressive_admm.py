"""Progressive weight pruning (17): a chain of partial prunings by ADMM, against one ADMM run of as many epochs.

    python examples/methods/progressive_admm.py

20x and 40x fewer weights in all. The last layer keeps 64 and 48 of its 320, as the papers spare theirs: at 1/20 and
1/40, whole classes lose their last weight in either arm. All other layers keep the same share. Each way is run with 10
and with 20 updates of Z: rho grows at each, so that after 20 the weights have arrived where they are drawn to; after 10
they have not. The claim is that of the best chain against the best direct run. On LeNet-5: lenet5.py.
"""

from __future__ import annotations

from common_admm import DATA, HIDDEN, OUTPUT, fitted
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe

ARMS = {
    "progressive": {"driver": "progressive(admm)", "updates": 10},
    "direct": {"driver": "admm", "updates": 10},
    "progressive, 20 updates": {"driver": "progressive(admm)", "updates": 20},
    "direct, 20 updates": {"driver": "admm", "updates": 20},
}
WEIGHTS, LAST = 7_488, 320
"""Of the network, and of its last layer."""
KEPT_OF_LAST = {20: 64, 40: 48}
EPOCHS = 60


def shares(times: int) -> dict[str, float]:
    """Of each layer's weights, how many stay."""
    last = KEPT_OF_LAST[times]
    return dict.fromkeys(HIDDEN, (WEIGHTS / times - last) / (WEIGHTS - LAST)) | {OUTPUT: last / LAST}


def run(arm: str, seed: int) -> Measured:
    found = {}
    for times in KEPT_OF_LAST:
        recipe = Recipe(
            "admm-progressive", keep=shares(times), projections=("top-k",), weight_bits=8, act_bits=8, start_epoch=0.0,
            seed=seed, **ARMS[arm],
        )  # fmt: skip
        found[f"accuracy at {times}x"] = fitted(recipe, EPOCHS)[1]
    return found


def judge(found: Outcome) -> tuple[bool, str]:
    holds, texts = True, []
    for times in KEPT_OF_LAST:
        quantity = f"accuracy at {times}x"
        chain, direct = (
            max((arm for arm in ARMS if arm.startswith(way)), key=lambda arm: found.of(arm, quantity).mean)
            for way in ("progressive", "direct")
        )
        best = found.difference(chain, direct, quantity)
        holds = holds and best.low > 0
        each = ", ".join(f"{arm} {found.of(arm, quantity).text()} %" for arm in ARMS)
        equal = ", ".join(
            f"{found.difference(f'progressive{same}', f'direct{same}', quantity).text()} with {updates} updates"
            for updates, same in ((10, ""), (20, ", 20 updates"))
        )
        texts.append(f"{times}x: {each}; differences {equal}, {best.text()} of the best two")
    return holds, "; ".join(texts)


experiment = Experiment(
    17, "progressive_admm", "A chain of partial prunings by ADMM is more accurate than one ADMM run of as many epochs, "
    "at 20x and at 40x", DATA, tuple(ARMS), run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
