"""Freezing: every scale, multiplier and shift becomes a dyadic number, once, and training goes on around them.

A positive factor commutes with relu, pools, additions, moves and quantisers. So between two layers that multiply, the
unit of a tensor is ours to choose, and its quantiser's scale becomes a power of two without moving one rounding
boundary: the layer before absorbs the factor in its multiplier, the layer after in its weights' scale. Network inputs
and outputs keep the unit that the user gave them, and so does what a function such as sigmoid reads and gives. What a
layer then multiplies by (weight scale x batch norm) is snapped to a mantissa of MULTIPLIER_BITS bits, or to a power of
two, and the weights are requantised to match, so that nothing but the grid of the weights moves.
"""

from __future__ import annotations

from dataclasses import replace
from math import ldexp
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceConv2d,
    SourceLinear,
    SourceMultiply,
    SourcePositionAffine,
)
from .dyadic import power_below, power_of_two, smallest, with_mantissa
from .functional import source_weight
from .layers import BatchNormLayer, Producer
from .network import MULTIPLIERS, PRODUCERS, fixed_units, scale_classes, source_quantiser
from .quantisers import scale_and_sign
from .quantisers.codebooks import by_rows
from .quantisers.ranges import best_steps
from .quantisers.surrogates import nearest
from .settle import settled

if TYPE_CHECKING:
    from .model import PreparedModel

MULTIPLIER_BITS = 8
SCALE_BITS = 6
INPUT_TOLERANCE = 1 / 64
TOLERANCE = 1 / 16
"""How far a scale may move for a shorter mantissa: little where it has a meaning outside."""
SHIFT_STEPS = 256
"""A batch norm's shift lies on the grid of its quantiser's scale / SHIFT_STEPS."""
SMALLEST = ldexp(1.0, -40)
"""A multiplier below this is 0: the channel is constant."""

Float64 = npt.NDArray[np.float64]


def _numbers(tensor: torch.Tensor) -> Float64:
    return np.asarray(tensor.detach().to("cpu", torch.float64).numpy())


def _set(buffer: torch.Tensor, values: object) -> None:
    buffer.copy_(torch.as_tensor(np.asarray(values, dtype=np.float64)))


@torch.no_grad()
def snap(model: PreparedModel) -> None:
    """Fills the snapped constants of every part of a model, from its statistics as they are now."""
    if not model.calibrated:
        raise IntaglioError(
            "the quantisers have seen no data yet, so there are no scales",
            where="freeze",
            hint="train with intaglio.fit, or call model.calibrate(batches) first",
        )
    unit = _snap_quantisers(model)
    for node in model.graph.nodes:
        if isinstance(node.op, PRODUCERS):
            _snap_producer(model, node, unit)
        elif isinstance(node.op, BatchNorm) and node.inputs[0] not in model.fused_producers:
            _snap_lone_batch_norm(model, node, unit)
        elif isinstance(node.op, Affine | SourcePositionAffine):
            _snap_constants(model, node, unit)


def _snap_quantisers(model: PreparedModel) -> dict[str, float]:
    """Sets every quantiser's scale and sign; gives for each tensor alpha: its frozen value / its trained value."""
    graph = model.graph
    classes = scale_classes(graph)
    given = fixed_units(graph, classes)
    alpha: dict[str, float] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Quantise):
            continue
        quantiser, of = model.quantiser(node.name), classes[node.name]
        trained, signed = scale_and_sign([m.range for m in model.group_of(node.name)], quantiser.bits)
        scale = float(trained)
        if of not in alpha:
            alpha[of] = 1.0 if of in given else power_of_two(scale) / scale
        if model.recipe.scales == "power-of-two":
            scale = power_of_two(scale * alpha[of])
        else:
            outside = node.inputs[0] in graph.inputs or node.name in graph.outputs
            scale = smallest(scale * alpha[of], INPUT_TOLERANCE if outside else TOLERANCE, SCALE_BITS)
        _set(quantiser.scale, scale)
        quantiser.signed.fill_(signed)
    return {name: alpha.get(of, 1.0) for name, of in classes.items()}


def _snap_multiplier(model: PreparedModel, values: Float64) -> Float64:
    """Positive multipliers as the recipe wants them; what is next to nothing becomes 0."""
    small = model.recipe.scales == "power-of-two"
    return np.array(
        [0.0 if v < SMALLEST else power_of_two(v) if small else with_mantissa(v, MULTIPLIER_BITS) for v in values]
    )


