"""Runs an integer graph: bit-accurate, batched, with bounded memory; and finds where something else went astray."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Graph, Int64, TensorType
from .plan import plan_of
from .threads import for_each, workers

LEAST_SHARE = 8
"""Frames that are not worth a thread of their own."""

Inputs = Mapping[str, Array] | Array


@dataclass(frozen=True)
class Divergence:
    """The first wrong integer: in topological order of the nodes, then of the frames, then of the elements.

    index: (frame, ...) with channels last.
    """

    node: str
    index: tuple[int, ...]
    expected: int
    got: int

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        return f"{self.node}[{place}]: expected {self.expected}, got {self.got}"


def run(graph: Graph, inputs: Inputs, *, probes: Iterable[str] = ()) -> dict[str, Int64]:
    """The graph's outputs, and the tensors named in `probes`, as int64 arrays (frames, ...), channels last.

    Args:
        graph: without real tensors.
        inputs: integers by input name, or one array where there is one input; frames first, channels last.
        probes: names of inputs or nodes to keep.

    Raises:
        IntaglioError: where an input is missing, has the wrong shape, is no integer or lies outside its bounds, or a
            probe does not exist.
    """
    return execute(graph, check_inputs(graph, inputs), probes)


def execute(
    graph: Graph,
    inputs: Mapping[str, Array],
    probes: Iterable[str] = (),
    prepare: Callable[[str, Array], Array] = lambda name, x: x,
) -> dict[str, Int64]:
    """`run` on inputs that `prepare` makes integers within their bounds, some frames at a time."""
    names = tuple(dict.fromkeys((*graph.outputs, *probes)))
    for name in names:
        if name not in graph.types:
            raise IntaglioError(f"there is no tensor {name!r} to probe", hint=f"one of {', '.join(graph.types)}")
    plan = plan_of(graph)
    frames = len(next(iter(inputs.values())))
    results = {name: np.empty((frames, *graph.types[name].shape), np.int64) for name in names}
    wanted = frozenset(names)

    def work(part: slice) -> None:
        ready = {name: prepare(name, x[part]) for name, x in inputs.items()}
        for name, values in plan.execute(ready, wanted).items():
            results[name][part] = values

    threads = workers()
    share = min(plan.chunk, max(-(-frames // threads), LEAST_SHARE))
    for_each(work, [slice(start, start + share) for start in range(0, frames, share)], threads)
    return results


def first_divergence(graph: Graph, inputs: Inputs, observed: Mapping[str, npt.ArrayLike]) -> Divergence | None:
    """Where `observed` first differs from what the graph computes.

    Args:
        graph: without real tensors.
        inputs: as for `run`.
        observed: integers by tensor name, frames first, channels last; tensors left out are not compared.

    Raises:
        IntaglioError: as `run`, and where an observed array has the wrong shape.
    """
    expected = run(graph, inputs, probes=observed)
    for name in graph.types:
        if name not in observed:
            continue
        right, got = expected[name], np.asarray(observed[name])
        if got.shape != right.shape:
            raise IntaglioError(f"{name}: {got.shape} was observed, but the graph makes {right.shape}")
        wrong = got != right
        if wrong.any():
            index = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
            return Divergence(name, index, int(right[index]), int(got[index]))
    return None


def named_inputs(graph: Graph, inputs: Mapping[str, Array] | npt.ArrayLike) -> dict[str, Array]:
    """The arrays by input name. Raises IntaglioError where names are missing, unknown or ambiguous."""
    names = list(graph.inputs)
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            hint = f"give a dict with the arrays of {', '.join(names)}"
            raise IntaglioError(f"the graph has {len(names)} inputs, but there is one array", hint=hint)
        inputs = {names[0]: np.asarray(inputs)}
    if set(inputs) != set(names):
        raise IntaglioError(f"the inputs are {', '.join(map(str, inputs))}, not {', '.join(names)}")
    arrays = {name: np.asarray(inputs[name]) for name in names}
    counts = {name: len(x) if x.ndim else 0 for name, x in arrays.items()}
    if len(set(counts.values())) > 1:
        raise IntaglioError(f"the inputs have different numbers of frames: {counts}")
    return arrays


def check_inputs(graph: Graph, inputs: Inputs) -> dict[str, Array]:
    """The inputs by name, proven to be what the graph's bounds were derived from."""
    arrays = named_inputs(graph, inputs)
    for name, x in arrays.items():
        _check(name, x, graph.inputs[name])
    return arrays


def _check(name: str, x: Array, kind: TensorType) -> None:
    if kind.is_real:
        raise IntaglioError(f"the input {name} is real", hint="lower the graph first")
    if x.shape[1:] != kind.shape or not x.ndim:
        shape = ", ".join(map(str, kind.shape))
        hint = "frames first, channels last" + ("; add a batch axis: x[None]" if x.shape == kind.shape else "")
        raise IntaglioError(f"the input {name} has shape {x.shape}, not (N, {shape})", hint=hint)
    if not x.size:
        return
    if x.dtype.kind not in "iub" and not (x == np.floor(x)).all():
        raise IntaglioError(f"the input {name} holds values that are no integers", hint="simulate() takes real values")
    axes = tuple(range(x.ndim - 1))
    if (x.min(axis=axes) < kind.lo_array).any() or (x.max(axis=axes) > kind.hi_array).any():
        raise IntaglioError(
            f"the input {name} holds {x.min()}..{x.max()}, outside its bounds {min(kind.lo)}..{max(kind.hi)}",
            hint="quantise_input() clips",
        )
