"""The state of a lowering, and what its rules share: emitting nodes, and making pending functions integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Border, Graph, Node, Op, TensorType, as_integers
from ..ops import Conv2d, Dense, MulShift, SumPool
from .insert_quantisers import last_layers
from .lower_layer import LARGEST_BIAS, flip
from .pending import ZERO, Pending, unit_of
from .tabulate import tabulated

LARGEST = 1 << 60
"""Of an integer that a chain of scales is made to hold."""


class Lowering:
    """A source graph on its way to integers: the nodes made so far, and what is pending on each source tensor."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.last = last_layers(source)
        self.inputs: dict[str, TensorType] = {}
        self.border: dict[str, Border] = {}
        self.nodes: dict[str, Node] = {}
        self.types: dict[str, TensorType] = {}
        self.pending: dict[str, Pending] = {}
        self.problems: list[IntaglioError] = []

    # -- refusing: everything at once ------------------------------------------------------------------------------
    @contextmanager
    def collecting(self, where: str) -> Iterator[None]:
        """Mistakes inside are kept for later; those that do not know their place are at `where`."""
        try:
            yield
        except IntaglioError as error:
            place = error.where or where
            self.problems.append(IntaglioError(error.what, where=place, other=error.other, hint=error.hint))

    def raise_problems(self) -> None:
        """One IntaglioError for all that was refused."""
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            lines = [f"{len(self.problems)} places of this network cannot be integers:"]
            lines += [f"  {e.where}: {e.what}\n      write instead: {e.hint or e.other}" for e in self.problems]
            raise IntaglioError("\n".join(lines), where=self.problems[0].where, hint=self.problems[0].hint)

    # -- reading ---------------------------------------------------------------------------------------------------
    def operand(self, node: Node, position: int = 0) -> Pending:
        return self.pending[node.inputs[position]]

    def quantised(self, node: Node, position: int = 0) -> Pending:
        """An operand that is no raw input and has nothing pending but clipped affine maps."""
        x = self.operand(node, position)
        if x.raw:
            raise no_quantiser(x.tensor, where=node.loc or node.name)
        if x.steps:
            raise refuse(
                node,
                f"{node.op.name.removeprefix('source.')} reads {node.inputs[position]}, which is not quantised after "
                f"{x.steps[0].function}",
                "a quantiser after the function",
            )
        return x

    def kind(self, x: Pending) -> TensorType:
        return self.types[x.tensor]

    # -- writing ---------------------------------------------------------------------------------------------------
    def emit(self, node: Node, op: Op, *inputs: Pending, name: str = "") -> str:
        """A node of the integer graph, named after the source node or with a name of its own."""
        name = name or node.name
        self.nodes[name] = Node(name, op, tuple(x.tensor for x in inputs), node.loc)
        try:
            op.arity(tuple(self.kind(x) for x in inputs))
            self.types[name] = op.infer(*(self.kind(x) for x in inputs))
        except IntaglioError as error:
            raise IntaglioError(error.what, where=node.loc or node.name, other=error.other, hint=error.hint) from None
        return name

    def fresh(self, base: str) -> str:
        """A name that no tensor has."""
        taken = {*self.source.inputs, *self.source.by_name, *self.nodes}
        name, count = base, 0
        while name in taken:
            count += 1
            name = f"{base}{count}"
        return name

    def owned(self, node: Node, x: Pending) -> Pending:
        return replace(x, owned=x.owned and self.single(node.name))

    def single(self, name: str) -> bool:
        """Does one reader alone see this source tensor?"""
        return len(self.source.consumers[name]) == 1 and name not in self.source.outputs

    # -- making pending functions integers -------------------------------------------------------------------------
    def upright(self, x: Pending) -> Pending:
        """Slopes made positive by turning the sign of a layer's output channels, where nobody else sees them."""
        falling = np.array([v < 0 for v in x.slope])
        chain = [x.tensor]
        while isinstance(getattr(self.nodes.get(chain[-1]), "op", None), SumPool):  # a sum turns with its terms
            chain.append(self.nodes[chain[-1]].inputs[0])
        maker = self.nodes.get(chain[-1])
        if not falling.any() or not x.owned or maker is None or not isinstance(maker.op, Dense | Conv2d):
            return x
        self.nodes[maker.name] = replace(maker, op=flip(maker.op, falling))
        for name in reversed(chain):
            node = self.nodes[name]
            self.types[name] = node.op.infer(*(self.types[i] for i in node.inputs))
        return replace(x, slope=tuple(abs(v) for v in x.slope))

    def rising(self, node: Node, x: Pending) -> Pending:
        """The same value on integers that rise with it, on every channel."""
        x = self.upright(x)
        if all(v >= 0 for v in x.slope):
            return x
        signs = [-1 if v < 0 else 1 for v in x.slope]
        tensor = self.scaled(node, x.tensor, signs, [0] * len(signs))
        return replace(x.on(tensor), slope=tuple(abs(v) for v in x.slope), owned=False)

    def scaled(
        self,
        node: Node,
        tensor: str,
        multiplier: Sequence[int],
        addend: Sequence[int],
        clip: tuple[int | None, int | None] = (None, None),
        scale: Fraction | None = None,
    ) -> str:
        """The tensor times an integer, plus an integer, clipped: exactly, nothing shifted off."""
        kind = self.types[tensor]
        ends = [m * v + a for m, a, lo, hi in zip(multiplier, addend, kind.lo, kind.hi, strict=True) for v in (lo, hi)]
        if max(map(abs, (*ends, *multiplier, *addend))) > LARGEST:
            raise refuse(
                node, f"the scales of {tensor} have no common unit that 60 bits hold", "a quantiser on each operand"
            )
        low, high = clip
        lo = low if low is not None else min(*ends, *([] if high is None else [high]))
        hi = high if high is not None else max(*ends, *([] if low is None else [low]))
        op = MulShift(as_integers(multiplier), as_integers(addend), 0, lo, hi, scale)
        x = Pending.codes(tensor, kind.channels, Fraction(1))
        return self.emit(node, op, x, name=self.fresh(f"{node.name}_{tensor}_scaled"))

    def plain(self, node: Node, x: Pending, *more: Fraction, uniform: bool = False) -> Pending:
        """The pending value as integers times a scale: unbiased, unclipped; with `uniform`, one scale for all channels.

        more: real numbers that must be multiples of the scale as well (with `uniform`).
        """
        x = self.biased_into_layer(x)
        if x.plain and (not uniform or (x.scale is not None and all((v / x.scale).denominator == 1 for v in more))):
            return x
        per_channel = [
            unit_of([v for v in (s, b, lo, hi) if v is not None])
            for s, b, lo, hi in zip(x.slope, x.offset, x.lo, x.hi, strict=True)
        ]
        clips = self._clips(x, per_channel)
        if uniform or clips is None:
            per_channel = [unit_of([*per_channel, *more])] * x.channels
            clips = self._clips(x, per_channel)
        if clips is None:  # each channel is clipped in its own way
            units = per_channel
            scale = units[0] if len(set(units)) == 1 else None
            op = tabulated(
                x,
                self.kind(x),
                lambda c, v: int(v / units[c]),
                node.loc or node.name,
                scale=scale,
                bipolar=False,
                name=node.name,
                shared=False,
            )
            table = self.emit(node, op, x, name=self.fresh(f"{node.name}_{x.tensor}_clipped"))
            return Pending.codes(table, x.channels, units)
        multiplier = [int(s / u) for s, u in zip(x.slope, per_channel, strict=True)]
        addend = [int(b / u) for b, u in zip(x.offset, per_channel, strict=True)]
        scale = per_channel[0] if len(set(per_channel)) == 1 else None
        tensor = self.scaled(node, x.tensor, multiplier, addend, clips, scale)
        return Pending.codes(tensor, x.channels, per_channel)

    def biased_into_layer(self, x: Pending) -> Pending:
        """Offsets that are whole numbers of accumulator steps join the bias of the layer that nobody else reads."""
        node = self.nodes.get(x.tensor)
        steps = [b / s if s else ZERO for b, s in zip(x.offset, x.slope, strict=True)]
        if not (x.owned and x.biased and node is not None and isinstance(node.op, Dense | Conv2d)):
            return x
        if any(v.denominator != 1 or abs(v) > LARGEST_BIAS for v in steps):
            return x
        scale = x.slope[0] if len(set(x.slope)) == 1 else None
        bias = as_integers([int(v) + int(b) for v, b in zip(steps, node.op.bias, strict=True)])
        self.nodes[x.tensor] = replace(node, op=replace(node.op, bias=bias, scale=scale))
        self.types[x.tensor] = self.nodes[x.tensor].op.infer(*(self.types[name] for name in node.inputs))
        return replace(x, offset=(ZERO,) * x.channels)

    def _clips(self, x: Pending, units: Sequence[Fraction]) -> tuple[int | None, int | None] | None:
        """The clip in units, one for all channels that reach it; None where there is none."""
        kind, result = self.kind(x), []
        for end, pick in ((x.lo, min), (x.hi, max)):
            wanted, free = set(), True
            reach = []
            for c, limit in enumerate(end):
                outer = pick(x.slope[c] * v + x.offset[c] for v in (kind.lo[c], kind.hi[c])) / units[c]
                reach.append(outer)
                if limit is not None:
                    wanted.add(limit / units[c])
                    free = False
            if free:
                result.append(None)
                continue
            if len(wanted) > 1:
                return None
            (one,) = wanted
            unclipped = [r for r, limit in zip(reach, end, strict=True) if limit is None]
            if one.denominator != 1 or any(pick(one, r) != one for r in unclipped):
                return None
            result.append(int(one))
        return result[0], result[1]

    def aligned(self, node: Node, *operands: Pending) -> list[Pending]:
        """The operands as integers of one scale per channel: what can be added, compared or subtracted."""
        plain = [self.plain(node, x) for x in operands]
        channels = max(x.channels for x in plain)
        slopes = [x.slope * (channels // x.channels) for x in plain]
        if any(x.channels < channels for x in plain):  # one channel meets all: one scale for everything
            units = [unit_of([v for slope in slopes for v in slope])] * channels
        else:
            units = [unit_of(together) for together in zip(*slopes, strict=True)]
        scale = units[0] if len(set(units)) == 1 else None
        result = []
        for x in plain:
            mine = units[: x.channels]
            multiplier = [int(s / u) for s, u in zip(x.slope, mine, strict=True)]
            tensor = x.tensor
            if any(m != 1 for m in multiplier):
                tensor = self.scaled(node, tensor, multiplier, [0] * x.channels, scale=scale)
            result.append(Pending.codes(tensor, x.channels, mine))
        return result


def refuse(node: Node, what: str, instead: str) -> IntaglioError:
    return IntaglioError(f"{node.name}: {what}; integers cannot express it", where=node.loc or node.name, hint=instead)


def no_quantiser(name: str, where: str) -> IntaglioError:
    return IntaglioError(
        f"the input {name} must be read by one quantiser",
        where=where,
        hint="let prepare() place the quantisers, or say what the input holds: input_type='fixed<16,6>' "
        "(--input-type fixed<16,6>)",
    )


def fractions(values: Any) -> Any:
    """An object array of Fractions."""
    items = list(values)
    result = np.empty(len(items), dtype=object)
    result[:] = [ZERO + v for v in items]
    return result
