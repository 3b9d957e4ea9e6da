"""export: a network as files that others read: QONNX, and a PyTorch program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import IntaglioError
from ..ir import Graph

if TYPE_CHECKING:
    import onnx

    from ..frontend.exporters.qonnx import Activations


def as_qonnx(
    graph: Graph, *, batch: int = 1, activations: Activations = "quant", name: str = "intaglio"
) -> onnx.ModelProto:
    """The network as QONNX; see `frontend.exporters.qonnx.to_qonnx`."""
    from ..frontend.exporters.qonnx import to_qonnx

    return to_qonnx(graph, batch=batch, activations=activations, name=name)


def refusals(model: onnx.ModelProto) -> list[str]:
    """What of an exported model hls4ml or FINN may refuse: `node: what`."""
    texts = {entry.key: entry.value for entry in model.metadata_props}
    return texts.get("intaglio.peers", "").splitlines()


def export(
    graph: Graph,
    qonnx: Path | None = None,
    torch: Path | None = None,
    *,
    batch: int = 1,
    activations: Activations = "quant",
) -> list[str]:
    """Writes the network to `qonnx` (.onnx) and to `torch` (.pt2); gives what peers may refuse of the first.

    Raises:
        IntaglioError: where no file is named, a suffix is another, a form is missing, or a file cannot be written.
    """
    if qonnx is None and torch is None:
        raise IntaglioError("nothing is to be exported", hint="--qonnx net.onnx, --torch net.pt2, or both")
    for path, suffix in ((qonnx, ".onnx"), (torch, ".pt2")):
        if path is not None and path.suffix != suffix:
            raise IntaglioError(f"such a file ends in {suffix}", where=str(path), hint=f"{path.stem}{suffix}")
    found: list[str] = []
    if qonnx is not None:
        model = as_qonnx(graph, batch=batch, activations=activations)
        found = refusals(model)
        try:
            qonnx.write_bytes(model.SerializeToString())
        except OSError as error:
            raise IntaglioError(f"the model cannot be written: {error.strerror}", where=str(qonnx)) from None
    if torch is not None:
        from ..frontend.exporters.torch_module import save_torch

        save_torch(graph, torch)
    return found
