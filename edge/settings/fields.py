"""The schema, field by field: what flags, messages and the printed configuration are made from."""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from edge.settings.schema import SHORT, Settings


@dataclasses.dataclass(frozen=True)
class Field:
    """One option.

    Attributes:
        name: as in :class:`Settings` and in a configuration file.
        kind: bool, int, float, str or Path.
        optional: whether it may have no value.
        default: its value when nobody says anything.
        panel: heading in ``--help`` under which it stands.
        help: what it does.
        choices: its values, where there are only a few.
    """

    name: str
    kind: type
    optional: bool
    default: Any
    panel: str
    help: str
    choices: tuple[Any, ...] = ()

    @property
    def flag(self) -> str:
        """``--camera-size``."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """``EDGE_RUN_CAMERA_SIZE``."""
        return PREFIX + self.name.upper()

    @property
    def short(self) -> str | None:
        """``-s``, where there is one."""
        return SHORT.get(self.name)


#: First part of every environment variable.
PREFIX = "EDGE_RUN_"


@functools.cache
def fields() -> dict[str, Field]:
    """Return every option by name, in the order of the schema."""
    hints = get_type_hints(Settings, include_extras=True)
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    return {name: _field(name, hint, defaults[name]) for name, hint in hints.items()}


def _field(name: str, hint: Any, default: Any) -> Field:
    base, meta = get_args(hint)[:2]
    kind, optional, choices = _plain(base)
    return Field(name, kind, optional, default, meta.extra["panel"], meta.description, choices)


def _plain(hint: Any) -> tuple[type, bool, tuple[Any, ...]]:
    """Return the type below limits and ``| None``, whether None is allowed, and the choices."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _plain(get_args(hint)[0])
    if origin is Literal:
        values = get_args(hint)
        return type(values[0]), False, values
    if origin in (Union, types.UnionType):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        kind, _, choices = _plain(inner)
        return kind, True, choices
    return hint, False, ()
