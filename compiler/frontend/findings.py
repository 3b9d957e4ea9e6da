"""What `check` says about a network, node by node; `trace` raises from the same list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import IntaglioError


@dataclass(frozen=True, slots=True)
class Finding:
    """One operation of the user's network.

    node: its name in the graph. operator: what the user wrote. becomes: the graph's operator. why: the reason where it
    is not supported. instead: what to write. loc: the user's file:line, or the module's path.
    """

    node: str
    operator: str
    supported: bool
    becomes: str = ""
    why: str = ""
    instead: str = ""
    loc: str = ""


class Refusal(Exception):  # noqa: N818  not an error: a rule's answer, which becomes a Finding
    """A rule cannot build this node: why, and what to write instead."""

    def __init__(self, why: str, instead: str) -> None:
        super().__init__(why, instead)
        self.why, self.instead = why, instead


def raise_unsupported(findings: Sequence[Finding]) -> None:
    """One IntaglioError that lists every unsupported finding; nothing where all are supported."""
    bad = [f for f in findings if not f.supported]
    if not bad:
        return
    count = "1 operation" if len(bad) == 1 else f"{len(bad)} operations"
    lines = [f"{count} of this network cannot be built:"]
    for f in bad:
        lines.append(f"  {f.loc or f.node}: {f.operator} ({f.node}): {f.why}")
        lines.append(f"      write instead: {f.instead}")
    where = bad[0].loc if len(bad) == 1 else ""
    raise IntaglioError("\n".join(lines), where=where, hint="`intaglio check` lists every node and what it becomes")
