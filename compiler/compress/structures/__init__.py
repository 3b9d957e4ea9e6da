"""Structures: the groups of weights, channels or pixels that stand or fall together."""

from .coupled import Layer, Structure, structure_of
from .places import feature_maps
from .sites import Site, weight_sites
from .table import STRUCTURES, sites_of

__all__ = ["STRUCTURES", "Layer", "Site", "Structure", "feature_maps", "sites_of", "structure_of", "weight_sites"]
