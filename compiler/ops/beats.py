"""Tensors as stream beats and back: the one place that knows how integers lie in TDATA.

A beat carries `lanes` elements of one pixel, channels innermost, lane 0 in the low bits, each of the tensor's width in
two's complement (bipolar: -1 is 0, +1 is 1), padded with zero bits to whole bytes, little-endian. A pixel takes
ceil(channels / lanes) beats; the spare lanes of its last beat are zero and ignored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Int64, TensorType
from .hardware import folds

Bytes = npt.NDArray[np.uint8]


def beat_shape(kind: TensorType, lanes: int) -> tuple[int, int]:
    """(beats per frame, bytes per beat) of a tensor on a stream of `lanes`."""
    return kind.pixels * folds(kind.channels, lanes), (lanes * kind.bits + 7) // 8


def to_beats(array: Array, kind: TensorType, lanes: int) -> Bytes:
    """Integers (frames, *shape) as bytes (frames, beats, bytes per beat).

    Raises:
        IntaglioError: where the shape is not the tensor's, or a value does not fit its type.
    """
    values = np.asarray(array)
    _check(values, kind)
    beats, size = beat_shape(kind, lanes)
    depth = folds(kind.channels, lanes) * lanes
    padded = np.zeros((len(values), kind.pixels, depth), _container(kind.bits))
    codes = (values.astype(np.int64) + 1) >> 1 if _bipolar(kind) else values
    padded[:, :, : kind.channels] = codes.reshape(len(values), kind.pixels, kind.channels).astype(np.int64)
    elements = padded.reshape(len(values), beats, lanes)
    container = elements.dtype.itemsize * 8
    if container == kind.bits:
        return np.ascontiguousarray(elements).view(np.uint8).reshape(len(values), beats, size)
    bits = np.unpackbits(elements.view(np.uint8).reshape(len(values), beats, lanes, -1), axis=3, bitorder="little")
    bits = bits[..., : kind.bits].reshape(len(values), beats, lanes * kind.bits)
    return np.packbits(bits, axis=2, bitorder="little")


def from_beats(beats: Bytes, kind: TensorType, lanes: int) -> Int64:
    """Bytes (frames, beats, bytes per beat) as integers (frames, *shape): the inverse of `to_beats`."""
    frames = len(beats)
    count, size = beat_shape(kind, lanes)
    if beats.dtype != np.uint8 or beats.shape[1:] != (count, size):
        raise IntaglioError(f"beats are {beats.dtype}{list(beats.shape)}, not uint8[frames, {count}, {size}]")
    container = _container(kind.bits)
    if container.itemsize * 8 == kind.bits:
        elements = np.ascontiguousarray(beats).view(container)
    else:
        bits = np.unpackbits(beats, axis=2, bitorder="little")[:, :, : lanes * kind.bits]
        full = np.zeros((frames, count, lanes, container.itemsize * 8), np.uint8)
        full[..., : kind.bits] = bits.reshape(frames, count, lanes, kind.bits)
        elements = np.packbits(full, axis=3, bitorder="little").view(container)
    values = elements.reshape(frames, kind.pixels, -1)[:, :, : kind.channels].astype(np.int64)
    if _bipolar(kind):
        values = 2 * values - 1
    elif kind.signed:
        spare = 64 - kind.bits
        values = (values << spare) >> spare
    return np.ascontiguousarray(values).reshape(frames, *kind.shape)


def _container(bits: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest little-endian unsigned type of NumPy that holds so many bits."""
    if bits > 64:
        raise IntaglioError(f"an element of {bits} bits does not fit NumPy's integers")
    return np.dtype(f"<u{next(size for size in (1, 2, 4, 8) if 8 * size >= bits)}")


def _bipolar(kind: TensorType) -> bool:
    return kind.dtype is not None and kind.dtype.bipolar


def _check(values: Array, kind: TensorType) -> None:
    if values.shape[1:] != kind.shape:
        raise IntaglioError(f"the frames have shape {list(values.shape[1:])}, not {list(kind.shape)}")
    if values.size and kind.dtype is not None:
        low, high = int(values.min()), int(values.max())
        if low < kind.dtype.lo or high > kind.dtype.hi:
            raise IntaglioError(f"values {low}..{high} do not fit {kind.dtype} ({kind.dtype.lo}..{kind.dtype.hi})")
