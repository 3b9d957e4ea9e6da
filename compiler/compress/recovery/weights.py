"""Going back to early weights, or to fresh ones, under the mask that was made."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor, nn

from ..layers import BatchNormLayer, Producer


def trained_parts(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Weights and biases of all layers and batch norms, by name."""
    return {
        f"{name}.{kind}": getattr(module, kind).data
        for name, module in modules.items()
        if isinstance(module, Producer | BatchNormLayer)
        for kind in ("weight", "bias")
    }


class EarlyWeights(nn.Module):
    """The weights of an early moment, kept for `rewind` (4: the lottery ticket's way)."""

    kept: Tensor

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self._places: dict[str, str] = {}
        self.register_buffer("kept", torch.zeros((), dtype=torch.bool))
        for number, (name, value) in enumerate(trained_parts(modules).items()):
            self._places[name] = f"part{number}"
            self.register_buffer(self._places[name], torch.zeros_like(value))

    @torch.no_grad()
    def keep(self, modules: Mapping[str, nn.Module]) -> None:
        for name, value in trained_parts(modules).items():
            getattr(self, self._places[name]).copy_(value)
        self.kept.fill_(True)

    @torch.no_grad()
    def restore(self, modules: Mapping[str, nn.Module]) -> None:
        if bool(self.kept):
            for name, value in trained_parts(modules).items():
                value.copy_(getattr(self, self._places[name]))


@torch.no_grad()
def draw_weights(modules: Mapping[str, nn.Module], *, weights_only: bool = False) -> None:
    """Weights as torch draws them, uniform within +-1/sqrt(inputs); biases and batch norms as they begin.

    weights_only: everything else stays (for masks that are learned against many draws).
    """
    for module in modules.values():
        if isinstance(module, Producer):
            bound = 1 / sqrt(max(1, module.weight[0].numel()))
            module.weight.uniform_(-bound, bound)
            if not weights_only and module.bias.requires_grad:
                module.bias.uniform_(-bound, bound)
        elif isinstance(module, BatchNormLayer) and not weights_only:
            module.weight.fill_(1)
            module.bias.zero_()
            module.running_mean.zero_()
            module.running_var.fill_(1)
