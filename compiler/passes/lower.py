"""A source graph whose numbers are settled -> the integer graph. Nothing is rounded: every constant is exact.

    x                                            x: u8 * 1/256
    x_q = source.quantise(x) scale=1/256         conv1 = conv2d(x)               the codes; bias on the grid, or in ->
    conv1 = source.conv2d(x_q)             ->    relu1_q = requantise(conv1)     slope, offset, clip 0..15: the float
    bn1 = source.affine(conv1)                   fc = dense(relu1_q)             chain between two integer tensors
    relu1 = source.relu(bn1)
    relu1_q = source.quantise(relu1)
    fc = source.linear(relu1_q)

A node keeps the name of the source node whose integers it makes; an input becomes the tensor of its quantiser's codes.
What stands between the last integers and an output of the user's goes to the border, where it is affine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import IntaglioError
from ..ir import Border, Graph, Node, Op, TensorType
from ..ops.source import (
    Affine,
    FixedQuantise,
    Quantise,
    SourceActivation,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceFlatten,
    SourceGather,
    SourceLinear,
    SourceMaximum,
    SourceMaxPool,
    SourceMinimum,
    SourceMultiply,
    SourceMultiThreshold,
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSlice,
    SourceSoftmax,
    SourceSubtract,
    SourceTopK,
    SourceUpsample,
    SourceZeroStuff,
)
from . import lower_movers as movers
from . import lower_pairs as pairs
from . import lower_quantise as quantisers
from .lower_layer import integer_layer
from .lowering import Lowering, no_quantiser
from .pending import ONE, ZERO, Pending, Step, exact, short


def lower(graph: Graph) -> Graph:
    """The integer graph that computes exactly what the source graph does.

    Raises:
        IntaglioError: where the graph is not frozen, or where integers cannot express it.
    """
    low = Lowering(graph)
    for name, kind in graph.inputs.items():
        _input(low, name, kind)
    for node in graph.nodes:
        rule = RULES.get(type(node.op))
        if rule is None:
            raise IntaglioError(
                f"{node.name} is {node.op.name}, which is not lowered",
                where=node.loc or node.name,
                hint=quantisers.FREEZE,
            )
        if all(name in low.pending for name in node.inputs):  # else one of them has been refused
            with low.collecting(node.loc or node.name):
                low.pending[node.name] = rule(low, node, node.op)
    outputs: list[str] = []
    for name in graph.outputs:
        if name in low.pending:
            with low.collecting(name):
                outputs.append(_output(low, name, outputs))
    low.raise_problems()
    for name in graph.inputs:
        if low.types[name].is_real:
            raise no_quantiser(name, name)
    inputs = {name: low.inputs[name] for name in graph.inputs}
    return Graph(inputs, _live(low, outputs), tuple(outputs), _borders(low, inputs, outputs))


def _input(low: Lowering, name: str, kind: TensorType) -> None:
    if kind.dtype is not None and kind.scale is not None:
        low.inputs[name] = low.types[name] = kind
        low.pending[name] = Pending.codes(name, kind.channels, kind.scale)
        if name in low.source.border:
            low.border[name] = low.source.border[name]
        return
    low.types[name] = kind
    low.pending[name] = Pending(name, (ONE,) * kind.channels, (ZERO,) * kind.channels, raw=True)


def layer(low: Lowering, node: Node, op: SourceConv2d | SourceLinear) -> Pending:
    x = low.quantised(node)
    pads = any(getattr(op, "padding", ()))
    if x.clipped or (x.biased and pads):
        x = low.plain(node, x)
    integer, slope, offset = integer_layer(node, op, x.slope, x.offset, final=node.name in low.last)
    kind = low.kind(x)
    if pads and kind.dtype is not None and kind.dtype.bipolar:  # the padding's 0 is neither -1 nor +1
        x = x.on(low.scaled(node, x.tensor, [1] * x.channels, [0] * x.channels))
    low.emit(node, integer, x)
    return Pending(node.name, slope, offset, owned=low.single(node.name))


def affine(low: Lowering, node: Node, op: Affine) -> Pending:
    x = low.operand(node)
    return low.owned(node, x.affine([exact(v) for v in op.multiplier], [exact(v) for v in op.shift]))


def relu(low: Lowering, node: Node, _: Op) -> Pending:
    x = low.operand(node)
    zeros, none = (ZERO,) * x.channels, (None,) * x.channels
    return low.owned(node, x.clip(zeros, none, None if x.raw else low.kind(x)))


def activation(low: Lowering, node: Node, op: SourceActivation) -> Pending:
    """Clipped affine maps stay what they are; any other function joins the chain."""
    x = low.operand(node)
    rows = [tuple(exact(v) for v in row) for row in op.parameters]
    wide = rows * (x.channels // len(rows))
    kind = None if x.raw else low.kind(x)
    if op.function == "relu":
        return relu(low, node, op)
    if op.function == "clip":
        return low.owned(node, x.clip(tuple(r[0] for r in wide), tuple(r[1] for r in wide), kind))
    if op.function == "hard_sigmoid":
        x = x.affine([r[0] for r in wide], [r[1] for r in wide])
        return low.owned(node, x.clip((ZERO,) * x.channels, (ONE,) * x.channels, kind))
    return low.owned(node, x.then(Step(op.function, tuple(rows))))


def _output(low: Lowering, name: str, taken: list[str]) -> str:
    """The tensor behind an output. What is still pending goes to the border."""
    x = low.pending[name]
    source = low.source.by_name.get(name)
    node = source or Node(name, SourceRelu(), (name,))
    if x.raw:
        raise no_quantiser(name, node.loc or name)
    if x.steps:
        raise IntaglioError(
            f"the output {name} ends in {x.steps[0].function}, and no quantiser says what integers it has",
            where=node.loc or name,
            hint="say what the output holds: output_type='fixed<16,6>' (--output-type fixed<16,6>); "
            "or leave the function off, and apply it to the output",
        )
    x = low.plain(node, x) if x.clipped else low.biased_into_layer(x)
    tensor = x.tensor
    if tensor in taken or tensor in low.inputs:  # an output needs a stream of its own
        tensor = low.scaled(node, tensor, [1] * x.channels, [0] * x.channels, scale=low.types[tensor].scale)
    kind = low.types[tensor]
    given = low.source.border.get(name)
    if given is None and x.scale is not None and x.scale == kind.scale:
        return tensor
    slope, offset = short(x.slope), short(x.offset)
    low.border[tensor] = replace(given or Border.standard(kind), slope=slope, offset=offset)
    return tensor


def _borders(low: Lowering, inputs: dict[str, TensorType], outputs: list[str]) -> dict[str, Border]:
    """Those that are not standard."""
    types = inputs | {name: low.types[name] for name in outputs}
    return {
        name: border for name, border in low.border.items() if name in types and border != Border.standard(types[name])
    }


def _live(low: Lowering, outputs: list[str]) -> tuple[Node, ...]:
    """The nodes that an output depends on: a chain that turned out to change nothing leaves none behind."""
    wanted = set(outputs)
    nodes = []
    for node in reversed(low.nodes.values()):
        if node.name in wanted:
            wanted.update(node.inputs)
            nodes.append(node)
    return tuple(reversed(nodes))


Rule = Callable[[Lowering, Node, Any], Pending]

RULES: dict[type[Op], Rule] = {
    Quantise: quantisers.quantise,
    FixedQuantise: quantisers.fixed_quantise,
    SourceMultiThreshold: quantisers.multi_threshold,
    SourceConv2d: layer,
    SourceLinear: layer,
    Affine: affine,
    SourceRelu: relu,
    SourceActivation: activation,
    SourceAdd: pairs.add,
    SourceSubtract: pairs.compare,
    SourceMaximum: pairs.compare,
    SourceMinimum: pairs.compare,
    SourceMultiply: pairs.multiply,
    SourceConcat: pairs.concat,
    SourceMaxPool: movers.max_pool,
    SourceAvgPool: movers.avg_pool,
    SourcePositionAffine: movers.position_affine,
    SourceFlatten: movers.flatten,
    SourceGather: movers.gather,
    SourceSlice: movers.slice_,
    SourceUpsample: movers.upsample,
    SourceZeroStuff: movers.zero_stuff,
    SourcePad: movers.pad,
    SourceSoftmax: movers.softmax,
    SourceTopK: movers.top_k,
    SourceArgmax: movers.argmax,
}
