"""How fast the simulator is, beside its peers, measured in one run: LeNet-5 on a batch of 100, the best call.

The same layers with the same random weights three times: as an integer graph (4-bit weights and activations), as a
plain float32 PyTorch network, and through hls4ml's compiled C-simulation with types of the same widths. Batch norms
are left out of all three: ours are part of the requantisers, hls4ml and PyTorch would fold them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Graph, Node, Op, TensorType, verify
from ..ops import Conv2d, Dense, Flatten, MaxPool, MulShift
from ..simulator import simulate
from ..simulator.threads import workers

BATCH = 100
REPEATS = 5
LEAST_SECONDS = 1.0
WEIGHT_FRACTION = 3
"""Weights are integers from -7 to 7 over 2^3: ap_fixed<4,1>."""


@dataclass(frozen=True)
class Size:
    """LeNet-5's widths: channels of the two convolutions, features of the two hidden dense layers."""

    first: int
    second: int
    third: int
    fourth: int

    def __str__(self) -> str:
        return f"LeNet-5 {self.first}-{self.second}-{self.third}-{self.fourth}"


FULL = Size(6, 16, 120, 84)
CARVED = Size(3, 8, 60, 42)


def bench_simulator(sizes: tuple[Size, ...] = (FULL, CARVED), *, peers: bool = True) -> list[dict[str, Any]]:
    """Rows for a table or for JSON: milliseconds per batch, and how many times slower than the simulator.

    Args:
        sizes: networks to measure.
        peers: also through hls4ml, which takes a minute or so of C++ compilation for each size.
    """
    rows = []
    for size in sizes:
        weights = _weights(size)
        images = np.random.default_rng(1).random((BATCH, 1, 28, 28), dtype=np.float32)
        graph = lenet(weights)
        ours = best(lambda graph=graph, images=images: simulate(graph, images))  # type: ignore[misc]
        rows.append(_row(size, "intaglio simulate", ours, ours, f"{workers()} threads"))
        rows.append(_torch_row(size, weights, images, ours))
        if peers:
            rows.append(_hls4ml_row(size, weights, images, ours))
    return rows


