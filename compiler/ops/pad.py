"""pad: a border of constants around an image, which keeps its pixels; one constant, or one per channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, TensorType, as_integers
from .elements import is_bipolar
from .exact import integers
from .fill import Fill, Frame
from .moving import Stretch, image_shape, moved
from .window import Padding


@dataclass(frozen=True, eq=False, repr=False)
class Pad(Fill, name="pad"):
    """padding: top, bottom, left, right, none negative. value: an integer, or one per channel."""

    padding: Padding
    value: int | Int64 = 0

    def infer(self, x: TensorType) -> TensorType:
        height, width, channels = image_shape(x, "pad")
        top, bottom, left, right = self.padding
        if min(self.padding) < 0:
            raise IntaglioError(
                f"pad needs a padding of at least 0, not {self.padding}", hint="slice cuts off a border"
            )
        if isinstance(self.value, np.ndarray) and self.value.shape != (channels,):
            raise IntaglioError(f"pad needs one value or {channels}, not {self.value.shape}")
        lo, hi = x.lo_array, x.hi_array
        if any(self.padding):
            value = self.fill(x)
            if is_bipolar(x) and not np.isin(value, (-1, 1)).all():
                raise IntaglioError(
                    f"pad needs -1 or +1 around a bipolar image, not {value.tolist()}", hint="widen its elements first"
                )
            lo, hi = np.minimum(lo, value), np.maximum(hi, value)
        return moved(x, (height + top + bottom, width + left + right, channels), lo, hi)

    def fill(self, x: TensorType) -> Int64:
        return np.broadcast_to(np.asarray(self.value, np.int64), (x.channels,))

    def frame(self, x: TensorType) -> Frame:
        top, bottom, left, right = self.padding
        height, width, _ = x.shape
        return Frame(
            Stretch("row", top + height + bottom, top, top + height),
            Stretch("column", left + width + right, left, left + width),
        )

    def run(self, x: Array) -> Array:
        top, bottom, left, right = self.padding
        image = integers(x)
        frames, height, width, channels = image.shape
        result = np.empty((frames, top + height + bottom, left + width + right, channels), image.dtype)
        result[:] = self.value
        result[:, top : top + height, left : left + width] = image
        return result

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        value = as_integers(self.value[out]) if isinstance(self.value, np.ndarray) else self.value
        return type(self)(self.padding, value)
