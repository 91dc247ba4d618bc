"""What suits a kind of device: options of ``edge-run`` for it, and how to know one. ``profiles/*.toml`` hold them."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from edge.errors import EdgeError
from edge.settings import Settings
from edge.settings.fields import fields
from edge.settings.reading import effective
from edge.sources.options import source_options

PROFILES = Path(__file__).parent / "profiles"

#: How a camera is attached; each has a table of options of its own.
Attachment = Literal["ribbon", "webcam"]

#: The same in words.
CAMERAS: dict[Attachment, str] = {"ribbon": "a camera on the ribbon cable", "webcam": "a USB or built-in camera"}


class Kind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table ``[device]``: what is no option of ``edge-run``.

    Attributes:
        title: for people.
        architecture: the kernel's name for it.
        models: beginnings of the board's name (:func:`devices.probe.read_model`).
        relatives: beginnings of the names of boards that this suits as well, and what is different about them.
        chassis: SMBIOS types of the case.
        cores: names of its cores; empty where there are many kinds.
        memory_max_mb: ``MemoryMax`` of the service, MiB.
        throttle_c: degrees Celsius at which the hardware slows itself down; None where that is not known.
        soft_limit_c: degrees at which it does so a little; None where there is no such limit.
        camera: what reads its own camera: ``picamera`` (ribbon cable) or ``v4l2``.
        engine: what runs the network.
        model_file: which file of a bundle that is.
        supply: power supply that its maker asks for.
    """

    title: str
    architecture: Literal["aarch64", "x86_64"]
    models: tuple[str, ...] = ()
    relatives: dict[str, str] = {}
    chassis: tuple[int, ...] = ()
    cores: tuple[str, ...] = ()
    memory_max_mb: int
    throttle_c: float | None = None
    soft_limit_c: float | None = None
    camera: Literal["picamera", "v4l2"]
    engine: Literal["litert", "onnx"]
    model_file: str
    supply: str


class Profile(msgspec.Struct, frozen=True):
    """A profile.

    Attributes:
        name: of its file, without the ending.
        kind: what it is for.
        run: options that hold whatever the camera.
        cameras: options for each way a camera may be attached.
        text: the file, for its comments are half of it.
    """

    name: str
    kind: Kind
    run: dict[str, Any]
    cameras: dict[Attachment, dict[str, Any]]
    text: str

    @property
    def attachment(self) -> Attachment:
        """How its own camera is attached."""
        return "ribbon" if self.kind.camera == "picamera" else "webcam"

    def options(self, attachment: Attachment | None = None) -> dict[str, Any]:
        """Return the options of ``edge-run`` for a camera; None: for its own.

        Raises:
            EdgeError: it has none for that attachment.
        """
        return self.run | self._camera(attachment or self.attachment)

    def settings(self, attachment: Attachment | None = None) -> Settings:
        """Return the same as :class:`Settings`, everything else at its default.

        Raises:
            EdgeError: an option does not fit.
        """
        try:
            counts = effective(self.options(attachment), {}).settings
            source_options(counts)  # what the schema takes as text has rules of its own
        except EdgeError as error:
            raise EdgeError(f"profile {self.name}: {error}") from error
        return counts

    def render(self, attachment: Attachment | None = None) -> str:
        """Return a file that ``edge-run --config`` takes, with the reason for each value.

        Raises:
            EdgeError: see :meth:`options`.
        """
        attachment = attachment or self.attachment
        self._camera(attachment)
        what = f"{self.kind.title}, {CAMERAS[attachment]}"
        head = f"# {what}: profile {self.name} of emot-edge. edge-run --config takes this file."
        return "\n\n".join([head, *(_section(self.text, name) for name in ("run", attachment))]) + "\n"

    def _camera(self, attachment: Attachment) -> dict[str, Any]:
        if attachment not in self.cameras:
            raise EdgeError(f"profile {self.name} has no options for a {attachment} camera; it has {self.attachment}")
        return self.cameras[attachment]


def names() -> tuple[str, ...]:
    """Return the names of the packaged profiles."""
    return tuple(sorted(path.stem for path in PROFILES.glob("*.toml")))


def load(name: str) -> Profile:
    """Return a packaged profile.

    Raises:
        EdgeError: there is none of that name (the nearest is told), or it is damaged.
    """
    if name not in names():
        raise EdgeError(f"no profile {name!r}{_nearest(name, names()) or ';'} edge-device profile lists them")
    return read(PROFILES / f"{name}.toml")


def load_all() -> tuple[Profile, ...]:
    """Return the packaged profiles.

    Raises:
        EdgeError: one is damaged.
    """
    return tuple(load(name) for name in names())


def read(path: Path) -> Profile:
    """Read and check a profile.

    Raises:
        EdgeError: unreadable, no TOML, an unknown table or key (the nearest is told), or a value that does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise EdgeError(f"cannot read profile {path}: {reason}; install emot-edge again") from error
    except tomllib.TOMLDecodeError as error:
        raise EdgeError(f"{path} is no valid TOML: {error}; correct it") from error
    _check_keys(path, "", content, ("device", "run", "ribbon", "webcam"))
    device, run = (content.get(table) for table in ("device", "run"))
    if not isinstance(device, dict) or not isinstance(run, dict):
        raise EdgeError(f"{path}: the tables [device] and [run] are both needed; add what is missing")
    _check_keys(path, "device.", device, [field.name for field in msgspec.structs.fields(Kind)])
    try:
        kind = msgspec.convert(device, Kind)
    except msgspec.ValidationError as error:
        raise EdgeError(f"{path}: [device]: {error}; correct it") from error
    cameras: dict[Attachment, dict[str, Any]] = {}
    for attachment in CAMERAS:
        if attachment in content:
            cameras[attachment] = content[attachment]
    for table, options in (("run", run), *cameras.items()):
        _check_keys(path, f"{table}.", options, fields())
    for attachment, options in cameras.items():
        if twice := sorted(run.keys() & options.keys()):
            raise EdgeError(f"{path}: {twice[0]} stands in [run] and in [{attachment}]; leave it in one")
    profile = Profile(path.stem, kind, run, cameras, text)
    profile.options()  # its own camera has a table
    for attachment in cameras:
        profile.settings(attachment)
    return profile


def _check_keys(path: Path, prefix: str, table: Any, known: Iterable[str]) -> None:
    if not isinstance(table, dict):
        raise EdgeError(f"{path}: {prefix.rstrip('.')} must be a table; write [{prefix.rstrip('.')}]")
    for key in table:
        if key not in known:
            raise EdgeError(f"{path}: unknown key {prefix}{key}{_nearest(key, known) or '; remove it'}")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _section(text: str, name: str) -> str:
    """Return the lines below a table's heading, up to the next one."""
    parts = re.split(r"^\[([\w.]+)\][ \t]*$", text, flags=re.M)
    bodies = (part.strip("\n") for part in parts[2::2])
    return next(body for heading, body in zip(parts[1::2], bodies, strict=True) if heading == name)
