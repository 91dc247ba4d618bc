"""Updates in a system that booted: taken, refused, taken back, and cut short by the power between switch and proof."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.update import minisign
from devices.update.keys import write_public
from devices.update.manifest import signature_of
from devices.update.packing import pack
from edge.bundle import read_bundle, write_config
from edge.version import __version__
from tests.systemd.conftest import install, quicken
from tests.systemd.container import Container, wait_for
from tests.systemd.root import PROJECT, project_wheel
from tests.systemd.test_running_service import UNIT, process, told, wait_until_it_sees

pytestmark = pytest.mark.systemd

#: A minute of measuring proves no more here, where nothing is as fast as it will be.
SETTINGS = "trial_seconds = 4\nbaseline_seconds = 2\nleast_share = 0.3\nconfirm_seconds = {confirm}\n"

#: What a bad version does: nothing in its trial gives it away, and as a service it never says that it is ready.
BAD = ('self._send("READY=1")', "self._socket and os._exit(3)")


class Maker:
    """Who makes and signs updates, on a workstation."""

    def __init__(self, folder: Path, wheelhouse: Path) -> None:
        self.key = minisign.generate()
        self.public = folder / "fleet.pub"
        self.public.write_bytes(write_public(self.key.public))
        self._folder, self._wheelhouse = folder, wheelhouse

    def model(self, version: str) -> Path:
        """The packaged bundle under another name, without the file that devices don't need."""
        bundle = self._folder / f"bundle-{version}"
        shutil.copytree(PROJECT / "edge/models/default", bundle)
        config = read_bundle(bundle).config
        files = {name: entry for name, entry in config.files.items() if name != "model_int8.onnx"}
        write_config(bundle, msgspec.structs.replace(config, files=files, name=f"mine-{version}"))
        return self._signed(pack(bundle, version, self._folder))

    def software(self, version: str, *change: str) -> Path:
        """Wheels of a version, in which a line may be another one."""
        folder = self._folder / f"wheels-{version}"
        folder.mkdir()
        for wheel in self._wheelhouse.iterdir():
            if not wheel.name.startswith("emot_edge"):
                os.link(wheel, folder / wheel.name)

        def spoil(tree: Path) -> None:
            notify = tree / "edge/notify.py"
            text = notify.read_text()
            assert change[0] in text
            notify.write_text(text.replace(*change))

        project_wheel(folder, version, spoil if change else lambda tree: None)
        return self._signed(pack(folder, "", self._folder))

    def _signed(self, file: Path) -> Path:
        signature_of(file).write_bytes(minisign.sign(file, self.key, "test"))
        return file


@pytest.fixture(scope="module")
def maker(wheelhouse: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("updates"), wheelhouse("bookworm"))


