"""Attacks by graphs that are none, by shapes and types, and by data that is not what its sizes say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper

from .hostile_base import DOMAIN, FLOAT, Change, attack, initialiser, node

# graphs that are none


def _rename(at: str, where: str, position: int, to: str) -> Change:
    def change(model: ModelProto) -> None:
        getattr(node(model, at), where)[position] = to

    return change


def _drop(name: str) -> Change:
    return lambda model: model.graph.initializer.remove(initialiser(model, name))


for name in ("s", "z", "b", "w", "gamma", "v", "bias"):
    attack(f"initialiser {name} missing", _drop(name))
attack("a cycle", _rename("conv", "input", 0, "p"))
attack("a node that reads itself", _rename("relu", "input", 0, "r"))
attack("an input that nothing writes", _rename("relu", "input", 0, "nowhere"))
attack("two nodes that write one tensor", _rename("norm", "output", 0, "a"))
attack("a node that writes an initialiser", _rename("norm", "output", 0, "s"))
attack("a node that writes the input", _rename("norm", "output", 0, "x"))
attack("an empty name for an input that is needed", _rename("conv", "input", 0, ""))
attack("an empty name for an output", _rename("relu", "output", 0, ""))
attack("a quantiser of another's scale, of the input", _rename("activation", "input", 1, "x"))
attack("weights that are the input", _rename("conv", "input", 1, "x"))
attack("a bit width that is computed", _rename("activation", "input", 3, "r"))


def _graph(change: Callable[[GraphProto], Any]) -> Change:
    def changed(model: ModelProto) -> None:
        change(model.graph)

    return changed


def _cleared(*fields: str) -> Change:
    def change(model: ModelProto) -> None:
        for field in fields:
            model.graph.ClearField(field)

    return change


for fields in (("node",), ("output",), ("input",), ("initializer",), ("node", "output"), ("node", "input", "output")):
    attack(f"no {' and no '.join(fields)}", _cleared(*fields))
attack("no graph", lambda model: model.ClearField("graph"))
attack("an output that nothing writes", _graph(lambda g: setattr(g.output[0], "name", "nothing")))
attack("the same output twice", _graph(lambda g: g.output.append(g.output[0])))
attack("an input that is the output", _graph(lambda g: setattr(g.output[0], "name", "x")))
attack("the same input twice", _graph(lambda g: g.input.append(g.input[0])))
attack("two initialisers of one name", _graph(lambda g: g.initializer.append(g.initializer[0])))
attack("too few inputs of a quantiser", _graph(lambda g: g.node[0].input.pop()))
attack("too many inputs of a quantiser", _graph(lambda g: g.node[0].input.append("s")))
attack("too many inputs of a Relu", _graph(lambda g: g.node[4].input.append("x")))
attack("no input of a Relu", _graph(lambda g: g.node[4].input.pop()))
attack("no output of a Relu", _graph(lambda g: g.node[4].output.pop()))
attack("a Relu of two outputs", _graph(lambda g: g.node[4].output.append("again")))
attack("an operator that is unknown", _graph(lambda g: setattr(g.node[4], "op_type", "Rectify")))
attack("an operator without a name", _graph(lambda g: setattr(g.node[4], "op_type", "")))
attack("a domain that is unknown", _graph(lambda g: setattr(g.node[4], "domain", "com.example")))
attack("a standard operator in QONNX's domain", _graph(lambda g: setattr(g.node[4], "domain", DOMAIN)))
attack("a quantiser in the standard domain", _graph(lambda g: setattr(g.node[0], "domain", "")))
attack("an operator of a long name", _graph(lambda g: setattr(g.node[4], "op_type", "Relu" * 100_000)))
attack("a name of a million characters", _graph(lambda g: setattr(g.node[4], "name", "n" * 1_000_000)))
attack("a name that climbs", _graph(lambda g: setattr(g.node[4], "name", "../../../etc/passwd")))
attack("a name that is markup", _graph(lambda g: setattr(g.node[4], "op_type", "[red]Rectify[/blue]")))
attack("a name with zeros and escapes", _graph(lambda g: setattr(g.node[4], "op_type", "a\0b\x1b[2J\n\r")))


# shapes and types


def _dims(*sizes: Any) -> Change:
    def change(model: ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", FLOAT, list(sizes)))

    return change


BIG = 10**9
for label, sizes in {
    "an input of 10^9 by 10^9": (1, 2, BIG, BIG),
    "an input of 2^62": (1, 2, 2**62, 4),
    "an input of negative size": (1, 2, -4, 4),
    "an input of size zero": (1, 2, 0, 4),
    "an input without channels": (1, 0, 4, 4),
    "an input of no samples": (0, 2, 4, 4),
    "an input with names for sizes": ("n", "c", "h", "w"),
    "an input with sizes that are not said": (None, None, None, None),
    "an input whose height is a name": (1, 2, "h", 4),
    "an input of other channels": (1, 3, 4, 4),
    "an input of two axes": (1, 2),
    "an input of six axes": (1, 2, 4, 4, 1, 1),
    "an input of no axes": (),
    "an input of other sizes than the layers need": (1, 2, 5, 4),
    "a batch of a million": (10**6, 2, 4, 4),
}.items():
    attack(label, _dims(*sizes))
for kind in ("STRING", "COMPLEX64", "BOOL", "INT8", "BFLOAT16", "FLOAT8E4M3FN", "UNDEFINED"):
    attack(
        f"an input of type {kind}",
        _graph(lambda g, kind=kind: setattr(g.input[0].type.tensor_type, "elem_type", getattr(TensorProto, kind))),
    )
attack("an input of type 999", _graph(lambda g: setattr(g.input[0].type.tensor_type, "elem_type", 999)))
attack("an input without a type", _graph(lambda g: g.input[0].ClearField("type")))
attack("an input that is a sequence", _graph(lambda g: g.input[0].CopyFrom(sequence("x"))))
attack(
    "an output of another shape", _graph(lambda g: g.output[0].CopyFrom(helper.make_tensor_value_info("y", FLOAT, [9])))
)


def sequence(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, FLOAT, [1])


def _tensor(name: str, **fields: Any) -> Change:
    """Fields of an initialiser, set as they are: sizes without data, data of another length, types that are none."""

    def change(model: ModelProto) -> None:
        tensor = initialiser(model, name)
        for key, value in fields.items():
            if isinstance(value, list):
                tensor.ClearField(key)
                getattr(tensor, key).extend(value)
            else:
                setattr(tensor, key, value)

    return change


attack("2^40 elements without data", _tensor("v", dims=[2**20, 2**20], raw_data=b""))
attack("2^62 elements in a few bytes", _tensor("v", dims=[2**31, 2**31], raw_data=b"\0" * 16))
attack("sizes that overflow", _tensor("v", dims=[2**62, 2**62], raw_data=b"\0" * 16))
attack("negative sizes", _tensor("v", dims=[-3, -64]))
attack("one size of -1", _tensor("v", dims=[3, -1]))
attack("sizes of zero with data", _tensor("v", dims=[0, 64]))
attack("less data than sizes say", _tensor("v", raw_data=b"\0" * 17))
attack("more data than sizes say", _tensor("v", raw_data=b"\0" * 4096))
attack("a type of 77", _tensor("v", data_type=77))
attack("no type", _tensor("v", data_type=0))
attack("64-bit floats in 32-bit data", _tensor("v", data_type=TensorProto.DOUBLE))
attack("strings in raw data", _tensor("v", data_type=TensorProto.STRING))
attack("raw and plain data", _tensor("v", float_data=[1.0, 2.0]))
attack("a thousand axes", _tensor("s", dims=[1] * 1000))


def _external(location: str, **more: str) -> Change:
    def change(model: ModelProto) -> None:
        tensor = initialiser(model, "v")
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)

    return change


for place in ("../../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "not_there.bin", "", ".", "a\0b", "x" * 5000):
    attack(f"external data at {place[:30]!r}", _external(place))
attack("external data of a huge length", _external("not_there.bin", length=str(2**50), offset="0"))
attack("external data at a negative offset", _external("not_there.bin", offset="-5"))
attack("external data of a length that is no number", _external("not_there.bin", length="many"))
attack("external data from the kernel", _external("/proc/self/mem", offset="0", length="768"))