def _snap_producer(model: PreparedModel, node: Node, unit: dict[str, float]) -> None:
    producer = model.producer(node.name)
    norm_name = model.fused_batch_norm(node.name)
    channels = len(producer.bias)
    if producer.range.size.seen == 0:
        producer.range.observe(producer.weight, producer.provisional)
    step = np.broadcast_to(_numbers(producer.range.scale()), channels)
    gain = np.ones(channels) if norm_name is None else _gain(model.batch_norm(norm_name))
    ratio = unit[norm_name or node.name] / unit[node.inputs[0]]
    if producer.range.source == "shift" and model.recipe.scales == "power-of-two":
        total = _one_shift(producer, np.abs(gain) * ratio)
    else:
        total = _snap_multiplier(model, step * np.abs(gain) * ratio)  # of one code, output over input
    dead = total == 0
    sign = np.where(dead, 0.0, np.where(gain < 0, -1.0, 1.0))
    _set(producer.step, np.where(dead, 1.0, total / np.where(dead, 1.0, np.abs(gain) * ratio)))
    _set(producer.sign, sign)
    _set(producer.bias_gain, unit[node.name])
    if norm_name is None:
        _set(producer.unit, np.where(dead, 1.0, total))
        quantiser = source_quantiser(model.graph, node.inputs[0])
        if quantiser is None:
            raise IntaglioError(
                f"the input of {node.name} is not quantised", where=node.loc, hint="insert_quantisers comes first"
            )
        _set(producer.bias_grid, np.where(dead, 1.0, total) * float(model.quantiser(quantiser.name).scale))
        return
    norm = model.batch_norm(norm_name)
    carried = np.array([power_of_two(s) for s in step])  # the weights' own scale: any power of two would do
    _set(producer.unit, carried)
    _set(norm.multiplier, total / carried)
    _set(norm.gain, np.where(dead, 0.0, gain))
    _snap_shift(model, norm_name, unit)


def _one_shift(producer: Producer, gain: Float64) -> Float64:
    """One power of two for the whole layer, its batch norm folded into the weights: the one that leaves the least
    squared error in them (12). gain: of each channel; one that is next to nothing makes the channel constant.
    """
    weight = producer.weight.detach().to("cpu", torch.float64)
    folded = weight * torch.from_numpy(gain).reshape(-1, *(1,) * (weight.dim() - 1))
    alive = torch.ones_like(weight) if producer.provisional is None else producer.provisional.cpu().to(weight)
    found, row = producer.range, (1, -1)
    if found.signs:
        step = power_of_two(max(SMALLEST, float((folded.abs() * alive).sum() / alive.sum().clamp(min=1))))
    else:
        step = float(best_steps(folded.reshape(row), alive.reshape(row), found.hi, found.levels, power_of_two=True))
    return np.where(gain < SMALLEST, 0.0, step)


def _snap_lone_batch_norm(model: PreparedModel, node: Node, unit: dict[str, float]) -> None:
    norm = model.batch_norm(node.name)
    gain, ratio = _gain(norm), unit[node.name] / unit[node.inputs[0]]
    multiplier = _snap_multiplier(model, np.abs(gain) * ratio) * np.sign(gain)
    _set(norm.multiplier, multiplier)
    _set(norm.gain, multiplier / ratio)
    _snap_shift(model, node.name, unit)


def _snap_constants(model: PreparedModel, node: Node, unit: dict[str, float]) -> None:
    constants = model.constants(node.name)
    ratio, given = unit[node.name] / unit[node.inputs[0]], _numbers(constants.multiplier)
    sizes = _snap_multiplier(model, np.abs(given).ravel() * ratio).reshape(given.shape)
    _set(constants.snapped_multiplier, sizes * np.sign(given))
    grid = _shift_grid(model, node.name)
    _set(constants.snapped_shift, _grid(_numbers(constants.shift) * unit[node.name], np.array(grid)))


def _snap_shift(model: PreparedModel, name: str, unit: dict[str, float]) -> None:
    norm = model.batch_norm(name)
    _set(norm.alpha, unit[name])
    _set(norm.grid, np.full(len(norm.grid), _shift_grid(model, name)))


def _shift_grid(model: PreparedModel, name: str) -> float:
    quantiser = _next_quantiser(model.graph, name)
    scale = 1.0 if quantiser is None else float(model.quantiser(quantiser).scale)
    return power_below(scale) / SHIFT_STEPS


def _next_quantiser(graph: Graph, name: str) -> str | None:
    """The first quantiser that a tensor meets before anything multiplies it."""
    for reader, _ in graph.consumers[name]:
        op = graph.by_name[reader].op
        if isinstance(op, Quantise):
            return reader
        if not isinstance(op, (*MULTIPLIERS, SourceMultiply)):
            found = _next_quantiser(graph, reader)
            if found is not None:
                return found
    return None


def _gain(norm: BatchNormLayer) -> Float64:
    return _numbers(norm.weight) / np.sqrt(_numbers(norm.running_var) + norm.epsilon)


