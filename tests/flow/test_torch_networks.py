"""Random PyTorch networks, quantised after training: the frozen model and the simulated integers are equal."""

from __future__ import annotations

import intaglio
import numpy as np
import pytest
import torch
from intaglio.flow.lower import lower
from intaglio.flow.quantize import quantize_model
from torch_networks import network


@pytest.mark.parametrize("seed", range(30))
def test_random_networks_agree(seed):
    net, shape = network(seed)
    bits = {"weight_bits": 1 + seed % 8, "act_bits": 1 + seed // 3 % 8, "input_bits": 3 + seed % 6}
    scales = "power-of-two" if seed % 5 == 0 else "dyadic"
    model = quantize_model(net, torch.randn(16, *shape), scales=scales, **bits)
    x = 2 * torch.randn(8, *shape)
    got = intaglio.simulate(lower(model), x.numpy())
    assert got.shape == tuple(net(x).shape)
    assert np.array_equal(got, model(x).numpy())
