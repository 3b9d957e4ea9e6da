"""The one Jinja environment: `${x}` renders, lines that begin with `//%` (`#%`) are statements, nothing is undefined.

Templates hold no arithmetic: what they need is computed in `Op.params`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from ..errors import IntaglioError


@cache
def environment(statement: str = "//%") -> jinja2.Environment:
    """The environment whose statement lines begin with `statement`."""
    folder = str(files("intaglio.templates"))
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        variable_start_string="${",
        variable_end_string="}",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        line_statement_prefix=statement,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, /, **context: Any) -> str:
    """The template at `template` (a path under templates/, with its .j2), rendered."""
    slashes = template.split(".")[-2] in {"cpp", "h", "sv", "v"}
    try:
        return environment("//%" if slashes else "#%").get_template(template).render(**context)
    except jinja2.TemplateNotFound as error:
        raise IntaglioError("there is no such template", where=f"templates/{error.name}") from None
    except jinja2.UndefinedError as error:
        raise IntaglioError(
            f"the template wants what params() does not give: {error.message}", where=f"templates/{template}"
        ) from error
