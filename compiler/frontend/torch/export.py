"""A module and an example input -> an exported ATen graph, with every mistake on the way told in the user's words."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from ...errors import IntaglioError

TORCH = str(Path(torch.__file__).parent) + os.sep
HERE = str(Path(__file__).parent) + os.sep


def export(net: nn.Module, example: Tensor | tuple[Tensor, ...]) -> ExportedProgram:
    """The network in eval mode as a graph of ATen operators. The module is left as it was found.

    example: its input, or a tuple where it takes several.
    """
    inputs = tuple(example) if isinstance(example, tuple | list) and len(example) else (example,)
    for one in inputs:
        _check_example(one)
    if len({len(one) for one in inputs}) > 1:
        raise IntaglioError("the example inputs have batches of different size", hint="one batch size for all inputs")
    _check_finite(net)
    with evaluating(net), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice on how the network is run: it will not run there
        try:
            net(*inputs)
        except Exception as error:
            shapes = " and ".join(str(tuple(one.shape)) for one in inputs)
            raise IntaglioError(
                f"the network does not take an input of shape {shapes} ({_first_line(error)})",
                where=_user_frame(error.__traceback__),
                hint="give an example as the network takes it: (1, channels, height, width), (1, channels, length) "
                "or (1, features)",
            ) from None
        try:
            return torch.export.export(net, inputs, strict=False)
        except Exception as error:
            raise IntaglioError(
                f"torch.export cannot trace this network ({_first_line(error)})",
                where=_user_frame(error.__traceback__),
                hint="forward() must do the same operations for every input: no branches on values, no item()",
            ) from None


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Eval mode inside, every module's own mode afterwards."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def user_location(node: fx.Node) -> str:
    """file:line of the deepest frame that is the user's; else the module's path; else nothing."""
    found = ""
    for line in (node.meta.get("stack_trace") or "").splitlines():
        parts = line.strip().split('"')
        if len(parts) == 3 and parts[0] == "File " and _is_users(parts[1]):
            found = f"{_short(parts[1])}:{parts[2].split(',')[1].split()[1]}"
    if found:
        return found
    path = module_path(node)
    return f"module {path}" if path else ""


def module_path(node: fx.Node) -> str:
    """The path of the innermost module that made this node, `features.0`; empty at the top."""
    return _innermost(node)[0]


def module_class(node: fx.Node) -> str:
    """The class of that module where it is one of torch's own layers, `Conv2d`; else empty."""
    kind = _innermost(node)[1]
    name = kind.rpartition(".")[2]
    return name if kind.startswith("torch.nn.modules.") and ".container." not in kind else ""


def _innermost(node: fx.Node) -> tuple[str, str]:
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    if not stack:
        return "", ""
    path, kind = stack[-1]
    kind = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return path.partition("@")[0], kind


def _check_example(example: object) -> None:
    if not isinstance(example, Tensor):
        raise IntaglioError(f"the example input is a {type(example).__name__}", hint="give a torch.Tensor")
    if example.dim() not in (2, 3, 4):
        raise IntaglioError(
            f"the example input has shape {tuple(example.shape)}",
            hint="give it a batch axis: (1, channels, height, width) for images, (1, channels, length) for signals, "
            "(1, features) for vectors",
        )
    if not example.is_floating_point():
        raise IntaglioError(f"the example input is {example.dtype}", hint="give real values: example.float()")
    if 0 in example.shape:
        raise IntaglioError(f"the example input is empty: {tuple(example.shape)}", hint="give a batch of at least one")


def _check_finite(net: nn.Module) -> None:
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise IntaglioError(
                f"{bad} of the {tensor.numel()} values of {name} are NaN or infinite",
                where=name,
                hint="train the network again with a lower learning rate, or load another checkpoint",
            )


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _user_frame(trace: TracebackType | None) -> str:
    frames = [f for f in traceback.extract_tb(trace) if _is_users(f.filename)]
    return f"{_short(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""


def _is_users(filename: str) -> bool:
    return not filename.startswith((TORCH, HERE, "<"))


def _short(filename: str) -> str:
    here = str(Path.cwd()) + os.sep
    return filename.removeprefix(here)
