"""LeNet-5 on MNIST (6, 13, 14, 16, 17), the common ground of the ADMM papers: pruned, stored in few bits, binary.

    INTAGLIO_DATA=folder/of/mnist.npz python examples/methods/lenet5.py

Caffe's network (common_lenet5.py), trained for 12 epochs in float. pruned: a chain of six prunings by ADMM in 40
epochs, then 60 more under the mask; weights of 8 bits. stored: from there, a part of the weights goes in 20 epochs, and
the others come to 4 centroids a layer in 8. All but the last train on smoothed labels; so does FP32 longer, as long as
pruned. binary: from the float network, all weights drawn to their signs, in 6 epochs. Activations have 8 bits
everywhere. Accuracies are of the 10,000 test images, by the frozen integer network; runs resume from build/ where they
stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from common_lenet5 import CONV1, CONV2, EXAMPLE, FC1, FC2, data, tested
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import storage

SMOOTHING = 0.1
"""Of the labels: the sparse networks reach 99.9 % of the training images without it, and generalise worse."""
PRUNED = Recipe(
    "admm-progressive", keep={CONV1: 0.6, CONV2: 0.06, FC1: 0.0047, FC2: 0.11}, projections=("top-k",), weight_bits=8,
    act_bits=8, stages=6, updates=8, rho=1e-2, ramp=0.8, start_epoch=0.0, shares=(0.0, 0.9, 0.05, 0.05),
)  # fmt: skip
RETRAINED = PRUNED.override(driver="one-shot", shares=(0.0, 0.7, 0.2, 0.1), layer_epochs=0.01)
FURTHER = PRUNED.override(driver="admm", keep={CONV1: 0.17, CONV2: 0.041, FC1: 0.0026, FC2: 0.0535}, ramp=0.3)
STORED = Recipe(
    "admm-cluster", keep=FURTHER.keep, weight_bits=2, act_bits=8, updates=8, rho=3e-2, ramp=1.0, start_epoch=0.0,
    shares=(0.0, 0.4, 0.4, 0.2),
)  # fmt: skip
BINARY = Recipe(
    "admm-binary", driver="admm", act_bits=8, updates=8, rho=3e-2, ramp=1.0, start_epoch=0.0,
    shares=(0.0, 2 / 6, 3 / 6, 1 / 6),
)  # fmt: skip
PRUNING_EPOCHS, RETRAINING_EPOCHS, FURTHER_EPOCHS, STORING_EPOCHS, BINARY_EPOCHS = 40, 60, 20, 8, 6
LONGER = replace(
    EXAMPLE, name="lenet5_longer", float_epochs=EXAMPLE.float_epochs + PRUNING_EPOCHS + RETRAINING_EPOCHS,
    settings=EXAMPLE.settings | {"label_smoothing": SMOOTHING},
)  # fmt: skip


def dense(seed: int) -> PreparedModel:
    return EXAMPLE.fit_float(seed, data(), progress=False)[0]


def longer(seed: int) -> PreparedModel:
    return LONGER.fit_float(seed, data(), progress=False)[0]


def pruned(seed: int) -> PreparedModel:
    first = EXAMPLE.fit_from(
        dense(seed), "pruned", PRUNED.override(seed=seed), PRUNING_EPOCHS, smoothing=SMOOTHING
    )  # fmt: skip
    return EXAMPLE.fit_from(
        first, "retrained", RETRAINED.override(seed=seed), RETRAINING_EPOCHS, lr=2e-3, smoothing=SMOOTHING
    )  # fmt: skip


def stored(seed: int) -> PreparedModel:
    further = EXAMPLE.fit_from(
        pruned(seed), "further", FURTHER.override(seed=seed), FURTHER_EPOCHS, lr=2e-3, smoothing=SMOOTHING
    )  # fmt: skip
    return EXAMPLE.fit_from(further, "stored", STORED.override(seed=seed), STORING_EPOCHS, lr=1.5e-3)


def binary(seed: int) -> PreparedModel:
    return EXAMPLE.fit_from(dense(seed), "binary", BINARY.override(seed=seed), BINARY_EPOCHS)


MODELS: dict[str, Callable[[int], PreparedModel]] = {
    "FP32": dense, "FP32 longer": longer, "pruned": pruned, "stored": stored, "binary": binary,
}  # fmt: skip
WAYS = ("without_indices", "with_indices", "with_rice", "with_huffman")
TIMES, WITHOUT, WITH, BINARY_LOSS = 100, 1910, 623, 0.3
"""Of the literature: how many times fewer weights, fewer bits without and with indices, and points that may be lost."""


@cache
def run(arm: str, seed: int) -> Measured:
    model = MODELS[arm](seed)
    found = {"accuracy": tested(model)}
    if arm.startswith("FP32"):
        return found
    rows = storage(model)
    bits = sum(row.dense for row in rows)
    found["fewer weights"] = sum(row.weights for row in rows) / sum(row.kept for row in rows)
    found |= {way: bits / sum(getattr(row, way) for row in rows) for way in WAYS}
    return found | {f"kept of {row.name}": row.kept for row in rows}


def _accuracies(found: Outcome, arm: str) -> tuple[float, str]:
    """Points lost, and the two accuracies in words."""
    ours, whole = found.of(arm, "accuracy"), found.of("FP32", "accuracy")
    lost = whole.mean - ours.mean
    return lost, f"{ours.text()} %, FP32 {whole.text()} %, {lost:.2f} points lost"


def _sizes(found: Outcome, arm: str) -> str:
    without, with_, rice, huffman = (found.of(arm, way).mean for way in WAYS)
    return (
        f"storage {without:,.0f}x without indices, {with_:,.0f}x with relative indices, {rice:,.0f}x with Rice codes "
        f"for places, {huffman:,.0f}x with places and values in Huffman codes"
    )


def pruned_without_loss(found: Outcome) -> tuple[bool, str]:
    lost, accuracies = _accuracies(found, "pruned")
    fewer = found.of("pruned", "fewer weights").mean
    best = f"FP32 trained as long, on smoothed labels, {found.of('FP32 longer', 'accuracy').text()} %"
    return lost <= 0 and fewer >= TIMES, f"{fewer:.0f}x fewer weights: {accuracies}; {best}"


def stored_small(found: Outcome) -> tuple[bool, str]:
    _, accuracies = _accuracies(found, "stored")
    fewer, without = (found.of("stored", quantity).mean for quantity in ("fewer weights", "without_indices"))
    with_ = max(found.of("stored", way).mean for way in WAYS[1:])
    numbers = f"{fewer:.0f}x fewer weights on 4 centroids a layer: {accuracies}; {_sizes(found, 'stored')}"
    return without >= WITHOUT and with_ >= WITH, numbers


def binary_close(found: Outcome) -> tuple[bool, str]:
    lost, accuracies = _accuracies(found, "binary")
    return lost <= BINARY_LOSS, accuracies


DATA = "MNIST, Caffe's LeNet-5"
EXTRA = {"command": "python examples/methods/lenet5.py"}
WHERE = f"Trained on {torch.cuda.get_device_name() if torch.cuda.is_available() else 'one core of a CPU'}."

experiments = (
    Experiment(
        17, "lenet5_pruned", f"LeNet-5 loses at least {TIMES}x of its weights by progressive ADMM and no accuracy",
        DATA, ("FP32", "FP32 longer", "pruned"), run, pruned_without_loss, seeds=3, extra=EXTRA, note=WHERE,
    ),
    Experiment(
        14, "lenet5_stored", f"LeNet-5 pruned and clustered by ADMM takes {WITHOUT:,}x less storage without indices "
        f"and {WITH}x with them", DATA, ("FP32", "stored"), run, stored_small, seeds=1, extra=EXTRA,
        note=f"{WHERE} Four chains were tried on this seed. The literature's figures are said to be lossless.",
    ),
    Experiment(
        13, "lenet5_binary", f"LeNet-5 with binary weights in all layers is within {BINARY_LOSS} points of FP32",
        DATA, ("FP32", "binary"), run, binary_close, seeds=3, extra=EXTRA, note=WHERE,
    ),
)  # fmt: skip

if __name__ == "__main__":
    for experiment in experiments:
        experiment.main()