@torch.no_grad()
def frozen_graph(model: PreparedModel) -> Graph:
    """The network with its snapped constants: what `lower` reads.

    A function with f(0) != 0 would revive the channels that are masked; behind it, they are multiplied by 0 once more.
    So are the pixels that are gone, behind the quantiser of their feature map.
    """
    nodes: list[Node] = []
    masked: dict[str, str] = {}
    for node in model.graph.nodes:
        op, inputs = node.op, tuple(masked.get(name, name) for name in node.inputs)
        if isinstance(op, SourceConv2d | SourceLinear):
            op = _frozen_producer(model, node.name, op)
        elif isinstance(op, BatchNorm):
            op = _frozen_batch_norm(model, node)
        elif isinstance(op, Quantise):
            quantiser = model.quantiser(node.name)
            op = Quantise(quantiser.bits, bool(quantiser.signed), float(quantiser.scale), op.group)
        elif isinstance(op, Affine | SourcePositionAffine):
            op = _frozen_constants(model, node.name, op)
        else:
            op = settled(model, node)
        nodes.append(Node(node.name, op, inputs, node.loc))
        if (mask := _mask_behind(model, node.name)) is not None:
            masked[node.name] = _fresh(model.graph, f"{node.name}_masked")
            nodes.append(Node(masked[node.name], mask, (node.name,), node.loc))
    return model.graph.with_nodes(nodes)


def _mask_behind(model: PreparedModel, name: str) -> Affine | SourcePositionAffine | None:
    """What keeps the channels of a tensor, or its pixels, at 0."""
    places, channels = model.places_alive(name), _numbers(model.mask_of(name))
    if places is not None:
        return SourcePositionAffine(_numbers(places)[..., None], np.zeros((1, 1, 1)))
    if name in model.reviving and not channels.all():
        return Affine(channels, np.zeros(len(channels)))
    return None


def _frozen_producer(model: PreparedModel, name: str, op: SourceConv2d | SourceLinear) -> SourceConv2d | SourceLinear:
    producer = model.producer(name)
    mask = _numbers(model.mask_of(name))
    codes = codes_of(model, name)
    bias = (
        np.zeros(len(mask))
        if producer.fused
        else _grid(_numbers(producer.bias) * float(producer.bias_gain), _numbers(producer.bias_grid))
    )
    weight, scale, bias = source_weight(codes) + 0.0, _numbers(producer.unit), bias * mask + 0.0
    return replace(op, weight=weight, bias=bias, weight_scale=scale)


def codes_of(model: PreparedModel, name: str) -> Float64:
    """A layer's integer weights as they are built, in torch's order: 0 where they, or their channel, are masked."""
    producer = model.producer(name)
    rows = _numbers(model.mask_of(name)) * _numbers(producer.sign)
    return _codes(producer) * rows.reshape(-1, *(1,) * (producer.weight.dim() - 1))


def _codes(producer: Producer) -> Float64:
    """0 where single weights are masked."""
    weight, levels = producer.weight.detach().to("cpu", torch.float64), producer.range.levels
    steps = weight / producer.step.to("cpu", torch.float64).reshape(-1, *(1,) * (weight.dim() - 1))
    reach = torch.as_tensor(by_rows(producer.range.hi, weight.dim())).cpu()
    codes = torch.floor(steps + 0.5).clamp(-reach, reach) if levels is None else nearest(steps, levels.cpu())
    return _numbers(codes if producer.provisional is None else codes * producer.provisional.cpu())


def _frozen_batch_norm(model: PreparedModel, node: Node) -> Affine:
    norm, mask = model.batch_norm(node.name), _numbers(model.mask_of(node.name))
    before = -_numbers(norm.running_mean)
    if node.inputs[0] in model.fused_producers:
        before = before + _numbers(model.producer(node.inputs[0]).bias)
    shift = float(norm.alpha) * (_numbers(norm.bias) + before * _numbers(norm.gain))
    return Affine(_numbers(norm.multiplier) * mask + 0.0, _grid(shift, _numbers(norm.grid)) * mask + 0.0)


def _frozen_constants(
    model: PreparedModel, name: str, op: Affine | SourcePositionAffine
) -> Affine | SourcePositionAffine:
    constants, mask = model.constants(name), _numbers(model.mask_of(name))
    made = [
        np.moveaxis(_numbers(values)[0], 0, -1) * mask + 0.0
        for values in (constants.snapped_multiplier, constants.snapped_shift)
    ]
    if isinstance(op, Affine):
        return Affine(made[0].ravel(), made[1].ravel())
    return SourcePositionAffine(made[0], made[1])


def _fresh(graph: Graph, name: str) -> str:
    while name in graph.by_name or name in graph.inputs:
        name += "_"
    return name


def _grid(values: Float64, grid: Float64) -> Float64:
    return np.asarray(np.floor(values / grid + 0.5) * grid)
