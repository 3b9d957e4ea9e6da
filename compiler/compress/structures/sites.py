"""Sites: sets of groups of weights with one budget each.

A structure says to which group each weight of a layer belongs; everything else (sums over groups, masks of weights) is
the same for all of them. Coupled channels and blocks of pixels have rows in the model's masks; all others mask weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .coupled import Structure

Labels = Callable[[tuple[int, ...], tuple[int, int]], Tensor]
"""From a weight's shape (outputs, inputs, ...) and the tile (rows, columns) to the group of every weight."""


@dataclass(frozen=True, eq=False)
class Site:
    """Groups 0 .. count - 1, and in `labels`, for the weights of each producer, the group of every weight.

    name: of the hidden layer, or of the layer whose weights these are. A label of `count` stands for weights that may
    never go. rows: of the model's masks, for channels and blocks; None where weights are masked. watched: the tensors
    whose activations tell a group's worth. places: for blocks, the row of every pixel of the tensor that is watched,
    (height, width); they have no weights. sizes: how many weights, or activations of a block, each group has.
    """

    name: str
    labels: dict[str, Tensor]
    count: int
    sizes: Tensor
    rows: Tensor | None = None
    watched: tuple[str, ...] = ()
    places: Tensor | None = None

    @property
    def producers(self) -> tuple[str, ...]:
        return tuple(self.labels)

    def reduce(self, values: Mapping[str, Tensor]) -> Tensor:
        """Sums over groups, (..., count), of one number a weight, (..., *weight.shape), for each producer."""
        total: Tensor | None = None
        for name in self.labels:
            value = values[name]
            labels = self._labels_on(name, value.device)
            lead = value.shape[: value.dim() - labels.dim()]
            sums = value.new_zeros((*lead, self.count + 1))
            flat = value.reshape(*lead, -1)
            sums.index_add_(-1, labels.reshape(-1), flat)
            total = sums if total is None else total + sums
        assert total is not None
        return total[..., : self.count]

    def expand(self, groups: Tensor, fixed: float = 1.0) -> dict[str, Tensor]:
        """One number a weight for each producer, from one a group; `fixed` for weights that may never go."""
        padded = torch.cat((groups, groups.new_full((1,), fixed)))
        return {name: padded[self._labels_on(name, groups.device)] for name in self.labels}

    def _labels_on(self, name: str, device: torch.device) -> Tensor:
        """The labels of a producer, moved to where they are used once."""
        if self.labels[name].device != device:
            self.labels[name] = self.labels[name].to(device)
        return self.labels[name]


def element(shape: tuple[int, ...], tile: tuple[int, int]) -> Tensor:
    """Every weight for itself."""
    return torch.arange(torch.Size(shape).numel()).reshape(shape)


def filter_(shape: tuple[int, ...], tile: tuple[int, int]) -> Tensor:
    """A row of the GEMM view, outputs x (inputs * height * width): all that makes one output channel."""
    return torch.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)).expand(shape)


def shape_(shape: tuple[int, ...], tile: tuple[int, int]) -> Tensor:
    """A column of the GEMM view: one place of the kernel in one input channel, for all outputs."""
    return element(shape[1:], tile).expand(shape)


def tile_(shape: tuple[int, ...], tile: tuple[int, int]) -> Tensor:
    """A block of tile[0] rows x tile[1] columns; columns in the hardware's order, input channels innermost."""
    rows = filter_(shape, tile) // tile[0]
    inner = torch.arange(torch.Size(shape[1:]).numel()).reshape(*shape[2:], shape[1]).movedim(-1, 0)
    columns = (inner // tile[1]).expand(shape)
    return rows * (int(columns.max()) + 1) + columns


WEIGHTS: dict[str, Labels] = {"element": element, "filter": filter_, "shape": shape_, "tile": tile_}
"""Structures of single layers' weights."""


def weight_sites(
    kind: str, shapes: Mapping[str, tuple[int, ...]], last: frozenset[str], tile: tuple[int, int]
) -> tuple[Site, ...]:
    """A site for every layer. shapes: of its weights. last: the layers whose outputs are the network's."""
    sites = []
    for name, shape in shapes.items():
        if kind == "filter" and name in last:
            continue  # no class may go
        labels = WEIGHTS[kind](shape, tile).contiguous()
        sizes = torch.bincount(labels.reshape(-1))
        sites.append(Site(name, {name: labels}, len(sizes), sizes))
    return tuple(sites)


def channel_sites(structure: Structure, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Site, ...]:
    """A site for every hidden layer; the weights of a group of channels are the rows that make them."""
    sites = []
    for layer in structure.layers:
        place = torch.full((structure.count + 1,), len(layer.groups))
        place[torch.from_numpy(layer.groups)] = torch.arange(len(layer.groups))
        labels = {}
        for name in layer.producers:
            ids = place[torch.from_numpy(structure.ids[name])]
            labels[name] = ids.reshape(-1, *(1,) * (len(shapes[name]) - 1)).expand(shapes[name]).contiguous()
        sizes = torch.stack([torch.bincount(v.reshape(-1), minlength=len(layer.groups) + 1) for v in labels.values()])
        rows = torch.from_numpy(layer.groups)
        sites.append(Site(layer.name, labels, len(rows), sizes.sum(dim=0)[:-1], rows, layer.watched))
    return tuple(sites)
