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
from math import prod

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from ...errors import IntaglioError
from ...ir import Border, Graph, Node, Op, TensorType, as_integers, verify
from ...ops.source import SourceGather
from ..findings import Finding, Refusal, raise_unsupported
from .activations import parts_of_soft_sign
from .export import export, module_class, module_path, user_location
from .hints import instead_of
from .rules import ALIASING, RULES
from .values import Arguments, Float64, Result, Value, operator_of, usual_order

RESERVED = {"input", "output"}  # the keywords of the text form
Example = Tensor | tuple[Tensor, ...]


def trace(net: nn.Module, example: Example, *, trains: bool = True) -> Graph:
    """The network as a graph of source operators.

    trains: what is built of it will be trained, so that a weight may have one use only.

    A parameter that is added to or multiplied with a tensor (PReLU's slopes too) is a constant from here on; only the
    weights of layers and batch norms train.

    Raises:
        IntaglioError: one for all operations that cannot be built, each with its place and what to write instead; or
            for an example that the network does not take, or a weight that is not finite.
    """
    translator = _translate(net, example, trains=trains)
    raise_unsupported(translator.findings)
    return verify(translator.graph(), lowered=False)


def check(net: nn.Module, example: Example) -> list[Finding]:
    """What becomes of every operation of the network, the unsupported ones included."""
    return _translate(net, example).findings


def _translate(net: nn.Module, example: Example, *, trains: bool = True) -> _Translator:
    translator = _Translator(export(net, example), trains)
    translator.run()
    return translator


@dataclass
class _Translator:
    program: ExportedProgram
    trains: bool = True
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values: dict[fx.Node, Result] = {}
        self.inputs: dict[str, TensorType] = {}
        self.nodes: list[Node] = []
        self.outputs: list[str] = []
        self.border: dict[str, Border] = {}
        self.names: set[str] = set(RESERVED)
        self.readers: dict[str, fx.Node] = {}
        self.constants: dict[fx.Node, Tensor | None] = {}
        self.position = {node: i for i, node in enumerate(self.program.graph.nodes)}

    def graph(self) -> Graph:
        wanted, nodes = set(self.outputs), []
        for node in reversed(self.nodes):  # what was only looked through leaves nothing behind
            if node.name in wanted:
                wanted.update(node.inputs)
                nodes.append(node)
        unread = [name for name in self.inputs if name not in wanted]
        if unread:
            raise IntaglioError(f"the network does not use its input {unread[0]}", hint="leave it out of forward()")
        return Graph(self.inputs, tuple(reversed(nodes)), tuple(self.outputs), self.border)

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
        name, axes = self._unique(node.name), _axes_wanted(node, len(shape))
        value = Value(name, tuple(shape[a] for a in axes)).transposed(tuple(int(a) for a in np.argsort(axes)))
        self.values[node] = value
        self.inputs[name] = TensorType(value.inside)
        if len(shape) == 3 or not value.is_standard:
            self.border[name] = Border(shape[1:], _order_outside(value))

    def _call(self, node: fx.Node) -> None:
        operator, loc = operator_of(node), user_location(node)
        if operator == "getitem":
            self.values[node] = self._picked(node)
            return
        if self.constant(node) is not None:
            return
        before, name = len(self.nodes), _base_name(node, operator)
        shown = module_class(node) or operator
        if parts_of_soft_sign(node):
            self.values[node] = self.values[node.args[0]]  # type: ignore[index]
            self.findings.append(Finding(name, shown, True, "a part of x / (1 + |x|)", loc=loc))
            return
        try:
            rule = RULES.get(operator)
            if rule is None:
                raise Refusal("there is no such operator in Intaglio", instead_of(operator))
            self._refuse_aliased_write(node, operator)
            arguments = Arguments(
                node, self.values, lambda n: self._parameter(n, node), self._numbers, self._adder(name, loc)
            )
            self.values[node] = rule(arguments)
            if arguments.untaken:
                key, given = next(iter(arguments.untaken.items()))
                raise Refusal(f"{key}={given} has no meaning here", f"leave {key} at its default")
            becomes = ", ".join(n.op.name for n in self.nodes[before:]) or "nothing"
            made = self.nodes[-1].name if len(self.nodes) > before else name
            self.findings.append(Finding(made, shown, True, becomes, loc=loc))
        except Refusal as refusal:
            self.values[node] = _nothing(node)
            self.findings.append(Finding(name, shown, False, "", refusal.why, refusal.instead, loc))

    def _picked(self, node: fx.Node) -> Value:
        """One of several results."""
        source, position = node.args
        whole = self.values[source]  # type: ignore[index]
        if isinstance(whole, Value):  # of an operator that has been refused
            return Value(whole.name, _shape(node))
        found = whole[position]  # type: ignore[index]
        return _nothing(node) if found is None else found

    def _outputs(self, node: fx.Node) -> None:
        for result in node.args[0]:  # type: ignore[union-attr]
            value = self.values.get(result) if isinstance(result, fx.Node) else None
            if not isinstance(value, Value):
                raise IntaglioError(
                    f"the network returns {result}, which is not computed from its input", hint="return tensors only"
                )
            if not value.name:
                self.outputs.append("")
                continue
            self.outputs.append(self._returned(value, user_location(result)))

    def _returned(self, value: Value, loc: str) -> str:
        """The tensor of an output, and its border where the user's array is no usual one."""
        usual = value.is_standard and len(value.shape) != 3
        border = None if usual else Border(value.shape[1:], _order_outside(value))
        name = value.name
        if name in self.inputs and border != self.border.get(name):  # both ends of one tensor
            name = self._copied(value, loc)
        if name in self.outputs and border != self.border.get(name):  # the same tensor, seen in two ways
            name = self._copied(value, loc)
        if border is not None:
            self.border[name] = border
        return name

    def _copied(self, value: Value, loc: str) -> str:
        op = SourceGather(as_integers(np.arange(prod(value.inside))), value.inside)
        return self._adder(f"{value.name}_view", loc)(op, (value.name,), "")

    def _parameter(self, node: fx.Node, reader: fx.Node) -> Float64 | None:
        """The parameter or buffer that a placeholder stands for; None for anything else."""
        target = self._target(node)
        if target is None:
            return None
        if self.trains and self.readers.setdefault(target, reader) is not reader:
            raise Refusal(
                f"{target} is used twice ({user_location(self.readers[target])}), and training would split it",
                "a module of its own for every use, or intaglio.quantize(net, calibration), which trains nothing",
            )
        array = self.program.state_dict[target].detach().cpu().double().numpy()
        return np.array(array, dtype=np.float64)

    def _target(self, node: fx.Node) -> str | None:
        signature = self.program.graph_signature
        return signature.inputs_to_parameters.get(node.name) or signature.inputs_to_buffers.get(node.name)

    def _numbers(self, node: fx.Node) -> Float64 | None:
        found = self.constant(node)
        return None if found is None else np.asarray(found.detach().cpu().double().numpy(), np.float64)

    def constant(self, node: fx.Node) -> Tensor | None:
        """The value of a node that no input reaches: a parameter, a buffer, or what is computed from such alone."""
        if node not in self.constants:
            self.constants[node] = self._computed(node)
        return self.constants[node]

    def _computed(self, node: fx.Node) -> Tensor | None:
        if node.op == "placeholder":
            target = self._target(node)
            if target is not None:
                found = self.program.state_dict.get(target)
                return self.program.constants.get(target) if found is None else found
            return self.program.constants.get(
                self.program.graph_signature.inputs_to_lifted_tensor_constants.get(node.name, "")
            )
        tags, operator = getattr(node.target, "tags", ()), operator_of(node)
        changes = operator[-1] == "_" and operator != "detach_"  # torch.tensor(...) in forward() is detached so
        if node.op != "call_function" or torch.Tag.nondeterministic_seeded in tags or changes:
            return None
        known = {given: self.constant(given) for given in node.all_input_nodes}
        if any(value is None for value in known.values()):
            return None
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: known[n])
        with torch.no_grad():
            if operator == "detach_":
                return args[0].detach()  # type: ignore[no-any-return]
            made = node.target(*args, **kwargs)  # type: ignore[operator]
        return made if isinstance(made, Tensor) else None

    def _refuse_aliased_write(self, node: fx.Node, operator: str) -> None:
        """An in-place operator changes its input under every name; that is only harmless if nobody reads it later."""
        if not operator.endswith("_") or not isinstance(node.args[0], fx.Node):
            return
        late = [u for alias in _aliases(node.args[0]) for u in alias.users if self.position[u] > self.position[node]]
        if late:
            raise Refusal("it changes a tensor in place that is read again later", f"the form {operator.rstrip('_')}")

    def _adder(self, base: str, loc: str) -> Callable[[Op, tuple[str, ...], str], str]:
        def add(op: Op, inputs: tuple[str, ...], part: str) -> str:
            name = self._unique(f"{base}_{part}" if part else base)
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


