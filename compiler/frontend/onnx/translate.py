"""An ONNX file (QONNX, QCDQ or plain) -> the source graph, exactly.

    x = Quant(global_in, 1/1024, 0, 16)             x = source.fixed_quantise(global_in)
    w = Quant(weight, 1/32, 0, 6)            ->     (codes and scale of the layer)
    y = MatMul(x, w)                                y = source.linear(x)
    z = Add(y, Quant(bias, ...))                    z = source.affine(y)
    a = Relu(z)                                     a = source.relu(z)

Constants are folded as the rational numbers that they are. Every attribute and input of every node is taken by its
rule, or the node is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import IntaglioError
from ...ir import Graph, verify
from ...ops.source import Affine, FixedQuantise, SourceMultiThreshold
from ..findings import Finding, Refusal, raise_unsupported
from ..fixed_type import fixed_type
from ..values import Value
from . import (
    rules_activations,
    rules_arithmetic,
    rules_channels_last,
    rules_constants,
    rules_layers,
    rules_movers,
    rules_pools,
    rules_quantisers,
    rules_shapes,
    rules_sizes,
)
from .builder import LARGEST_TENSOR, Builder, Codes, Tensor, Unknown
from .call import FAMILIES, FOLDS, RULES, STANDARD, Call, Options, decoded
from .constants import Constant, elements
from .hints import instead_of
from .model import OnnxModel, OnnxNode, read_model

RULE_FILES = (
    rules_activations,
    rules_arithmetic,
    rules_channels_last,
    rules_constants,
    rules_layers,
    rules_movers,
    rules_pools,
    rules_quantisers,
    rules_shapes,
    rules_sizes,
)
"""Importing them registers their rules."""

MALFORMED = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    MemoryError,
    RecursionError,
    NotImplementedError,
)
MOST_FOLDED = 1 << 28
LINEAR = ("QuantizeLinear", "DequantizeLinear")
FOLD = "fold constants when exporting (do_constant_folding=True, or onnxsim)"
INTEGER_INPUTS = {"uint8": "uint8", "int8": "int8", "uint16": "uint16", "int16": "int16"}
WRONG = "a node as the ONNX standard has it"
Types = Mapping[str, str] | str | None


def read_onnx(
    path: str | Path,
    *,
    input_types: Types = None,
    output_type: str | None = None,
    quantised: bool = True,
    softmax_bits: int = 16,
) -> Graph:
    """The network as a source graph, its border in the user's axes.

    input_types: what the inputs hold, one type (`fixed<16,6>`) for all or one by name; needed where the network does
    not quantise an input itself. output_type: a quantiser at every output. quantised: every weight must come as codes
    and a scale; else weights stay floats (for quantisation after training).

    Raises:
        IntaglioError: one for all nodes that cannot be built, each with its reason and what to write instead; or for a
            file that is damaged, or an input that no quantiser meets.
    """
    translator = _Translator(path, input_types, output_type, Options(quantised, softmax_bits))
    translator.run()
    raise_unsupported([f for f in translator.findings if f.operator != "input"])
    translator.raise_missing()
    try:
        return verify(translator.graph, lowered=False)
    except IntaglioError as error:
        raise IntaglioError(error.what, where=error.where or str(path), other=error.other, hint=error.hint) from None


def check_onnx(
    path: str | Path,
    *,
    input_types: Types = None,
    output_type: str | None = None,
    quantised: bool = True,
    softmax_bits: int = 16,
) -> list[Finding]:
    """What becomes of every node of the network, those that cannot be built included."""
    translator = _Translator(path, input_types, output_type, Options(quantised, softmax_bits))
    translator.run()
    return translator.findings


class _Translator:
    def __init__(self, path: str | Path, input_types: Types, output_type: str | None, options: Options) -> None:
        self.model: OnnxModel = read_model(path)
        self.options, self.types = options, input_types
        self.output_type = None if output_type is None else fixed_type(output_type, "output_type")
        self.findings: list[Finding] = []
        self.builder = Builder()
        self.readers: dict[str, list[Any]] = {name: [None] for name in self.model.outputs}
        for node in self.model.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.folded = 0
        self.graph: Graph = Graph({}, (), ())

    def run(self) -> None:
        self._check_types()
        fixed = [s[0] for _, s in self.model.inputs.values() if s and s[0]]
        if len(set(fixed)) > 1:
            raise IntaglioError(
                f"its inputs have batches of {fixed}", where=self.model.path, hint="one batch size, or a dynamic one"
            )
        self.builder.batch = fixed[0] if fixed else 1
        for name, (kind, shape) in self.model.inputs.items():
            self._input(name, kind, shape)
        for node in self.model.nodes:
            self._node(node)
        if all(f.supported for f in self.findings):
            self._outputs()

    # -- inputs ----------------------------------------------------------------------------------------------------
    def _check_types(self) -> None:
        if isinstance(self.types, Mapping):
            for name in self.types:
                if name not in self.model.inputs:
                    raise IntaglioError(
                        f"there is no input {name}",
                        where=self.model.path,
                        hint=f"inputs: {', '.join(self.model.inputs)}",
                    )

    def _input(self, name: str, kind: int, shape: tuple[int | None, ...]) -> None:
        from onnx import TensorProto

        where = f"{self.model.path}, ONNX input {name}"
        if len(shape) < 2 or any(n is None or n < 1 for n in shape[1:]) or (shape[0] is not None and shape[0] < 1):
            shown = ", ".join("?" if n is None else str(n) for n in shape)
            raise IntaglioError(
                f"the input {name} has the shape ({shown})",
                where=where,
                hint="a batch axis, then sizes that are fixed, such as (N, 3, 32, 32): "
                "onnx.tools.update_model_dims.update_inputs_outputs_dims",
            )
        full = (self.builder.batch, *(int(n) for n in shape[1:] if n is not None))
        if elements(full[1:]) > LARGEST_TENSOR or len(full) > 8:
            raise IntaglioError(f"the input {name} has the shape {full}", where=where, hint=f"at most {LARGEST_TENSOR}")
        names = {v: k.lower() for k, v in TensorProto.DataType.items()}
        given = self.types.get(name) if isinstance(self.types, Mapping) else self.types
        if names.get(kind) not in ("float", "double", "float16", "bfloat16", "int32", "int64", *INTEGER_INPUTS):
            raise IntaglioError(
                f"the input {name} is of type {names.get(kind, kind)}", where=where, hint="float32, or integers"
            )
        value = self.builder.input(name, full)
        given = given or INTEGER_INPUTS.get(names[kind]) or self.model.held.get(name)
        if given is not None:
            op = fixed_type(given, where)
            held = self.builder.add(f"{value.name}_quantised", f"ONNX input {name}", op, value)
            value = Value(held, full)
        if "int" in names[kind]:
            self.builder.integral.add(value.name)
        self.builder.tensors[name] = value

    # -- nodes -----------------------------------------------------------------------------------------------------
    def _node(self, node: OnnxNode) -> None:
        before = len(self.builder.nodes)
        try:
            self._load(node)
            results = self._translated(node)
            if results is None:
                return
            for name, tensor in zip(node.outputs, results, strict=False):
                if not name:
                    continue
                if tensor is None:
                    if name in self.readers:
                        raise Refusal(f"its output {name} is used", "its first output alone")
                    continue
                self.builder.tensors[name] = tensor
            self.findings.append(self._supported(node, before, results))
        except Refusal as refusal:
            self._refused(node, refusal.why, refusal.instead)
        except IntaglioError as error:
            self._refused(node, error.what, error.hint or WRONG)
        except MALFORMED as error:
            text = str(error).strip().splitlines()
            reason = f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
            self._refused(node, f"it is malformed ({reason})", WRONG)

    def _load(self, node: OnnxNode) -> None:
        """The initialisers that it reads, decoded when first needed."""
        for name in node.inputs:
            if name and name not in self.builder.tensors and name in self.model.initialisers:
                self.builder.tensors[name] = decoded(self.model.initialisers[name], name)

    def _translated(self, node: OnnxNode) -> tuple[Tensor | None, ...] | None:
        inputs = [self.builder.tensors[name] for name in node.inputs if name]
        family = FAMILIES.get(node.domain)
        key = (family if family is not None else node.domain, node.op_type)
        rule = RULES.get(key)
        constant = all(isinstance(x, Constant) for x in inputs)
        if constant and family == STANDARD and node.op_type in FOLDS:
            rule = FOLDS[node.op_type]
        elif constant and rule is not None and family == STANDARD and node.op_type not in LINEAR:
            raise Refusal("it computes a constant", FOLD)
        if rule is None:
            raise Refusal("there is no such operator in Intaglio", instead_of(node.op_type, node.domain))
        if any(isinstance(x, Unknown) for x in inputs):
            self._unchecked(node, inputs)
            return None
        if len(node.outputs) > 256:
            raise Refusal(f"it has {len(node.outputs)} outputs", "fewer")
        call = Call(node, self.builder, self.model.opset, self.options, self.readers)
        results = rule(call)
        results = results if isinstance(results, tuple) else (results,)
        if call.untaken:
            name, given = next(iter(call.untaken.items()))
            raise Refusal(f"its attribute {name}={str(given)[:40]} has no meaning here", f"leave {name} out")
        if call.unread:
            raise Refusal(f"its input {node.inputs[min(call.unread)]} has no meaning here", "leave that input out")
        if any(node.outputs[len(results) :]):
            raise Refusal(f"it has {len(node.outputs)} outputs", f"the first {len(results)}")
        self.folded += sum(x.size for x in results if isinstance(x, Constant))
        if self.folded > MOST_FOLDED:
            raise IntaglioError(
                "its constants grow beyond what a network needs",
                where=self.model.path,
                hint=FOLD,
            )
        return results

    def _supported(self, node: OnnxNode, before: int, results: tuple[Tensor | None, ...]) -> Finding:
        made = self.builder.nodes[before:]
        becomes = ", ".join(n.op.name for n in made)
        if not becomes:
            first = next((x for x in results if x is not None), None)
            becomes = "a constant" if isinstance(first, Constant) else "nothing"
            becomes = "a quantiser, with its DequantizeLinear" if isinstance(first, Codes) else becomes
        return Finding(node.name, node.op_type, True, becomes, loc=node.loc)

    def _refused(self, node: OnnxNode, why: str, instead: str) -> None:
        self.findings.append(Finding(node.name, node.op_type, False, "", why, instead, node.loc))
        self._forget(node)

    def _unchecked(self, node: OnnxNode, inputs: list[Tensor]) -> None:
        self.findings.append(
            Finding(node.name, node.op_type, True, "not known: what it reads cannot be built", loc=node.loc)
        )
        self._forget(node)

    def _forget(self, node: OnnxNode) -> None:
        """Its results are unknown; where the file claims their shape, what follows can still be checked. What is
        computed from constants would be one: its readers cannot be checked.
        """
        given = [self.builder.tensors.get(name) for name in node.inputs if name]
        constant = bool(given) and all(isinstance(x, Constant) for x in given)
        for name in node.outputs:
            shape = self.model.hints.get(name)
            if not name or name in self.builder.tensors:
                continue
            if shape is None or constant:
                self.builder.tensors[name] = Unknown()
            else:
                shape = (self.builder.batch, *shape[1:])
                self.builder.tensors[name] = Builder.input(self.builder, f"unknown_{name}", shape)

    # -- outputs ---------------------------------------------------------------------------------------------------
    def _outputs(self) -> None:
        ends: list[tuple[Value, str]] = []
        for name in self.model.outputs:
            where = f"ONNX output {name}"
            if name in self.model.initialisers or isinstance(self.builder.tensors.get(name), Constant):
                raise IntaglioError(f"the output {name} is a constant", where=where, hint="export without that output")
            tensor = self.builder.tensors[name]
            if isinstance(tensor, Codes):
                node = OnnxNode(name, "output", "", (), (), {})
                call = Call(node, self.builder, self.model.opset, self.options, self.readers)
                tensor = rules_quantisers.as_values(call, tensor)
            assert isinstance(tensor, Value)
            if self.output_type is not None and tensor.name not in self.builder.integral:
                held = self.builder.add(f"{name}_quantised", where, self.output_type, tensor)
                tensor = Value(held, tensor.shape, tensor.order, tensor.inside)
            ends.append((tensor, name))
        self.graph = self.builder.graph(ends)
        self._missing()

    def _missing(self) -> None:
        """Inputs that reach an operator before any quantiser: only affine maps may stand between."""
        if not self.options.quantised:
            return
        raw = {name: name for name in self.graph.inputs}
        bare: dict[str, str] = {}
        for node in self.graph.nodes:
            roots = [raw[i] for i in node.inputs if i in raw]
            if not roots:
                continue
            op: Any = node.op
            if isinstance(op, Affine) and all(op.multiplier):
                raw[node.name] = roots[0]
                continue
            if isinstance(op, SourceMultiThreshold) or (
                isinstance(op, FixedQuantise) and len({*op.zero.tolist()}) == 1
            ):
                continue
            for root in roots:
                bare.setdefault(root, node.loc)
        for name in self.graph.outputs:
            if name in raw:
                bare.setdefault(raw[name], f"ONNX output {name}")
        names = dict(zip(self.graph.inputs, self.model.inputs, strict=True))
        for root, reader in bare.items():
            self.findings.append(
                Finding(
                    names[root],
                    "input",
                    False,
                    "",
                    f"the input {names[root]} has no quantiser ({reader} reads it)",
                    "--input-type fixed<16,6> (load(..., input_type='fixed<16,6>'))",
                    f"ONNX input {names[root]}",
                )
            )

    def raise_missing(self) -> None:
        for f in self.findings:
            if f.operator == "input" and not f.supported:
                raise IntaglioError(f.why, where=f"{self.model.path}, {f.loc}", hint=f"say what it holds: {f.instead}")
