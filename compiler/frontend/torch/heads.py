"""What stands at the end: softmax, argmax, top-k."""

from __future__ import annotations

from collections.abc import Sequence

from torch import fx

from ...ops.source import SourceArgmax, SourceSoftmax, SourceTopK
from ..findings import Refusal
from .hints import LOGITS
from .registry import axis_of, rule
from .values import Arguments, Result, Value, operator_of

SILENT = ("dropout", "contiguous", "clone", "alias", "detach", "identity", "getitem")


@rule("softmax", "_softmax", "log_softmax", "_log_softmax")
def softmax(a: Arguments) -> Value:
    """Nothing before an argmax, which it does not change."""
    x = a.value("self")
    axis = axis_of(a.take("dim"), len(x.shape))
    a.take_all()
    if _only_ranked(a.node):
        return x
    if "log" in a.operator:
        raise Refusal("a log-softmax has no integers", LOGITS)
    rank = len(x.shape)
    if rank > 4 or axis == 0:
        raise Refusal(f"a softmax over axis {axis} of {x.shape}", "softmax over the channels, dim=1")
    if x.is_vector:
        return a.emit_like(SourceSoftmax(), a.vector(x))
    forth = (0, axis, *(d for d in range(1, rank) if d != axis))
    back = tuple(forth.index(d) for d in range(rank))
    return a.emit_like(SourceSoftmax(), a.standard(x.transposed(forth))).transposed(back)


def _only_ranked(node: fx.Node) -> bool:
    """Whether only the order of its elements is read: by argmax, or for the indices of the largest."""
    for user in node.users:
        operator = operator_of(user) if user.op == "call_function" else ""
        if operator in SILENT:
            if not _only_ranked(user):
                return False
        elif operator in ("topk", "max"):
            if any(operator_of(u) != "getitem" or u.args[1] != 1 for u in user.users):
                return False
        elif operator != "argmax":
            return False
    return bool(node.users)


@rule("argmax")
def argmax(a: Arguments) -> Value:
    x, dim = a.value("self"), a.take("dim")
    a.take("keepdim")
    if dim is None:
        raise Refusal(f"an argmax over all of {x.shape}", "torch.argmax(x, dim=1) of (N, classes)")
    return index_of_largest(a, x, int(dim), [a.node])


def index_of_largest(a: Arguments, x: Value, dim: int, nodes: Sequence[fx.Node]) -> Value:
    """nodes: those that give the index; the network must return them."""
    if not x.is_vector or dim not in (1, -1):
        raise Refusal(f"an argmax over dimension {dim} of {x.shape}", "torch.argmax(x, dim=1) of (N, classes)")
    if not all(user.op == "output" for node in nodes for user in node.users):
        raise Refusal("its index is used in the network", "torch.argmax as the last operation")
    return a.emit(SourceArgmax(), a.vector(a.standard(x)), shape=(x.shape[0], 1))


@rule("topk")
def top_k(a: Arguments) -> Result:
    x, k, largest = a.value("self"), int(a.take("k")), bool(a.take("largest"))
    dim = axis_of(a.take("dim"), len(x.shape))
    if not x.is_vector or dim != 1:
        raise Refusal(f"a top-{k} over axis {dim} of {x.shape}", "torch.topk(x, k, dim=1) of (N, classes)")
    a.refuse_unless("sorted", True, "sorted=True")
    for position in (0, 1):
        if not all(user.op == "output" for node in a.wanted(position) for user in node.users):
            raise Refusal("its result is used in the network", "torch.topk as the last operation")
    x = a.vector(a.standard(x))
    made: list[Value | None] = []
    for values in (True, False):
        wanted = a.wanted(0 if values else 1)
        op = SourceTopK(k, largest, values)
        made.append(a.emit(op, x, shape=(x.shape[0], k), part="" if values else "index") if wanted else None)
    return tuple(made)
