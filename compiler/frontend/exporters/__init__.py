"""The integer graph -> what others read: QONNX, and a PyTorch program."""
