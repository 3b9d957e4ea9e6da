"""What PyTorch users write, as a table: name -> (module, shapes of its inputs without the batch axis)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Lambda(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, *xs):
        return self.function(*xs, *self.layers)


class Scale(nn.Module):
    """Parameters and buffers that are only added or multiplied."""

    def __init__(self, *shape):
        super().__init__()
        self.gain = nn.Parameter(torch.linspace(0.5, 2, int(torch.tensor(shape).prod())).reshape(shape))
        self.register_buffer("shift", torch.linspace(-1, 1, self.gain.numel()).reshape(shape))

    def forward(self, x):
        return x * self.gain + self.shift


class SqueezeExcite(nn.Module):
    def __init__(self, channels, form):
        super().__init__()
        self.form = form
        layer = nn.Linear if form == "linear" else lambda i, o: nn.Conv2d(i, o, 1)
        self.down, self.up = layer(channels, 2), layer(2, channels)

    def forward(self, x):
        if self.form == "linear":
            y = F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)
            y = torch.sigmoid(self.up(F.relu(self.down(y)))).view(x.size(0), -1, 1, 1)
            return x * y.expand_as(x)
        return self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))).sigmoid() * x


class UNet(nn.Module):
    def __init__(self, form, channels=3):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, channels, 3, padding=1), nn.Conv2d(channels, 4, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2) if form == "upsample" else nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.last = nn.Conv2d(channels + 4, 2, 1)

    def forward(self, x):
        skip = F.relu(self.first(x))
        deep = self.up(F.relu(self.second(F.max_pool2d(skip, 2))))
        return self.last(torch.cat([skip, deep], dim=1))


class Attention(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(4, 5)

    def forward(self, x, y):
        gate = torch.sigmoid(self.a(x))
        z = gate * torch.tanh(self.b(y))
        return z, z.topk(2, dim=1)[1]


def depthwise_net():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU6(),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU6(),
        nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6), nn.Hardswish(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


def signal_net():
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2),
        nn.Conv1d(4, 6, 3, padding="same", dilation=2), nn.ELU(), nn.AvgPool1d(2),
        nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip


def heads(x, fc):
    x = fc(x.flatten(1))
    return x[:, :2], x.softmax(1), x.argmax(1)


def twice(x):
    y = F.relu(x)
    return y, y.flatten(1), y


IMAGE, SIGNAL, VECTOR = (4, 6, 6), (4, 8), (6,)

torch.manual_seed(0)  # the same weights in every run

MODULES = {
    "conv1d": (nn.Conv1d(4, 3, 3, stride=2, padding=1), SIGNAL),
    "conv1d same": (nn.Conv1d(4, 6, 4, padding="same", groups=2), SIGNAL),
    "conv1d dilated": (nn.Conv1d(4, 4, 2, dilation=3, groups=4), SIGNAL),
    "conv2d grouped": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), IMAGE),
    "conv2d depthwise": (nn.Conv2d(4, 8, 3, padding=1, groups=4), IMAGE),
    "conv2d dilated": (nn.Conv2d(4, 3, 3, dilation=(2, 1), padding="same"), IMAGE),
    "transposed 1d": (nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), SIGNAL),
    "transposed 2d": (nn.ConvTranspose2d(4, 3, (3, 4), stride=(2, 3), padding=(1, 2), output_padding=(1, 2)), IMAGE),
    "transposed grouped": (nn.ConvTranspose2d(4, 4, 3, stride=2, groups=2, dilation=2), IMAGE),
    "transposed plain": (nn.ConvTranspose2d(4, 2, 3), IMAGE),
    "transposed cropped": (nn.ConvTranspose2d(4, 2, 2, stride=2, padding=2), IMAGE),
    "batch norm 1d": (nn.BatchNorm1d(4), SIGNAL),
    "linear last axis": (nn.Linear(8, 3), SIGNAL),
    "linear last of four": (nn.Linear(6, 3), IMAGE),
    "max pool 1d": (nn.MaxPool1d(3, 2, padding=1), SIGNAL),
    "max pool ceil": (nn.MaxPool2d((3, 2), (2, 4), padding=(1, 0), ceil_mode=True), (4, 6, 7)),
    "average ceil": (nn.AvgPool2d(3, 2, padding=1, ceil_mode=True), (4, 6, 7)),
    "average ceil divisor": (nn.AvgPool2d(3, 2, ceil_mode=True, divisor_override=5), IMAGE),
    "average without padding": (nn.AvgPool2d(3, 2, padding=1, count_include_pad=False), IMAGE),
    "average 1d": (nn.AvgPool1d(3, 2, padding=1, ceil_mode=True, count_include_pad=False), SIGNAL),
    "adaptive 1d": (nn.AdaptiveAvgPool1d(2), SIGNAL),
    "adaptive": (nn.AdaptiveAvgPool2d((3, None)), IMAGE),
    "adaptive max": (nn.AdaptiveMaxPool2d((2, 1)), IMAGE),
    "adaptive max 1d": (nn.AdaptiveMaxPool1d(1), SIGNAL),
    "upsample": (nn.Upsample(scale_factor=(2, 3)), IMAGE),
    "upsample 1d": (nn.Upsample(scale_factor=2), SIGNAL),
    "nearest": (nn.UpsamplingNearest2d(size=(12, 6)), IMAGE),
    "constant pad": (nn.ConstantPad2d((1, 2, 0, 3), 0.5), IMAGE),
    "zero pad 1d": (nn.ZeroPad1d(2), SIGNAL),
    "pixel shuffle": (nn.PixelShuffle(2), IMAGE),
    "pixel unshuffle": (nn.PixelUnshuffle(3), IMAGE),
    "channel shuffle": (nn.ChannelShuffle(2), IMAGE),
    "unflatten": (nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 2, 2)), VECTOR),
    "glu": (nn.GLU(1), IMAGE),
    "tokens net": (nn.Sequential(nn.Linear(8, 5), nn.GELU(), nn.Linear(5, 3)), SIGNAL),
    "channels last": (Lambda(lambda x, c: c(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), nn.Conv2d(6, 2, 3)), IMAGE),
    "time last": (Lambda(lambda x, c: c(x.transpose(1, 2)), nn.Conv1d(8, 2, 3)), SIGNAL),
    "scale": (Scale(4, 1, 1), IMAGE),
    "scale positions": (Scale(1, 6, 6), IMAGE),
    "scale vector": (Scale(6), VECTOR),
    "flattened scale": (nn.Sequential(nn.Flatten(), Scale(144)), IMAGE),
    "signal net": (signal_net(), (2, 8)),
    "depthwise net": (depthwise_net(), (2, 6, 6)),
    "squeeze linear": (SqueezeExcite(4, "linear"), IMAGE),
    "squeeze conv": (SqueezeExcite(4, "conv"), IMAGE),
    "unet upsample": (UNet("upsample"), (1, 6, 6)),
    "unet transposed": (UNet("transposed"), (1, 6, 6)),
    "two and two": (Attention(), VECTOR, (4,)),
    "heads": (Lambda(heads, nn.Linear(144, 5)), IMAGE),
}

ACTIVATIONS = [
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 2.0), nn.LeakyReLU(0.2), nn.LeakyReLU(-0.2), nn.PReLU(), nn.PReLU(4),
    nn.RReLU(), nn.ELU(0.7), nn.SELU(), nn.CELU(), nn.CELU(2.0), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(),
    nn.Sigmoid(), nn.Tanh(), nn.Hardsigmoid(), nn.Hardswish(), nn.Softplus(), nn.Softplus(2.0), nn.Softsign(),
    nn.LogSigmoid(), nn.Threshold(0.1, 0.5), nn.Threshold(0.0, 0.0), nn.Hardshrink(), nn.Softshrink(0.3),
    nn.Tanhshrink(), nn.Softmax(1), nn.Softmax(-1), nn.Dropout(), nn.Identity(),
]  # fmt: skip

FUNCTIONS = {
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp below": lambda x: x.clamp(min=0.1),
    "clamp zero": lambda x: torch.clamp(x, min=0),
    "clamp above": lambda x: torch.clamp_max(x, 0.3),
    "constants": lambda x: (2 - (x * 3 + 1) / 4) - 0.5,
    "negative": lambda x: -x,
    "powers": lambda x: x**2 + torch.abs(x) - torch.square(x),
    "two": lambda x: torch.maximum(x * 2, x + 1) - torch.minimum(x, -x) * x,
    "scaled addition": lambda x: torch.add(x, F.relu(x), alpha=2),
    "scaled subtraction": lambda x: torch.sub(x, F.relu(x), alpha=3) + torch.rsub(x, F.relu(x), alpha=2),
    "pixel": lambda x: x + x.mean((2, 3), keepdim=True),
    "pixel first": lambda x: x.amax((2, 3), keepdim=True) - x,
    "plane": lambda x: x[:, :1] * x,
    "expanded": lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6) * x,
    "expanded alone": lambda x: x.mean((2, 3), keepdim=True).expand(-1, -1, 2, 3),
    "channels": lambda x: x[:, 1:3],
    "window": lambda x: x[..., 1:-1, ::2],
    "ellipsis": lambda x: x[:, :, 2],
    "select": lambda x: x.select(1, -1),
    "narrow": lambda x: x.narrow(2, 1, 3),
    "chunks": lambda x: torch.cat(x.chunk(2, dim=1)[::-1], dim=1),
    "split": lambda x: x.split([1, 3], dim=1)[1] - x.split([1, 3], dim=1)[0],
    "unbind": lambda x: x.unbind(2)[3] + x.unbind(2)[0],
    "columns": lambda x: torch.cat([x, x[..., :2]], dim=3),
    "stack": lambda x: torch.stack([x[:, 0], x[:, 1] * 2], dim=1),
    "flattened cat": lambda x: torch.cat([x.flatten(1), x.mean((2, 3))], dim=1),
    "flattened": lambda x: x.flatten(1),
    "transpose": lambda x: x.permute(0, 2, 3, 1),
    "there and back": lambda x: (x.permute(0, 2, 3, 1) * 2).permute(0, 3, 1, 2),
    "swapped": lambda x: F.relu(x.transpose(1, 3)).movedim(1, -1),
    "moved addition": lambda x: x + x.transpose(2, 3),
    "tokens": lambda x: x.flatten(2).transpose(1, 2),
    "token mean": lambda x: x.flatten(2).mean(2),
    "rows mean": lambda x: x.mean(dim=3),
    "columns sum": lambda x: x.sum(2, keepdim=True),
    "largest": lambda x: x.max(dim=2)[0],
    "squeeze": lambda x: x.mean((2, 3), keepdim=True).squeeze(-1).squeeze(-1),
    "unsqueeze": lambda x: x[:, :, 0][:, :, None] * x,
    "flip": lambda x: x.flip(3),
    "shuffle by hand": lambda x: x.view(-1, 2, 2, 6, 6).transpose(1, 2).reshape(-1, 4, 6, 6),
    "repeat": lambda x: x.repeat_interleave(2, dim=3),
    "interpolate": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    "exact": lambda x: F.interpolate(x, size=(12, 18), mode="nearest-exact"),
    "pad": lambda x: F.pad(x, (1, 0, 0, 2), value=-0.25),
    "crop": lambda x: F.pad(x, (-1, 2, -2, 0)),
    "glu": lambda x: F.glu(x, dim=1),
    "softsign": F.softsign,
    "softmax": lambda x: F.softmax(x.flatten(1), dim=1),
    "ranked softmax": lambda x: F.log_softmax(x.mean((2, 3)), dim=1).argmax(1),
    "flattened argmax": lambda x: x.flatten(1).argmax(1),
    "top": lambda x: x.mean((2, 3)).topk(2),
    "bottom": lambda x: x.mean((2, 3)).topk(3, largest=False)[0],
    "index of max": lambda x: x.mean((2, 3)).max(dim=1)[1],
    "steps": lambda x: torch.floor(x) + torch.ceil(x) + torch.round(x) + torch.sign(x),
    "waves": lambda x: torch.exp(torch.sin(x)) + torch.cos(x) + torch.erf(x),
    "double view": lambda x: (F.relu(x), F.relu(x).flatten(1)),
    "one tensor twice": twice,
    "cast": lambda x: x.float().to(torch.float32) * 2,
}  # fmt: skip

CASES = {
    **MODULES,
    **{f"{m}"[:60]: (m, IMAGE) for m in ACTIVATIONS},
    **{f"{name} ": (Lambda(function), IMAGE) for name, function in FUNCTIONS.items()},
}
