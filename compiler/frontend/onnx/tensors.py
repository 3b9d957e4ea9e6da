"""Tensors of an ONNX file: checked against their bytes before anything is allocated, then decoded."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...errors import IntaglioError

LARGEST_CONSTANT = 1 << 28
RE_EXPORT = "export the network again, or fetch the file again"


def array_of(tensor: Any) -> np.ndarray:
    """The numbers of a tensor that `check_tensor` has accepted."""
    from onnx import TensorProto, numpy_helper

    array = numpy_helper.to_array(tensor)
    if tensor.data_type in (TensorProto.INT4, TensorProto.UINT4):
        return array.astype(np.int8 if tensor.data_type == TensorProto.INT4 else np.uint8)
    return array


def check_tensor(tensor: Any, what: str, where: str) -> None:
    """Its size against its bytes; nothing is allocated."""
    from onnx import TensorProto

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise IntaglioError(
            f"the data of {what} is in another file",
            where=where,
            hint="save the network with its data: onnx.save(onnx.load(path), 'one_file.onnx')",
        )
    count, dims = _count(tensor, what, where), [*tensor.dims]
    bits, fields = _widths()[tensor.data_type]
    given = {f: len(getattr(tensor, f)) for f in _FIELDS if len(getattr(tensor, f))}
    if tensor.HasField("raw_data"):
        need = (count * bits + 7) // 8
        if len(tensor.raw_data) != need or given:
            raise IntaglioError(
                f"{what} has the shape {dims}, which takes {need} bytes, but {len(tensor.raw_data)} are there",
                where=where,
                hint=RE_EXPORT,
            )
        return
    need = (count * bits + 7) // 8 if bits < 8 else count
    if given != ({fields: need} if need else {}):
        have = sum(given.values())
        raise IntaglioError(
            f"{what} has the shape {dims}, which takes {need} numbers, but {have} are there",
            where=where,
            hint=RE_EXPORT,
        )


def bytes_of(tensor: Any, what: str, where: str) -> int:
    """What its shape and type take as raw data."""
    return (_count(tensor, what, where) * _widths()[tensor.data_type][0] + 7) // 8


def _count(tensor: Any, what: str, where: str) -> int:
    """Its elements, once its type and shape have been found sound."""
    from onnx import TensorProto

    widths = _widths()
    if tensor.data_type not in widths:
        kinds = {v: k for k, v in TensorProto.DataType.items()}
        raise IntaglioError(
            f"{what} is of type {kinds.get(tensor.data_type, tensor.data_type)}",
            where=where,
            hint="float32, float64, float16, bfloat16, bool or integers",
        )
    if tensor.HasField("segment"):
        raise IntaglioError(f"{what} is a segment of a tensor", where=where, hint=RE_EXPORT)
    dims = [int(d) for d in tensor.dims]
    if len(dims) > 16 or any(d < 0 for d in dims):
        raise IntaglioError(f"{what} has the shape {dims}", where=where, hint=RE_EXPORT)
    count = prod(dims)
    if count > LARGEST_CONSTANT:
        raise IntaglioError(f"{what} has {count} elements", where=where, hint=f"at most {LARGEST_CONSTANT}")
    return count


_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def _widths() -> dict[int, tuple[int, str]]:
    """Bits of an element in raw data, and the field that holds it otherwise."""
    from onnx import TensorProto as T

    small = {T.BOOL: 8, T.INT8: 8, T.UINT8: 8, T.INT16: 16, T.UINT16: 16, T.INT32: 32, T.FLOAT16: 16, T.BFLOAT16: 16}
    result = {kind: (bits, "int32_data") for kind, bits in small.items()}
    for name in ("INT4", "UINT4"):
        if name in T.DataType.keys():  # noqa: SIM118  an enum wrapper, not a dict
            result[T.DataType.Value(name)] = (4, "int32_data")
    result[T.FLOAT] = (32, "float_data")
    result[T.DOUBLE] = (64, "double_data")
    result[T.INT64] = (64, "int64_data")
    result[T.UINT32] = (32, "uint64_data")
    result[T.UINT64] = (64, "uint64_data")
    return result
