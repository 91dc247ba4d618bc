"""Give a function the flags of every option, so that the schema alone decides what they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from edge.settings.fields import Field, fields
from edge.terminal import under

_METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


def with_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Add a parameter for each option to the signature that Typer sees; they reach the function as ``**flags``.

    A flag that wasn't given is None: files and variables can then fill it. Values are text here and are held to the
    schema later, so that a mistake reads the same wherever it stands.
    """
    own = list(inspect.signature(function, eval_str=True).parameters.values())
    kept = [parameter for parameter in own if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(field))
        for name, field in fields().items()
    ]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*added, *kept)]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def _annotation(field: Field) -> Any:
    help = field.help.replace("[", "\\[")
    if field.default not in (None, "") and field.kind is not bool:
        help += f" [dim]Default: {field.default}[/dim]"
    if field.kind is bool:
        option = under(field.panel, f"{field.flag}/--no-{field.flag[2:]}", help=help, show_default=False)
        return Annotated[bool | None, option]
    names = [name for name in (field.flag, field.short) if name]
    metavar = "|".join(map(str, field.choices)) or _METAVARS[field.kind]
    return Annotated[str | None, under(field.panel, *names, help=help, metavar=metavar, show_default=False)]
