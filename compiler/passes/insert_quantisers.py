"""Places where the network becomes integers: one quantiser each.

    x                                    x
    conv1 = source.conv2d(x)             x_q     = source.quantise(x) bits=8
    relu1 = source.relu(conv1)     ->    conv1   = source.conv2d(x_q)
    fc = source.linear(relu1)            relu1   = source.relu(conv1)
                                         relu1_q = source.quantise(relu1) bits=4
                                         fc      = source.linear(relu1_q)

They stand at every input, after every activation function, every product and every average pool, before every layer
that is still fed with real values, and, one group with one scale, on both inputs of every addition, subtraction,
maximum and minimum and on all inputs of every concatenation. A function that is no clipped line (sigmoid, GELU, ...)
becomes a table: a quantiser of a few bits more in front of it keeps that small. Logits stay as the last layer makes
them.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceActivation,
    SourceAdd,
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
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSlice,
    SourceSoftmax,
    SourceSubtract,
    SourceUpsample,
    SourceZeroStuff,
)
from ..ops.source.kinds import CHOICES, MOVES, RANKS

LAYERS = (SourceConv2d, SourceLinear)
JOINTS = (SourceAdd, SourceSubtract, SourceMaximum, SourceMinimum, SourceConcat)
"""What they read shares one scale."""
SCALINGS = (Affine, BatchNorm, SourcePositionAffine)
TAIL = (SourceFlatten, SourceMaxPool, SourceAvgPool, SourceSlice, SourceUpsample, *RANKS)
"""What may stand behind the last layer."""
ENDS_RANGE = (SourceRelu, SourceActivation, SourceAvgPool, SourceMultiply, SourceSoftmax)
"""A quantiser follows them."""
LINES = {"relu", "clip", "leaky_relu", "hard_sigmoid"}
"""Functions that join the affine chain before them, as long as they do not fall."""
TABLE_BITS = 4
"""How many bits more than an activation the argument of a table has."""
LOGIT_BITS = 8


def insert_quantisers(graph: Graph, *, input_bits: int, act_bits: int, output_bits: int | None = None) -> Graph:
    """The graph with its quantisers, still without scales.

    output_bits: width of the outputs; None leaves the logits as integers of the last layer's one scale. Where a batch
    norm makes that impossible, the outputs get a quantiser of at least 8 bits.
    """
    for what, bits in (("input_bits", input_bits), ("act_bits", act_bits), ("output_bits", output_bits)):
        if bits is not None and not 1 <= bits <= 16:
            raise IntaglioError(f"{what}={bits}", where=what, hint="write a number of bits from 1 to 16")
    return _Inserter(graph, input_bits, act_bits, output_bits).run()


def last_layers(graph: Graph) -> set[str]:
    """The layers whose result reaches an output without a quantiser: they need one weight scale for all classes."""
    return {name for name in _unquantised_tail(graph) if isinstance(graph.by_name[name].op, LAYERS)}


def _unquantised_tail(graph: Graph) -> set[str]:
    """Every node from which an output can be reached without meeting a quantiser or another layer."""
    waiting, found = [n for n in graph.outputs if n in graph.by_name], set[str]()
    while waiting:
        node = graph.by_name[waiting.pop()]
        if node.name in found or isinstance(node.op, Quantise):
            continue
        found.add(node.name)
        if not isinstance(node.op, LAYERS):
            waiting.extend(name for name in node.inputs if name in graph.by_name)
    return found


def needs_table(op: object) -> bool:
    """Whether an operator becomes a table of its argument, which has to be short for that."""
    if isinstance(op, SourceSoftmax):
        return True
    if not isinstance(op, SourceActivation):
        return False
    falls = op.function in ("leaky_relu", "hard_sigmoid") and bool((op.parameters[:, 0] < 0).any())
    return op.function not in LINES or falls


class _Inserter:
    def __init__(self, graph: Graph, input_bits: int, act_bits: int, output_bits: int | None) -> None:
        self.graph, self.act_bits, self.output_bits = graph, act_bits, output_bits
        self.input_bits = input_bits
        self.nodes: list[Node] = []
        self.name_of: dict[str, str] = {}  # the user's tensor -> what its readers read now
        self.codes: set[str] = set()  # tensors that hold quantised values
        self.taken = {*graph.inputs, *graph.by_name}
        self.logits = _logits(graph)

    def run(self) -> Graph:
        for name in self.graph.inputs:
            self.name_of[name] = name
            readers = [self.graph.by_name[reader] for reader, _ in self.graph.consumers[name]]
            if not readers or not all(isinstance(node.op, Quantise) for node in readers):
                self.name_of[name] = self._quantise(name, self.input_bits)
        for node in self.graph.nodes:
            if isinstance(node.op, JOINTS):
                self._joint(node)
            else:
                self._node(node)
        outputs = tuple(self._output(name) for name in self.graph.outputs)
        border = {self.name_of.get(name, name): border for name, border in self.graph.border.items()}
        border |= {n: b for n, b in self.graph.border.items() if n in self.graph.inputs}
        return Graph(self.graph.inputs, tuple(self.nodes), outputs, border)

    def _node(self, node: Node) -> None:
        op = node.op
        inputs = [self.name_of[name] for name in node.inputs]
        if self._needs_codes(node):
            inputs = [self._as_codes(name) for name in inputs]
        if needs_table(op):
            inputs = [self._as_codes(name, self.table_bits) for name in inputs]
        if isinstance(op, RANKS):
            inputs = [self._finish(source) for source in node.inputs]
        self._emit(replace(node, inputs=tuple(inputs)))
        if isinstance(op, Quantise) or (isinstance(op, MOVES) and inputs[0] in self.codes):
            self.codes.add(node.name)
        elif isinstance(op, SCALINGS) and self._scales_input(node):
            self.name_of[node.name] = self._quantise(node.name, self.input_bits, loc=node.loc)
        if isinstance(op, ENDS_RANGE) and node.name not in self.logits and not self._comes_next(node):
            if isinstance(op, SourceSoftmax) and node.name in self.graph.outputs:
                return  # an output of the integers that it makes itself
            alone = node.name in self.graph.outputs and not self.graph.consumers[node.name]
            bits = (self.output_bits or max(self.act_bits, LOGIT_BITS)) if alone else self.act_bits
            self.name_of[node.name] = self._quantise(node.name, bits, loc=node.loc)

    @property
    def table_bits(self) -> int:
        return max(LOGIT_BITS, self.act_bits + TABLE_BITS)

    def _scales_input(self, node: Node) -> bool:
        """Whether it is the last step that scales a network input: its result is as fine as that."""
        readers = [self.graph.by_name[reader].op for reader, _ in self.graph.consumers[node.name]]
        more = bool(readers) and all(isinstance(op, SCALINGS) for op in readers)
        return self._is_input(node.name) and not more and not self._comes_next(node)

    def _is_input(self, source: str) -> bool:
        """Whether it is a network input, only moved or scaled."""
        while source in self.graph.by_name:
            node = self.graph.by_name[source]
            if not isinstance(node.op, (*MOVES, *SCALINGS, Quantise)):
                return False
            source = node.inputs[0]
        return True

    def _joint(self, node: Node) -> None:
        """All inputs get quantisers of one group; one that only this node reads is joined to it instead."""
        if self._is_grouped(node):
            self._emit(node)
        else:
            group = f"{node.name}_group"
            bits = self.input_bits if all(self._is_input(source) for source in node.inputs) else self.act_bits
            inputs: dict[str, str] = {}
            for source in dict.fromkeys(node.inputs):
                name = self.name_of[source]
                place = self._own_quantiser(source, node.name)
                if place is not None:
                    self.nodes[place] = replace(self.nodes[place], op=Quantise(bits, group=group))
                    inputs[source] = name
                else:
                    inputs[source] = self._quantise(name, bits, group=group, base=f"{node.name}_{source}")
            self._emit(replace(node, inputs=tuple(inputs[name] for name in node.inputs)))
        if isinstance(node.op, CHOICES):
            self.codes.add(node.name)

    def _own_quantiser(self, source: str, reader: str) -> int | None:
        """Where the quantiser stands whose codes reach only this reader, through operators that hand them on."""
        name = self.name_of[source]
        while True:
            if any(other != reader for other, _ in self.graph.consumers[source]) or source in self.graph.outputs:
                return None
            if source in self.graph.inputs:
                return None
            place = next((i for i, n in enumerate(self.nodes) if n.name == name), None)
            if place is None or name not in self.codes:
                return None
            node = self.nodes[place]
            if isinstance(node.op, Quantise):
                return None if node.op.group else place
            if not isinstance(node.op, MOVES) or name != source:
                return None
            reader, source = source, self.graph.by_name[source].inputs[0]
            name = node.inputs[0]

    def _needs_codes(self, node: Node) -> bool:
        op = node.op
        if isinstance(op, SourceAvgPool):
            return any(op.padding) or op.counts is not None  # a bias would be lost in the padding
        if isinstance(op, SourceFlatten):  # before it, a quantiser has one channel for all pixels
            return any(isinstance(self.graph.by_name[name].op, LAYERS) for name, _ in self.graph.consumers[node.name])
        if isinstance(op, SourceGather | SourceZeroStuff | SourcePad | SourceMultiply):
            return True
        return isinstance(op, LAYERS) or (isinstance(op, SourceMaxPool) and self._may_fall(node))

    def _may_fall(self, node: Node) -> bool:
        """Whether a batch norm before this max pool may fall, and no layer's weights can absorb the sign."""
        normed, alone, name = False, True, node.inputs[0]
        while name in self.graph.by_name and self.name_of[name] not in self.codes:
            maker = self.graph.by_name[name]
            alone = alone and len(self.graph.consumers[name]) == 1 and name not in self.graph.outputs
            if isinstance(maker.op, LAYERS):
                return normed and not alone
            normed = normed or isinstance(maker.op, BatchNorm | Affine)
            if not isinstance(maker.op, BatchNorm | Affine | SourceAvgPool):
                break
            name = maker.inputs[0]
        return normed

    def _is_grouped(self, node: Node) -> bool:
        ops = [self.graph.by_name[name].op for name in node.inputs if name in self.graph.by_name]
        groups = {op.group for op in ops if isinstance(op, Quantise)}
        return (
            len(ops) == len(node.inputs)
            and len(groups) == 1
            and groups != {""}
            and all(isinstance(op, Quantise) for op in ops)
        )

    def _output(self, name: str) -> str:
        node = self.graph.by_name.get(name)
        return self.name_of[name] if node is None or isinstance(node.op, RANKS) else self._finish(name)

    def _finish(self, source: str) -> str:
        """A quantiser before an output (or an argmax), if one is asked for or the tensor has no single scale."""
        name = self.name_of[source]
        if name in self.codes or self._is_softmax(name) or (self.output_bits is None and source in self.logits):
            return name
        bits = self.output_bits or max(self.act_bits, LOGIT_BITS)
        self.name_of[source] = self._quantise(name, bits)
        return self.name_of[source]

    def _is_softmax(self, name: str) -> bool:
        return name in self.graph.by_name and isinstance(self.graph.by_name[name].op, SourceSoftmax)

    def _comes_next(self, node: Node) -> bool:
        """Whether a quantiser already reads this tensor, and nothing else does."""
        readers = [self.graph.by_name[reader].op for reader, _ in self.graph.consumers[node.name]]
        return bool(readers) and all(isinstance(op, Quantise) for op in readers) and node.name not in self.graph.outputs

    def _as_codes(self, name: str, bits: int = 0) -> str:
        if name in self.codes:
            return name
        quantised = self._quantise(name, bits or self.act_bits)
        for source, current in self.name_of.items():
            if current == name:
                self.name_of[source] = quantised
        return quantised

    def _quantise(self, name: str, bits: int, *, group: str = "", base: str = "", loc: str = "") -> str:
        wanted = f"{base or name}_q"
        fresh, count = wanted, 0
        while fresh in self.taken:
            count += 1
            fresh = f"{wanted}{count}"
        self.taken.add(fresh)
        loc = loc or next((n.loc for n in self.nodes if n.name == name), "")
        self._emit(Node(fresh, Quantise(bits, group=group), (name,), loc))
        self.codes.add(fresh)
        return fresh

    def _emit(self, node: Node) -> None:
        self.nodes.append(node)
        self.name_of.setdefault(node.name, node.name)


def _logits(graph: Graph) -> set[str]:
    """Tensors that one scale can describe although no quantiser follows: a layer's result or a sum, pooled or moved.

    They lead to outputs only, through nothing but pools, flattens and argmax.
    """
    leads: set[str] = set()
    for node in reversed(graph.nodes):
        readers = [graph.by_name[reader] for reader, _ in graph.consumers[node.name]]
        if all(isinstance(r.op, TAIL) and r.name in leads for r in readers) and (readers or node.name in graph.outputs):
            leads.add(node.name)
    plain: set[str] = set()
    for node in graph.nodes:
        op = node.op
        moved = isinstance(op, TAIL) and node.inputs[0] in plain and not any(getattr(op, "padding", ()))
        if isinstance(op, (*LAYERS, SourceAdd, SourceSubtract)) or moved:
            plain.add(node.name)
    return leads & plain
