"""quantize: a float network becomes integers without training, from samples of what it will see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..compress.checks import inputs_of
from ..compress.model import PreparedModel
from ..compress.recipe import Recipe
from ..errors import IntaglioError
from ..ir import Graph
from ..passes.insert_quantisers import insert_quantisers
from .lower import lower

DEFAULTS: dict[str, Any] = {"keep": 1.0, "weight_bits": 8, "act_bits": 8}
BATCH = 256


def quantize(model: nn.Module | str | Path, calibration: Any, recipe: Recipe | None = None, **fields: Any) -> Graph:
    """The integer graph of a float network, its scales taken from `calibration`.

    Args:
        model: an `nn.Module`, or the path of a float ONNX file.
        calibration: inputs as the network takes them: one array (N, ...), a tuple of arrays where it takes several, or
            an iterable of batches of x or (x, y), such as a DataLoader.
        recipe: how many bits; 8 of everything if left out. Nothing is trained, so nothing can be pruned.
        fields: of the recipe, to change: `weight_bits=4`.

    Raises:
        IntaglioError: for what `prepare` refuses, a recipe that prunes, or no calibration data.
    """
    return lower(quantize_model(model, calibration, recipe, **fields))


def quantize_model(
    model: nn.Module | str | Path, calibration: Any, recipe: Recipe | None = None, **fields: Any
) -> PreparedModel:
    """What `quantize` lowers: the frozen model, float64 and exact, as `prepare`, `calibrate` and `freeze` make it."""
    recipe = _recipe(recipe, fields)
    batches = list(_batches(calibration))
    if not batches:
        raise IntaglioError("there is no calibration data", where="quantize", hint="give some typical inputs")
    graph = _graph(model, batches[0])
    quantised = insert_quantisers(
        graph, input_bits=recipe.input_bits, act_bits=recipe.widest_act_bits, output_bits=recipe.output_bits
    )
    prepared = PreparedModel(quantised, recipe)
    prepared.calibrate(inputs_of(batch, len(graph.inputs)) for batch in batches)
    return prepared.freeze()


def _recipe(recipe: Recipe | None, fields: dict[str, Any]) -> Recipe:
    made = Recipe.from_dict({**(DEFAULTS if recipe is None else recipe.to_dict()), **fields})
    if recipe is not None and recipe.keep == Recipe().keep and "keep" not in fields:
        made = replace(made, keep=1.0)  # the default prunes; nobody asked for it
    if made.prunes:
        raise IntaglioError(
            f"keep = {made.keep!r} prunes, and nothing is trained here",
            where="recipe",
            hint="keep=1; or intaglio.prepare and intaglio.fit, which train what stays",
        )
    return made


def _graph(model: Any, batch: Any) -> Graph:
    if isinstance(model, str | Path):
        from ..frontend.onnx import read_onnx

        return read_onnx(Path(model), quantised=False)
    if not isinstance(model, nn.Module):
        raise IntaglioError(
            f"the model is a {type(model).__name__}", where="quantize", hint="an nn.Module, or the path of an ONNX file"
        )
    from ..frontend.torch import trace

    return trace(model, _example(model, batch), trains=False)


def _example(model: nn.Module, batch: Any) -> Any:
    """The first inputs of a batch: as many as forward() takes without defaults."""
    import inspect

    taken = [
        p
        for p in inspect.signature(model.forward).parameters.values()
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]
    many = any(p.kind is p.VAR_POSITIONAL for p in taken)
    first = batch[0] if not isinstance(batch, Tensor) else batch
    count = len(batch) if many and not isinstance(batch, Tensor) and isinstance(first, Tensor) else len(taken)
    inputs = tuple(x[:1] for x in inputs_of(batch, count))
    return inputs if len(inputs) > 1 else inputs[0]


def _batches(calibration: Any) -> Iterator[Any]:
    """Batches of tensors: x, or a tuple."""
    if hasattr(calibration, "__array__") or isinstance(calibration, Tensor):
        whole = _tensor(calibration)
        yield from whole.split(BATCH)
    elif isinstance(calibration, tuple) and all(hasattr(x, "shape") for x in calibration):
        yield from zip(*(_tensor(x).split(BATCH) for x in calibration), strict=True)
    elif isinstance(calibration, Iterable):
        for batch in calibration:
            yield _nested(batch)
    else:
        raise IntaglioError(
            f"the calibration data is a {type(calibration).__name__}",
            where="quantize",
            hint="an array of inputs, or an iterable of batches",
        )


def _nested(batch: Any) -> Any:
    return tuple(_nested(x) for x in batch) if isinstance(batch, tuple | list) else _tensor(batch)


def _tensor(values: Any) -> Tensor:
    tensor = torch.as_tensor(values)
    return tensor if tensor.is_floating_point() else tensor.float()
