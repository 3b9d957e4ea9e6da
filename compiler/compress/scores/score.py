"""What a score is: what it needs to see, and what a weight (or a channel) is worth then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

NEEDS = ("nothing", "activations", "gradients", "gradients squared", "curvature", "class groups", "gates")


def _plain(sums: Tensor) -> Tensor:
    return sums


@dataclass(frozen=True)
class Score:
    """needs: what the model collects while a layer is watched, one of NEEDS.

    of_weight: from a weight and what was collected (of its shape) to what is summed over a group. finish: from such
    sums to the group's score. of_activations: from activations to what is averaged over them. gates: the kind of gate
    that it reads.
    """

    needs: str
    of_weight: Callable[[Tensor, Tensor], Tensor] | None = None
    finish: Callable[[Tensor], Tensor] = _plain
    of_activations: Callable[[Tensor], Tensor] | None = None
    gates: str = ""
