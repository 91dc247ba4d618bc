"""What rows are called in tables and plots: as short as what tells them apart allows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

from bench.result import Row, Value
from edge.markup import Markup, element, join

#: Settings that say nothing to a reader beside the others.
_SILENT = frozenset({"reference", "bundle", "precision", "engine", "device"})

#: Rows that a group has at least, on average, to get a heading.
MEMBERS = 1.9

#: Where these are known, the word for it.
_UNITS = {"threads": "thread", "faces": "face"}


def series_of(row: Row) -> str:
    """Return the network a row is about, which colours stand for."""
    return str(row.settings.get("bundle") or row.settings.get("model") or row.key.partition("/")[0])


def file_of(row: Row) -> str | None:
    """Return the model file, where the row is about one."""
    file = row.settings.get("file")
    return str(file) if file else None


def short_file(name: str) -> str:
    """Return a file's name without what all of them begin with: ``model_int8.tflite``: ``int8.tflite``."""
    return name.removeprefix("model_").removeprefix("model.") or name


def title(row: Row) -> tuple[str, str]:
    """Return a name, and in small what else tells the row from others."""
    file = file_of(row)
    if file is None:
        return row.key, ""
    rest = [part for part in row.key.split("/") if part != file]
    return file, ", ".join(rest)


@dataclasses.dataclass(frozen=True)
class Names:
    """What the rows of a table are called.

    Attributes:
        common: what all of them share, said once.
        groups: of each row, the heading it stands under; empty where there are none.
        names: of each row.
    """

    common: str
    groups: tuple[str, ...]
    names: tuple[str, ...]


def grouped(keys: Sequence[str]) -> Names:
    """Take keys apart so that each row says only what is its own.

    Parts that all keys share are said once; of the others, the one with most values names the row, and the rest is
    the heading of its group, where groups are large enough to be worth one.
    """
    parts = [key.split("/") for key in keys]
    lengths = set(map(len, parts))
    if len(lengths) > 1 and min(lengths) > 1 and len({split[0] for split in parts}) == 1:
        parts = [split[1:] for split in parts]
    if len(parts) < 2 or len({len(split) for split in parts}) > 1:
        return Names("", ("",) * len(keys), tuple(", ".join(split) for split in parts))
    values = [list(dict.fromkeys(column)) for column in zip(*parts, strict=True)]
    varying = [index for index, found in enumerate(values) if len(found) > 1]
    common = ", ".join(found[0] for found in values if len(found) == 1)
    if not varying:
        return Names("", ("",) * len(keys), tuple(keys))
    own = max(varying, key=lambda index: (len(values[index]), index))
    rest = [index for index in varying if index != own]
    groups = [", ".join(split[index] for index in rest) for split in parts]
    if len(set(groups)) > len(keys) / MEMBERS:
        return Names(common, ("",) * len(keys), tuple(", ".join(split[i] for i in varying) for split in parts))
    return Names(common, tuple(groups), tuple(split[own] for split in parts))


def briefly(keys: Sequence[str]) -> list[str]:
    """Return each key without what all of them share."""
    called = grouped(keys)
    return [", ".join(filter(None, pair)) for pair in zip(called.groups, called.names, strict=True)]


def breakable(name: str) -> Markup:
    """Return a name that is broken, where it must be, behind its signs and not inside its words."""
    pieces = re.split(r"(?<=[/_,-])|(?=\.)", name)
    return join(*(part for i, piece in enumerate(pieces) for part in ((element("wbr"), piece) if i else (piece,))))


def said(name: str, value: Value) -> str:
    """Return a setting in words: ``2 threads``, ``search_interval 10``."""
    if name in _UNITS and isinstance(value, int):
        return f"{value} {_UNITS[name]}{'' if value == 1 else 's'}"
    if name == "search_interval":
        return "every frame" if value == 1 else f"every {value}"
    if isinstance(value, bool):
        return name.replace("_", " ") if value else f"no {name.replace('_', ' ')}"
    return value if isinstance(value, str) else f"{name.replace('_', ' ')} {value}"


def size_of(settings: dict[str, Value]) -> str | None:
    """Return ``640×480``."""
    width, height = settings.get("width"), settings.get("height")
    return f"{width}×{height}" if width and height else None


def telling(rows: Sequence[dict[str, Value]], without: Iterable[str] = ()) -> list[str]:
    """Return for each group of settings the words for those in which the groups differ; empty where none does."""
    hidden = {*_SILENT, *without}
    names = dict.fromkeys(name for settings in rows for name in settings if name not in hidden)
    sized = not {"width", "height"} & set(without)
    varying = [n for n in names if len({repr(settings.get(n)) for settings in rows}) > 1]
    words = []
    for settings in rows:
        parts = [said(name, settings[name]) for name in varying if settings.get(name) is not None]
        if sized and {"width", "height"} & set(varying) and (size := size_of(settings)):
            rest = [n for n in varying if n not in ("width", "height") and settings.get(n) is not None]
            parts = [size, *(said(name, settings[name]) for name in rest)]
        words.append(", ".join(parts))
    return words


def shortened(name: str, most: int) -> str:
    """Return a name of at most so many characters, its middle left out: both ends tell more than one."""
    if len(name) <= most:
        return name
    head = (most - 1) // 2
    return f"{name[:head]}…{name[len(name) - (most - 1 - head) :]}"
