"""The outside tools as plain functions: g++, Verilator with cocotb, Yosys, and (where installed) Vitis and Vivado.

All but `verify` know nothing of networks. Sources go in; a log file, a number or an `IntaglioError` comes out:

- `process`    one way to run a command: silent, logged, the tail of the log in the error message
- `cpp`        g++ with the ap_types headers that the hls4ml wheel carries
- `verilator`  lint, build and simulate; the compiled runtime is cached, so a small design builds in a few seconds
- `verilated`  that cache: what does not depend on the design
- `stream`     `run_stream_jobs`: AXI4-Stream cores, frames in and out, with stalls, resets and exact cycle counts
- `stream_bench`  the half of `stream` that runs inside the simulator, a cocotb test
- `yosys`      synthesis for Xilinx devices and what it used: LUT, FF, DSP, BRAM, URAM
- `verify`     a netlist's HLS and RTL, run on integers: outputs, cycles, and every node's output where they differ
- `xilinx`     where the vendor's tools are, if anywhere

All of them need only `pip`, g++ and nothing else, except `xilinx`.
"""
