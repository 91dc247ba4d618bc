"""Print what counts as a configuration file that gives the same again."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from edge.settings.fields import Field, fields
from edge.settings.reading import Effective
from edge.settings.schema import SECRETS


def render(effective: Effective) -> str:
    """Return TOML: every option under its heading, with what it does and where it was given. Secrets are left out."""
    lines = ["# Options of edge-run. Later ones win: this file, variables EDGE_RUN_..., flags."]
    panel = ""
    for name, field in fields().items():
        if field.panel != panel:
            panel = field.panel
            lines += ["", f"# --- {panel} ---"]
        lines += ["", *(f"# {line}" for line in textwrap.wrap(field.help, 98))]
        value = getattr(effective.settings, name)
        origin = effective.origins.get(name)
        note = f"  # from {origin}" if origin else ""
        lines.append(_line(field, value) + note)
    return "\n".join(lines)


def _line(field: Field, value: Any) -> str:
    if value is None:
        return f"#{field.name} ="
    if value and (field.name in SECRETS or (field.name == "source" and "@" in value)):
        return f"#{field.name} = (set, and not shown)"
    return f"{field.name} = {toml_value(value)}"


def toml_value(value: Any) -> str:
    """Return a value as it stands in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        # A JSON string without escapes beyond ASCII is a TOML basic string as well.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
