"""From an nn.Module to verified hardware: the frozen model, the simulator, HLS and RTL give the same integers."""

from __future__ import annotations

from pathlib import Path

import intaglio
import numpy as np
import pytest
import torch
from intaglio.ir import Graph, TensorType
from torch import Tensor, nn

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.first(x)))
        return torch.relu(self.norm2(self.second(inner)) + x)


class Residual(nn.Module):
    """Stem, block, average pool, two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.block = Block(6)
        self.pool = nn.AvgPool2d(3)
        self.hidden = nn.Linear(24, 8)
        self.dropout = nn.Dropout(0.1)
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(torch.relu(self.norm(self.stem(x))))
        x = torch.flatten(self.pool(x), 1)
        return self.last(self.dropout(torch.relu(self.hidden(x))))


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def batches(x: Tensor, y: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(x.split(size), y.split(size), strict=True))


@pytest.mark.parametrize(
    ("recipe", "backends"),
    [
        (intaglio.Recipe(keep=0.5, weight_bits=4, act_bits=4, shares=(0.2, 0.3, 0.3, 0.2)), ("hls", "rtl")),
        (intaglio.Recipe(keep=0.7, weight_bits=8, act_bits=8, scales="power-of-two"), ("hls", "rtl")),
        (intaglio.Recipe(keep=1.0, weight_bits=1, act_bits=2, method="one-shot"), ("hls", "rtl")),
        (intaglio.Recipe(keep=0.5, weight_bits=3, act_bits=5, method="stepwise", input_bits=5), ("rtl",)),
        (intaglio.Recipe("admm-cluster", keep=0.3, weight_bits={"stem": 5, "*": 3}), ("hls", "rtl")),
        (intaglio.Recipe("admm-tiles", tile=(2, 2), act_bits={"*": 4, "norm": 6}), ("hls", "rtl")),
        (intaglio.Recipe("one-shot", structure="channel-block", keep=0.5), ("hls", "rtl")),
    ],
)
def test_model_simulator_hls_and_rtl_agree(recipe: intaglio.Recipe, backends: tuple[str, ...]) -> None:
    torch.manual_seed(7)
    x = torch.randn(160, 2, 12, 12)
    y = (x.mean((1, 2, 3)) * 40).long().clamp(-2, 1) + 2
    model = intaglio.prepare(Residual(), x[:2], recipe)
    intaglio.fit(model, batches(x, y, 16), None, epochs=3, lr=0.01, progress=False)
    graph = intaglio.lower(model)
    with torch.no_grad():
        expected = model(x).numpy()
    assert (intaglio.simulate(graph, x.numpy()) == expected).all()
    assert len(np.unique(expected)) > 2
    design = intaglio.compile(graph, board="pynq-z2", target_fps=50_000)
    result = design.verify(x[:8].numpy(), backends=backends)
    assert result.passed, result
    assert result.interval_cycles == design.estimate().cycles.interval
    assert result.latency_cycles == design.estimate().cycles.latency
    if recipe.structure == "channel" and recipe.keep == 0.5:
        shapes = {name: kind.channels for name, kind in graph.types.items()}
        assert shapes["block_first"] == 3
        assert shapes["stem"] == 3  # tied to the block's output by the shortcut


@pytest.mark.skipif(not (SHARED / "mnist.npz").is_file(), reason="needs mnist.npz in ../shared/data")
def test_the_simulator_equals_the_model_on_every_mnist_test_image() -> None:
    with np.load(SHARED / "mnist.npz") as data:
        images = {k: torch.from_numpy(data[k][:, None].astype(np.float32) / 255) for k in ("x_train", "x_test")}
        labels = torch.from_numpy(data["y_train"].astype(np.int64))
    torch.manual_seed(0)
    recipe = intaglio.Recipe(keep=0.5, weight_bits=4, act_bits=4, shares=(0.3, 0.2, 0.3, 0.2))
    model = intaglio.prepare(lenet(), images["x_test"][:1], recipe)
    intaglio.fit(model, batches(images["x_train"][:6000], labels[:6000], 100), None, epochs=2, lr=0.01, progress=False)
    graph = intaglio.lower(model)
    with torch.no_grad():
        expected = np.concatenate([model(part).numpy() for part in images["x_test"].split(500)])
    assert (intaglio.simulate(graph, images["x_test"].numpy()) == expected).all()


def dead_channel() -> nn.Module:
    """A network whose owner pruned by zeroing: one row of weights is 0, and its bias is not."""
    net = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 144, 3))
    net[0].weight.data[1].zero_()
    return net


def dead_layer() -> nn.Module:
    """A batch norm that lets nothing through, so that the quantiser behind it sees only zeros."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3))
    net[1].weight.data.zero_()
    return net


def zero_classifier() -> nn.Module:
    """The last layer as some initialise it."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3))
    net[3].weight.data.zero_()
    return net


@pytest.mark.parametrize("make", [dead_channel, dead_layer, zero_classifier])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_dead_tensors_are_quantised_like_any_other(make, bits: int) -> None:
    torch.manual_seed(3)
    x = torch.randn(32, 2, 12, 12)
    model = intaglio.prepare(make(), x[:1], intaglio.Recipe(keep=1.0, weight_bits=bits, act_bits=bits))
    model.calibrate([x])
    model.freeze()
    with torch.no_grad():
        assert (intaglio.simulate(intaglio.lower(model), x.numpy()) == model(x).numpy()).all()


def test_a_network_that_only_quantises_is_a_core_too() -> None:
    x = torch.rand(4, 2, 4, 4)
    model = intaglio.prepare(nn.Sequential(nn.BatchNorm2d(2)), x, intaglio.Recipe(keep=1.0))
    model.calibrate([x])
    model.freeze()
    graph = intaglio.lower(model)
    with torch.no_grad():
        assert (intaglio.simulate(graph, x.numpy()) == model(x).numpy()).all()
    assert graph.nodes


def test_a_network_without_operators_is_refused() -> None:
    kind = TensorType.integer((3,), 0, 7)
    with pytest.raises(intaglio.IntaglioError, match="no operators"):
        intaglio.compile(Graph({"x": kind}, (), ("x",)))
