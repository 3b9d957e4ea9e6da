"""The whole table: ATen operator -> the rule that makes source operators of it, from the files that hold them."""

from __future__ import annotations

from ..findings import Refusal
from . import activations, layers, pairs, pools
from .registry import RULES, rule
from .shapes import PICKS, RESHAPES, TRANSPOSES
from .values import EXPANDING, Arguments, Value

DROPOUTS = ("dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_")
NOTHING = ("contiguous", "clone", "alias", "detach", "lift_fresh_copy", "identity")
CASTS = ("to", "_to_copy", "type_as")
ALIASING = {*RESHAPES, *TRANSPOSES, *PICKS, *EXPANDING, *DROPOUTS, *NOTHING, *CASTS, "getitem"}
"""What may hand on its input's memory."""


@rule(*DROPOUTS, *NOTHING)
def identity(a: Arguments) -> Value:
    x = a.value("input" if a.has("input") else "self")
    a.take_all()
    return x


@rule(*CASTS)
def cast(a: Arguments) -> Value:
    x = a.value("self")
    a.take_all()
    if not a.node.meta["val"].is_floating_point():
        raise Refusal(f"it makes {a.node.meta['val'].dtype} of real numbers", "torch.round, torch.floor or torch.ceil")
    return x


__all__ = ["ALIASING", "RULES", "activations", "layers", "pairs", "pools"]
