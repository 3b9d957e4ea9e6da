"""An integer graph as QONNX, which `qonnx` executes to the values of `simulate`, and which hls4ml and FINN read.

    x -> Quant -> Conv(weight -> Quant) -> Add(bias -> Quant) -> Mul, Add, Quant -> ... -> Mul -> y

Channels come first and real values go in and out, as the source model has them. Inside, every tensor holds integers
times a power of two; weights are integers of scale 1. All that float32 holds exactly is float32.
"""

from __future__ import annotations

from typing import Literal

import onnx
from onnx import helper

from ...errors import IntaglioError
from ...ir import Graph
from . import (
    rules_activations,  # noqa: F401  the rules
    rules_linear,  # noqa: F401  the rules
    rules_movers,  # noqa: F401  the rules
)
from .border import enter, graph_inputs, leave
from .builder import FLOAT, QONNX, RULES, Builder, Carried

OPSET = 13
IR_VERSION = 8

Activations = Literal["quant", "thresholds"]


def to_qonnx(
    graph: Graph, *, batch: int = 1, activations: Activations = "quant", name: str = "intaglio"
) -> onnx.ModelProto:
    """The network as QONNX.

    Args:
        graph: a lowered integer graph, its requantisers chosen or not.
        batch: frames per run; `qonnx` wants one number.
        activations: `quant` writes requantisers as Mul, Add and Quant where that is exact, which hls4ml reads;
            `thresholds` writes those of up to 255 steps as MultiThreshold, which FINN builds.

    Returns:
        The model. Its metadata `intaglio.peers` lists, line by line, what hls4ml or FINN may refuse.

    Raises:
        IntaglioError: for a graph that is not lowered, or where no form is exact.
    """
    if activations not in ("quant", "thresholds"):
        raise IntaglioError(f"there are no activations {activations!r}", hint="quant or thresholds")
    if any(kind.is_real for kind in graph.types.values()):
        raise IntaglioError("the graph is not lowered", hint="lower it first")
    b = Builder(graph, batch, thresholds=activations == "thresholds")
    made: dict[str, Carried] = {}
    for source, kind in graph.inputs.items():
        made[source] = enter(b, source, kind, graph.border_of(source))
    for node in graph.nodes:
        rule = RULES.get(type(node.op))
        if rule is None:
            raise IntaglioError(f"{node.op.name} has no form in QONNX", where=node.loc or node.name)
        b.place = node.name
        made[node.name] = rule(b, node, [made[source] for source in node.inputs])
    outputs = [_output(b, made[target], target) for target in graph.outputs]
    used = {source for node in b.nodes for source in node.input}
    model = helper.make_model(
        helper.make_graph(
            b.nodes,
            name,
            graph_inputs(graph, batch),
            outputs,
            initializer=[constant for constant in b.constants if constant.name in used],
            value_info=list(b.values.values()),
        ),
        producer_name="intaglio",
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX, 1)],
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, {"intaglio.peers": "\n".join(dict.fromkeys(b.notes))})
    onnx.checker.check_model(model)
    return model


def _output(b: Builder, x: Carried, target: str) -> onnx.ValueInfoProto:
    """The last tensor takes the output's name; one that others read or that has a name already is copied."""
    b.place = target
    border = b.graph.border_of(target)
    inner = leave(b, x, border)
    name = f"{target}_out" if target in b.graph.inputs else target
    value = helper.make_tensor_value_info(name, FLOAT, [b.batch, *border.shape])
    if inner not in b.values:
        inner = b.emit("Identity", [inner], (b.batch, *border.shape))
    del b.values[inner]
    for node in b.nodes:
        for names in (node.input, node.output):
            for place, each in enumerate(names):
                if each == inner:
                    names[place] = name
    return value
