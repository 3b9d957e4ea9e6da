"""What users bring: idioms of exporters, quantisers of Brevitas, float networks written in the usual ways.

Networks with quantisers must equal exact rational execution; float ones must become integer networks that equal their
frozen model and stay near what they were.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import brevitas.quant as quantisers
import intaglio
import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from intaglio.flow.quantize import quantize_model
from onnx_reference.brevitas_networks import export, quiet, trained_looking
from onnx_reference.rational import Reference
from test_import import equal
from torch import Tensor, nn


class Written(nn.Module):
    """A network whose forward() is a function of its layers and inputs."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.written = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.written(self, x)


def data(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def quantised(source: Any, net: nn.Module, x: Tensor) -> intaglio.Graph:
    """Quantised after training: its integers are those of the frozen model, and near the network's numbers."""
    model = quantize_model(source, x)
    graph = intaglio.lower(model)
    got = intaglio.simulate(graph, x.numpy())
    with torch.no_grad():
        frozen, wanted = model(x.double()).numpy(), net(x).numpy()
    assert np.array_equal(got, frozen.reshape(got.shape))
    assert got.shape == wanted.shape
    assert np.linalg.norm(got - wanted) < 0.1 * np.linalg.norm(wanted)
    return graph


def gate(s: Any, x: Tensor) -> Tensor:
    """Squeeze-and-excite as its authors' code has it."""
    batch, channels, _, _ = x.size()
    y = torch.sigmoid(s.b(F.relu(s.a(F.adaptive_avg_pool2d(x, 1).view(batch, channels))))).view(batch, channels, 1, 1)
    return s.c(x * y.expand_as(x))


def causal(s: Any, x: Tensor) -> Tensor:
    y = F.relu(s.a(F.pad(x, (2, 0))))
    return s.l((y[:, 2:] + y[:, :4])[:, :, -1])


def repeated(s: Any, x: Tensor) -> Tensor:
    y = F.relu(s.c(x.repeat(1, 2, 1, 1)))
    rows = y.mean(2, keepdim=True).expand(-1, -1, 6, -1)
    return s.d(torch.cat([rows, y.repeat(1, 1, 1, 1)], 1)).repeat(1, 1, 2, 2)


def attention(s: Any, x: Tensor) -> Tensor:
    y = F.relu(s.c(x))
    return s.o(y * torch.sigmoid(s.g(torch.cat([y.mean(1, keepdim=True), y.amax(1, keepdim=True)], 1))))


def normalised(s: Any, x: Tensor) -> Tensor:
    mean, spread = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    return F.relu(s.c((x - mean.view(1, 3, 1, 1)) / spread.view(1, 3, 1, 1)))


WRITTEN: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "gate": lambda: (
        Written(gate, a=nn.Linear(3, 2), b=nn.Linear(2, 3), c=nn.Conv2d(3, 2, 1)),
        data(16, 3, 6, 6),
    ),
    "causal": lambda: (Written(causal, a=nn.Conv1d(3, 6, 3), l=nn.Linear(4, 3)), data(16, 3, 10)),
    "repeated": lambda: (Written(repeated, c=nn.Conv2d(6, 3, 3), d=nn.Conv2d(6, 2, 1)), data(16, 3, 8, 8)),
    "attention": lambda: (
        Written(attention, c=nn.Conv2d(3, 4, 3), g=nn.Conv2d(2, 1, 3, padding=1), o=nn.Conv2d(4, 2, 1)),
        data(16, 3, 8, 8),
    ),
    "normalised": lambda: (Written(normalised, c=nn.Conv2d(3, 4, 3)), data(16, 3, 8, 8)),
    "weights used twice": lambda: (
        Written(lambda s, x: s.l(torch.cat([s.a(x[:, :4]), s.a(x[:, 4:])], 1)), a=nn.Linear(4, 5), l=nn.Linear(10, 3)),
        data(32, 8),
    ),
    "sets": lambda: (
        Written(lambda s, x: s.r(F.relu(s.p(x)).mean(1)), p=nn.Linear(4, 8), r=nn.Linear(8, 5)),
        data(16, 7, 4),
    ),
    "tokens repeated": lambda: (
        Written(lambda s, x: F.relu(s.l(x.unsqueeze(1).expand(-1, 5, -1))), l=nn.Linear(8, 4)),
        data(16, 8),
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("exporter", ["module", "torchscript"])
def test_float_networks_as_people_write_them(name: str, exporter: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, x = WRITTEN[name]()
    net.eval()
    source: Any = net
    if exporter == "torchscript":
        source = tmp_path / "net.onnx"
        with quiet():
            torch.onnx.export(
                net, (x[:1],), source, dynamo=False, opset_version=13, input_names=["x"], dynamic_axes={"x": {0: "N"}}
            )
    quantised(source, net, x)


# -- numbers in another file -----------------------------------------------------------------------------------------
def exported(folder: Path) -> tuple[Path, nn.Module, Tensor]:
    """What torch.onnx.export writes when nothing is said: the network, and its numbers beside it."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 5)).eval()
    x, path = data(32, 16), folder / "net.onnx"
    with quiet():
        torch.onnx.export(net, (x[:1],), path, dynamo=True)
    assert (folder / "net.onnx.data").is_file()
    return path, net, x


def test_numbers_in_a_file_beside_the_network(tmp_path: Path) -> None:
    path, net, x = exported(tmp_path)
    quantised(path, net, x)


def _missing(path: Path) -> None:
    path.with_name("net.onnx.data").unlink()


def _short(path: Path) -> None:
    held = path.with_name("net.onnx.data")
    held.write_bytes(held.read_bytes()[:100])


def _linked(path: Path) -> None:
    held = path.with_name("net.onnx.data")
    away = path.parent.parent / f"{path.parent.name}_away"
    held.rename(away)
    held.symlink_to(away)


def _pipe(path: Path) -> None:
    _missing(path)
    os.mkfifo(path.with_name("net.onnx.data"))


def _entries(**entries: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        model = onnx.load(path, load_external_data=False)
        for entry in model.graph.initializer[0].external_data:
            entry.value = entries.get(entry.key, entry.value)
        path.write_bytes(model.SerializeToString())

    return change


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_missing, "cannot be read from 'net.onnx.data'"),
        (_short, "is cut off: "),
        (_linked, "outside of the network's folder"),
        (_pipe, "it is no file"),
        (_entries(location="../other"), "outside of the network's folder"),
        (_entries(length="4"), "bytes, not 4"),
        (_entries(offset="-1"), "does not say rightly where"),
        (_entries(offset=str(10**9)), "is cut off: 0 of"),
    ],
)
def test_numbers_that_are_not_where_they_should_be(change: Callable[[Path], None], what: str, tmp_path: Path) -> None:
    path, _, x = exported(tmp_path)
    change(path)
    with pytest.raises(intaglio.IntaglioError) as refused:
        intaglio.quantize(path, x)
    assert what in str(refused.value)


# -- Brevitas --------------------------------------------------------------------------------------------------------
def calibrated(net: nn.Module, x: Tensor) -> nn.Module:
    with torch.no_grad():
        for _ in range(3):
            net.train()(x)
    return trained_looking(net, torch.Generator().manual_seed(0)).eval()


def convolutions(act: str, weights: str, **options: Any) -> nn.Sequential:
    torch.manual_seed(0)
    act_quant, weight_quant = getattr(quantisers, act), getattr(quantisers, weights)
    one = {} if "Binary" in weights or "Ternary" in weights else {"weight_bit_width": 4}
    return nn.Sequential(
        qnn.QuantIdentity(act_quant=act_quant),
        qnn.QuantConv2d(3, 6, 3, padding=1, bias=True, weight_quant=weight_quant, **one),
        nn.BatchNorm2d(6),
        qnn.QuantReLU(bit_width=4, **options),
        nn.MaxPool2d(2),
        qnn.QuantConv2d(6, 5, 3, stride=2, bias=False, weight_quant=weight_quant, **one),
        qnn.QuantIdentity(act_quant=act_quant),
        nn.Flatten(),
        qnn.QuantLinear(5, 10, bias=True, weight_quant=weight_quant, **one),
    )


PAIRS = [
    ("Int8ActPerTensorFixedPoint", "Int8WeightPerChannelFixedPointMSE"),
    ("ShiftedUint8ActPerTensorFloat", "ShiftedUint8WeightPerChannelFloat"),
    ("Int8ActPerTensorFloatMSE", "Int8WeightPerChannelFloatDecoupled"),
    ("SignedTernaryActPerTensorConst", "SignedTernaryWeightPerTensorConst"),
    ("SignedBinaryActPerTensorConst", "SignedBinaryWeightPerTensorConst"),
    ("ShiftedUint8ActPerTensorFixedPoint", "ShiftedUint8WeightPerTensorFloat"),
    ("Uint8ActPerTensorFloatBatchQuant2d", "Int8WeightPerTensorFixedPointMSE"),
]


@pytest.mark.parametrize(("act", "weights"), PAIRS)
def test_quantisers_of_brevitas(act: str, weights: str, tmp_path: Path) -> None:
    with quiet():
        x = data(16, 3, 8, 8)
        net = calibrated(convolutions(act, weights), x)
        path, _ = export(net, x[:1], tmp_path / "net.onnx", dynamo=False)
    equal(intaglio.load(path), onnx.load(path), x[:3].numpy())


def test_layers_of_qonnx_that_are_channels_last(tmp_path: Path) -> None:
    """to_channels_last wraps Conv, BatchNormalization and MaxPool; the integers are those of the file before it."""
    from qonnx.util.cleanup import cleanup
    from qonnx.util.to_channels_last import to_channels_last

    with quiet():
        x = data(16, 3, 8, 8)
        net = calibrated(convolutions("Int8ActPerTensorFloat", "Int8WeightPerChannelFloat"), x)
        path, _ = export(net, x[:1], tmp_path / "net.onnx", dynamo=False)
        first, last, inputs = (str(tmp_path / name) for name in ("first.onnx", "last.onnx", "inputs.onnx"))
        cleanup(str(path), out_file=first)
        to_channels_last(first, make_input_channels_last=False, out_file=last)
        to_channels_last(first, make_input_channels_last=True, out_file=inputs)
    wrapped = {n.op_type for n in onnx.load(last).graph.node if n.domain == "qonnx.custom_op.channels_last"}
    assert wrapped == {"Conv", "BatchNormalization", "MaxPool"}
    wanted = equal(intaglio.load(first), onnx.load(first), x[:4].numpy())
    assert np.array_equal(intaglio.simulate(intaglio.load(last), x[:4].numpy()), wanted)
    turned = x[:4].numpy().transpose(0, 2, 3, 1)
    assert np.array_equal(intaglio.simulate(intaglio.load(inputs), turned), wanted)


@pytest.mark.parametrize("weights", ["Int8WeightPerTensorFloat", "Int8WeightPerChannelFloat"])
def test_a_softmax_of_logits_without_a_common_scale(weights: str, tmp_path: Path) -> None:
    """Its logits are taken to the nearest 2^-12 or one beside it, and its quotients to the nearest 2^-16."""
    with quiet():
        torch.manual_seed(0)
        layer = qnn.QuantLinear(16, 5, bias=True, weight_quant=getattr(quantisers, weights))
        x = 2 * data(16, 16)
        net = calibrated(nn.Sequential(qnn.QuantIdentity(), layer, nn.Softmax(1)), x)
        path, _ = export(net, x[:1], tmp_path / "net.onnx", dynamo=False)
    y = intaglio.simulate(intaglio.load(path), x.numpy())
    model = onnx.load(path)
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.node.remove(softmax)
    model.graph.output[0].name = softmax.input[0]
    reference = Reference(model)
    for row, got in zip(x.numpy(), y, strict=True):
        (logits,) = reference({model.graph.input[0].name: row[None]}).values()
        wanted = np.exp(np.array([float(v) for v in logits[0]]))
        # a logit is off by at most 2^-12: a share p by p * (1 - p) * 2 * 2^-12
        assert np.abs(got - wanted / wanted.sum()).max() < 2**-13 + 2**-16


def test_a_wide_accumulator_under_a_sigmoid_loads_soon(tmp_path: Path) -> None:
    """64 channels of 255 thresholds each, which exact bisection took many seconds to find."""
    import time

    with quiet():
        torch.manual_seed(0)
        layer = qnn.QuantConv2d(3, 64, 3, weight_quant=quantisers.Int8WeightPerChannelFloat)
        x = data(8, 3, 8, 8)
        net = calibrated(nn.Sequential(qnn.QuantIdentity(), layer, nn.Tanh(), qnn.QuantIdentity()), x)
        path, _ = export(net, x[:1], tmp_path / "net.onnx", dynamo=False)
    begin = time.process_time()
    graph = intaglio.load(path)
    assert time.process_time() - begin < 8
    equal(graph, onnx.load(path), x[:1].numpy())


def test_a_refused_quantiser_of_weights_is_one_refusal(tmp_path: Path) -> None:
    """Its readers are not blamed for reading what nobody could compute."""
    with quiet():
        torch.manual_seed(0)
        net = nn.Sequential(qnn.QuantIdentity(), qnn.QuantLinear(16, 5, bias=True))
        x = data(8, 16)
        path, _ = export(calibrated(net, x), x[:1], tmp_path / "net.onnx")
    model = onnx.load(path)
    weights = [node for node in model.graph.node if node.op_type == "Quant"][1]
    zero = next(t for t in model.graph.initializer if t.name == weights.input[2])
    half = onnx.numpy_helper.from_array(np.full(tuple(zero.dims), 0.5, np.float32), "half")
    model.graph.initializer.append(half)
    weights.input[2] = "half"
    onnx.save(model, path)
    with pytest.raises(intaglio.IntaglioError, match="1 operation of this network cannot be built") as refused:
        intaglio.load(path)
    assert "zero point half is no integer" in str(refused.value)
