"""Compression: a prepared model that trains, prunes channels, quantises and freezes into an exact reference."""

from .layers import Phase
from .model import Plan, PreparedModel
from .recipe import Recipe

__all__ = ["Phase", "Plan", "PreparedModel", "Recipe"]
