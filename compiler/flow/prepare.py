"""prepare: an nn.Module becomes a model that prunes and quantises while it trains."""

from __future__ import annotations

from typing import Any

from ..compress.model import PreparedModel
from ..compress.recipe import Recipe
from ..frontend.torch import trace
from ..passes.insert_quantisers import insert_quantisers


def prepare(net: Any, example_input: Any, recipe: Recipe | None = None) -> PreparedModel:
    """The network as an `nn.Module` that carries the recipe's quantisers and masks; train it with any loop.

    Args:
        net: the `torch.nn.Module`; its weights are where training starts.
        example_input: one batch, (N, channels, height, width), (N, channels, length) or (N, features); a tuple where
            the network takes several inputs.
        recipe: what to remove and how many bits to keep; the defaults of `Recipe` if left out.

    Raises:
        IntaglioError: for layers that cannot be built (all of them at once), NaN weights, or a wrong shape.
    """
    recipe = recipe or Recipe()
    graph = trace(net, example_input)
    quantised = insert_quantisers(
        graph, input_bits=recipe.input_bits, act_bits=recipe.widest_act_bits, output_bits=recipe.output_bits
    )
    return PreparedModel(quantised, recipe)
