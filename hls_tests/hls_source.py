"""HLS C++ as a synthesiser reads it: preprocessed by g++, parsed by tree-sitter, and what rules ask of it.

`read(files, name)` gives the functions of a file; a `Function` knows its loops with their pragmas, its arrays with
theirs, its constants, and of every name whether it is a constant, an unrolled loop's variable or a signal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import tree_sitter
import tree_sitter_cpp
from intaglio.codegen.env import render
from intaglio.toolchain.cpp import compiler
from intaglio.toolchain.process import run
from tree_sitter import Node

VENDOR = ("ap_int.h", "hls_stream.h", "ap_axi_sdata.h")
"""Headers of the synthesiser: their types are known, their text is not looked at."""

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))


def expand(files: Mapping[str, str], name: str) -> str:
    """The text of a file after preprocessing as for synthesis, macros and our own headers expanded."""
    with TemporaryDirectory(prefix="intaglio_") as scratch:
        folder = Path(scratch)
        known = {"intaglio.h": render("hls/intaglio.h.j2"), **dict.fromkeys(VENDOR, ""), **files}
        for path, text in known.items():
            (folder / path).write_text(text)
        options = ["-E", "-P", "-x", "c++", "-nostdinc", "-nostdinc++", "-D__SYNTHESIS__", "-I", folder]
        run([compiler(), *options, folder / name, "-o", folder / "expanded"], folder, folder / "log")
        return (folder / "expanded").read_text()


def walk(node: Node, *types: str) -> Iterator[Node]:
    """The node and all nodes below it, in the order of the text: those of the given types, or all."""
    if not types or node.type in types:
        yield node
    for child in node.named_children:
        yield from walk(child, *types)


def text_of(node: Node | None) -> str:
    return " ".join(node.text.decode().split()) if node is not None and node.text is not None else ""


def names_in(node: Node | None) -> set[str]:
    """The variables that an expression reads or writes."""
    return {text_of(n) for n in walk(node, "identifier")} if node is not None else set()


def above(node: Node, stop: Node) -> Iterator[Node]:
    """The nodes that hold this one, innermost first, up to but without `stop`."""
    while node.parent is not None and node.parent != stop:
        node = node.parent
        yield node


def pragmas_of(body: Node) -> list[str]:
    """The HLS pragmas that stand directly in a block."""
    found = (text_of(child) for child in body.named_children if child.type == "preproc_call")
    return [text.removeprefix("#pragma HLS ") for text in found]


@dataclass(frozen=True)
class Loop:
    """A `for` statement. variable is empty where it is not of the form that `for` loops of hardware have."""

    node: Node
    variable: str
    first: str
    bound: str
    change: str

    @property
    def body(self) -> Node:
        body = self.node.child_by_field_name("body")
        assert body is not None
        return body

    @cached_property
    def pragmas(self) -> list[str]:
        return pragmas_of(self.body)

    @property
    def unrolled(self) -> bool:
        return "unroll" in self.pragmas

    @property
    def pipelined(self) -> bool:
        return any(pragma.startswith("pipeline") for pragma in self.pragmas)


def _loop(node: Node) -> Loop:
    start, condition, update = (node.child_by_field_name(n) for n in ("initializer", "condition", "update"))
    made = next(walk(start, "init_declarator"), None) if start is not None and start.type == "declaration" else None
    if made is None or condition is None or condition.type != "binary_expression" or update is None:
        return Loop(node, "", "", "", "")
    variable = text_of(made.child_by_field_name("declarator"))
    left, operator, right = (condition.child_by_field_name(n) for n in ("left", "operator", "right"))
    fits = text_of(left) == variable and text_of(operator) in ("<", ">=")
    change = re.fullmatch(rf"(\+\+|--){variable}|{variable} (\+=) (.+)", text_of(update))
    if not fits or change is None:
        return Loop(node, "", "", "", "")
    step = {"++": "1", "--": "-1"}.get(change[1] or "", change[3])
    return Loop(node, variable, text_of(made.child_by_field_name("value")), text_of(right), step)


@dataclass(frozen=True)
class Array:
    """sizes: as far as they are constants here, else None. partitioned: dimensions, from 1; all where 0 was said."""

    name: str
    sizes: tuple[int | None, ...]
    node: Node
    initialised: bool
    partitioned: frozenset[int]
    storage: str
    distance: int | None

    @property
    def folded(self) -> list[int]:
        """Dimensions that lie in a memory, from 0."""
        return [d for d, size in enumerate(self.sizes) if size != 1 and d + 1 not in self.partitioned]


@dataclass(frozen=True)
class Access:
    """An element of an array, read or written. node: the whole subscript expression."""

    array: Array
    node: Node
    indices: tuple[Node, ...]
    writes: bool
    reads: bool


@dataclass(frozen=True)
class Function:
    node: Node
    templates: tuple[str, ...] = ()

    @cached_property
    def _declarator(self) -> Node:
        return next(walk(self.node, "function_declarator"))

    @cached_property
    def name(self) -> str:
        return text_of(self._declarator.child_by_field_name("declarator"))

    @cached_property
    def body(self) -> Node:
        body = self.node.child_by_field_name("body")
        assert body is not None
        return body

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Types by name, `&` included."""
        listed = self._declarator.child_by_field_name("parameters")
        assert listed is not None
        found = {}
        for parameter in listed.named_children:
            declared = parameter.child_by_field_name("declarator")
            name = text_of(next(walk(declared, "identifier"))) if declared is not None else ""
            reference = "&" if declared is not None and declared.type == "reference_declarator" else ""
            found[name] = text_of(parameter.child_by_field_name("type")) + reference
        return found

    @cached_property
    def pragmas(self) -> list[str]:
        return [text_of(n).removeprefix("#pragma HLS ") for n in walk(self.body, "preproc_call")]

    @cached_property
    def loops(self) -> list[Loop]:
        return [_loop(node) for node in walk(self.body, "for_statement")]

    @cached_property
    def constants(self) -> dict[str, int | None]:
        """`const int` that are the same in every call and iteration; None where only the instance knows them."""
        known: dict[str, int | None] = dict.fromkeys(self.templates)
        for declaration in walk(self.body, "declaration"):
            if not re.match(r"(static )?const int ", text_of(declaration)):
                continue
            for made in (n for n in declaration.named_children if n.type == "init_declarator"):
                value = made.child_by_field_name("value")
                if value is not None and value.type != "initializer_list" and names_in(value) <= known.keys():
                    known[text_of(made.child_by_field_name("declarator"))] = evaluate(text_of(value), known)
        return known

    @cached_property
    def arrays(self) -> dict[str, Array]:
        found = {}
        for declaration in walk(self.body, "declaration"):
            for child in declaration.named_children:
                inner = child.child_by_field_name("declarator") if child.type == "init_declarator" else child
                if inner is None or inner.type != "array_declarator":
                    continue
                sizes: list[int | None] = []
                while inner is not None and inner.type == "array_declarator":
                    sizes.insert(0, evaluate(text_of(inner.child_by_field_name("size")), self.constants))
                    inner = inner.child_by_field_name("declarator")
                made = self._array(text_of(inner), tuple(sizes), declaration, child.type == "init_declarator")
                found[made.name] = made
        return found

    def _array(self, name: str, sizes: tuple[int | None, ...], node: Node, initialised: bool) -> Array:
        dims: set[int] = set()
        storage, distance = "", None
        for pragma in self.pragmas:
            if not re.search(rf"\bvariable={name}\b", pragma):
                continue
            if found := re.search(r"complete dim=(\d+)", pragma):
                dims |= {int(found[1])} if int(found[1]) else set(range(1, len(sizes) + 1))
            elif pragma.startswith("bind_storage"):
                storage = pragma.split("type=")[1].split()[0]
            elif found := re.fullmatch(r"dependence .*distance=(\d+) dependent=true", pragma):
                distance = int(found[1])
        return Array(name, sizes, node, initialised, frozenset(dims), storage, distance)

    @cached_property
    def accesses(self) -> list[Access]:
        found = []
        for node in walk(self.body, "subscript_expression"):
            outer = node.parent
            if outer is None or (outer.type == node.type and outer.child_by_field_name("argument") == node):
                continue  # a part of a longer one
            indices: list[Node] = []
            inner: Node | None = node
            while inner is not None and inner.type == "subscript_expression":
                listed = inner.child_by_field_name("indices")
                assert listed is not None
                indices.insert(0, listed.named_children[0])
                inner = inner.child_by_field_name("argument")
            array = self.arrays.get(text_of(inner))
            if array is None or len(indices) < len(array.sizes):
                continue  # bits of a word
            assigned = outer.type == "assignment_expression" and outer.child_by_field_name("left") == node
            plain = assigned and text_of(outer.child_by_field_name("operator")) == "="
            updated = outer.type == "update_expression"
            wanted = tuple(indices[: len(array.sizes)])
            found.append(Access(array, node, wanted, assigned or updated, not plain))
        return found

    def loop_of(self, name: str, node: Node) -> Loop | None:
        """The loop around a node whose variable this name is."""
        holders = {holder.id for holder in above(node, self.body)}
        around = [loop for loop in self.loops if loop.node.id in holders and loop.variable == name]
        return around[-1] if around else None

    def declaration_of(self, name: str, node: Node) -> Node | None:
        """The declarator with a value that a name at this node has, if it has one."""
        scopes = {holder.id for holder in above(node, self.node)}
        made = None
        for declarator in walk(self.body, "init_declarator"):
            declared = declarator.child_by_field_name("declarator")
            in_scope = declarator.parent is not None and declarator.parent.parent is not None
            if text_of(declared) == name and in_scope and declarator.parent.parent.id in scopes:  # type: ignore[union-attr]
                made = declarator if declarator.start_byte < node.start_byte else made
        return made

    def fixed(self, expression: Node) -> set[str] | None:
        """The unrolled variables that an expression is made of, and constants; None if anything else is in it."""
        variables: set[str] = set()
        for name in names_in(expression):
            loop = self.loop_of(name, expression)
            if loop is not None:
                if not loop.unrolled:
                    return None
                variables.add(name)
            elif name not in self.constants:
                made = self.declaration_of(name, expression)
                value = made.child_by_field_name("value") if made is not None else None
                if made is None or value is None or not text_of(made.parent).startswith("const"):
                    return None
                inner = self.fixed(value)
                if inner is None:
                    return None
                variables |= inner
        return variables

    def turns(self, loop: Loop) -> int | None:
        """Iterations of a loop, where this text says."""
        first, bound, step = (evaluate(t, self.constants) for t in (loop.first, loop.bound, loop.change))
        if first is None or bound is None or step is None:
            return None
        return len(range(first, bound, step) if step > 0 else range(first, bound - 1, step))


def evaluate(expression: str, known: Mapping[str, int | None]) -> int | None:
    """The value of a constant expression, None where a part is not known here."""
    if not re.fullmatch(r"[\w\s+\-*/%()]+", expression):
        return None
    values = {name: value for name, value in known.items() if value is not None}
    if not set(re.findall(r"[A-Za-z_]\w*", expression)) <= values.keys():
        return None
    return int(eval(expression.replace("/", "//"), {"__builtins__": {}}, values))


def read(text: str) -> tuple[list[Function], list[str]]:
    """The functions of an expanded text, and what could not be parsed."""
    root = _PARSER.parse(text.encode()).root_node
    broken = [f"line {n.start_point[0] + 1} is not understood" for n in walk(root) if n.type == "ERROR"]
    if root.has_error and not broken:
        broken = ["something is missing: the text is not understood"]
    functions = []
    for node in walk(root, "function_definition"):
        outer = node.parent
        templates = ()
        if outer is not None and outer.type == "template_declaration":
            listed = outer.child_by_field_name("parameters")
            assert listed is not None
            templates = tuple(text_of(next(walk(n, "identifier"))) for n in listed.named_children)
        functions.append(Function(node, templates))
    return functions, broken
