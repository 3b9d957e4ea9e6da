"""A search of a script's network: what `intaglio search` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import IntaglioError
from ..source import load_script
from .front import SearchResult
from .run import search
from .trial import check_asked

DENSE = "net and example_input, and dense() that returns (trained float model, train, valid)"


def search_script(path: Path, method: str | None = None, **options: Any) -> SearchResult:
    """As `search`, of a script that has `net`, `example_input`, `dense()`, and perhaps `recipe` and `board`.

    `dense()` returns (model, train, valid): the network trained in float, as a prepared model, and its data.
    """
    if not path.is_file() or path.suffix != ".py":
        raise IntaglioError("there is no such script", where=str(path), hint="a .py like those of examples/")
    module = load_script(path)
    for name in ("net", "example_input", "dense"):
        if not hasattr(module, name):
            raise IntaglioError(f"the script has no {name}", where=str(path), hint=DENSE)
    recipe = getattr(module, "recipe", None)
    if method is not None:
        from ...compress.recipe import Recipe

        recipe = Recipe(method) if recipe is None else recipe.override(method=method)
    asked: dict[str, Any] = {"recipe": recipe, "board": getattr(module, "board", None)}
    asked |= {key: value for key, value in options.items() if value is not None}
    asked = {key: value for key, value in asked.items() if value is not None}
    check_asked(**asked)  # before the network is trained, which may take long
    dense, train, valid = module.dense()
    example_input = module.example_input
    return search(module.net(), dense=dense, train=train, valid=valid, example_input=example_input, **asked)
