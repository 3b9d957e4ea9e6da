"""What a synthesiser asks of HLS C++, as rules over its text: `problems(text)` names every violation.

Loops are bounded by constants, and unrolled, pipelined with an interval of 1, or around such loops only. Arrays are
constants with `static const`, or partitioned wherever an unrolled loop indexes them; what is left in a memory has two
ports. A memory whose new word depends on what was read from it says after how many iterations it comes to the same
word again: fewer than two, and the interval could not be 1. Streams have one reader and one writer, and dataflow
regions consist of streams and calls, in the order of the data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from hls_source import Access, Function, Loop, above, names_in, pragmas_of, read, text_of, walk
from tree_sitter import Node

Rule = Callable[[Function], Iterator[str]]

ALLOCATES = {"malloc", "calloc", "realloc", "free", "alloca"}
UNKNOWN_TO_HARDWARE = {
    **dict.fromkeys(("new_expression", "delete_expression"), "dynamic memory"),
    **dict.fromkeys(("while_statement", "do_statement", "for_range_loop", "goto_statement"), "a loop without a bound"),
    **dict.fromkeys(("pointer_declarator", "pointer_expression"), "a pointer"),
    **dict.fromkeys(("try_statement", "throw_statement", "lambda_expression"), "control flow of software"),
}
PORTS = 2


def problems(text: str) -> list[str]:
    """The violations of all rules in a preprocessed file, each with its function."""
    functions, broken = read(text)
    found = [f"{f.name}: {problem}" for f in functions for rule in RULES for problem in rule(f)]
    return [*broken, *found, *recursion(functions), *dataflow(functions)]


# ---- what there may be at all ------------------------------------------------------------------------------------


def software(function: Function) -> Iterator[str]:
    """No dynamic memory, no pointers, no containers, no floats."""
    for node in walk(function.node):
        if node.type in UNKNOWN_TO_HARDWARE:
            yield f"{UNKNOWN_TO_HARDWARE[node.type]}: {text_of(node)[:60]}"
        elif node.type == "call_expression" and text_of(node.child_by_field_name("function")) in ALLOCATES:
            yield f"dynamic memory: {text_of(node)}"
        elif node.type == "namespace_identifier" and text_of(node) == "std":
            yield f"the standard library: {text_of(node.parent)}"
        elif node.type == "primitive_type" and text_of(node) in {"float", "double"}:
            yield f"a floating-point number: {text_of(node.parent)[:60]}"


def recursion(functions: list[Function]) -> Iterator[str]:
    known = {f.name for f in functions}
    calls = {
        f.name: {name for name in map(_callee, walk(f.body, "call_expression")) if name in known} for f in functions
    }
    for name in known:
        reached: set[str] = set()
        fresh = set(calls[name])
        while fresh:
            reached |= fresh
            fresh = {inner for outer in fresh for inner in calls[outer]} - reached
        if name in reached:
            yield f"{name}: calls itself"


def _callee(call: Node) -> str:
    """The name that is called, without template arguments."""
    called = call.child_by_field_name("function")
    if called is not None and called.type == "template_function":
        called = called.child_by_field_name("name")
    return text_of(called)


def ranges(function: Function) -> Iterator[str]:
    """A range of bits is read into a typed name before it is calculated with: other synthesisers need that."""
    for call in walk(function.body, "call_expression"):
        called, holder = call.child_by_field_name("function"), call.parent
        if called is None or not text_of(called).endswith(".range") or holder is None:
            continue
        whole = holder.type in ("init_declarator", "assignment_expression")
        if not whole or (
            holder.type == "assignment_expression" and text_of(holder.child_by_field_name("operator")) != "="
        ):
            yield f"a range is calculated with: {text_of(holder)[:80]}"


# ---- loops -------------------------------------------------------------------------------------------------------


def loops(function: Function) -> Iterator[str]:
    """Constant bounds; unrolled, or pipelined with an interval of 1, or around loops that are."""
    for loop in function.loops:
        head = text_of(loop.node)[:60]
        bounds = set(re.findall(r"[A-Za-z_]\w*", f"{loop.first} {loop.bound} {loop.change}"))
        if not loop.variable or not bounds <= function.constants.keys():
            yield f"the bound of a loop is no constant: {head}"
        elif any(
            text_of(n.child_by_field_name("left")) == loop.variable for n in walk(loop.body, "assignment_expression")
        ):
            yield f"a loop changes its own variable: {head}"
        inner = [other for other in function.loops if other.node != loop.node and _within(other.node, loop.body)]
        if loop.pipelined and any(p.startswith("pipeline") and p != "pipeline II=1" for p in loop.pragmas):
            yield f"a loop with another interval than 1: {head}"
        if (loop.pipelined or loop.unrolled) and not all(other.unrolled for other in inner):
            yield f"a loop within a pipelined or unrolled loop is not unrolled: {head}"
        if not loop.pipelined and not loop.unrolled and not any(other.pipelined for other in inner):
            yield f"a loop is neither pipelined nor unrolled: {head}"
        if loop.pipelined:
            yield from _streams_per_step(function, loop)


def _within(node: Node, outer: Node) -> bool:
    return outer.start_byte <= node.start_byte and node.end_byte <= outer.end_byte


def _streams_per_step(function: Function, loop: Loop) -> Iterator[str]:
    """A stream gives and takes one word a cycle: of several places, one at most is passed."""

    def count(node: Node) -> Counter[str]:
        if node.type == "call_expression" and (use := _stream_use(node)) and use[0] in function.parameters:
            return Counter([use[0]])
        return _passed(node, count)

    for name, uses in count(loop.body).items():
        if uses > 1:
            yield f"{uses} words of stream {name} in one step"


def _passed(node: Node, count: Callable[[Node], Counter[str]]) -> Counter[str]:
    """The sum over the parts of a statement; of branches that exclude each other, the most."""
    if node.type in ("if_statement", "conditional_expression"):
        tested, *branches = (count(child) for child in node.named_children)
        either: Counter[str] = Counter()
        for branch in branches:
            either |= branch
        return tested + either
    return sum(map(count, node.named_children), Counter())


# ---- arrays ------------------------------------------------------------------------------------------------------


def constants(function: Function) -> Iterator[str]:
    """Arrays with values are `static const`, others are not static: no call knows of another."""
    for array in function.arrays.values():
        words = text_of(array.node).split()
        if array.initialised and words[:2] != ["static", "const"]:
            yield f"the constants of {array.name} are not static const"
        if not array.initialised and "static" in words:
            yield f"{array.name} is kept from call to call"
        if None in array.sizes and not function.templates:
            yield f"the size of {array.name} is no constant"


def partitions(function: Function) -> Iterator[str]:
    """What the copies of an unrolled loop reach by its variable lies in registers, or in memories, of its own."""
    for access in function.accesses:
        for position, index in enumerate(access.indices):
            variables = function.fixed(index)
            if variables and position in access.array.folded:
                name = f"{access.array.name}, dimension {position + 1},"
                yield f"{name} is indexed by {', '.join(sorted(variables))} of an unrolled loop and not partitioned"


def ports(function: Function) -> Iterator[str]:
    """In a step of a pipelined loop, a memory is reached at one address per port."""
    for loop in (loop for loop in function.loops if loop.pipelined):
        here = {a.node.id: a for a in function.accesses if a.array.folded and _within(a.node, loop.body)}
        for name in sorted({access.array.name for access in here.values()}):
            reached = _addresses(function, loop, loop.body, {i: a for i, a in here.items() if a.array.name == name})
            writes = sum(copies for (kind, _), copies in reached.items() if kind == "write")
            if writes > 1 or (sum(reached.values()) > PORTS and function.arrays[name].storage != "rom_np"):
                places = ", ".join(f"{kind} [{where}] x {copies}" for (kind, where), copies in sorted(reached.items()))
                yield f"{name} is reached too often in one step: {places}"


Addresses = dict[tuple[str, str], int]


def _addresses(function: Function, loop: Loop, node: Node, here: Mapping[int, Access]) -> Addresses:
    """How a part of a step reaches a memory: copies by kind and address; of branches, the one that reaches it more."""
    found: Addresses = {}
    if node.id in here:
        access = here[node.id]
        copies = _copies(function, loop, access)
        where = ", ".join(text_of(access.indices[position]) for position in access.array.folded)
        found |= {("write", where): copies} if access.writes else {}
        found |= {("read", where): copies} if access.reads else {}
    parts = [_addresses(function, loop, child, here) for child in node.named_children]
    if node.type in ("if_statement", "conditional_expression") and parts:
        parts = [parts[0], max(parts[1:], key=lambda part: sum(part.values()))]
    for part in parts:
        found |= {key: max(copies, found.get(key, 0)) for key, copies in part.items()}
    return found


def _copies(function: Function, loop: Loop, access: Access) -> int:
    """How many addresses of one memory the unrolled loops around an access make of it."""
    folded = access.array.folded
    apart = {n for d, index in enumerate(access.indices) if d not in folded for n in function.fixed(index) or ()}
    copies = 1
    for holder in _holders(function, loop, access.node):
        varying = (name for d in folded for name in names_in(access.indices[d]))
        if holder.variable not in apart and any(_made_in(function, holder, name, access.node) for name in varying):
            copies *= function.turns(holder) or 1
    return copies


def _holders(function: Function, loop: Loop, node: Node) -> list[Loop]:
    """The unrolled loops of a step that a node lies in."""
    around = {holder.id for holder in above(node, loop.node)}
    return [other for other in function.loops if other.unrolled and other.node.id in around]


def _made_in(function: Function, loop: Loop, name: str, node: Node) -> bool:
    """Does every copy of an unrolled loop have its own value of this name?"""
    if name == loop.variable:
        return True
    made = function.declaration_of(name, node)
    if made is None or not _within(made, loop.body):
        return False
    value = made.child_by_field_name("value")
    constant = text_of(made.parent).startswith(("const", "static const"))
    return not constant or any(_made_in(function, loop, inner, made) for inner in names_in(value))


def recurrences(function: Function) -> Iterator[str]:
    """A memory whose new words come from what it held says how far such steps are apart, truly and two at least."""
    for array in function.arrays.values():
        if array.distance is None and any(
            f"variable={array.name} " in p for p in function.pragmas if "dependence" in p
        ):
            yield f"nobody can check what is said of the dependence on {array.name}: give the distance"
        if not array.folded:
            continue
        for loop in (loop for loop in function.loops if loop.pipelined):
            if not _feeds_itself(function, loop, array.name):
                continue
            if array.distance is None:
                yield f"{array.name} is made from itself, and the distance of such steps is not given"
            elif array.distance < PORTS:
                yield f"{array.name} is made from itself in every step, which a memory cannot do"


def _feeds_itself(function: Function, loop: Loop, name: str) -> bool:
    """Does a word written to an array depend on one that was read from it in this step, or in one before?"""
    here = {a.node.id: a for a in function.accesses if a.array.name == name and _within(a.node, loop.body)}
    found = False

    def from_array(value: Node | None, held: set[str]) -> bool:
        reads = (n.id in here and here[n.id].reads for n in walk(value)) if value is not None else ()
        return bool(names_in(value) & held) or any(reads)

    def flow(node: Node, held: set[str]) -> None:
        """`held`: the variables whose value comes from the array; changed in the order of the text."""
        nonlocal found
        if node.type in ("init_declarator", "assignment_expression"):
            first = node.type == "init_declarator"
            target = node.child_by_field_name("declarator" if first else "left")
            source = node.child_by_field_name("value" if first else "right")
            assert target is not None
            if from_array(source, held):
                found = found or (target.id in here and here[target.id].writes)
                held.update({text_of(next(walk(target, "identifier")))} - {name})
            elif target.type == "identifier" and text_of(node.child_by_field_name("operator")) in ("", "="):
                held.discard(text_of(target))
        elif node.type == "if_statement":
            branches = [set(held) for _ in node.named_children]
            for child, branch in zip(node.named_children, branches, strict=True):
                flow(child, branch)
            held.update(*branches)
            if len(branches) == len(("condition", "then", "else")):
                held.intersection_update(branches[1] | branches[2])
        else:
            for child in node.named_children * (1 + (node.type == "for_statement")):
                flow(child, held)

    held: set[str] = set()
    for _ in range(2):  # what a step leaves behind, the next one finds
        flow(loop.body, held)
    return found


# ---- streams -----------------------------------------------------------------------------------------------------


def streams(function: Function) -> Iterator[str]:
    """Streams are passed by reference, unnamed, and used by blocking reads or writes, each in one direction."""
    if "dataflow" in function.pragmas:
        return
    declared = [n for n in walk(function.body, "declaration") if text_of(n).startswith("hls::stream")]
    yield from (f"a stream within a layer: {text_of(n)}" for n in declared)
    for name, kind in function.parameters.items():
        if not re.fullmatch(r"hls::stream<.*>&", kind):
            yield f"{name} is no stream but {kind}"
    for node in walk(function.body, "identifier"):
        name = text_of(node)
        outer = node.parent
        call = outer.parent if outer is not None and outer.type == "field_expression" else None
        if name in function.parameters and (call is None or _stream_use(call) is None):
            yield f"stream {name} is used other than by read() and write(): {text_of(outer)}"
    for name in function.parameters:
        used = directions(function).get(name, set())
        if len(used) != 1:
            yield f"stream {name} is {' and '.join(sorted(used)) or 'not'} used"


def _stream_use(call: Node) -> tuple[str, str] | None:
    """(stream, read or write) of a blocking access."""
    found = re.fullmatch(r"(\w+)\.(read|write)", text_of(call.child_by_field_name("function")))
    return (found[1], found[2]) if found and call.type == "call_expression" else None


def directions(function: Function) -> dict[str, set[str]]:
    """By parameter: read, write."""
    found: dict[str, set[str]] = {}
    for call in walk(function.body, "call_expression"):
        if (use := _stream_use(call)) and use[0] in function.parameters:
            found.setdefault(use[0], set()).add(use[1])
    return found


def dataflow(functions: list[Function]) -> Iterator[str]:
    """A dataflow region is a list of streams and calls: each stream is written by one call and read by a later one."""
    known = {f.name: f for f in functions}
    for region in (f for f in functions if "dataflow" in f.pragmas):
        ends: dict[str, list[str]] = {name: [] for name in region.parameters}
        for statement in region.body.named_children:
            call = statement.named_children[0] if statement.type == "expression_statement" else None
            if statement.type == "declaration" and re.match(r"hls::stream<", text_of(statement)):
                name = text_of(statement.child_by_field_name("declarator"))
                ends[name] = []
                if not re.fullmatch(r"\w+", name):
                    yield f"{region.name}: a stream with a name or a value: {text_of(statement)}"
            elif call is not None and call.type == "call_expression" and _callee(call) in known:
                for name, ways in _ends(call, known[_callee(call)]):
                    ends.setdefault(name, []).extend(ways)
            elif statement.type not in ("preproc_call", "comment"):
                yield f"{region.name}: not a call of a layer in a dataflow region: {text_of(statement)[:60]}"
        for name, ways in ends.items():
            outside = name in region.parameters
            if (outside and len(ways) != 1) or (not outside and ways != ["write", "read"]):
                yield f"{region.name}: stream {name} is used in the order {ways}, not by one writer and then one reader"
        yield from _interfaces(region)


def _ends(call: Node, layer: Function) -> Iterator[tuple[str, list[str]]]:
    given = call.child_by_field_name("arguments")
    assert given is not None
    for parameter, argument in zip(layer.parameters, given.named_children, strict=True):
        yield text_of(argument), sorted(directions(layer).get(parameter, set()))


def _interfaces(region: Function) -> Iterator[str]:
    """Every port of the top is an AXI4-Stream, and the core runs by itself."""
    wanted = {f"interface mode=axis port={name}" for name in region.parameters}
    wanted.add("interface mode=ap_ctrl_none port=return")
    said = {p for p in pragmas_of(region.body) if p.startswith("interface")}
    yield from (f"{region.name}: {'missing' if p in wanted else 'unknown'}: {p}" for p in sorted(wanted ^ said))


RULES: tuple[Rule, ...] = (software, ranges, loops, constants, partitions, ports, recurrences, streams)