def _axes_wanted(node: fx.Node, rank: int) -> tuple[int, ...]:
    """The order of axes, batch and channels first, in which the network reads an input: the border brings it there."""
    readers = list(node.users)
    if readers and all(operator_of(reader) == "linear" for reader in readers):
        return (0, rank - 1, *range(1, rank - 1))
    if len(readers) == 1 and operator_of(readers[0]) in ("permute", "transpose"):
        dims = [d % rank for d in np.ravel(readers[0].args[1:])]  # type: ignore[arg-type]
        axes = list(range(rank))
        if operator_of(readers[0]) == "transpose":
            axes[dims[0]], axes[dims[1]] = dims[1], dims[0]
        else:
            axes = dims
        if axes[0] == 0:
            return tuple(int(a) for a in axes)
    return tuple(range(rank))


def _order_outside(value: Value) -> np.ndarray | None:
    """The order of a border: None where only the channels move to the front."""
    moved = usual_order(value.shape) if len(value.shape) > 1 else None
    fits = value.inside[-1] == value.shape[1] or len(value.shape) == 2
    return None if fits and np.array_equal(value.positions, moved) else as_integers(value.positions)


def _nothing(node: fx.Node) -> Value:
    return Value("", _shape(node))


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
    while operator_of(node) in ALIASING and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    waiting, found = [node], set[fx.Node]()
    while waiting:
        node = waiting.pop()
        found.add(node)
        waiting.extend(user for user in node.users if operator_of(user) in ALIASING)
    return found


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(int(n) for n in getattr(node.meta.get("val"), "shape", ()))


def _base_name(node: fx.Node, operator: str) -> str:
    """features.0 -> features_0 for one of torch's layers; block + operator for what a forward() calls itself."""
    path = module_path(node)
    if not path or not module_class(node):
        path = f"{path}.{operator.strip('_')}" if path else operator.strip("_")
    name = re.sub(r"[^A-Za-z0-9_]", "_", path)
    return f"layer_{name}" if name[0].isdigit() else name
