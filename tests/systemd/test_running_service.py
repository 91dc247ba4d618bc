"""The service in a system that booted: ready, killed, hanging, without its camera, without power, removed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.systemd.conftest import install, quicken
from tests.systemd.container import Container, wait_for
from tests.systemd.root import PROJECT

pytestmark = pytest.mark.systemd

UNIT = "edge-run.service"
SEEING = re.compile(r"[1-9]\d* frames a second, \d+ faces")

#: A camera in the network: one picture again and again, as web cameras send them.
CAMERA = """
import http.server, time
picture = open("/opt/emot-edge/current/lib/python3.11/site-packages/edge/assets/portrait_hopper.jpg", "rb").read()
class Camera(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        while True:
            self.wfile.write(b"--next\\r\\nContent-Type: image/jpeg\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(picture))
            self.wfile.write(picture + b"\\r\\n")
            time.sleep(0.05)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Camera).serve_forever()
"""


def files(container: Container) -> set[str]:
    """What is on the disk, without what a running system writes for itself."""
    passing = ("run", "tmp", "proc", "sys", "dev", "var/log", "var/tmp", "var/cache", "root", "var/lib/systemd")
    found = set()
    for path in container.root.rglob("*"):
        name = str(path.relative_to(container.root))
        if not name.startswith(passing) and "__pycache__" not in name:
            found.add(name)
    return found


def accounts(container: Container) -> list[str]:
    return [(container.root / "etc" / name).read_text() for name in ("passwd", "group", "shadow", "gshadow")]


def process(container: Container) -> str:
    return container.show(UNIT, "MainPID")


def sees(container: Container) -> bool:
    return container.show(UNIT, "ActiveState") == "active" and bool(SEEING.search(container.show(UNIT, "StatusText")))


def told(container: Container) -> str:
    return container.run("journalctl", "-u", UNIT, "-n", "20", "--no-pager", check=False).stdout


def wait_until_it_sees(container: Container) -> None:
    wait_for(lambda: sees(container), "frames", tell=lambda: told(container))


def wait_for_another(container: Container, before: str) -> None:
    """Wait for a process that sees, and is another one than before."""
    another = lambda: process(container) not in ("0", before) and sees(container)  # noqa: E731 (in this order)
    wait_for(another, "another process", tell=lambda: told(container))


def test_install_run_and_remove_without_a_trace(machine: Container) -> None:
    before, people = files(machine), accounts(machine)
    preview = machine.run(
        "/var/tmp/edge-device", "install", "--wheels", "/wheels", "--source", "demo", "--dry-run"
    ).stdout
    assert "systemctl restart" in preview and "edge-run.service" in preview
    assert (files(machine), accounts(machine)) == (before, people)

    install(machine)
    assert machine.show(UNIT, "ActiveState") == "active"
    assert machine.show(UNIT, "Type") == "notify"  # so it has said that it is ready
    wait_until_it_sees(machine)
    user = machine.run("ps", "-o", "user=", "-p", process(machine)).stdout.strip()
    assert user == "edge-run"

    number = process(machine)
    assert "nothing to do" in install(machine)
    assert process(machine) == number  # and what runs is left alone

    verified = machine.run("systemd-analyze", "--man=no", "verify", f"/etc/systemd/system/{UNIT}")
    assert verified.stderr == ""
    rated = machine.run("systemd-analyze", "security", "--threshold=20", "--no-pager", UNIT, check=False)
    assert rated.returncode == 0, rated.stdout

    machine.run("edge-device", "uninstall")
    assert (machine.root / "etc/edge-run/edge-run.toml").is_file()
    assert (machine.root / "var/lib/edge-run/results.jsonl").stat().st_size > 0
    assert machine.show(UNIT, "LoadState") == "not-found"
    machine.run("/var/tmp/edge-device", "uninstall", "--purge")
    assert files(machine) - before == set()
    assert before - files(machine) == set()
    assert accounts(machine) == people


def test_status_and_logs(running: Container) -> None:
    wait_until_it_sees(running)
    seen = json.loads(running.run("edge-device", "status", "--json").stdout)
    assert seen["service"] == "active" and seen["at_boot"] and seen["frames_per_second"] > 0
    assert seen["software"] and seen["model"] == "packaged" and seen["errors"] is not None
    lines = running.run("edge-device", "status").stdout
    assert re.search(r"^service +active for ", lines, re.M) and re.search(r"^says +demo: \d+ frames", lines, re.M)
    assert "Started edge-run.service" in running.run("edge-device", "logs", "-n", "200").stdout
    running.run("systemctl", "stop", "edge-run")
    assert running.run("edge-device", "status", check=False).returncode == 2
    running.run("systemctl", "start", "edge-run")


def test_killed_it_comes_back(running: Container) -> None:
    wait_until_it_sees(running)
    before = process(running)
    running.run("kill", "-9", before)
    wait_for_another(running, before)
    assert int(running.show(UNIT, "NRestarts")) >= 1


def test_hanging_it_is_restarted_by_the_watchdog(running: Container) -> None:
    wait_until_it_sees(running)
    before = process(running)
    running.run("kill", "-STOP", before)
    wait_for_another(running, before)
    assert "Watchdog timeout" in running.run("journalctl", "-u", UNIT, "--no-pager").stdout


def test_its_camera_may_go_away(running: Container) -> None:
    url = "http://127.0.0.1:8080/"
    options = running.root / "etc/edge-run/edge-run.toml"
    kept = options.read_text()
    running.run("tee", "/var/tmp/camera.py", stdin=CAMERA)
    running.run("/var/tmp/edge-device", "install", "--wheels", "/wheels", "--source", url)  # opens the network for it
    options.write_text(kept.replace('source = "demo"', f'source = "{url}"').replace("loop = true", ""))
    camera = ("systemd-run", "--quiet", "--collect", "--unit=camera", "python3", "/var/tmp/camera.py")
    try:
        running.run(*camera)
        running.run("systemctl", "restart", "edge-run")
        wait_until_it_sees(running)
        before = process(running)
        assert url.split("/")[2] in running.show(UNIT, "StatusText")
        running.run("systemctl", "stop", "camera")
        wait_for(lambda: "lost" in running.show(UNIT, "StatusText"), "the loss to be told", tell=lambda: told(running))
        # Three times the watchdog's period: who waits for a camera does not hang.
        running.run("sleep", "12")
        assert (running.show(UNIT, "ActiveState"), process(running)) == ("active", before)
        running.run(*camera)
        wait_until_it_sees(running)
        assert process(running) == before
    finally:
        running.run("systemctl", "stop", "camera", check=False)
        options.write_text(kept)
        running.run("/var/tmp/edge-device", "install", "--wheels", "/wheels", "--source", "demo")
        running.run("systemctl", "restart", "edge-run")
    assert not (running.root / "etc/systemd/system/edge-run.service.d/network.conf").exists()


def test_power_comes_back(running: Container) -> None:
    wait_until_it_sees(running)
    results = running.root / "var/lib/edge-run/results.jsonl"
    running.power_cut()
    size = results.stat().st_size
    running.start()
    quicken(running)
    wait_until_it_sees(running)
    assert results.stat().st_size > size  # goes on in the same file
    broken = [line for line in results.read_text().splitlines() if not _is_json(line)]
    assert len(broken) <= 1  # the line that was being written


@pytest.mark.parametrize(
    "moment",
    [
        "account",
        "etc/edge-run/edge-run.*",
        "opt/emot-edge/software/*/bin",
        "opt/emot-edge/software/*/lib/python3*/site-packages/numpy",
        "usr/local/bin/edge-*",
    ],
    ids=["account", "options", "environment", "packages", "links"],
)
def test_power_goes_while_it_is_installed(machine: Container, moment: str) -> None:
    installing = machine.begin("/var/tmp/edge-device", "install", "--wheels", "/wheels", "--source", "demo")

    def begun() -> bool:
        if moment == "account":
            return "edge-run:" in (machine.root / "etc/passwd").read_text()
        # A link leads nowhere, seen from here.
        return any(path.is_symlink() or path.exists() for path in machine.root.glob(moment))

    wait_for(begun, moment, tell=lambda: str(installing.poll()))
    machine.power_cut()
    installing.kill()
    installing.wait()
    machine.start()
    install(machine)
    wait_until_it_sees(machine)
    assert "nothing to do" in install(machine)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


def test_an_image_that_was_prepared_elsewhere(
    layers: tuple[Path, Path], wheelhouse: Callable[[str], Path], tmp_path: Path
) -> None:
    """Into the disk of a machine that is off, by this one; its first boot starts the service."""
    machine = Container(tmp_path, layers)
    try:
        program = "import sys; from devices.cli import main; main()"
        options = ("--root", machine.root, "--profile", "generic-x86-64", "--source", "demo")
        command = [sys.executable, "-c", program, "install", *options, "--wheels", wheelhouse("bookworm")]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=PROJECT)
        assert done.returncode == 0, done.stderr
        machine.start()
        wait_until_it_sees(machine)
        assert "nothing to do" in install(machine)
    finally:
        machine.scrap()
