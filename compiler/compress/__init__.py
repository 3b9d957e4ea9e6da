"""Compression: a prepared model that trains, prunes channels, quantises and freezes into an exact reference."""

from .fit import evaluate, fit
from .history import Epoch, History
from .layers import Phase
from .model import PreparedModel
from .plan import Plan
from .recipe import Recipe

__all__ = ["Epoch", "History", "Phase", "Plan", "PreparedModel", "Recipe", "evaluate", "fit"]
