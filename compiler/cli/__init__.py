"""The command line. Every command takes --json and --config; mistakes are one message and exit code 2."""

from __future__ import annotations

import sys

from rich.markup import escape

from ..errors import IntaglioError
from . import calibration, designs, networks, others, search  # each registers its commands with the application
from .app import app, err

__all__ = ["app", "calibration", "designs", "main", "networks", "others", "search"]


def main() -> None:
    """The `intaglio` command: exit code 0, or 2 with one message."""
    try:
        app()
    except IntaglioError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
