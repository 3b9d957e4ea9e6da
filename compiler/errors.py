"""The only exception family: every message says what is wrong, where, who else is involved, and what to do."""

from __future__ import annotations


class IntaglioError(Exception):
    """A mistake that the user can mend.

    Args:
        what: one sentence that says what is wrong.
        where: the place: the user's `file:line`, an ONNX node, a flag, a path.
        other: the other culprit, where two things disagree.
        hint: what to write instead.
    """

    def __init__(self, what: str, *, where: str = "", other: str = "", hint: str = "") -> None:
        super().__init__(what, where, other, hint)
        self.what, self.where, self.other, self.hint = what, where, other, hint

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.other:
            lines.append(f"  against: {self.other}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)
