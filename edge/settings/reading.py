"""Where options come from: a configuration file, the environment, flags. Later ones win, every mistake is named."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import EdgeError
from edge.settings.fields import PREFIX, Field, fields
from edge.settings.schema import Settings

#: Names the configuration file for services that can only set variables.
CONFIG_VARIABLE = PREFIX + "CONFIG"

#: A key and a table can't share a name in TOML, so these are switched on by a key inside their table as well.
IN_TABLES = {"mqtt_broker": "mqtt", "web_enabled": "web", "metrics_enabled": "metrics"}

_WORDS = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}


@dataclasses.dataclass(frozen=True)
class Given:
    """One value and where it was given.

    Attributes:
        value: as it stands there.
        origin: for messages: ``--max-fps``, ``EDGE_RUN_MAX_FPS``, ``edge-run.toml: max_fps``.
    """

    value: Any
    origin: str


@dataclasses.dataclass(frozen=True)
class Effective:
    """What counts in the end.

    Attributes:
        settings: the options.
        origins: where each option that isn't at its default was given.
    """

    settings: Settings
    origins: dict[str, str]


def effective(flags: Mapping[str, Any], environment: Mapping[str, str], config: Path | None = None) -> Effective:
    """Return what counts: defaults, then the file, then the environment, then flags.

    Args:
        flags: options given on the command line, by field name; None is one that wasn't given.
        environment: variables; those that begin with ``EDGE_RUN_`` are ours.
        config: the file; None takes the one that ``EDGE_RUN_CONFIG`` names, if it does.

    Raises:
        EdgeError: an unknown name (the nearest known one is told), a value that doesn't fit, an unreadable file.
    """
    named = environment.get(CONFIG_VARIABLE)
    path = config or (Path(named) if named else None)
    given: dict[str, Given] = from_file(path) if path else {}
    given |= from_environment(environment)
    given |= {name: Given(value, fields()[name].flag) for name, value in flags.items() if value is not None}
    values = {name: _value(fields()[name], item) for name, item in given.items()}
    return Effective(msgspec.convert(values, Settings, dec_hook=_decode), {n: i.origin for n, i in given.items()})


def from_file(path: Path) -> dict[str, Given]:
    """Return what a TOML file gives. ``[mqtt]`` with ``topic`` under it is the same as ``mqtt_topic``.

    See :data:`IN_TABLES` for the one thing that tables say in another way.

    Raises:
        EdgeError: unreadable, no TOML, or an unknown key.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise EdgeError(f"cannot read {path}: {reason}; --config takes a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise EdgeError(f"{path} is no valid TOML: {error}; edge-run config prints an example") from error
    found = {}
    for key, value in _flat(content, ""):
        name = key.replace(".", "_").replace("-", "_")
        name = IN_TABLES.get(name, name)
        if name not in fields():
            raise EdgeError(f"{path}: unknown key {key!r}{_nearest(name, fields())}")
        found[name] = Given(value, f"{path}: {key}")
    return found


def from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """Return what variables give.

    Raises:
        EdgeError: one begins with ``EDGE_RUN_`` and is no option.
    """
    known = {field.variable: name for name, field in fields().items()}
    found = {}
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if variable not in known:
            raise EdgeError(f"unknown variable {variable}{_nearest(variable, known)}")
        found[known[variable]] = Given(value, variable)
    return found


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in table.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return rows


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else "; edge-run config prints the known ones"


def _value(field: Field, given: Given) -> Any:
    """Return one value as its type.

    Raises:
        EdgeError: it doesn't fit; the message names where it was given.
    """
    value = given.value
    if field.kind is str and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # source = 0
    if field.kind is bool and isinstance(value, str):
        value = _WORDS.get(value.strip().lower(), value)
    if field.optional and isinstance(value, str) and not value:
        return None
    try:
        # One field at a time, so that the message can name where its value stands.
        single = msgspec.convert({field.name: value}, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise EdgeError(f"{given.origin}: {_reason(field, value, str(error))}") from error
    return getattr(single, field.name)


def _reason(field: Field, value: Any, error: str) -> str:
    """Say in a user's words what msgspec found."""
    if field.choices:
        return f"{value!r} is none of {', '.join(map(str, field.choices))}"
    names = {bool: "yes or no", int: "a whole number", float: "a number", str: "text", Path: "a path"}
    wrong = error.partition(" - at ")[0]
    for sign in (">=", "<=", ">", "<"):
        _, found, limit = wrong.partition(f"` {sign} ")
        if found:
            words = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
            return f"{value!r} must be {words[sign]} {float(limit):g}"
    return f"{value!r} is not {names[field.kind]}"


def _decode(kind: type, value: Any) -> Any:
    """Teach msgspec paths."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Path and isinstance(value, Path):
        return value
    raise msgspec.ValidationError(f"Expected `path`, got `{type(value).__name__}`")
