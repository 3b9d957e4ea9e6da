"""Costs that need no device: storage, rate, bit operations, density."""

from .bits import Storage, density, feature_map_bits, rate, storage
from .bops import bops

__all__ = ["Storage", "bops", "density", "feature_map_bits", "rate", "storage"]
