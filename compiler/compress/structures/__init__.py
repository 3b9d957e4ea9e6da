"""Structures: the groups of weights or channels that stand or fall together."""

from .coupled import Layer, Structure, structure_of
from .sites import WEIGHTS, Site, channel_sites, weight_sites

STRUCTURES = ("channel", *WEIGHTS)

__all__ = ["STRUCTURES", "Layer", "Site", "Structure", "channel_sites", "structure_of", "weight_sites"]
