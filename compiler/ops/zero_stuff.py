"""zero_stuff: zeros between the pixels of an image; a convolution of it is a transposed convolution of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, TensorType
from .elements import is_bipolar
from .fill import Fill, Frame
from .moving import Stretch, image_shape, moved
from .window import Pair


@dataclass(frozen=True, eq=False, repr=False)
class ZeroStuff(Fill, name="zero_stuff"):
    """factors: the stride, down and right; pixel (h, w) goes to (h * down, w * right)."""

    factors: Pair

    def infer(self, x: TensorType) -> TensorType:
        height, width, channels = image_shape(x, "zero_stuff")
        if min(self.factors) < 1:
            raise IntaglioError(f"zero_stuff needs factors of at least 1, not {self.factors}")
        if is_bipolar(x):
            raise IntaglioError("zero_stuff needs an image that may be 0, not a bipolar one", hint="widen it first")
        lo, hi = x.lo_array, x.hi_array
        rows, columns = self._size(height, width)
        if (rows, columns) != (height, width):
            lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
        return moved(x, (rows, columns, channels), lo, hi)

    def fill(self, x: TensorType) -> Int64:
        return np.zeros(x.channels, np.int64)

    def frame(self, x: TensorType) -> Frame:
        rows, columns = self._size(*x.shape[:2])
        down, right = self.factors
        return Frame(Stretch("row", rows, 0, rows, down), Stretch("column", columns, 0, columns, right))

    def run(self, x: Array) -> Array:
        down, right = self.factors
        result = np.zeros((len(x), *self._size(*x.shape[1:3]), x.shape[3]), x.dtype)
        result[:, ::down, ::right] = x
        return result

    def _size(self, height: int, width: int) -> Pair:
        down, right = self.factors
        return (height - 1) * down + 1, (width - 1) * right + 1
