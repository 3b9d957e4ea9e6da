"""Networks of Brevitas as its users build and export them: small, seeded, and nothing is downloaded.

`NETWORKS[name](path, seed)` writes the ONNX file and answers with (path, an example input). BatchNorms have statistics
that training might leave, gammas of both signs among them, so that no shortcut of a fresh network holds.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Built = tuple[Path, np.ndarray[Any, Any]]
Builder = Callable[[Path, int], Built]


@contextmanager
def quiet() -> Iterator[None]:
    """Brevitas and torch's exporter warn and print; tests take warnings for errors."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def trained_looking(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Statistics and affine parameters of every BatchNorm: gammas of both signs, now and then a small variance."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            count = layer.num_features
            sign = torch.where(torch.rand(count, generator=generator) < 0.3, -1.0, 1.0)
            layer.weight.data = sign * (0.2 + torch.rand(count, generator=generator))
            layer.bias.data = 0.5 * torch.randn(count, generator=generator)
            layer.running_mean.data = 2 * torch.randn(count, generator=generator)
            layer.running_var.data = 0.05 + 8 * torch.rand(count, generator=generator) ** 2
    return model


def seeded_weights(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """Weights over [-1, 1], as the examples start; what has one axis is left as it is."""
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            weight.data = 2 * torch.rand(weight.shape, generator=generator) - 1
            bias = getattr(layer, "bias", None)
            if isinstance(bias, nn.Parameter):
                bias.data = torch.randn(bias.shape, generator=generator)
    return model


def export(model: nn.Module, x: Tensor, path: Path, *, qcdq: bool = False, dynamo: bool = True) -> Built:
    """dynamo: through torch.export, the default; else through TorchScript, as older versions do."""
    from brevitas.export import export_onnx_qcdq, export_qonnx

    (export_onnx_qcdq if qcdq else export_qonnx)(model.eval(), args=x, export_path=str(path), dynamo=dynamo)
    return path, x.numpy()


def _calibrated(model: nn.Module, samples: Tensor) -> nn.Module:
    """Activation scales come from data: training steps gather it, then evaluation fixes it. BatchNorms keep theirs."""
    for layer in model.modules():
        layer.train(not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d))
    with torch.no_grad():
        for _ in range(4):
            model(samples)
    return model.eval()


def bnn_pynq(name: str, path: Path, seed: int) -> Built:
    """One of `brevitas_examples.bnn_pynq`, by the name of its config: TFC_1W2A, CNV_2W2A, ..."""
    with quiet():
        from brevitas_examples.bnn_pynq.models import model_with_cfg

        generator = torch.Generator().manual_seed(seed)
        model, config = model_with_cfg(name.lower(), pretrained=False)
        seeded_weights(trained_looking(model, generator), generator)
        for layer in model.modules():  # TensorNorm: a BatchNorm of one channel in all
            if type(layer).__name__ == "TensorNorm":
                layer.running_mean.fill_(1.5)
                layer.running_var.fill_(30.25)
                layer.weight.data.fill_(1.25)
                layer.bias.data.fill_(-0.375)
        shape = (1, 3, 32, 32) if config.get("MODEL", "ARCH") == "CNV" else (1, 1, 28, 28)
        # 8-bit pixels, as a camera gives them
        x = torch.randint(0, 256, shape, generator=generator).float() / 256
        return export(model, x, path)


class Block(nn.Module):
    """Depthwise 3x3, pointwise 1x1, each with BatchNorm and a quantised ReLU."""

    def __init__(self, qnn: Any, ins: int, outs: int, stride: int, bits: int, per_channel: bool) -> None:
        super().__init__()
        weights = {"bias": False, "weight_bit_width": bits, "weight_scaling_per_output_channel": per_channel}
        self.layers = nn.Sequential(
            qnn.QuantConv2d(ins, ins, 3, stride=stride, padding=1, groups=ins, **weights),
            nn.BatchNorm2d(ins),
            qnn.QuantReLU(bit_width=bits),
            qnn.QuantConv2d(ins, outs, 1, **weights),
            nn.BatchNorm2d(outs),
            qnn.QuantReLU(bit_width=bits),
        )

    def forward(self, x: Tensor) -> Any:
        return self.layers(x)


def mobilenet(bits: int, per_channel: bool, path: Path, seed: int) -> Built:
    """A stem, three depthwise-separable blocks, a global average pool that is quantised, and a classifier."""
    with quiet():
        import brevitas.nn as qnn

        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        model = nn.Sequential(
            qnn.QuantIdentity(bit_width=8),
            qnn.QuantConv2d(3, 8, 3, stride=2, padding=1, bias=False, weight_bit_width=8),
            nn.BatchNorm2d(8),
            qnn.QuantReLU(bit_width=bits),
            Block(qnn, 8, 12, 1, bits, per_channel),
            Block(qnn, 12, 16, 2, bits, per_channel),
            Block(qnn, 16, 20, 1, bits, per_channel),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            qnn.QuantIdentity(bit_width=8),
            qnn.QuantLinear(20, 10, bias=True, weight_bit_width=8),
        )
        trained_looking(model, generator)
        x = torch.randn((8, 3, 16, 16), generator=generator)
        return export(_calibrated(model, x), x[:1], path)


