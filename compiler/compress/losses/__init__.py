"""Loss terms: what a recipe adds to the loss of a training loop. `model.penalty()` is their sum.

Each is a function of the model, a scalar with a gradient; 0 where the recipe has no use for it.
"""

from .terms import TERMS

__all__ = ["TERMS"]
