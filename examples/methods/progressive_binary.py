"""Progressive DNN compression (13): fully binary weights by ADMM, against signs taken at once.

    python examples/methods/progressive_binary.py

All layers, the first and the last, too: sign(w)*mean|w| in every row; activations of 8 bits. All arms begin from the
same float network and train for 40 epochs. ADMM draws weights to their signs for 32 of them; `sign` trains as long
without being drawn (rho = 0) and takes the signs then; both are retrained for 8 epochs. Beside them the way of binary
networks, that is no part of the claim: signs from the beginning, 40 epochs of the straight-through estimator.
On LeNet-5: lenet5.py.
"""

from __future__ import annotations

from typing import Any

from common_admm import DATA, fitted, fp32, leads
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe

AT_ONCE = {"driver": "one-shot", "layer_epochs": 0.01, "prune_quantised": True}
ARMS: dict[str, dict[str, Any]] = {"ADMM": {}, "sign": {"rho": 0.0}, "straight-through": AT_ONCE}


def run(arm: str, seed: int) -> Measured:
    given = {"driver": "admm", "act_bits": 8, "start_epoch": 0.0, "shares": (0, 0.8, 0.1, 0.1), **ARMS[arm]}
    _, accuracy = fitted(Recipe("admm-binary", given, seed=seed))
    return {"accuracy": accuracy, "lost": fp32(seed) - accuracy}


def judge(found: Outcome) -> tuple[bool, str]:
    against = dict(
        zip(("sign", "straight-through"), leads(found, "ADMM", ("sign", "straight-through"), "accuracy"), strict=True)
    )
    each = "; ".join(
        f"{arm} {found.of(arm, 'accuracy').text()} % ({found.of(arm, 'lost').text()} points below FP32)" for arm in ARMS
    )
    differences = ", ".join(f"{lead.text()} ({other})" for other, lead in against.items())
    return against["sign"].low > 0, f"{each}; ADMM leads by {differences}"


experiment = Experiment(
    13, "progressive_binary", "Binary weights by ADMM are more accurate than signs taken at once, after as many epochs",
    DATA, tuple(ARMS), run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
