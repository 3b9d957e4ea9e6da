"""The typer application that the commands register with, and where they write."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Carves a PyTorch network into an FPGA IP core that computes exactly the same integers.",
)
err = Console(stderr=True)


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=140)