class Residual(nn.Module):
    """Two convolutions and a way around them, of which the third and last block changes the size."""

    def __init__(self, qnn: Any, ins: int, outs: int, stride: int, bits: int, shared: Any) -> None:
        super().__init__()
        conv = partial(qnn.QuantConv2d, bias=False, weight_bit_width=bits, weight_scaling_per_output_channel=True)
        self.first = nn.Sequential(
            conv(ins, outs, 3, stride=stride, padding=1), nn.BatchNorm2d(outs), qnn.QuantReLU(bit_width=bits)
        )
        self.second = nn.Sequential(conv(outs, outs, 3, padding=1), nn.BatchNorm2d(outs))
        around = [conv(ins, outs, 1, stride=stride), nn.BatchNorm2d(outs)] if stride > 1 or ins != outs else []
        self.around = nn.Sequential(*around)
        # both ways end in one quantiser, or in one each whose scales differ
        self.left = shared or qnn.QuantIdentity(bit_width=bits)
        self.right = shared or qnn.QuantIdentity(bit_width=bits)
        self.relu = qnn.QuantReLU(bit_width=bits)

    def forward(self, x: Tensor) -> Any:
        return self.relu(self.left(self.second(self.first(x))) + self.right(self.around(x)))


class ResNet8(nn.Module):
    def __init__(self, qnn: Any, bits: int, unequal: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            qnn.QuantIdentity(bit_width=8),
            qnn.QuantConv2d(3, 8, 3, padding=1, bias=False, weight_bit_width=bits),
            nn.BatchNorm2d(8),
            qnn.QuantReLU(bit_width=bits),
        )
        sizes = [(8, 8, 1), (8, 12, 2), (12, 16, 2)]
        self.blocks = nn.Sequential(
            *(Residual(qnn, *each, bits, None if unequal else qnn.QuantIdentity(bit_width=bits)) for each in sizes)
        )
        self.head = nn.Sequential(
            nn.AvgPool2d(4),
            nn.Flatten(),
            qnn.QuantIdentity(bit_width=8),
            qnn.QuantLinear(16, 10, bias=True, weight_bit_width=8),
        )

    def forward(self, x: Tensor) -> Any:
        return self.head(self.blocks(self.stem(x)))


def resnet8(bits: int, unequal: bool, path: Path, seed: int) -> Built:
    with quiet():
        import brevitas.nn as qnn

        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        model = trained_looking(ResNet8(qnn, bits, unequal), generator)
        x = torch.randn((8, 3, 16, 16), generator=generator)
        return export(_calibrated(model, x), x[:1], path)


def small_convolutions(
    path: Path,
    seed: int,
    *,
    bits: int = 8,
    asymmetric: bool = False,
    qcdq: bool = False,
    integer_bias: bool = False,
) -> Built:
    """Two convolutions, a pool and a classifier. asymmetric: all activations have a zero point.

    integer_bias: of 32 bits, its scale that of input times weight; for QCDQ only the old exporter takes it.
    """
    with quiet():
        import brevitas.nn as qnn
        from brevitas.quant import Int32Bias, ShiftedUint8ActPerTensorFloat

        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        # an integer bias asks its layer's input for a scale
        known = {"return_quant_tensor": integer_bias}
        bias = {"bias": True, "bias_quant": Int32Bias} if integer_bias else {"bias": True}
        shifted = {"act_quant": ShiftedUint8ActPerTensorFloat, **known}

        def activation() -> nn.Module:
            if asymmetric:
                return nn.Sequential(nn.LeakyReLU(0.25), qnn.QuantIdentity(bit_width=8, **shifted))
            return qnn.QuantReLU(bit_width=bits, **known)

        model = nn.Sequential(
            qnn.QuantIdentity(bit_width=8, **(shifted if asymmetric else known)),
            qnn.QuantConv2d(3, 6, 3, padding=1, weight_bit_width=bits, **bias),
            nn.BatchNorm2d(6),
            activation(),
            nn.MaxPool2d(2),
            qnn.QuantConv2d(
                6, 7, 3, weight_bit_width=bits, weight_scaling_per_output_channel=not integer_bias, bias=False
            ),
            nn.BatchNorm2d(7),
            activation(),
            nn.Flatten(),
            qnn.QuantLinear(7 * 2 * 2, 5, weight_bit_width=8, **bias),
        )
        trained_looking(model, generator)
        x = torch.randn((8, 3, 8, 8), generator=generator) + 0.5
        return export(_calibrated(model, x), x[:1], path, qcdq=qcdq, dynamo=not integer_bias)


SIZES = ("1W1A", "1W2A", "2W2A")
NETWORKS: dict[str, Builder] = {
    **{f"{family}_{size}": partial(bnn_pynq, f"{family}_{size}") for family in ("TFC", "SFC") for size in SIZES},
    **{f"LFC_{size}": partial(bnn_pynq, f"LFC_{size}") for size in ("1W1A", "1W2A")},  # Brevitas has no third
    **{f"CNV_{size}": partial(bnn_pynq, f"CNV_{size}") for size in SIZES},
    "mobilenet_4bit": partial(mobilenet, 4, False),
    "mobilenet_8bit_per_channel": partial(mobilenet, 8, True),
    "resnet8_4bit": partial(resnet8, 4, False),
    "resnet8_8bit_unequal": partial(resnet8, 8, True),
    "convolutions_8bit": small_convolutions,
    "convolutions_4bit": partial(small_convolutions, bits=4),
    "asymmetric": partial(small_convolutions, asymmetric=True),
    "integer_bias": partial(small_convolutions, integer_bias=True),
    "qcdq": partial(small_convolutions, qcdq=True),
    "qcdq_integer_bias": partial(small_convolutions, qcdq=True, integer_bias=True),
    "qcdq_asymmetric": partial(small_convolutions, qcdq=True, asymmetric=True),
}
