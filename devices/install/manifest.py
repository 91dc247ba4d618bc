"""The list of everything that was installed; what isn't on it is never removed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from devices.durable import write
from devices.layout import Layout
from edge.errors import EdgeError

#: ``tree``: a folder whose whole content is ours, whoever put it there.
Kind = Literal["file", "folder", "tree", "link", "account"]


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that was made.

    Attributes:
        kind: what it is.
        path: on the device; of an account: its name.
        contents: SHA-256 of everything that was ever written there; what differs was changed by somebody else.
        kept: it stays when the service is removed, unless everything is asked for: it holds what an owner wrote.
    """

    kind: Kind
    path: str
    contents: tuple[str, ...] = ()
    kept: bool = False


class Choices(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for, so that the next run needs not be told again.

    Attributes:
        profile: its name.
        camera: how it is attached; empty: as it is found.
        source: of the pictures; empty: the profile's.
        extras: parts of the runtime that need further packages.
    """

    profile: str = "this"
    camera: str = ""
    source: str = ""
    extras: tuple[str, ...] = ()


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    choices: Choices
    items: tuple[Item, ...]


class Manifest:
    """The list, in the order in which things were made.

    An item is entered before the thing is made: a run that is cut short leaves nothing that is not on the list.
    """

    def __init__(self, layout: Layout) -> None:
        """Read it; one that isn't there is empty.

        Raises:
            EdgeError: it can't be read.
        """
        self._layout = layout
        self.items: dict[tuple[str, str], Item] = {}
        self.choices: Choices | None = None
        try:
            content = msgspec.json.decode(layout.manifest.read_bytes(), type=_Content)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise EdgeError(
                f"cannot read {layout.manifest}: {error}; repair it, or remove what docs/install.md lists by hand"
            ) from error
        self.choices = content.choices
        self.items = {(item.kind, item.path): item for item in content.items}

    def enter(self, item: Item) -> None:
        """Add an item, or what is new about one, and write the list."""
        key = (item.kind, item.path)
        if (known := self.items.get(key)) is not None:
            contents = tuple(dict.fromkeys((*known.contents, *item.contents)))
            item = msgspec.structs.replace(item, contents=contents)
            if item == known:
                return
        self.items[key] = item
        self.save()

    def strike(self, item: Item) -> None:
        """Take an item off, once the thing is gone, and write the list."""
        del self.items[(item.kind, item.path)]
        self.save()

    def choose(self, choices: Choices) -> None:
        """Note what was asked for."""
        if choices != self.choices:
            self.choices = choices
            self.save()

    def save(self) -> None:
        """Write the list, readable by root alone."""
        content = _Content(1, self.choices or Choices(), tuple(self.items.values()))
        text = msgspec.json.format(msgspec.json.encode(content), indent=2)
        write(self._layout.manifest, text + b"\n", 0o600)

    def listed(self, kind: Kind, path: Path) -> Item | None:
        """Return the entry of a path (as seen from here), if there is one."""
        return self.items.get((kind, str(self._layout.inside(path))))


def digest(data: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def changed(choices: Choices, asked: Mapping[str, object]) -> Choices:
    """Return choices with those replaced that were asked for; None was not."""
    return msgspec.structs.replace(choices, **{name: value for name, value in asked.items() if value is not None})
