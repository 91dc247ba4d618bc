"""A program that cuts the power of an update at each of its file operations in turn, and looks at what is left.

Each run is a process of its own (forked), which is killed (SIGKILL) right before its n-th operation that changes the
file tree: opening for writing, flushing, renaming, linking, removing, making folders. A killed process loses nothing
that a power cut would: so whatever was written and not flushed is emptied afterwards. That names are on the disk in
time can't be seen afterwards; it is held at the moment when a link changes.

Run by ``test_update_power_cuts.py``; prints what it did as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from devices.update.journal import installed, read_history, read_switch
from devices.update.packing import pack
from devices.update.places import COMPLETE, Kind, Places
from devices.update.runtime import UnfitError
from devices.update.switching import count_boot
from edge.bundle import describe_file, read_bundle, write_config
from tests.devices.updates import Fleet, Told, small_bundle

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.truncate", "os.chmod")

Action = Callable[[Places], None]


class Watch:
    """Counts changes below a folder, knows what is not flushed, and kills this process at the n-th."""

    def __init__(self, root: Path, links: list[Path], moment: int, out: Path) -> None:
        self.root, self.links, self.moment, self.out = str(root), [str(link) for link in links], moment, out
        self.count = 0
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.faults: list[str] = []
        self._fsync, self._sync = os.fsync, os.sync
        os.fsync, os.sync = self._flush, self._flush_all  # type: ignore[assignment]
        sys.addaudithook(self._hook)

    def write(self) -> None:
        report = {"count": self.count, "files": sorted(self.files), "faults": self.faults}
        handle = os.open(self.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.write(handle, json.dumps(report).encode())

    def _tick(self) -> None:
        self.count += 1
        if self.count == self.moment:
            self.write()
            os.kill(os.getpid(), signal.SIGKILL)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            path = str(arguments[0])
            # The lock holds nothing, and nothing rests on it.
            if path.startswith(self.root) and not path.endswith("/lock"):
                self._tick()
                self.files.add(path)
                self.folders.add(str(Path(path).parent))
        elif event in _CHANGES:
            self._changed(event, arguments)

    def _changed(self, event: str, arguments: tuple[object, ...]) -> None:
        # What shutil.rmtree removes it names relative to an open folder.
        place = {"os.symlink": 1, "os.rename": 1}.get(event, 0)
        path = str(arguments[place])
        if not path.startswith("/"):
            self._tick()
            return
        if not path.startswith(self.root):
            return
        self._tick()
        self.folders.add(str(Path(path).parent))
        if event in ("os.remove", "os.rename"):
            gone = str(arguments[0])
            self.folders.add(str(Path(gone).parent))
            moved = {name for name in self.files if name == gone or name.startswith(gone + "/")}
            self.files -= moved
            if event == "os.rename":
                self._renamed(gone, path, moved)

    def _renamed(self, old: str, new: str, moved: set[str]) -> None:
        self.files |= {new + name[len(old) :] for name in moved}
        self.folders = {new + name[len(old) :] if name.startswith(old + "/") else name for name in self.folders}
        if new in self.links:
            here = Path(new).parent
            tree = here / Path(old).readlink()
            for name in map(Path, (*self.files, *self.folders)):
                if name == tree or tree in name.parents or (name == tree.parent and name != here):
                    self.faults.append(f"{new} led to {tree} before {name} was flushed")
                elif name.name in ("journal.json", "edge-update"):
                    self.faults.append(f"{new} changed before the journal was flushed: {name}")

    def _flush(self, handle: int) -> None:
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        if path.startswith(self.root):
            self._tick()
        self._fsync(handle)
        self.files.discard(path)
        self.folders.discard(path)

    def _flush_all(self) -> None:
        self._tick()
        self.files.clear()
        self.folders.clear()


def forked(work: Path, places: Places, action: Action, moment: int) -> dict[str, object]:
    """Run an action in a process that is killed at a moment; empty what was not flushed then."""
    out = work / "watch.json"
    out.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            links = [places.link("model"), places.link("software")]
            watch = Watch(places.root, links, moment, out)
            action(places)
            watch.write()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, f"ended with {status} at moment {moment}"
    report: dict[str, object] = json.loads(out.read_text()) | {"killed": killed}
    for name in report["files"] if killed else ():  # type: ignore[attr-defined]
        if Path(name).is_file() and not Path(name).is_symlink():
            os.truncate(name, 0)
    return report


def version_of_whole(places: Places, kind: Kind) -> str:
    """The active version, having read every byte of it."""
    link = places.link(kind)
    if not link.is_symlink():
        assert kind == "model", "no software"
        return ""
    tree = link.resolve(strict=True)
    if kind == "model":
        bundle = read_bundle(tree)
        for name in bundle.config.files:
            bundle.path(name)
    else:
        assert (tree / COMPLETE).exists(), tree
        assert (tree / "bin" / "program").read_text() == "program\n" * 100
    found = installed(tree)
    assert found is not None and found.version
    return found.version


def names(root: Path) -> list[str]:
    """Everything in a tree, and where links lead."""
    found = []
    for path in sorted(root.rglob("*")):
        found.append(f"{path.relative_to(root)}" + (f" -> {path.readlink()}" if path.is_symlink() else ""))
    return found


def build(wheels: Path, tree: Path) -> None:
    """Stands for venv and pip: files that nobody flushes."""
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "program").write_text("program\n" * 100)


def scenarios(fleet: Fleet, kind: Kind, files: list[Path]) -> Iterator[tuple[str, Action, Action, set[str]]]:
    """Yield name, what the power is cut in, what follows at the next boot, and the versions this may end in."""

    def take(places: Places, boot: str = "0", **service: str) -> None:
        fleet.updater(places, service=Told(**service), boot=boot, build=build).apply(str(files[2]))  # type: ignore[arg-type]

    def bad(places: Places) -> None:
        try:
            take(places, watching="it has failed")
        except UnfitError:
            return

    def again(places: Places) -> None:
        count_boot(places, "1")
        take(places, "1")

    def settled(places: Places) -> None:
        count_boot(places, "1")
        with fleet.updater(places, service=Told(watching="it has failed"), boot="1", build=build).alone():
            pass

    def third_boot(places: Places) -> None:
        count_boot(places, "3")

    def fourth_boot(places: Places) -> None:
        count_boot(places, "4")
        with fleet.updater(places, boot="4", build=build).alone():
            pass

    def back(places: Places) -> None:
        fleet.updater(places, build=build).go_back(kind)

    yield "taken", take, again, {"1.2"}
    if kind == "model":
        yield "taken back", bad, settled, {"1.1"}
    yield "third boot", third_boot, fourth_boot, {"1.1"}
    if kind == "model":
        yield "gone back by hand", back, fourth_boot, {"1.0", "1.1"}


def prepared(fleet: Fleet, kind: Kind, name: str, files: list[Path]) -> Places:
    """A device with 1.0 before 1.1."""
    places = fleet.device(name)
    for file in files[:2]:
        fleet.updater(places, build=build).apply(str(file))
    return places


def unconfirmed(fleet: Fleet, places: Places, file: Path) -> None:
    """The power went right after the switch, and two boots came to nothing."""

    class Cut(Told):
        def restart(self) -> str:
            raise KeyboardInterrupt

    try:
        fleet.updater(places, service=Cut(), build=build).apply(str(file))
    except KeyboardInterrupt:
        count_boot(places, "1")
        count_boot(places, "2")


def main(kind: Kind, work: Path) -> None:
    fleet = Fleet(work)
    files = updates(fleet, kind, work)
    template = prepared(fleet, kind, "template", files)
    waiting = prepared(fleet, kind, "waiting", files)
    unconfirmed(fleet, waiting, files[2])
    for name, action, after, ends in scenarios(fleet, kind, files):
        begun = waiting if name == "third boot" else template
        faults: set[str] = set()
        seen: dict[str, int] = {}
        left: dict[str, list[str]] = {}
        moment = 0
        while True:
            moment += 1
            places = Places(work / "device", image=False)
            shutil.rmtree(places.root, ignore_errors=True)
            shutil.copytree(begun.root, places.root, symlinks=True)
            report = forked(work, places, action, moment)
            faults |= set(report["faults"])  # type: ignore[call-overload]
            version = version_of_whole(places, kind)
            seen[version] = seen.get(version, 0) + 1
            followed = forked(work, places, after, 0)
            faults |= set(followed["faults"])  # type: ignore[call-overload]
            version = version_of_whole(places, kind)
            assert version in ends, f"{name}, cut before operation {moment}: {version}"
            assert read_switch(places) is None, f"{name}, cut before operation {moment}: the switch is open"
            assert read_history(places), f"{name}, cut before operation {moment}: the history is lost"
            left.setdefault(version, names(places.root))
            if kind == "model" or name == "taken":
                assert names(places.root) == left[version], f"{name}, {moment}: {left[version]} {names(places.root)}"
            if not report["killed"]:
                break
        print(json.dumps({"scenario": name, "cuts": moment - 1, "seen": seen, "faults": sorted(faults)}), flush=True)


def updates(fleet: Fleet, kind: Kind, work: Path) -> list[Path]:
    """Three updates, 1.0 to 1.2."""
    if kind == "model":
        made = []
        bundle = small_bundle(work / "bundle")
        # Nothing is run here, so that a few bytes do for a network.
        network = bundle / "model_int8.tflite"
        network.write_bytes(b"network" * 1000)
        entry = describe_file(network, "tflite", "int8")
        for version in ("1.0", "1.1", "1.2"):
            config = msgspec.structs.replace(read_bundle(bundle).config, name=f"m{version}")
            write_config(bundle, msgspec.structs.replace(config, files={network.name: entry}))
            made.append(fleet.update(version, bundle))
        return made
    made = []
    for version in ("1.0", "1.1", "1.2"):
        wheels = work / f"wheels-{version}"
        wheels.mkdir()
        (wheels / f"emot_edge-{version}-py3-none-any.whl").write_bytes(b"wheel")
        made.append(fleet.sign(pack(wheels, "", work)))
    return made


if __name__ == "__main__":
    main("software" if sys.argv[1] == "software" else "model", Path(sys.argv[2]))
