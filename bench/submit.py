"""A result for the repository, from somebody with a device that we don't have: checked, and nothing private in it."""

from __future__ import annotations

import contextlib
import getpass
import re
import socket
from pathlib import Path
from typing import Any

import msgspec

from bench.recording import slug
from bench.result import Kind, Result
from edge.errors import EdgeError

#: What looks like a path of more than one part, on any system, or like somebody's home.
_PATHS = re.compile(r"(?<![\w.:/])(?:~|[A-Za-z]:)?[/\\][\w.@+~-]+(?:[/\\][\w.@+~ -]*[\w.@+~-])+|(?<![\w/])~/\S+")

#: Serial numbers as makers print them after a word that says so, MAC addresses, UUIDs, e-mail addresses, IPv4.
_NUMBERS = re.compile(
    r"(?i)\b(?:serial|s/n|sn)\b[:#= ]*\w+|\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|[\w.+-]+@[\w-]+\.[\w.]+"
    r"|\b(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}\b"
)

#: What stands in their place.
REMOVED = "(removed)"

#: Names that are everybody's and tell nothing, so that words like "root" stay readable.
_COMMON = {"root", "localhost", "user", "admin", "pi", "debian", "raspberrypi", "ubuntu"}

#: Rows without these kinds of figures say nothing.
_FIGURES: dict[Kind, tuple[str, ...]] = {
    "formats": ("timing",),
    "pipeline": ("timing",),
    "sustained": ("curve",),
    "instructions": ("counts",),
    "peers": ("timing",),
}


def check(result: Result) -> None:
    """Refuse what others could not rely on.

    Raises:
        EdgeError: a quick result, one without figures, or with two rows of one key, or of a kind that isn't collected.
    """
    if result.kind not in _FIGURES:
        raise EdgeError(f"results of {result.kind} compare two versions on one machine; nobody else can use them")
    if result.mode != "normal":
        raise EdgeError("this is a quick result: rough figures; measure again without --quick")
    keys = [row.key for row in result.rows]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise EdgeError(f"two rows are called {twice[0]}; measure again with this edge-bench")
    figures = _FIGURES[result.kind]
    empty = [
        row.key for row in result.rows if row.status == "measured" and not any(getattr(row, name) for name in figures)
    ]
    if empty:
        raise EdgeError(f"row {empty[0]} is called measured and holds no {' or '.join(figures)}; measure again")
    if not any(row.status == "measured" for row in result.rows):
        raise EdgeError("no row was measured; there is nothing to submit")


def anonymous(result: Result) -> Result:
    """Return a result without what identifies a person or a machine.

    Removed are paths, host and user names of this system, serial numbers, addresses, variables of the environment, and
    the names of other programs that ran; what these used of the processor stays.
    """
    names = _names()
    cleaned = msgspec.convert(_cleaned(msgspec.to_builtins(result), names), Result)
    states = {}
    for when in ("before", "after"):
        state = getattr(cleaned, when)
        hidden = tuple(msgspec.structs.replace(one, name="other") for one in state.background or ())
        # Seconds since the system started tell machines apart; only differences are of use.
        shift = {name: _less(getattr(state, name), getattr(cleaned.before, name)) for name in _CLOCKS}
        states[when] = msgspec.structs.replace(state, background=None if state.background is None else hidden, **shift)
    # Versions stay as they are: some have four parts, like addresses.
    packages = result.environment.packages
    environment = msgspec.structs.replace(cleaned.environment, packages=packages, variables={})
    remarks = tuple(_without_programs(remark) for remark in cleaned.remarks)
    return msgspec.structs.replace(
        cleaned, environment=environment, remarks=remarks, device=slug(cleaned.device), **states
    )


_CLOCKS = ("others_s", "stolen_s", "uptime_s")


def steps(path: Path) -> str:
    """Say in three lines what to do with the file."""
    return "\n".join(
        [
            f"1. Read {path}: it holds no names, paths or numbers of yours that we know how to find.",
            "2. In a fork of the repository, put it at the same place and commit it alone.",
            "3. Open a pull request; say what cooled the device, what powered it, and what else ran.",
        ]
    )


def _names() -> list[str]:
    """Host and user names of this system, the longest first."""
    found = {socket.gethostname(), socket.gethostname().partition(".")[0], Path.home().name}
    with contextlib.suppress(OSError, KeyError):  # an account without a name, as in containers
        found.add(getpass.getuser())
    return sorted((name for name in found if len(name) > 1 and name.lower() not in _COMMON), key=len, reverse=True)


def _cleaned(value: Any, names: list[str]) -> Any:
    """Clean every text in a tree; keys are names of fields and packages, and stay."""
    if isinstance(value, dict):
        return {key: _cleaned(entry, names) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(entry, names) for entry in value]
    return _text(value, names) if isinstance(value, str) else value


def _text(text: str, names: list[str]) -> str:
    if re.fullmatch(r"[\w-]+/[\w. -]+(/[\w. -]+)*", text):  # a key of rows, such as resnet18/model.onnx/1 thread
        return text
    for pattern in (_NUMBERS, _PATHS):
        text = pattern.sub(REMOVED, text)
    for name in names:
        text = re.sub(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", REMOVED, text)
    return text


def _less(value: float | None, begin: float | None) -> float | None:
    return None if value is None or begin is None else round(value - begin, 3)


def _without_programs(remark: str) -> str:
    """Keep how much others computed, not who they were."""
    return re.sub(r"(cores busy during the run) \([^)]*\)", r"\1", remark)
