"""ONNX, QONNX and QCDQ files -> the float source graph."""

from .translate import check_onnx, read_onnx

__all__ = ["check_onnx", "read_onnx"]