def lenet(weights: list[tuple[Array, Array]]) -> Graph:
    """The integer graph: 8-bit images, 4-bit weights and activations, a multiplier per channel in the requantisers."""
    rng = np.random.default_rng(2)
    image = TensorType.integer((28, 28, 1), 0, 255, Fraction(1, 256))
    nodes: list[Node] = []
    kinds = {"x": image}

    def append(name: str, op: Op) -> None:
        before = nodes[-1].name if nodes else "x"
        nodes.append(Node(name, op, (before,)))
        kinds[name] = op.infer(kinds[before])

    def requantise(name: str) -> None:
        """To 4 bits, so that a quarter of the proven range fills them."""
        top = kinds[nodes[-1].name].hi_array
        multiplier = np.maximum(1, (15 << 16) // top * rng.integers(3, 6, len(top)))
        append(name, MulShift(multiplier, np.full(len(top), 1 << 15), 16, 0, 15))

    for index, (weight, bias) in enumerate(weights):
        if weight.ndim == 4:
            padding = (2, 2, 2, 2) if index == 0 else (0, 0, 0, 0)
            append(f"conv{index}", Conv2d(weight.transpose(0, 2, 3, 1), bias, padding=padding))
            requantise(f"quantise{index}")
            append(f"pool{index}", MaxPool((2, 2), (2, 2)))
            continue
        if index == 2:
            append("flatten", Flatten())
        append(f"dense{index}", Dense(weight, bias))
        if index < len(weights) - 1:
            requantise(f"quantise{index}")
    return verify(Graph({"x": image}, tuple(nodes), (nodes[-1].name,)))


def _weights(size: Size) -> list[tuple[Array, Array]]:
    """Integers, in PyTorch's layout: (outputs, inputs, rows, columns), (outputs, inputs)."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(size.first, 1, 5, 5), (size.second, size.first, 5, 5)]
    shapes += [(size.third, size.second * 25), (size.fourth, size.third), (10, size.fourth)]
    return [(rng.integers(-7, 8, shape), rng.integers(-31, 32, shape[0])) for shape in shapes]


def _network(weights: list[tuple[Array, Array]]) -> Any:
    """The same layers as a PyTorch module in float32."""
    import torch
    from torch import nn

    layers: list[Any] = []
    for index, (weight, bias) in enumerate(weights):
        outputs, inputs = weight.shape[:2]
        if weight.ndim == 4:
            layer: Any = nn.Conv2d(inputs, outputs, 5, padding=2 if index == 0 else 0)
            layers += [layer, nn.ReLU(), nn.MaxPool2d(2)]
        else:
            layer = nn.Linear(inputs, outputs)
            layers += [nn.Flatten()] if index == 2 else []
            layers += [layer, nn.ReLU()] if index < len(weights) - 1 else [layer]
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight / 2.0**WEIGHT_FRACTION))
            layer.bias.copy_(torch.tensor(bias / 2.0**WEIGHT_FRACTION))
    return nn.Sequential(*layers).eval()


def _torch_row(size: Size, weights: list[tuple[Array, Array]], images: Array, ours: float) -> dict[str, Any]:
    import torch

    module, x = _network(weights), torch.from_numpy(images)
    with torch.inference_mode():
        seconds = best(lambda: module(x))
    return _row(size, "PyTorch float32", seconds, ours, f"{torch.get_num_threads()} threads")


def _hls4ml_row(size: Size, weights: list[tuple[Array, Array]], images: Array, ours: float) -> dict[str, Any]:
    what = "hls4ml C-simulation"
    if importlib.util.find_spec("hls4ml") is None:
        return _row(size, what, None, ours, "not installed: pip install hls4ml")
    with tempfile.TemporaryDirectory(prefix="intaglio_bench_") as folder:
        predict = _hls4ml(weights, Path(folder))
        x = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        with quietly():
            seconds = best(lambda: predict(x))
    return _row(size, what, seconds, ours, "1 thread, g++ -O3, io_stream")


def _hls4ml(weights: list[tuple[Array, Array]], folder: Path) -> Callable[[Array], Array]:
    """The network compiled by hls4ml: 4-bit weights and activations, 8-bit input.

    io_stream: of its two styles the one whose C-simulation is faster, and quicker to compile.
    """
    with quietly():
        import hls4ml

        module = _network(weights)
        settings = hls4ml.utils.config_from_pytorch_model(
            module,
            (1, 28, 28),
            granularity="name",
            backend="Vitis",
            default_precision="ap_fixed<20,12>",
            channels_last_conversion="full",
        )
        for layer in settings["LayerName"].values():
            precision = layer["Precision"]
            if "weight" in precision:
                precision |= {"weight": "ap_fixed<4,1>", "bias": "ap_fixed<8,5>"}
            elif "table" in precision:  # an activation
                precision["result"] = "ap_ufixed<4,4,AP_RND,AP_SAT>"
            elif len(precision) == 1 and layer is next(iter(settings["LayerName"].values())):
                precision["result"] = "ap_ufixed<8,0,AP_RND,AP_SAT>"
        model = hls4ml.converters.convert_from_pytorch_model(
            module, hls_config=settings, output_dir=str(folder / "project"), backend="Vitis", io_type="io_stream"
        )
        try:
            model.compile()
        except Exception as error:
            raise IntaglioError(f"hls4ml could not compile the network: {error}", where="hls4ml") from None
    predict: Callable[[Array], Array] = model.predict
    return predict


@contextlib.contextmanager
def quietly() -> Any:
    """Without hls4ml's progress on stdout, its warnings and those of what it imports."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def best(call: Callable[[], object]) -> float:
    """Seconds of the fastest call: of five, or of as many as a second holds, after one that is not counted."""
    call()
    times: list[float] = []
    while len(times) < REPEATS or sum(times) < LEAST_SECONDS:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _row(size: Size, what: str, seconds: float | None, ours: float, note: str) -> dict[str, Any]:
    return {
        "network": str(size),
        "what": what,
        "ms_per_batch": None if seconds is None else round(seconds * 1e3, 3),
        "images_per_second": None if seconds is None else round(BATCH / seconds),
        "times_slower_than_intaglio": None if seconds is None else round(seconds / ours, 3),
        "note": note,
    }
