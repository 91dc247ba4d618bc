"""Updates of a model on a device's file tree: what is taken, what is refused, what is left of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from devices.status import last_update
from devices.update import minisign
from devices.update.agent import reason_to_leave
from devices.update.desired import Wanted
from devices.update.journal import read_history, read_switch
from devices.update.keys import write_public
from devices.update.places import RECORD, VARIABLES, Places
from devices.update.runtime import UnfitError
from devices.update.settings import UpdateSettings, read_settings
from devices.update.switching import count_boot, read_boot
from devices.update.trial import Trial
from edge.bundle import read_bundle, sha256, write_config
from edge.errors import EdgeError
from tests.conftest import ROOT
from tests.devices.updates import DEFAULT, Fleet, Told, active_version, is_untouched, small_bundle


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def last(places: Places) -> tuple[str, str]:
    event = read_history(places)[-1]
    return event.outcome, event.message


def test_an_update_is_taken_and_the_two_latest_stay(fleet: Fleet) -> None:
    places, service = fleet.device(), Told()
    updater = fleet.updater(places, service=service)
    for version in ("1.0", "1.1", "1.2"):
        assert "fit" in updater.apply(str(fleet.update(version)))
        assert active_version(places) == version
        assert not places.link("model").readlink().is_absolute(), "an image may be mounted anywhere"
    assert service.restarts == 3
    tree = places.active("model")
    assert tree is not None
    assert {name: content for name, content in files(tree).items() if name not in (RECORD, VARIABLES)} == files(DEFAULT)
    assert (tree / VARIABLES).read_text() == f"EDGE_RUN_MODEL=/opt/emot-edge/models/{tree.name}\n", "without the root"
    assert len(places.complete("model")) == 2
    assert updater.go_back("model") and active_version(places) == "1.1"
    outcomes = [event.outcome for event in read_history(places)]
    assert outcomes == ["trying", "confirmed"] * 3 + ["confirmed", "rolled back"]
    assert "rolled back" in reason_to_leave(places, "model", Wanted("1.2", "https://x")), "nobody brings it by itself"
    standing = msgspec.json.decode(places.last.read_bytes())
    assert (standing["model"]["version"], standing["unconfirmed"]) == ("1.1", "")
    assert places.last.stat().st_mode & 0o777 == 0o644
    assert (last_update(places) or "").startswith("model 1.2 rolled back at ")  # what edge-device status says
    assert not list(places.staging.iterdir())


def test_a_boot_has_one_name_until_the_next(tmp_path: Path) -> None:
    memory = tmp_path / "run"
    first = read_boot(memory)
    assert first and read_boot(memory) == first and [path.name for path in memory.iterdir()] == ["boot"]
    shutil.rmtree(memory)
    assert read_boot(memory) not in ("", first)
    assert read_boot(Path("/proc/nowhere/at/all")) != "", "where nothing can be kept, the kernel's own"


def test_the_same_content_makes_the_same_file(fleet: Fleet) -> None:
    assert fleet.update("1.0").read_bytes() == fleet.update("1.0").read_bytes()


def test_packing_signing_and_taking_from_the_command_line(fleet: Fleet, tmp_path: Path) -> None:
    places = Places(tmp_path / "image")
    places.update_keys.mkdir(parents=True)

    def device(*arguments: object, code: int = 0) -> str:
        program = [sys.executable, "-c", "from devices.cli import main; main()", "update", *map(str, arguments)]
        done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    device("keygen", tmp_path / "k", "--no-password")
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    assert "is there already" in device("keygen", tmp_path / "k", "--no-password", code=2)
    assert "password" in device("keygen", tmp_path / "other", code=2)
    device("pack", DEFAULT, "--version", "1.0", "--out", tmp_path / "out", "--key", tmp_path / "k.key")
    refused = device("apply", tmp_path / "out", "--root", places.root, code=2).splitlines()
    assert len(refused) == 1 and "no key in" in refused[0]
    shutil.copy(tmp_path / "k.pub", places.update_keys)
    assert "would be tried" in device("check", tmp_path / "out", "--root", places.root)
    assert not places.link("model").is_symlink()
    assert "not measured" in device("apply", tmp_path / "out", "--root", places.root)
    assert "ferplus-mobilenet_v2-64 1.0" in device("status", "--root", places.root)
    assert msgspec.json.decode(device("status", "--json", "--root", places.root))["model"]["version"] == "1.0"
    assert "package's own" in device("rollback", "model", "--root", places.root)


@pytest.mark.parametrize("where", [600, 300_000, -700])
def test_a_flipped_bit(fleet: Fleet, where: int) -> None:
    places, file = fleet.device(), fleet.update("1.0")
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    with pytest.raises(EdgeError, match="not what was signed"):
        fleet.updater(places).apply(str(file))
    assert is_untouched(places)
    assert last(places)[0] == "refused"


def test_a_truncated_file_and_truncated_signatures(fleet: Fleet) -> None:
    places, file = fleet.device(), fleet.update("1.0")
    signature = file.with_name(file.name + ".minisig")
    whole = signature.read_bytes()
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 20):
        signature.write_bytes(whole[:size])
        with pytest.raises(EdgeError, match="damaged"):
            fleet.updater(places).apply(str(file))
    # The trusted comment is signed too.
    signature.write_bytes(whole.replace(b"trusted comment: test", b"trusted comment: tess"))
    with pytest.raises(EdgeError, match="not what was signed"):
        fleet.updater(places).apply(str(file))
    signature.write_bytes(whole)
    file.write_bytes(file.read_bytes()[:-50_000])
    with pytest.raises(EdgeError, match="not what was signed"):
        fleet.updater(places).apply(str(file))
    assert is_untouched(places)


def test_another_key_one_of_several_and_none(fleet: Fleet) -> None:
    places, file = fleet.device(), fleet.update("1.0")
    stranger = minisign.generate()
    fleet.sign(file, stranger)
    with pytest.raises(EdgeError, match=f"signed by key {stranger.public.words}, which is none of the 1"):
        fleet.updater(places).apply(str(file))
    # A key that gives itself the name of a trusted one is another key.
    fleet.sign(file, minisign.SecretKey(fleet.key.id, stranger.key))
    with pytest.raises(EdgeError, match="not what was signed"):
        fleet.updater(places).apply(str(file))
    (places.update_keys / "second.pub").write_bytes(write_public(stranger.public))
    fleet.sign(file, stranger)
    assert fleet.updater(places).apply(str(file))
    (places.update_keys / "third.pub").write_text("no key")
    with pytest.raises(EdgeError, match=r"third\.pub is no public key"):
        fleet.updater(places).apply(str(file))


def test_older_equal_and_unfit_versions(fleet: Fleet) -> None:
    places = fleet.device()
    updater = fleet.updater(places)
    updater.apply(str(fleet.update("1.10")))
    with pytest.raises(EdgeError, match=r"1\.9 is older than the active 1\.10"):
        updater.apply(str(fleet.update("1.9")))
    assert "active already" in updater.apply(str(fleet.update("1.10")))
    other = fleet.update("1.10.0", small_bundle(fleet.folder / "small"))
    with pytest.raises(EdgeError, match="differs from the active one of that version"):
        updater.apply(str(other))
    assert active_version(places) == "1.10"
    updater.apply(str(fleet.update("1.9")), allow_downgrade=True)
    assert active_version(places) == "1.9"
    with pytest.raises(EdgeError, match=r"is model .* 1\.9, wanted was model 2\.0"):
        updater.apply(str(fleet.update("1.9")), wanted=("model", "2.0"))


def test_a_file_too_big_and_a_folder_with_two(fleet: Fleet) -> None:
    places, file = fleet.device(), fleet.update("1.0")
    with pytest.raises(EdgeError, match="more than 1 MB, the most that is taken"):
        fleet.updater(places, settings=UpdateSettings(max_mb=1)).apply(str(file))
    fleet.update("1.1")
    with pytest.raises(EdgeError, match="several updates"):
        fleet.updater(places).apply(str(file.parent))
    assert is_untouched(places)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: float) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    size = f"size={round(megabytes * 1e6)}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("where", ["var/lib/edge-update", "opt/emot-edge"])
def test_a_full_disk(fleet: Fleet, where: str) -> None:
    places, first, second = fleet.device(), fleet.update("1.0"), fleet.update("1.1")
    full = places.root / where
    full.mkdir(parents=True)
    with small_disk(full, 14):
        updater = fleet.updater(places)
        updater.apply(str(first))
        ballast = full / "ballast"
        for left in (4_000_000, 1_000_000, 20_000, 0):
            state = os.statvfs(full)
            with contextlib.suppress(OSError), ballast.open("ab") as out:
                out.write(bytes(max(0, state.f_bavail * state.f_frsize - left)))
            with pytest.raises(EdgeError, match=r"make room|No space left|cannot"):
                updater.apply(str(second))
            assert active_version(places) == "1.0"
            tree = places.active("model")
            assert tree is not None
            bundle = read_bundle(tree)
            for name in bundle.config.files:
                bundle.path(name)
        ballast.unlink()
        assert len(places.complete("model")) == 1
        updater.apply(str(second))
        assert active_version(places) == "1.1"


def test_a_service_that_does_not_come_up_or_does_not_stay(fleet: Fleet) -> None:
    places, service = fleet.device(), Told()
    updater = fleet.updater(places, service=service)
    updater.apply(str(fleet.update("1.0")))
    for fault in ("restarting", "watching"):
        setattr(service, fault, "it has failed")
        service.restarts = 0
        with pytest.raises(UnfitError, match=r"1\.1 was taken back: it has failed"):
            updater.apply(str(fleet.update("1.1")))
        assert active_version(places) == "1.0"
        assert service.restarts == 2, "the old one has to be started again"
        assert last(places) == ("rolled back", "it has failed")
        assert not places.journal.exists()
        setattr(service, fault, "")


def test_a_model_that_gives_other_answers_is_not_switched_to(fleet: Fleet) -> None:
    """One weight is changed, and the hash made right: signed, whole, and another network."""
    places = fleet.device()
    folder = small_bundle(fleet.folder / "planted")
    network = folder / "model_int8.tflite"
    content = bytearray(network.read_bytes())
    for position in range(1_000_000, 1_002_000):
        content[position] ^= 0x40
    network.write_bytes(content)
    config = read_bundle(folder).config
    entry = msgspec.structs.replace(config.files[network.name], sha256=sha256(network))
    write_config(folder, msgspec.structs.replace(config, files={network.name: entry}))
    trial = Trial(places, UpdateSettings(), lambda text: None).run
    with pytest.raises(UnfitError, match="is not proved here"):
        fleet.updater(places, trial=trial).apply(str(fleet.update("1.0", folder)))
    assert is_untouched(places)
    assert last(places)[0] == "failed"
    assert "not tried again by itself" in reason_to_leave(places, "model", Wanted("1.0", "https://x"))


def test_boots_without_a_confirmation(fleet: Fleet) -> None:
    places, first, second = fleet.device(), fleet.update("1.0"), fleet.update("1.1")
    fleet.updater(places).apply(str(first))
    _cut_after_switch(fleet, places, second)
    assert active_version(places) == "1.1"
    for boot, says in (("a", "boot 1 of 2"), ("a", ""), ("b", "boot 2 of 2"), ("b", "")):
        assert says in count_boot(places, boot)
        assert active_version(places) == "1.1"
    assert "taken back" in count_boot(places, "c")
    assert active_version(places) == "1.0"
    assert read_switch(places) is None and last(places)[0] == "rolled back"
    assert "rolled back" in reason_to_leave(places, "model", Wanted("1.1", "https://x"))


def test_a_boot_that_goes_well_is_confirmed(fleet: Fleet) -> None:
    places, service = fleet.device(), Told()
    _cut_after_switch(fleet, places, fleet.update("1.0"))
    count_boot(places, "a")
    with fleet.updater(places, service=service, boot="a").alone():
        pass
    assert last(places)[0] == "confirmed" and active_version(places) == "1.0"
    assert service.restarts == 0, "it was started after the switch"
    # Killed without a reboot: the service still runs the old one, and would prove nothing.
    _cut_after_switch(fleet, places, fleet.update("1.1"))
    with fleet.updater(places, service=service, boot="a").alone():
        pass
    assert service.restarts == 1 and active_version(places) == "1.1"


def test_a_trial_that_pulls_the_power_down_is_not_tried_for_ever(fleet: Fleet) -> None:
    places, update = fleet.device(), fleet.update("1.0")

    def trial(kind: object, tree: Path) -> str:
        raise PowerCutError

    for _ in range(3):
        assert not reason_to_leave(places, "model", Wanted("1.0", "https://x"))
        with pytest.raises(PowerCutError):
            fleet.updater(places, trial=trial).apply(str(update))
    assert "cut off 3 times" in reason_to_leave(places, "model", Wanted("1.0", "https://x"))
    assert not places.link("model").is_symlink()
    fleet.updater(places).apply(str(update))
    assert active_version(places) == "1.0", "by hand it is tried again"


class PowerCutError(BaseException):
    pass


def _cut_after_switch(fleet: Fleet, places: Places, update: Path) -> None:
    class Cut(Told):
        def restart(self) -> str:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fleet.updater(places, service=Cut()).apply(str(update))


def test_links_that_lead_nowhere_are_mended(fleet: Fleet) -> None:
    places = fleet.device()
    updater = fleet.updater(places)
    updater.apply(str(fleet.update("1.0")))
    updater.apply(str(fleet.update("1.1")))
    tree = places.active("model")
    assert tree is not None
    shutil.rmtree(tree)
    places.journal.write_bytes(b'{"kind": "mod')
    count_boot(places, "a")
    assert active_version(places) == "1.0" and not places.journal.exists()


def test_options(tmp_path: Path) -> None:
    path = tmp_path / "update.toml"
    assert read_settings(path) == UpdateSettings()
    for text, says in (
        ("trial_second = 3", "unknown key 'trial_second'; did you mean 'trial_seconds'"),
        ("least_share = 2", "least_share"),
        ('keep = "two"', "keep"),
        ("keep =", "no valid TOML"),
    ):
        path.write_text(text)
        with pytest.raises(EdgeError, match=says):
            read_settings(path)
    path.write_text("trial_seconds = 5\nallow_http = true\n")
    assert read_settings(path) == UpdateSettings(trial_seconds=5, allow_http=True)