@pytest.fixture(scope="module")
def running(layers: tuple[Path, Path], maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A machine that trusts that key, with the service on the demo source."""
    container = Container(tmp_path_factory.mktemp("running"), layers)
    try:
        container.copy(maker.public, "/wheels/fleet.pub")
        container.start()
        install(container, "--update-key", "/wheels/fleet.pub")
        options(container, confirm=4)
        quicken(container)
        yield container
    finally:
        container.scrap()


def options(container: Container, confirm: float) -> None:
    path = container.root / "etc/edge-run/update.toml"
    assert "memory_mb = " in path.read_text()
    path.write_text(SETTINGS.format(confirm=confirm) + "memory_mb = 512\n")


def wish(container: Container, kind: str, version: str, file: Path) -> None:
    """Say on the device which version it should have, the update being on a stick."""
    for path in (file, signature_of(file)):
        container.copy(path, f"/srv/updates/{path.name}")
    path = container.root / "etc/edge-run/desired.toml"
    path.write_text(f'[{kind}]\nversion = "{version}"\nurl = "/srv/updates/{file.name}"\n')


def agent(container: Container, *, well: bool = True) -> str:
    """Let the unit that the timer starts do its work, with its rights and no more; return what it said."""
    since = container.run("date", "+@%s").stdout.strip()
    done = container.run("systemctl", "start", "edge-update", check=False)
    said = container.run("journalctl", "-u", "edge-update", "--since", since, "-o", "cat", "--no-pager").stdout
    assert (done.returncode == 0) == well, said
    return said


def standing(container: Container) -> Any:
    return json.loads(container.run("edge-device", "update", "status", "--json").stdout)


def runs(container: Container) -> tuple[str, str]:
    """Which software and which model the very process of the service is of."""
    number = process(container)
    program = container.run("readlink", "-f", "/opt/emot-edge/current").stdout.strip()
    command = container.run("cat", f"/proc/{number}/cmdline").stdout.split("\0")[0]
    assert command.startswith(f"{program}/") or command.startswith("/opt/emot-edge/current/"), command
    variables = container.run("cat", f"/proc/{number}/environ").stdout.split("\0")
    model = next((line.partition("=")[2] for line in variables if line.startswith("EDGE_RUN_MODEL=")), "packaged")
    return Path(program).name, Path(model).name.partition("-")[0] if model != "packaged" else model


def test_it_waits_for_the_timer(running: Container) -> None:
    wait_until_it_sees(running)
    assert running.show("edge-update.timer", "ActiveState") == "active"
    for unit in ("edge-update.timer", "edge-rollback.service", UNIT):
        assert running.run("systemctl", "is-enabled", unit).stdout.strip() == "enabled"
    assert "key" in running.run("edge-device", "update", "status").stdout
    assert agent(running) is not None  # nothing is wanted, and nothing is wrong
    assert runs(running) == (__version__, "packaged")
    verified = running.run("systemd-analyze", "--man=no", "verify", "edge-update.service", "edge-rollback.service")
    assert verified.stderr == ""


def test_a_model(running: Container, maker: Maker) -> None:
    wait_until_it_sees(running)
    before = process(running)
    wish(running, "model", "1.0", maker.model("1.0"))
    said = agent(running)
    assert "mine-1.0 1.0 is active" in said, said
    wait_until_it_sees(running)
    assert process(running) != before and runs(running)[1] == "mine"
    assert standing(running)["model"]["version"] == "1.0" and standing(running)["unconfirmed"] == ""
    # Anybody may look how things stand.
    looked = running.run("runuser", "-u", "nobody", "--", "edge-device", "update", "status", "--json").stdout
    assert json.loads(looked)["last"]["outcome"] == "confirmed"


def test_refused_in_one_line_each(running: Container, maker: Maker, tmp_path: Path) -> None:
    wait_until_it_sees(running)
    before = process(running)
    good = maker.model("0.9")
    damaged, stranger = tmp_path / "damaged" / good.name, tmp_path / "stranger" / good.name
    for copy in (damaged, stranger):
        copy.parent.mkdir()
        shutil.copy(good, copy)
        shutil.copy(signature_of(good), signature_of(copy))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    signature_of(stranger).write_bytes(minisign.sign(stranger, minisign.generate(), "somebody"))
    for file, words in ((damaged, "damaged"), (stranger, "key"), (good, "older than")):
        for path in (file, signature_of(file)):
            running.copy(path, f"/srv/refused/{path.name}")
        done = running.run("edge-device", "update", "apply", f"/srv/refused/{file.name}", check=False)
        assert done.returncode == 2 and words in done.stderr.splitlines()[-1], done.stderr
    assert process(running) == before and standing(running)["last"]["outcome"] == "refused"


def test_software(running: Container, maker: Maker) -> None:
    wait_until_it_sees(running)
    wish(running, "software", "7.0.0", maker.software("7.0.0"))
    said = agent(running)
    assert "7.0.0 is active" in said, said
    wait_until_it_sees(running)
    assert runs(running) == ("7.0.0", "mine")
    assert running.run("edge-run", "--version").stdout.strip() == "7.0.0"
    assert "active" in agent(running) and runs(running) == ("7.0.0", "mine")


def test_bad_software_is_taken_back(running: Container, maker: Maker) -> None:
    wait_until_it_sees(running)
    wish(running, "software", "7.1.0", maker.software("7.1.0", *BAD))
    said = agent(running, well=False)
    assert "taken back" in said, said
    wait_until_it_sees(running)
    assert runs(running) == ("7.0.0", "mine")
    last = standing(running)["last"]
    assert (last["outcome"], last["version"]) == ("rolled back", "7.1.0")
    assert "7.1.0" in running.run("edge-device", "status").stdout
    # And not tried again, hour after hour.
    before = process(running)
    assert "not tried again" in agent(running) and process(running) == before


def between_switch_and_proof(running: Container, version: str) -> None:
    """Cut the power when a model has been switched to, and nobody knows yet whether it lives."""
    options(running, confirm=600)
    running.run("systemctl", "start", "--no-block", "edge-update")
    journal = running.root / "var/lib/edge-update/journal.json"
    wait_for(journal.exists, "the switch", tell=lambda: told(running))
    wait_for(lambda: sees_model(running, version), "the new model to run")
    running.power_cut()
    assert journal.exists()
    running.start()
    quicken(running)


def chronicle(running: Container) -> str:
    """What updates did since boot, and over all boots."""
    units = [word for unit in ("edge-run", "edge-rollback", "edge-update") for word in ("-u", unit)]
    journal = running.run("journalctl", "-b", *units, "-n", "60", "--no-pager").stdout
    return journal + (running.root / "var/lib/edge-update/history.jsonl").read_text()


def sees_model(running: Container, version: str) -> bool:
    variables = running.run("cat", f"/proc/{process(running)}/environ", check=False).stdout
    return f"/mine-{version}-" in variables


def test_the_power_goes_in_the_middle_and_then_it_is_good(running: Container, maker: Maker) -> None:
    wait_until_it_sees(running)
    wish(running, "model", "2.0", maker.model("2.0"))
    between_switch_and_proof(running, "2.0")
    wait_until_it_sees(running)
    assert sees_model(running, "2.0") and standing(running)["unconfirmed"] == "model"
    options(running, confirm=4)
    assert "confirmed" in agent(running)
    assert standing(running)["unconfirmed"] == "" and standing(running)["model"]["version"] == "2.0"


def test_boots_without_a_proof_lead_back(running: Container, maker: Maker) -> None:
    wait_until_it_sees(running)
    wish(running, "model", "3.0", maker.model("3.0"))
    between_switch_and_proof(running, "3.0")
    wait_until_it_sees(running)
    assert sees_model(running, "3.0"), chronicle(running)
    running.power_cut()
    running.start()
    wait_until_it_sees(running)
    assert sees_model(running, "3.0"), f"two boots are granted: {chronicle(running)}"
    running.power_cut()
    running.start()
    wait_until_it_sees(running)
    assert sees_model(running, "2.0"), chronicle(running)
    last = standing(running)["last"]
    assert (last["outcome"], last["version"]) == ("rolled back", "3.0")
    assert standing(running)["unconfirmed"] == ""


def test_nothing_is_left_of_any_of_it(running: Container) -> None:
    running.run("edge-device", "uninstall", "--purge")
    places = ("opt/emot-edge", "etc/edge-run", "var/lib/edge-update", "var/lib/edge-run")
    assert [place for place in places if (running.root / place).exists()] == []
    assert running.run("systemctl", "list-unit-files", "edge-*", check=False).stdout.count("edge-") == 0
