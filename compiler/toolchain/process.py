"""One way to run an outside tool: silently, into a log file, and with the end of that log in the error message."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import IntaglioError

TAIL_LINES = 20
LINE_LENGTH = 400


def tail(log_path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, the long ones shortened, for a message that a person reads."""
    if not log_path.is_file():
        return "(no log was written)"
    last = log_path.read_text(errors="replace").rstrip().splitlines()[-lines:]
    return "\n".join(line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]} …" for line in last)


def run(
    command: Sequence[str | Path],
    cwd: Path,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> None:
    """Run a command with its output in `log_path`; raise with the log's last lines if it fails.

    Args:
        command: the program and its arguments.
        cwd: the folder to run in.
        log_path: overwritten; its first line is the command, ready to paste into a shell.
        env: variables added to (or replacing) those of this process.
        timeout_s: kill the command after so many seconds.
    """
    words = [str(word) for word in command]
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("wb") as log:
        log.write(f"$ {shlex.join(words)}\n".encode())
        log.flush()
        try:
            done = subprocess.run(
                words,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise IntaglioError(f"cannot run {words[0]}: {error.strerror}", where=str(cwd)) from error
        except subprocess.TimeoutExpired as error:
            raise IntaglioError(
                f"{Path(words[0]).name} did not finish in {timeout_s:g} s\n{tail(log_path)}", where=str(log_path)
            ) from error
    if done.returncode:
        raise IntaglioError(
            f"{Path(words[0]).name} failed (exit status {done.returncode})\n{tail(log_path)}", where=str(log_path)
        )


def find_tool(name: str) -> Path | None:
    """A program on PATH, or beside this Python (a virtual environment that was never activated)."""
    beside = Path(sys.executable).parent
    found = shutil.which(name) or shutil.which(name, path=str(beside))
    return Path(found) if found else None


def cache_dir() -> Path:
    """Where compiled runtimes live: $INTAGLIO_CACHE, else the user's cache folder. Safe to delete at any time."""
    root = os.environ.get("INTAGLIO_CACHE")
    if root:
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intaglio"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that of several processes (pytest-xdist workers) one builds and the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
