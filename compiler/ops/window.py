"""The geometry that convolutions and pools share: kernel, stride, padding of a (height, width, channels) tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, TensorType

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A kernel sliding over an image. padding: top, bottom, left, right."""

    kernel: Pair
    stride: Pair
    padding: Padding
    dilation: Pair = (1, 1)

    @property
    def span(self) -> Pair:
        """Rows and columns from the first tap of a window to its last."""
        (rows, columns), (down, right) = self.kernel, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * right + 1

    def output_shape(self, image: TensorType, channels: int, what: str) -> tuple[int, int, int]:
        """(height, width, channels) of the result. Raises IntaglioError where the kernel does not fit."""
        if len(image.shape) != 3:
            raise IntaglioError(f"{what} needs (height, width, channels), not {image.shape}")
        height = image.shape[0] + self.padding[0] + self.padding[1] - self.span[0]
        width = image.shape[1] + self.padding[2] + self.padding[3] - self.span[1]
        if height < 0 or width < 0:
            raise IntaglioError(f"a {self.kernel} {what} does not fit an image of {image.shape[:2]}")
        return height // self.stride[0] + 1, width // self.stride[1] + 1, channels

    def view(self, x: Array, fill: int) -> Array:
        """All windows of x (N, H, W, C), padded with `fill`: (N, OH, OW, KH, KW, C), without a copy of the windows."""
        top, bottom, left, right = self.padding
        if any(self.padding):
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
        windows = np.lib.stride_tricks.sliding_window_view(x, self.span, axis=(1, 2))
        windows = windows[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return windows.transpose(0, 1, 2, 4, 5, 3)

    def covers_padding(self) -> bool:
        return any(self.padding)
