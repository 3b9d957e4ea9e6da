"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from ..errors import IntaglioError


def write_whole(path: Path, content: bytes) -> None:
    """Writes beside the file first, then puts it in its place. Raises IntaglioError where the disk says no."""
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True) if beside.parent.is_dir() else None
        raise IntaglioError(
            f"cannot write: {error.strerror}", where=str(path), hint="another folder, or room on the disk"
        ) from None
