"""The contract of a link: the hardware half of an operator's, for one fixed choice of how it is built."""

from __future__ import annotations

from typing import Any, ClassVar

from ...ir import Parts, Program


class Link:
    """`template` names rtl/<template>.sv.j2 and hls/<template>.cpp.j2, both rendered from `params` and `module`."""

    template: ClassVar[str]

    def program(self) -> Program:
        """Its timing, as `Op.program`."""
        raise NotImplementedError

    def parts(self) -> Parts:
        """What it is made of."""
        raise NotImplementedError

    def params(self) -> dict[str, Any]:
        """The ONE context of both templates."""
        raise NotImplementedError
