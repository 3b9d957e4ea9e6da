"""A PyTorch module -> the float source graph, through torch.export.

def forward(self, x):                     input x: real[28x28x1]
    x = F.relu(self.conv1(x))       ->    conv1 = source.conv2d(x)
    return self.fc(x.flatten(1))          relu = source.relu(conv1)
                                          flatten = source.flatten(relu)
                                          fc = source.linear(flatten)      columns permuted to H,W,C
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from ..errors import IntaglioError
from ..ir import Graph, Node, Op, TensorType, verify
from .export import export, module_class, module_path, user_location
from .findings import Finding, Refusal, raise_unsupported
from .torch_hints import instead_of
from .torch_rules import ALIASING, RULES
from .torch_values import Arguments, Float64, Value

RESERVED = {"input", "output"}  # the keywords of the text form


def trace(net: nn.Module, example: Tensor) -> Graph:
    """The network as a graph of source operators.

    Raises:
        IntaglioError: one for all operations that cannot be built, each with its place and what to write instead; or
            for an example that the network does not take, or a weight that is not finite.
    """
    translator = _translate(net, example)
    raise_unsupported(translator.findings)
    return verify(translator.graph(), lowered=False)


def check(net: nn.Module, example: Tensor) -> list[Finding]:
    """What becomes of every operation of the network, the unsupported ones included."""
    return _translate(net, example).findings


def _translate(net: nn.Module, example: Tensor) -> _Translator:
    translator = _Translator(export(net, example))
    translator.run()
    return translator


@dataclass
class _Translator:
    program: ExportedProgram
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values: dict[fx.Node, Value] = {}
        self.inputs: dict[str, TensorType] = {}
        self.nodes: list[Node] = []
        self.outputs: list[str] = []
        self.names: set[str] = set(RESERVED)
        self.readers: dict[str, fx.Node] = {}
        self.position = {node: i for i, node in enumerate(self.program.graph.nodes)}

    def graph(self) -> Graph:
        return Graph(self.inputs, tuple(self.nodes), tuple(self.outputs))

    def run(self) -> None:
        live = _live(self.program.graph)
        user_inputs = set(self.program.graph_signature.user_inputs)
        for node in self.program.graph.nodes:
            if node.op == "placeholder" and node.name in user_inputs:
                self._input(node)
            elif node.op == "call_function" and node in live:
                self._call(node)
            elif node.op == "output":
                self._outputs(node)

    def _input(self, node: fx.Node) -> None:
        shape = tuple(int(n) for n in node.meta["val"].shape)
        name = self._unique(node.name)
        self.values[node] = Value(name, shape)
        self.inputs[name] = TensorType(shape[1:] if len(shape) == 2 else (*shape[2:], shape[1]))

    def _call(self, node: fx.Node) -> None:
        operator, loc = _operator(node), user_location(node)
        if operator == "getitem":  # of an operator with several results, which has been refused
            self.values[node] = Value("", _shape(node))
            return
        before, name = len(self.nodes), _base_name(node, operator)
        shown = module_class(node) or operator
        try:
            rule = RULES.get(operator)
            if rule is None:
                raise Refusal("there is no such operator in Intaglio", instead_of(operator))
            self._refuse_aliased_write(node, operator)
            arguments = Arguments(node, self.values, lambda n: self._parameter(n, node), self._adder(name, loc))
            self.values[node] = rule(arguments)
            if arguments.untaken:
                key, given = next(iter(arguments.untaken.items()))
                raise Refusal(f"{key}={given} has no meaning here", f"leave {key} at its default")
            becomes = ", ".join(n.op.name for n in self.nodes[before:]) or "nothing"
            made = self.nodes[-1].name if len(self.nodes) > before else name
            self.findings.append(Finding(made, shown, True, becomes, loc=loc))
        except Refusal as refusal:
            self.values[node] = Value("", _shape(node))
            self.findings.append(Finding(name, shown, False, "", refusal.why, refusal.instead, loc))

    def _outputs(self, node: fx.Node) -> None:
        for result in node.args[0]:  # type: ignore[union-attr]
            value = self.values.get(result) if isinstance(result, fx.Node) else None
            if value is None or not isinstance(result, fx.Node):
                raise IntaglioError(
                    f"the network returns {result}, which is not computed from its input", hint="return tensors only"
                )
            if value.order is not None:
                self.findings.append(
                    Finding(
                        value.name,
                        "output",
                        False,
                        why="a flattened image is an output, and its order inside is H, W, C",
                        instead="return the image before nn.Flatten, or nn.Linear after it",
                        loc=user_location(result),
                    )
                )
            self.outputs.append(value.name)

    def _parameter(self, node: fx.Node, reader: fx.Node) -> Float64 | None:
        """The parameter or buffer that a placeholder stands for; None for anything else."""
        signature = self.program.graph_signature
        target = signature.inputs_to_parameters.get(node.name) or signature.inputs_to_buffers.get(node.name)
        if target is None:
            return None
        if self.readers.setdefault(target, reader) is not reader:
            raise Refusal(
                f"{target} is used twice ({user_location(self.readers[target])}), and training would split it",
                "a module of its own for every use",
            )
        array = self.program.state_dict[target].detach().cpu().double().numpy()
        return np.array(array, dtype=np.float64)

    def _refuse_aliased_write(self, node: fx.Node, operator: str) -> None:
        """An in-place operator changes its input under every name; that is only harmless if nobody reads it later."""
        if not operator.endswith("_") or not isinstance(node.args[0], fx.Node):
            return
        late = [u for alias in _aliases(node.args[0]) for u in alias.users if self.position[u] > self.position[node]]
        if late:
            raise Refusal("it changes a tensor in place that is read again later", f"the form {operator.rstrip('_')}")

    def _adder(self, base: str, loc: str) -> Callable[[Op, tuple[str, ...]], str]:
        def add(op: Op, inputs: tuple[str, ...]) -> str:
            name = self._unique(base)
            self.nodes.append(Node(name, op, inputs, loc))
            return name

        return add

    def _unique(self, name: str) -> str:
        candidate, count = name, 0
        while candidate in self.names:
            count += 1
            candidate = f"{name}_{count}"
        self.names.add(candidate)
        return candidate


def _live(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that an output depends on."""
    waiting = [node for node in graph.nodes if node.op == "output"]
    found: set[fx.Node] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(node.all_input_nodes)
    return found


def _aliases(node: fx.Node) -> set[fx.Node]:
    """The nodes that may share this one's memory: what it is a view of, and all views of that."""
    while _operator(node) in ALIASING and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    waiting, found = [node], set[fx.Node]()
    while waiting:
        node = waiting.pop()
        found.add(node)
        waiting.extend(user for user in node.users if _operator(user) in ALIASING)
    return found


def _operator(node: fx.Node) -> str:
    schema = getattr(node.target, "_schema", None)
    if schema is not None:
        return str(schema.name).rpartition("::")[2]
    return getattr(node.target, "__name__", str(node.target))


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(int(n) for n in getattr(node.meta.get("val"), "shape", ()))


def _base_name(node: fx.Node, operator: str) -> str:
    """features.0 -> features_0 for one of torch's layers; block + operator for what a forward() calls itself."""
    path = module_path(node)
    if not module_class(node):
        path = f"{path}.{operator.strip('_')}" if path else operator.strip("_")
    name = re.sub(r"[^A-Za-z0-9_]", "_", path)
    return f"layer_{name}" if name[0].isdigit() else name
