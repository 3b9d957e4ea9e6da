"""What the import is judged by: an exact executor of ONNX that shares nothing with the compiler, and networks to try.

- `rational`: `execute(model, inputs)` in rational arithmetic. `operands`, `rounding` and the files of operators
  (`elementwise`, `quantisers`, `windows`, `movers`) define; `scaled` and `fast` are the same through integer BLAS.
- `fuzz_networks`: random networks. `brevitas_networks`: networks of Brevitas. `hostile`: files that are none.
- `fuzzing`: one random network through the loader, the simulator and the backends, compared with the above.
"""
