"""The parts of a prepared model: one module for every node that has parameters, constants or statistics."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..errors import IntaglioError
from ..ir import Graph
from ..ops.source import Affine, BatchNorm, Quantise, SourcePositionAffine
from .functional import STATELESS
from .layers import BatchNormLayer, Constants, Producer, Quantiser
from .recipe import Recipe
from .structures import PRODUCERS, reaches_output_unquantised


def modules_of(graph: Graph, recipe: Recipe, fused_norms: Mapping[str, str]) -> dict[str, nn.Module]:
    """By the name of the node. Raises IntaglioError where an operator is unknown, or the last layer lacks one scale."""
    modules: dict[str, nn.Module] = {}
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
            modules[node.name] = Producer(op, recipe.weight_bits, per_tensor=last, fused=fused)
        elif isinstance(op, BatchNorm):
            modules[node.name] = BatchNormLayer(op)
        elif isinstance(op, Quantise):
            modules[node.name] = Quantiser(op)
        elif isinstance(op, Affine | SourcePositionAffine):
            modules[node.name] = Constants(op, 1 + len(graph.types[node.name].shape))
        elif type(op) not in STATELESS:
            raise IntaglioError(f"{op.name} cannot be trained", where=node.loc or node.name)
    return modules
