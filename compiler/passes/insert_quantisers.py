"""Places where the network becomes integers: one quantiser each.

    x                                    x
    conv1 = source.conv2d(x)             x_q     = source.quantise(x) bits=8
    relu1 = source.relu(conv1)     ->    conv1   = source.conv2d(x_q)
    fc = source.linear(relu1)            relu1   = source.relu(conv1)
                                         relu1_q = source.quantise(relu1) bits=4
                                         fc      = source.linear(relu1_q)

They stand at every input, after every ReLU and every average pool, before every layer that is still fed with real
values, and, one group with one scale, on both inputs of every addition. The logits stay as the last layer makes them.
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceAdd,
    SourceArgmax,
    SourceAvgPool,
    SourceConv2d,
    SourceFlatten,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)

LAYERS = (SourceConv2d, SourceLinear)
MOVES = (SourceFlatten, SourceMaxPool)  # they hand on what they are given, so codes stay codes
TAIL = (SourceFlatten, SourceMaxPool, SourceAvgPool, SourceArgmax)  # what may stand behind the last layer
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
            if isinstance(node.op, SourceAdd):
                self._add(node)
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
        if isinstance(op, SourceArgmax):
            inputs = [self._finish(source) for source in node.inputs]
        self._emit(replace(node, inputs=tuple(inputs)))
        if isinstance(op, Quantise) or (isinstance(op, MOVES) and inputs[0] in self.codes):
            self.codes.add(node.name)
        if isinstance(op, SourceRelu | SourceAvgPool) and node.name not in self.logits and not self._comes_next(node):
            self.name_of[node.name] = self._quantise(node.name, self.act_bits, loc=node.loc)

    def _add(self, node: Node) -> None:
        """Both inputs get quantisers of one group; one that only this addition reads is joined to it instead."""
        if self._is_grouped(node):
            self._emit(node)
            return
        group = f"{node.name}_group"
        inputs: dict[str, str] = {}
        for source in dict.fromkeys(node.inputs):
            name = self.name_of[source]
            place = next((i for i, n in enumerate(self.nodes) if n.name == name and isinstance(n.op, Quantise)), None)
            only_here = all(reader == node.name for reader, _ in self.graph.consumers[source])
            if place is not None and only_here and source not in self.graph.inputs and source not in self.graph.outputs:
                self.nodes[place] = replace(self.nodes[place], op=Quantise(self.act_bits, group=group))
                inputs[source] = name
            else:
                inputs[source] = self._quantise(name, self.act_bits, group=group, base=f"{node.name}_{source}")
        self._emit(replace(node, inputs=tuple(inputs[name] for name in node.inputs)))

    def _needs_codes(self, node: Node) -> bool:
        op = node.op
        if isinstance(op, SourceAvgPool):
            return any(op.padding)  # a bias would be lost in the padding
        if isinstance(op, SourceFlatten):  # before it, a quantiser has one channel for all pixels
            return any(isinstance(self.graph.by_name[name].op, LAYERS) for name, _ in self.graph.consumers[node.name])
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
        return len(ops) == 2 and all(isinstance(op, Quantise) for op in ops) and len(groups) == 1 and groups != {""}

    def _output(self, name: str) -> str:
        node = self.graph.by_name.get(name)
        return self.name_of[name] if node is None or isinstance(node.op, SourceArgmax) else self._finish(name)

    def _finish(self, source: str) -> str:
        """A quantiser before an output (or an argmax), if one is asked for or the tensor has no single scale."""
        name = self.name_of[source]
        if name in self.codes or (self.output_bits is None and source in self.logits):
            return name
        bits = self.output_bits or max(self.act_bits, LOGIT_BITS)
        self.name_of[source] = self._quantise(name, bits)
        return self.name_of[source]

    def _comes_next(self, node: Node) -> bool:
        """Whether a quantiser already reads this tensor, and nothing else does."""
        readers = [self.graph.by_name[reader].op for reader, _ in self.graph.consumers[node.name]]
        return bool(readers) and all(isinstance(op, Quantise) for op in readers) and node.name not in self.graph.outputs

    def _as_codes(self, name: str) -> str:
        if name in self.codes:
            return name
        quantised = self._quantise(name, self.act_bits)
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
        if isinstance(op, (*LAYERS, SourceAdd)) or moved:
            plain.add(node.name)
    assert not any(isinstance(graph.by_name[n].op, BatchNorm | Affine | SourceRelu) for n in plain)
    return leads & plain
