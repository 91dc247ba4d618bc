"""What tests of updates share: keys, real signed updates, file trees of devices, a service that does as it is told."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import msgspec

from devices.update import minisign
from devices.update.applying import Updater
from devices.update.journal import installed
from devices.update.keys import write_public
from devices.update.manifest import signature_of
from devices.update.packing import pack
from devices.update.places import Kind, Places
from devices.update.service import State
from devices.update.settings import UpdateSettings
from edge.bundle import read_bundle, write_config
from tests.conftest import ROOT

DEFAULT = ROOT / "edge" / "models" / "default"


@dataclasses.dataclass
class Told:
    """A service that is how the test wants it."""

    is_: State = "running"
    restarting: str = ""
    watching: str = ""
    restarts: int = 0

    def state(self) -> State:
        return self.is_

    def restart(self) -> str:
        self.restarts += 1
        return self.restarting

    def watch(self, seconds: float) -> str:
        return self.watching


def fit(kind: Kind, tree: Path) -> str:
    return "fit"


class Fleet:
    """Somebody who makes updates, and the devices that take them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = minisign.generate()

    def device(self, name: str = "device") -> Places:
        places = Places(self.folder / name, image=False)
        places.update_keys.mkdir(parents=True)
        (places.update_keys / "fleet.pub").write_bytes(write_public(self.key.public))
        return places

    def update(self, version: str, bundle: Path = DEFAULT) -> Path:
        """A signed update of a bundle."""
        (self.folder / "updates").mkdir(exist_ok=True)
        file = pack(bundle, version, self.folder / "updates", created="2026-11-25T15:00:00Z")
        return self.sign(file)

    def sign(self, file: Path, key: minisign.SecretKey | None = None) -> Path:
        signature_of(file).write_bytes(minisign.sign(file, key or self.key, "test"))
        return file

    def updater(self, places: Places, **changes: object) -> Updater:
        """An updater whose trial says yes, beside a service that runs."""
        made = Updater(places, UpdateSettings(confirm_seconds=0), Told(), "boot", fit)
        return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def active_version(places: Places, kind: Kind = "model") -> str:
    """Version of what the link leads to; empty for the package's own."""
    found = installed(places.active(kind))
    return found.version if found else ""


def is_untouched(places: Places) -> bool:
    """No model is there, and nothing is left of one."""
    models = places.trees("model")
    staged = [path.name for path in places.staging.iterdir()] if places.staging.is_dir() else []
    return not (models.is_dir() and list(models.iterdir())) and not staged and not places.journal.exists()


def small_bundle(folder: Path) -> Path:
    """The packaged bundle without its ONNX file: what most devices need."""
    shutil.copytree(DEFAULT, folder)
    config = read_bundle(folder).config
    (folder / "model_int8.onnx").unlink()
    files = {name: entry for name, entry in config.files.items() if name != "model_int8.onnx"}
    write_config(folder, msgspec.structs.replace(config, files=files))
    return folder
