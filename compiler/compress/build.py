"""The parts of a prepared model: one module for every node that has parameters, constants or statistics."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import Affine, BatchNorm, Quantise, SourcePositionAffine
from .functional import STATELESS
from .layers import BatchNormLayer, Constants, Producer, Quantiser
from .network import PRODUCERS, reaches_output_unquantised
from .quantisers import WeightRange
from .recipe import Recipe
from .structures import STRUCTURES


def modules_of(graph: Graph, recipe: Recipe, fused_norms: Mapping[str, str]) -> dict[str, nn.Module]:
    """By the name of the node. Raises IntaglioError where an operator is unknown, or the last layer lacks one scale."""
    modules: dict[str, nn.Module] = {}
    widths = _activation_widths(graph, recipe)
    for node in graph.nodes:
        op = node.op
        if isinstance(op, PRODUCERS):
            last, fused = reaches_output_unquantised(graph, node.name), node.name in fused_norms
            if last and fused:
                raise IntaglioError(
                    "a batch norm scales the classes of the last layer one by one",
                    where=node.loc or node.name,
                    hint="set output_bits in the recipe, or leave the batch norm out",
                )
            width = recipe.bits_of("weight_bits", node.name)
            if isinstance(width, tuple):
                _check_channels(width, len(op.bias), node, last)
            found = WeightRange(
                width,
                len(op.bias),
                per_tensor=last,
                codebook=recipe.codebook,
                source="learned" if recipe.bit_choices else recipe.ranges,
                conductance=recipe.conductance,
                learn_bits=bool(recipe.bit_choices),
            )
            masked, noise = STRUCTURES[recipe.structure].weights is not None, recipe.weight_noise
            modules[node.name] = Producer(op, found, fused=fused, last=last, masked=masked, noise=noise)
        elif isinstance(op, BatchNorm):
            modules[node.name] = BatchNormLayer(op)
        elif isinstance(op, Quantise):
            hidden = node.name in widths
            bits, learn = widths.get(node.name, op.bits), hidden and bool(recipe.bit_choices)
            source = recipe.ranges if recipe.ranges == "shift" or hidden else "running"
            source = "learned" if learn else source
            modules[node.name] = Quantiser(op, bits, source, learn_bits=learn)
        elif isinstance(op, Affine | SourcePositionAffine):
            modules[node.name] = Constants(op, 1 + len(graph.types[node.name].shape))
        elif type(op) not in STATELESS:
            raise IntaglioError(f"{op.name} cannot be trained", where=node.loc or node.name)
    return modules


def _check_channels(bits: tuple[int, ...], channels: int, node: Node, last: bool) -> None:
    """Raises IntaglioError where widths are not one for each channel, or channels share a scale."""
    where = node.loc or node.name
    if last:
        raise IntaglioError(
            "the last layer's outputs have one scale, so its weights have one width", where=where,
            hint=f"weight_bits = {{{node.name} = {max(bits)}}}",
        )  # fmt: skip
    if len(bits) != channels:
        raise IntaglioError(f"weight_bits lists {len(bits)} widths for {channels} output channels", where=where)


def _activation_widths(graph: Graph, recipe: Recipe) -> dict[str, int]:
    """Of the quantisers between layers, those of one group alike; what a table or an output needs is not ours."""
    groups: dict[str, int] = {}
    mine: dict[str, tuple[str, int]] = {}
    for node in graph.nodes:
        source = node.inputs[0] if node.inputs else ""
        if not isinstance(node.op, Quantise) or node.op.bits != recipe.widest_act_bits or source in graph.inputs:
            continue
        if node.name in graph.outputs and recipe.output_bits is not None:
            continue
        named = node.name if isinstance(recipe.act_bits, Mapping) and node.name in recipe.act_bits else source
        group = node.op.group or node.name
        mine[node.name] = (group, recipe.bits_of("act_bits", named))
        groups[group] = max(groups.get(group, 1), mine[node.name][1])
    return {name: groups[group] for name, (group, _) in mine.items()}
