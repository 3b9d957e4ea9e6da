"""The terms: ADMM's quadratic, the regulariser of gates, BOPs, L1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..network import source_quantiser
from ..quantisers.learned import real_bits
from ..quantisers.ranges import widest

if TYPE_CHECKING:
    from ..model import PreparedModel

Term = Callable[["PreparedModel"], Tensor]
FULL_BITS = 8
"""BOPs are counted as a share of those of the whole network at this width."""


def admm_quadratic(model: PreparedModel) -> Tensor:
    """sum of rho/2 * ||W - Z + U||^2 over the layers that are being drawn to a target (16)."""
    total = model.masks.new_zeros(())
    for number, window in model.pruner.open.items():
        if window.splitting:
            for name in model.pruner.sites[number].producers:
                total = total + model.pruner.splitting(name).quadratic(model.producer(name).weight)
    return total


def gate_regulariser(model: PreparedModel) -> Tensor:
    """gate_weight * the mean over layers under way of their gates' regulariser (7, 10)."""
    pruner = model.pruner
    if not model.recipe.gate_weight or not pruner.score.gates or not pruner.open:
        return model.masks.new_zeros(())
    terms = [pruner.gate(number).regulariser() for number in pruner.open]
    return model.recipe.gate_weight * torch.stack(terms).mean()


def bops(model: PreparedModel) -> Tensor:
    """bops_weight * BOPs / BOPs of the whole network at 8 bits, where gates and widths have gradients (7)."""
    if not model.recipe.bops_weight or not model.pruner.open:
        return model.masks.new_zeros(())
    open_share = _open_shares(model)
    total, full = model.masks.new_zeros(()), 0.0
    for name, macs in model.macs.items():
        weight_bits = _weight_bits(model, name)
        act_bits = _act_bits(model, name)
        source = model.graph.by_name[name].inputs[0]
        share_in = model.mask_of(source) @ open_share[model.ids_of(source)] / len(model.ids_of(source))
        share_out = model.mask_of(name) @ open_share[model.ids_of(name)] / len(model.ids_of(name))
        total = total + macs * share_in * share_out * weight_bits * act_bits
        full += macs * FULL_BITS**2
    return model.recipe.bops_weight * total / full


def _open_shares(model: PreparedModel) -> Tensor:
    """For every row of channels, how far its layer's gates are open; 1 where there are none."""
    shares = torch.ones_like(model.masks)
    pruner = model.pruner
    for number in pruner.open if pruner.score.gates else ():
        site = pruner.sites[number]
        if site.rows is not None:
            rows = site.rows.to(shares.device)
            shares = shares.index_copy(0, rows, pruner.gate(number).openness().expand(len(rows)).to(shares))
    return shares


def _weight_bits(model: PreparedModel, name: str) -> Tensor | float:
    found = model.producer(name).range
    if model.learning_bits and found.learn_bits:
        return real_bits(found.log_size.exp(), found.log_step.exp(), signed=True)[0]
    return float(found.bits) if found.widths is None else sum(found.widths) / len(found.widths)


def _act_bits(model: PreparedModel, name: str) -> Tensor | float:
    quantiser = source_quantiser(model.graph, model.graph.by_name[name].inputs[0])
    if quantiser is None:
        return float(FULL_BITS)
    ranges = [member.range for member in model.group_of(quantiser.name)]
    if model.learning_bits and ranges[0].learn_bits:
        head = widest(ranges)
        signed = any(bool(r.ends.mean[0] < 0) for r in ranges)
        return real_bits(head.log_size.exp(), head.log_step.exp(), signed=signed)[0]
    return float(ranges[0].bits)


def l1(model: PreparedModel) -> Tensor:
    """l1 * sum|w| over all layers (4)."""
    if not model.recipe.l1:
        return model.masks.new_zeros(())
    return model.recipe.l1 * torch.stack([model.producer(n).weight.abs().sum() for n in model.macs]).sum()


TERMS: dict[str, Term] = {"admm": admm_quadratic, "gates": gate_regulariser, "bops": bops, "l1": l1}
