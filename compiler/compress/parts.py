"""Parts: everything a prepared model holds, and where to find it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..ir import Graph
from .build import modules_of
from .checks import check_names
from .layers import BatchNormLayer, Constants, Nodes, Producer, Quantiser
from .network import fused_batch_norms, keeps_zero, multiplications, reaches_output_unquantised
from .pruner import Pruner
from .recipe import Recipe
from .structures import STRUCTURES, Layer, sites_of, structure_of


class Parts(nn.Module):
    """The modules of a network by the name of their node, and the pruner that watches over them.

    macs: for every layer with weights, its multiplications. reviving: nodes that make something of zero.
    """

    def __init__(self, graph: Graph, recipe: Recipe) -> None:
        super().__init__()
        self.graph, self.recipe = graph, recipe
        self._fused = fused_batch_norms(graph)
        modules = self.modules_by_node = modules_of(graph, recipe, self._fused)
        self.nodes = Nodes(modules)
        self.reviving = frozenset(node.name for node in graph.nodes if not keeps_zero(node.op))
        self.structure = structure_of(graph)
        self.macs = multiplications(graph)
        shapes = {name: tuple(self.producer(name).weight.shape) for name in self.macs}
        last = frozenset(name for name in shapes if reaches_output_unquantised(graph, name))
        sites = sites_of(recipe.structure, graph, self.structure, shapes, last, recipe.tile)
        check_names(recipe, [site.name for site in sites])
        carriers = {name: modules[self._fused.get(name, name)] for name in shapes}
        rows = self.structure.count + 1 + sum(site.count for site in sites if site.places is not None)
        self.pruner = Pruner(recipe, sites, modules, rows, carriers, self.class_groups())
        self._ids = {name: torch.from_numpy(ids) for name, ids in self.structure.ids.items()}
        self._groups: dict[str, list[Quantiser]] = {}
        for name, module in modules.items():
            if isinstance(module, Quantiser):
                self._groups.setdefault(module.group or name, []).append(module)

    def class_groups(self) -> int:
        """How many class groups there are: as the recipe says, or one for each output."""
        groups = self.recipe.groups
        outputs = [self.graph.types[name].channels for name in self.graph.outputs]
        made = [self.graph.types[name].channels for name in self.macs if name in self.graph.by_name]
        return max(groups) + 1 if groups else max([*outputs, *made[-1:]])

    @property
    def masks(self) -> Tensor:
        """1 stays, 0 goes: of rows of coupled channels, of one for what may never go, and of blocks of pixels."""
        return self.pruner.masks

    @property
    def provisional(self) -> Tensor:
        """The masks while they may still change."""
        return self.pruner.provisional

    @property
    def masks_weights(self) -> bool:
        """Whether single weights may go."""
        return STRUCTURES[self.recipe.structure].weights is not None

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.structure.layers

    def producer(self, name: str) -> Producer:
        module = self.nodes[name]
        assert isinstance(module, Producer)
        return module

    def batch_norm(self, name: str) -> BatchNormLayer:
        module = self.nodes[name]
        assert isinstance(module, BatchNormLayer)
        return module

    def constants(self, name: str) -> Constants:
        module = self.nodes[name]
        assert isinstance(module, Constants)
        return module

    def quantiser(self, name: str) -> Quantiser:
        module = self.nodes[name]
        assert isinstance(module, Quantiser)
        return module

    def fused_batch_norm(self, producer: str) -> str | None:
        return self._fused.get(producer)

    @property
    def fused_producers(self) -> frozenset[str]:
        return frozenset(self._fused)

    def group_of(self, quantiser: str) -> list[Quantiser]:
        """The quantisers that share a scale with this one, itself included."""
        return self._groups[self.quantiser(quantiser).group or quantiser]

    def _producer_of(self, tensor: str) -> Producer | None:
        return self.producer(tensor) if tensor in self._fused else None

    def ids_of(self, name: str) -> Tensor:
        """The row of the masks of each channel of a tensor."""
        ids = self._ids[name]
        if ids.device != self.masks.device:
            ids = self._ids[name] = ids.to(self.masks.device)
        return ids

    def mask_of(self, tensor: str) -> Tensor:
        """Which channels of a tensor stay (1) or go (0)."""
        mask = self.masks[self.ids_of(tensor)]
        maker = next((name for name, norm in self._fused.items() if norm == tensor), tensor)
        alive = self.producer(maker).rows_alive() if maker in self.macs else None
        return mask if alive is None else mask * alive

    def places_alive(self, tensor: str) -> Tensor | None:
        """Which pixels of a tensor stay (1) or are always 0, (height, width); None where all stay."""
        return self.pruner.places_alive(tensor)
