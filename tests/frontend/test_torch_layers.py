"""Every layer and every function that is taken computes, as a graph, what it computes as a module."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from intaglio.frontend.torch import check, trace
from intaglio.ir import verify
from source_twin import evaluate
from torch import nn
from torch_cases import CASES


def shake(net: nn.Module) -> nn.Module:
    """Statistics and affine parameters that are not the initial ones."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight, module.bias):
                nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return net


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_the_graph_computes_what_the_module_does(name, batch):
    net, *shapes = CASES[name]
    torch.manual_seed(3)
    net = shake(net).eval()
    xs = tuple(torch.randn(batch, *shape) for shape in shapes)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        want = copy.deepcopy(net).double()(*(x.double() for x in xs))
    want = want if isinstance(want, tuple) else (want,)
    graph = verify(trace(net, xs if len(xs) > 1 else xs[0]), lowered=False)
    assert all(f.supported for f in check(net, xs))
    inside = {
        n: graph.border_of(n).inwards(x.double().numpy(), graph.inputs[n])
        for n, x in zip(graph.inputs, xs, strict=True)
    }
    values = evaluate(graph, inside)
    assert len(graph.outputs) == len(want)
    for output, wanted in zip(graph.outputs, want, strict=True):
        got = graph.border_of(output).outwards(values[output])
        assert got.shape == (tuple(wanted.shape) if wanted.dim() > 1 else (batch, 1))
        assert np.allclose(got, wanted.numpy().reshape(got.shape), rtol=1e-8, atol=1e-8)
