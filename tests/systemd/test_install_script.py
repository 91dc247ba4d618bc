"""``install.sh`` on a system as it comes: apt, a small environment, the service; cut short, and run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systemd.container import Container, wait_for
from tests.systemd.root import PROJECT
from tests.systemd.test_running_service import UNIT, wait_until_it_sees

pytestmark = pytest.mark.systemd

SCRIPT = ("sh", "/boot/install.sh", "--wheels", "/wheels", "--source", "demo")

#: What is there, seen from outside, when the script is cut short: apt unpacks, pip works, the service is set up.
MOMENTS = {
    "apt": "usr/lib/x86_64-linux-gnu/libGL*",
    "bootstrap": "opt/.emot-edge-bootstrap/lib/python3*/site-packages/pip",
    "software": "opt/emot-edge/software/*/lib/python3*/site-packages/cv2",
    "service": "etc/systemd/system/edge-run.service.d/*",
}


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_twice_and_cut_short(
    release: str, bare: Callable[[str], Path], wheelhouse: Callable[[str], Path], tmp_path: Path
) -> None:
    machine = Container(tmp_path, [bare(release)])
    try:
        machine.copy(wheelhouse(release), "/wheels")
        machine.copy(PROJECT / "firmware_configs/install.sh", "/boot/install.sh")
        machine.start()
        preview = machine.run(*SCRIPT, "--dry-run").stdout
        assert "apt-get install python3-venv libgl1 libglib2.0-0" in preview
        assert not (machine.root / "opt/emot-edge").exists()

        for moment, place in MOMENTS.items():
            # A unit of its own, so that everything it starts can be ended at once.
            unit = ("systemd-run", "--quiet", "--collect", "--wait", "--unit=installing", "--setenv=HOME=/root")
            running = machine.begin(*unit, *SCRIPT)
            wait_for(
                lambda place=place, running=running: any(machine.root.glob(place)) or running.poll() is not None,
                moment,
                tell=lambda: machine.run("ps", "ax").stdout,
            )
            # The first two times the power goes, then somebody ends it: all that belongs to it, at once.
            if moment in ("apt", "bootstrap"):
                machine.power_cut()
                running.communicate()
                machine.start()
            else:
                machine.run("systemctl", "kill", "--signal=KILL", "installing", check=False)
                running.communicate()

        finished = machine.run(*SCRIPT)
        wait_until_it_sees(machine)
        assert not (machine.root / "opt/.emot-edge-bootstrap").exists(), finished.stdout
        number = machine.show(UNIT, "MainPID")
        again = machine.run(*SCRIPT).stdout
        assert again.splitlines()[-1] == "nothing to do: everything is installed as asked for"
        assert machine.show(UNIT, "MainPID") == number
        # Without a word from apt the second time, and nothing half done.
        assert "apt" not in again and machine.run("dpkg", "--audit").stdout == ""

        verified = machine.run("systemd-analyze", "--man=no", "verify", f"/etc/systemd/system/{UNIT}")
        assert verified.stderr == ""
        assert (machine.root / f"etc/systemd/system/{UNIT}.d/backoff.conf").exists() == (release == "trixie")
        machine.run("edge-device", "uninstall", "--purge")
        names = ("emot-edge", ".emot-edge", "edge-run", "edge-device", "70-edge-run", "edge-update")
        assert [path for path in machine.root.rglob("*edge*") if path.name.startswith(names)] == []
    finally:
        machine.scrap()
