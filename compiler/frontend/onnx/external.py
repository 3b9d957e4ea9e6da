"""Initialisers whose numbers lie in a file beside the network's, as torch.onnx.export and large networks leave them.

Only files below the folder of the network are read, and no more of them than the shapes of the tensors take.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ...errors import IntaglioError
from .tensors import RE_EXPORT, bytes_of

MOST_BYTES = 1 << 31
"""Of all tensors together: what a file of its own could hold."""
KEYS = {"location", "offset", "length", "checksum", "basepath"}


def fetch_external(graph: Any, path: Path) -> None:
    """The numbers move into the tensors of the graph, which is changed.

    Raises:
        IntaglioError: for a file that is missing, too short, or elsewhere.
    """
    from onnx import TensorProto

    total, where = 0, str(path)
    for tensor in graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        what = f"the initialiser {tensor.name}"
        need = bytes_of(tensor, what, where)
        total += need
        if total > MOST_BYTES:
            raise IntaglioError(
                f"its initialisers take more than {MOST_BYTES} bytes", where=where, hint="a smaller network"
            )
        location, offset = _place(tensor, need, what, where)
        data = _read(path, location, offset, need, what)
        tensor.raw_data = data
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT


def _place(tensor: Any, need: int, what: str, where: str) -> tuple[str, int]:
    """The file, and where in it the numbers begin."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    numbers = {"offset": 0, "length": need}
    known = len(entries) == len(tensor.external_data) and entries.keys() <= KEYS
    for key, usual in numbers.items():
        text = entries.get(key, str(usual))
        known = known and isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 19
        numbers[key] = int(text) if known else 0
    location = entries.get("location", "")
    if not known or not location or not location.isprintable() or tensor.HasField("raw_data"):
        raise IntaglioError(f"it does not say rightly where the data of {what} is", where=where, hint=RE_EXPORT)
    if numbers["length"] != need:
        raise IntaglioError(
            f"{what} has the shape {[*tensor.dims]}, which takes {need} bytes, not {numbers['length']}",
            where=where,
            hint=RE_EXPORT,
        )
    return location, numbers["offset"]


def _read(path: Path, location: str, offset: int, need: int, what: str) -> bytes:
    folder = Path(os.path.realpath(path.parent))
    data = Path(os.path.realpath(folder / location))
    if folder not in data.parents:
        raise IntaglioError(
            f"the data of {what} is in {location[:80]!r}, outside of the network's folder",
            where=str(path),
            hint="save the network with its data: onnx.save(onnx.load(path), 'one_file.onnx')",
        )
    try:
        if not stat.S_ISREG(data.stat().st_mode):
            raise OSError("it is no file")
        with data.open("rb") as file:
            file.seek(offset)
            found = file.read(need)
    except OSError as error:
        reason = error.strerror or str(error)
        raise IntaglioError(
            f"the data of {what} cannot be read from {location[:80]!r}: {reason}",
            where=str(path),
            hint="keep that file beside the .onnx file, as it was exported",
        ) from None
    if len(found) != need:
        raise IntaglioError(
            f"the data of {what} is cut off: {len(found)} of {need} bytes are in {location[:80]!r}",
            where=str(path),
            hint="fetch that file again",
        )
    return found
