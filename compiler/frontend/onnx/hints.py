"""What to write instead of an ONNX operator that Intaglio does not have."""

from __future__ import annotations

INSTEAD = {
    "If": "export the network without branches on values",
    "Loop": "export the network without loops",
    "Scan": "export the network without loops",
    "LSTM": "convolutions over time; recurrence is not built",
    "GRU": "convolutions over time; recurrence is not built",
    "RNN": "convolutions over time; recurrence is not built",
    "LayerNormalization": "BatchNormalization",
    "InstanceNormalization": "BatchNormalization",
    "GroupNormalization": "BatchNormalization",
    "RMSNormalization": "BatchNormalization",
    "LpNormalization": "BatchNormalization",
    "LRN": "BatchNormalization",
    "Attention": "convolutions; a product of two activations is not built as a matrix",
    "Einsum": "MatMul with a constant, or Mul and ReduceSum",
    "QLinearConv": "the QDQ format: QuantizeLinear and DequantizeLinear around Conv",
    "QLinearMatMul": "the QDQ format: QuantizeLinear and DequantizeLinear around MatMul",
    "ConvInteger": "the QDQ format: QuantizeLinear and DequantizeLinear around Conv",
    "MatMulInteger": "the QDQ format: QuantizeLinear and DequantizeLinear around MatMul",
    "DynamicQuantizeLinear": "scales that are constants: static quantisation",
    "FloatQuant": "Quant: integers, not small floats",
    "LpPool": "AveragePool",
    "GlobalLpPool": "GlobalAveragePool",
    "GatherND": "Gather or Slice",
    "ScatterND": "Concat",
    "NonZero": "a fixed number of results",
    "NonMaxSuppression": "leave it to the host",
    "Where": "a gate (Mul), Min or Max",
    "MaxPoolNHWC": "MaxPool between two Transposes",
    "XnorPopcountMatMul": "MatMul of bipolar tensors",
    "Im2Col": "Conv: the network as it was before LowerConvsToMatMul",
}


def instead_of(operator: str, domain: str) -> str:
    if operator in INSTEAD:
        return INSTEAD[operator]
    if domain:
        return "an operator of ONNX or QONNX (domain qonnx.custom_op.general)"
    return "one of the operators that the README lists"
