"""Archives that the packer would not make: signed, and still not to be unpacked. A key may be robbed, or careless."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from devices.update.journal import read_history
from devices.update.manifest import NAME, Entry, Update, encode, file_name
from devices.update.places import Places
from edge.errors import EdgeError
from tests.devices.updates import Fleet, is_untouched


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def archive(fleet: Fleet, update: Update, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A signed archive that the packer would not make."""
    file = fleet.folder / file_name(update)
    with tarfile.open(file, "w") as out:
        for member, content in members:
            member.size = member.size or len(content)
            out.addfile(member, io.BytesIO(content))
    return fleet.sign(file)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, size
    return made


def hostile() -> Iterator[tuple[str, tuple[tarfile.TarInfo, bytes], str]]:
    for name in ("../x", "/etc/x", "a/../../x", "sub/x", "x\n", ".hidden"):
        yield name, (member(name), b"x"), "does not list"
    for kind, name in ((tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "hard"), (tarfile.CHRTYPE, "device")):
        yield name, (member("x", kind, "/etc/passwd"), b""), "no regular file"
    yield "fifo", (member("x", tarfile.FIFOTYPE), b""), "no regular file"
    yield "folder", (member("x", tarfile.DIRTYPE), b""), "no regular file"
    yield "twice", (member("model_config.json"), b"{}"), "twice"
    yield "manifest", (member(NAME), b"{}"), "hold it once"
    yield "bomb", (member("x", size=0), bytes(2000)), "does not list"


@pytest.mark.parametrize(("extra", "says"), [(e, s) for _, e, s in hostile()], ids=[n for n, _, _ in hostile()])
def test_an_archive_that_wants_more_than_it_should(
    fleet: Fleet, extra: tuple[tarfile.TarInfo, bytes], says: str
) -> None:
    places = fleet.device()
    content = b"{}"
    update = Update("model", "m", "1.0", "2026-11-25T15:00:00Z", (Entry("model_config.json", _hash(content), 2),))
    good = [(member(NAME), encode(update)), (member("model_config.json"), content)]
    with pytest.raises(EdgeError, match=says):
        fleet.updater(places).apply(str(archive(fleet, update, *good, extra)))
    assert is_untouched(places)
    assert sorted(path.name for path in places.root.iterdir()) == ["etc", "opt", "var"]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["../m", "/m", "a/b", ".m", "", "m\n", "m;reboot"])
def test_a_manifest_whose_names_are_paths(fleet: Fleet, name: str) -> None:
    places = fleet.device()
    for update in (
        Update("model", name, "1.0", "2026-11-25T15:00:00Z", (Entry("a", _hash(b"x"), 1),)),
        Update("model", "m", "1.0", "2026-11-25T15:00:00Z", (Entry(name, _hash(b"x"), 1),)),
    ):
        plain = msgspec.structs.replace(update, name="m")
        file = archive(fleet, plain, (member(NAME), encode(update)), (member("a"), b"x"))
        with pytest.raises(EdgeError, match="is no plain name"):
            fleet.updater(places).apply(str(file))
    assert is_untouched(places)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 2}, "schema 2, known here is 1; update the software first"),
        ({"color": "red"}, "color"),
        ({"kind": "firmware"}, "firmware"),
        ({"version": "1.0rc1"}, "1.0rc1"),
        ({"requires": "99.0"}, "needs emot-edge 99.0"),
        ({"machines": ["riscv64"]}, "is for riscv64; this machine is"),
        ({"pythons": ["3.8"]}, "is for Python 3.8"),
        ({"files": []}, "one file or more"),
    ],
)
def test_a_manifest_for_others(fleet: Fleet, change: dict[str, object], says: str) -> None:
    places = fleet.device()
    update = Update("model", "m", "1.0", "2026-11-25T15:00:00Z", (Entry("a", _hash(b"x"), 1),))
    content = msgspec.json.encode(msgspec.to_builtins(update) | change)
    file = archive(fleet, update, (member(NAME), content), (member("a"), b"x"))
    with pytest.raises(EdgeError, match=says):
        fleet.updater(places).apply(str(file))
    assert is_untouched(places)
    assert read_history(places)[-1].outcome == "refused"


def test_software_for_an_image(fleet: Fleet) -> None:
    places = Places(fleet.device().root)
    update = Update("software", "emot-edge", "1.0", "2026-11-25T15:00:00Z", (Entry("a", _hash(b"x"), 1),))
    with pytest.raises(EdgeError, match="by installing it there"):
        fleet.updater(places).apply(str(archive(fleet, update, (member(NAME), encode(update)), (member("a"), b"x"))))


def test_contents_that_are_not_as_listed(fleet: Fleet) -> None:
    places = fleet.device()
    update = Update("model", "m", "1.0", "2026-11-25T15:00:00Z", (Entry("a", _hash(b"x"), 1),))
    for content, says in ((b"y", "not what its"), (b"xx", "has 2 bytes, listed are 1")):
        file = archive(fleet, update, (member(NAME), encode(update)), (member("a"), content))
        with pytest.raises(EdgeError, match=says):
            fleet.updater(places).apply(str(file))
    with pytest.raises(EdgeError, match="lacks a"):
        fleet.updater(places).apply(str(archive(fleet, update, (member(NAME), encode(update)))))
    with pytest.raises(EdgeError, match="must begin with"):
        fleet.updater(places).apply(str(archive(fleet, update, (member("a"), b"x"))))
    with pytest.raises(EdgeError, match=r"model_config\.json is missing"):
        fleet.updater(places).apply(str(archive(fleet, update, (member(NAME), encode(update)), (member("a"), b"x"))))
    assert is_untouched(places)
