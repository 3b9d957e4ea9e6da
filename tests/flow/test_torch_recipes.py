"""Random PyTorch networks under random recipes: what is trained is what is built."""

from __future__ import annotations

import intaglio
import pytest
import torch
from random_recipes import drawn
from torch_networks import network


def classifiers(count: int) -> list[int]:
    """The seeds of the first `count` networks whose output is a vector that a loss can be taken of."""
    found: list[int] = []
    seed = 0
    while len(found) < count:
        net, shape = network(seed)
        with torch.no_grad():
            out = net(torch.zeros(2, *shape))
        if torch.is_tensor(out) and out.dim() == 2 and out.shape[1] > 1 and out.is_floating_point():
            found.append(seed)
        seed += 1
    return found


@pytest.mark.parametrize("seed", classifiers(16))
def test_random_networks_under_random_recipes(seed: int) -> None:
    net, shape = network(seed)
    x = torch.randn(32, *shape)
    recipe = drawn(seed)
    if recipe.structure == "block":  # which is refused where no hidden layer has an image
        recipe = recipe.override(structure="channel-block", scope="layer")
    model = intaglio.prepare(net, x[:1], recipe)
    y = torch.randint(0, model(x).shape[1], (32,))
    batches = list(zip(x.split(8), y.split(8), strict=True))
    intaglio.fit(model, batches, None, epochs=5, lr=0.003, progress=False)
    x = 2 * torch.randn(8, *shape)
    assert (intaglio.simulate(intaglio.lower(model), x.numpy()) == model(x).numpy()).all()
