"""FINN's folding JSON: PE, SIMD and ram_style of its layers, which are found in the network by their order.

    {"Defaults": {}, "MVAU_hls_0": {"PE": 8, "SIMD": 3, "ram_style": "auto", "resType": "lut"}, "Thresholding_rtl_0": …}

MVAU (also MatrixVectorActivation, StreamingFCLayer): dense layers and convolutions, in topological order. VVAU (also
VectorVectorActivation, Vector_Vector_Activate): depthwise convolutions. Thresholding: requantisers, where the file has
as many as the network, since FINN has some inside its MVAUs. Everything else, sliding windows, FIFOs, width
converters, ways to multiply, Intaglio chooses itself: it is skipped, and said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import IntaglioError
from ..ir import Graph, Node
from ..ops import Conv2d, Dense, Lookup, MulShift, Requantise, Shift, Threshold
from ..schedule.folding import Folding, Given, checked

FAMILIES = {
    "MVAU": ("MVAU", "MatrixVectorActivation", "StreamingFCLayer"),
    "VVAU": ("VVAU", "VectorVectorActivation", "Vector_Vector_Activate"),
    "Thresholding": ("Thresholding",),
}
RAM_STYLES = {"block": "bram", "distributed": "lutram"}


@dataclass(frozen=True)
class _Layer:
    """One entry of the file. kind: MVAU_hls; index: the number behind it."""

    key: str
    kind: str
    index: int
    fields: Mapping[str, Any]


def read_finn_folding(path: Path, graph: Graph) -> Folding:
    """What the file says of the network's layers.

    Raises:
        IntaglioError: for a file that cannot be read, or names a layer that the network does not have.
    """
    layers, other = _layers(path)
    nodes: dict[str, Given] = {}
    skipped = [f"{kind}: Intaglio makes its own" for kind in sorted(other)]
    listed_layers = [layer for listed in layers.values() for layer in listed]
    if any("resType" in layer.fields for layer in listed_layers):
        skipped.append("resType: the solver chooses how to multiply")
    if any(layer.fields.get("ram_style") == "ultra" for layer in listed_layers):
        skipped.append("ram_style ultra: parameters come with the bitstream, and UltraRAM powers up empty")
    for family, listed in layers.items():
        matching = [node for node in graph.nodes if _family(node) == family]
        if family == "Thresholding" and len(listed) != len(matching):
            if listed:
                skipped.append(f"{family}: {len(listed)} of them, but {len(matching)} requantisers here")
            continue
        in_order = len({layer.kind for layer in listed}) > 1  # _hls and _rtl count apart: the file's order says more
        for place, layer in enumerate(listed):
            position = place if in_order else layer.index
            where = f"{path}, {layer.key}"
            if position >= len(matching):
                raise IntaglioError(
                    f"there is no such layer: the network has {len(matching)} of that kind",
                    where=where,
                    other=", ".join(node.name for node in matching) or "none",
                )
            node = matching[position]
            given = Given(_fields(layer, node, where), f"{where}, which is {node.name}")
            nodes[node.name] = checked(given)
    return Folding(nodes, where=str(path), skipped=tuple(skipped))


def _layers(path: Path) -> tuple[dict[str, list[_Layer]], set[str]]:
    """The layers of each family, in the file's order, and the kinds of others."""
    try:
        table = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or error
        raise IntaglioError(f"the folding cannot be read: {said}", where=str(path)) from None
    if not isinstance(table, dict) or not all(isinstance(value, dict) for value in table.values()):
        raise IntaglioError("FINN's folding is an object of layers, each an object of attributes", where=str(path))
    defaults = table.pop("Defaults", {})
    families: dict[str, list[_Layer]] = {family: [] for family in FAMILIES}
    other = set()
    for key, attributes in table.items():
        named = re.fullmatch(r"(.+)_(\d+)", key)
        kind = named[1] if named else key
        base = re.sub(r"_(hls|rtl|Batch)$", "", kind)
        family = next((name for name, kinds in FAMILIES.items() if base in kinds), None)
        if family is None or named is None:
            other.add(base)
        else:
            families[family].append(_Layer(key, kind, int(named[2]), _defaults(defaults, kind) | attributes))
    return families, other


def _defaults(table: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Those of `"Defaults": {attribute: [value, [kinds or "all"]]}` that are for layers of this kind."""
    found = {}
    for name, value in table.items():
        is_default = isinstance(value, list) and len(value) == 2 and isinstance(value[1], list)
        if is_default and (kind in value[1] or "all" in value[1]):
            found[name] = value[0]
    return found


def _family(node: Node) -> str:
    op = node.op
    if isinstance(op, Conv2d):
        return "VVAU" if op.groups > 1 and op.group_inputs == 1 else "MVAU"
    if isinstance(op, Dense):
        return "MVAU"
    return "Thresholding" if isinstance(op, Requantise | Threshold | MulShift | Shift | Lookup) else ""


def _fields(layer: _Layer, node: Node, where: str) -> dict[str, Any]:
    """A kernel's fields. VVAU: PE channels side by side, SIMD places of the window, one or all."""
    said = layer.fields
    for name in ("PE", "SIMD"):
        if name in said and (type(said[name]) is not int or said[name] < 1):
            raise IntaglioError(f"{name} is a whole number from 1 up, not {said[name]!r}", where=where)
    pe, simd = said.get("PE", 1), said.get("SIMD", 1)
    fields: dict[str, Any] = {"pe": pe, "simd": simd}
    family = _family(node)
    if family == "VVAU":
        assert isinstance(node.op, Conv2d)
        fields = {"pe": pe * node.op.group_outputs, "simd": pe * simd}
    elif family == "Thresholding":
        fields["simd"] = pe
    if said.get("ram_style") in RAM_STYLES:
        fields["memory"] = RAM_STYLES[said["ram_style"]]
    return fields
