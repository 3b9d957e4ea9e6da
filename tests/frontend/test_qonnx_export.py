"""What leaves as QONNX: `qonnx` executes it to the simulator's values, hls4ml builds it, FINN's rules are kept."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import intaglio
import numpy as np
import onnx
import pytest
import torch
from export_cases import CASES, kind, one
from intaglio.errors import IntaglioError
from intaglio.frontend.exporters.qonnx import to_qonnx
from intaglio.ir import Graph, TensorType, as_integers
from intaglio.ops import Dense
from intaglio.passes.choose_requantisers import choose_requantisers
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
from small_networks import multilayer_perceptron, residual_network
from test_torch_module import inputs_of
from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::RuntimeWarning")

FRAMES = 8


def executed(model: ModelWrapper, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """By qonnx's executor; its inputs in their order, since cleaning renames them."""
    names = [value.name for value in model.graph.input]
    outputs = execute_onnx(model, dict(zip(names, inputs.values(), strict=True)))
    return [outputs[value.name] for value in model.graph.output]


def float32(graph: Graph, frames: int = FRAMES) -> dict[str, np.ndarray]:
    return {name: x.astype(np.float32) for name, x in inputs_of(graph, frames).items()}


def simulated(graph: Graph, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    want = intaglio.simulate(graph, inputs)
    return [y.astype(np.float32) for y in (want if isinstance(want, tuple) else (want,))]


def equal(got: list[np.ndarray], want: list[np.ndarray]) -> bool:
    return all(g.dtype == np.float32 and np.array_equal(g, w) for g, w in zip(got, want, strict=True))


@pytest.mark.parametrize("activations", ["quant", "thresholds"])
@pytest.mark.parametrize("name", CASES)
def test_qonnx_executes_to_the_simulators_values(name: str, activations: Any) -> None:
    graph = CASES[name]()
    model = ModelWrapper(to_qonnx(graph, batch=FRAMES, activations=activations))
    inputs = float32(graph)
    assert equal(executed(model, inputs), simulated(graph, inputs))


@pytest.mark.parametrize("make", [multilayer_perceptron, residual_network])
@pytest.mark.parametrize("activations", ["quant", "thresholds"])
def test_the_chosen_forms_and_a_cleaned_model_give_the_same(make: Any, activations: Any) -> None:
    graph = choose_requantisers(make())
    model = cleanup_model(ModelWrapper(to_qonnx(graph, batch=FRAMES, activations=activations)))
    inputs = float32(graph)
    assert equal(executed(model, inputs), simulated(graph, inputs))


@pytest.mark.parametrize("scale", [Fraction(1, 4), Fraction(27, 4096), Fraction(1, 3)])
@pytest.mark.parametrize("activations", ["quant", "thresholds"])
def test_halves_and_their_neighbours_are_rounded_as_the_simulator_does(scale: Fraction, activations: Any) -> None:
    """x / s + 1/2 would be rounded itself, in float32, just below a half."""
    graph = one(Dense(as_integers([[1]]), as_integers([0]), scale), kind((1,), -100, 100, scale))
    ties = np.array([float((k + Fraction(1, 2)) * scale) for k in range(-103, 103)], np.float32)
    x = np.concatenate([ties, *(np.nextafter(ties, np.float32(to)) for to in (-99, 99))])[:, None]
    model = ModelWrapper(to_qonnx(graph, batch=len(x), activations=activations))
    assert equal(executed(model, {"x0": x}), simulated(graph, {"x0": x}))


UNREAD = {
    "float64": ["conv_wide", "conv_wide_groups", "sum_pool_wide", "upsample_wide", "zero_stuff_wide"],
    "int64": ["requantise_16_bits", "softmax", "softmax_image"],
    "tables": ["lookup", "lookup_channels", "lookup_bipolar", "lookup_of_bipolar"],
    "inputs that are no Quant": [
        *("requantise_huge", "border_32_bits", "border_affine", "border_bipolar", "border_half_even_5"),
        *("border_half_away_0", "border_half_away_5", "border_half_zero_0", "border_half_zero_5"),
        *("border_down_5", "border_up_5", "add_pixel", "subtract_pixel", "maximum_pixel", "minimum_pixel"),
    ],
}
"""What `load` has no reading for: forms that stand for integers which no QONNX operator expresses."""


@pytest.mark.parametrize("name", [n for n in CASES if n not in {u for unread in UNREAD.values() for u in unread}])
def test_what_left_comes_in_again(name: str, tmp_path: Any) -> None:
    graph = CASES[name]()
    onnx.save(to_qonnx(graph), tmp_path / "net.onnx")
    inputs = float32(graph)
    assert equal(simulated(intaglio.load(tmp_path / "net.onnx"), inputs), simulated(graph, inputs))


# -- what peers expect -------------------------------------------------------------------------------------------------
PERCEPTRONS = [multilayer_perceptron, residual_network, CASES["branching"], CASES["conv_depthwise"]]


def finn_violations(model: onnx.ModelProto) -> list[str]:
    """What FINN's importer insists on: every Quant written out, static, its zero point 0; weights quantised, signed and
    narrow where they can be, and read once; no two values multiplied that no quantiser made; thresholds ascending.
    """
    wrapper, found = ModelWrapper(model), []
    for node in model.graph.node:
        names = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        constants = [wrapper.get_initializer(name) for name in node.input]
        if node.op_type == "Quant":
            if set(names) != {"signed", "narrow", "rounding_mode"} or any(c is None for c in constants[1:]):
                found.append(f"{node.name}: attributes or parameters are missing")
            elif constants[2] != 0 or not (constants[1] > 0).all() or constants[3].ndim:
                found.append(f"{node.name}: zero point or scale")
            if constants[0] is not None and len(wrapper.find_consumers(node.output[0])) != 1:
                found.append(f"{node.name}: constants that are shared")
        if node.op_type in ("MatMul", "Conv"):
            weight = wrapper.find_producer(node.input[1])
            if weight is None or weight.op_type not in ("Quant", "BipolarQuant"):
                found.append(f"{node.name}: the weights are not quantised")
            elif weight.op_type == "Quant":
                flags = {a.name: onnx.helper.get_attribute_value(a) for a in weight.attribute}
                values, bits = (wrapper.get_initializer(weight.input[i]) for i in (0, 3))
                if flags["signed"] != 1 or (flags["narrow"] != 1 and values.min() > -(2 ** (bits - 1))):
                    found.append(f"{node.name}: weights that are not signed and narrow")
            source = wrapper.find_producer(node.input[0])
            while source is not None and source.op_type in ("MaxPool", "Flatten", "Transpose", "Add"):
                source = wrapper.find_producer(source.input[0])
            if source is None or source.op_type not in ("Quant", "MultiThreshold", "BipolarQuant"):
                found.append(f"{node.name}: its input is not quantised")
        if node.op_type == "MultiThreshold":
            if not {"out_dtype", "out_scale", "out_bias", "data_layout"} <= set(names):
                found.append(f"{node.name}: attributes are missing")
            elif constants[1].ndim != 2 or (np.diff(constants[1], axis=1) < 0).any():
                found.append(f"{node.name}: thresholds do not ascend")
    return found


@pytest.mark.parametrize("make", PERCEPTRONS)
@pytest.mark.parametrize("activations", ["quant", "thresholds"])
def test_finns_conventions_are_kept(make: Any, activations: Any) -> None:
    assert finn_violations(to_qonnx(make(), activations=activations)) == []


def test_the_reading_of_conventions_bites() -> None:
    model = to_qonnx(residual_network(), activations="thresholds")
    convolution, threshold, weight = (
        next(n for n in model.graph.node if n.op_type == what) for what in ("Conv", "MultiThreshold", "Quant")
    )
    del threshold.attribute[:]
    assert [line.partition(": ")[2] for line in finn_violations(model)] == ["attributes are missing"]
    assert weight.output[0] == convolution.input[1]
    convolution.input[1] = weight.input[0]
    assert [line.partition(": ")[2] for line in finn_violations(model)] == [
        "attributes are missing",
        "constants that are shared",
        "the weights are not quantised",
    ]


def test_thresholds_leave_no_activation_as_quant() -> None:
    """All Quants that are left are those of constants."""
    model = to_qonnx(residual_network(), activations="thresholds")
    constants = {c.name for c in model.graph.initializer}
    assert all(n.input[0] in constants for n in model.graph.node if n.op_type == "Quant")
    assert Counter(n.op_type for n in model.graph.node)["MultiThreshold"] == 5


def test_what_peers_may_refuse_is_listed() -> None:
    def notes(graph: Graph) -> str:
        return {p.key: p.value for p in to_qonnx(graph).metadata_props}["intaglio.peers"]

    assert notes(residual_network()) == ""
    assert "y: TopK" in notes(CASES["argmax"]())
    assert "y: a table" in notes(CASES["lookup"]())


def trained_network() -> Graph:
    """As `prepare` and `freeze` leave it: scales of small integers over powers of two, at the input too."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)]
    x = 1.7 * torch.rand(32, 1, 6, 6)
    model = intaglio.prepare(nn.Sequential(*layers), x[:2], intaglio.Recipe(weight_bits=4, act_bits=4, input_bits=8))
    model.calibrate([x])
    model.freeze()
    return choose_requantisers(intaglio.lower(model))


@pytest.mark.parametrize("make", [multilayer_perceptron, residual_network, trained_network])
def test_hls4ml_builds_it_and_predicts_the_same(make: Any, tmp_path: Any) -> None:
    """As its users do: cleaned, an image turned to channels last, precisions from the Quant nodes."""
    import hls4ml
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean

    graph = make()
    model = cleanup_model(ModelWrapper(to_qonnx(graph)))
    if make is not multilayer_perceptron:
        model = cleanup_model(model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)))
    config = hls4ml.utils.config_from_onnx_model(
        model.model, granularity="name", backend="Vitis", default_precision="fixed<32,16>"
    )
    built = hls4ml.converters.convert_from_onnx_model(
        model.model, hls_config=config, output_dir=str(tmp_path / "hls"), backend="Vitis", io_type="io_parallel"
    )
    built.compile()
    (x,) = float32(graph, 200).values()
    if make is trained_network:
        assert graph.border_of(next(iter(graph.inputs))).slope[0].numerator not in (1, 2, 4, 8)
    got = built.predict(np.ascontiguousarray(np.moveaxis(x, 1, -1)))
    assert np.array_equal(got, intaglio.simulate(graph, x))


# -- what is refused ---------------------------------------------------------------------------------------------------
def test_a_real_graph_is_refused() -> None:
    with pytest.raises(IntaglioError, match="not lowered"):
        to_qonnx(Graph({"x": TensorType((2, 2, 2))}, (), ("x",)))


def test_unknown_activations_are_refused() -> None:
    with pytest.raises(IntaglioError, match="quant or thresholds"):
        to_qonnx(multilayer_perceptron(), activations="finn")  # type: ignore[arg-type]


def test_numbers_that_no_float_holds_are_refused() -> None:
    graph = one(Dense(as_integers([[1 << 40, 1]]), as_integers([0])), kind((2,), 0, 1 << 20))
    with pytest.raises(IntaglioError, match="no float holds"):
        to_qonnx(graph)
