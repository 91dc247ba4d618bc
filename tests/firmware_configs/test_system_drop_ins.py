"""systemd's own parsers read the drop-ins for the journal and for the hardware watchdog."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "firmware_configs"
JOURNAL, SYSTEM = FOLDER / "journald" / "edge-run.conf", FOLDER / "system" / "edge-run.conf"
JOURNALD, MANAGER = Path("/lib/systemd/systemd-journald"), Path("/lib/systemd/systemd")

pytestmark = pytest.mark.skipif(not MANAGER.exists(), reason="systemd is not installed")


def remarks_of_journald(tmp_path: Path, text: str) -> str:
    """Let journald read a drop-in, where /run and /var/log are empty and its own; return what it says of it."""
    (tmp_path / "drop-in.conf").write_text(text)
    script = f"""
        mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log || exit 77
        mkdir -p /run/systemd/journal /run/systemd/journald.conf.d
        cp {tmp_path}/drop-in.conf /run/systemd/journald.conf.d/zz-edge-run.conf
        SYSTEMD_LOG_TARGET=console timeout 0.3 {JOURNALD}
        test $? -eq 124
    """
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    flags = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    done = subprocess.run(["unshare", *flags, "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no folders of its own to be had here: {done.stderr.strip()}")
    if done.returncode != 0:
        pytest.skip(f"journald doesn't start here: {done.stderr.strip()}")
    return "\n".join(line for line in done.stderr.splitlines() if "zz-edge-run.conf" in line)


def remarks_of_systemd(tmp_path: Path, text: str) -> str:
    """Let a user's systemd, which has the same options as the system's, read a file; return what it says of it.

    In test mode it starts nothing; as root it refuses that mode, so root becomes somebody else.
    """
    folder = tmp_path / "systemd"
    folder.mkdir()
    (folder / "user.conf").write_text(text)
    nobody = 65534
    if os.geteuid() == 0:
        for path in (tmp_path, folder):
            shutil.chown(path, nobody, nobody)
    done = subprocess.run(
        [MANAGER, "--user", "--test"],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "SYSTEMD_LOG_TARGET": "console"},
        user=nobody if os.geteuid() == 0 else None,
        group=nobody if os.geteuid() == 0 else None,
        extra_groups=[] if os.geteuid() == 0 else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "running in test" not in done.stderr + done.stdout and "initial transaction" not in done.stderr:
        pytest.skip(f"systemd has no test mode here: {done.stderr.strip()[-200:]}")
    if "Permission denied" in done.stderr and str(folder) in done.stderr:
        pytest.skip("the folder for temporary files is closed to other users")
    return "\n".join(line for line in done.stderr.splitlines() if "user.conf" in line)


@pytest.mark.skipif(not JOURNALD.exists(), reason="systemd-journald is not installed")
def test_journal(tmp_path: Path) -> None:
    assert remarks_of_journald(tmp_path, JOURNAL.read_text()) == ""
    wrong = JOURNAL.read_text().replace("SystemMaxUse=48M", "SystemMaxUse=lots").replace("RateLimitBurst", "RateLimit")
    remarks = remarks_of_journald(tmp_path, wrong)
    assert "lots" in remarks
    assert "Unknown key" in remarks and "RateLimit" in remarks


def test_watchdog() -> None:
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory(prefix="edge-run-") as right, tempfile.TemporaryDirectory() as wrong:
        assert remarks_of_systemd(Path(right), SYSTEM.read_text()) == ""
        mistaken = SYSTEM.read_text().replace("1min", "soon").replace("RebootW", "ReebootW")
        remarks = remarks_of_systemd(Path(wrong), mistaken)
    assert "soon" in remarks
    assert "ReebootWatchdogSec" in remarks


def test_they_come_after_what_raspberry_pi_os_has() -> None:
    """Drop-ins of all folders are read in the order of their names, and the last one holds."""
    theirs = ["40-rpi-volatile-storage.conf", "40-rpi-enable-watchdog.conf", "80-raspi-config-journal-storage.conf"]
    for file in (JOURNAL, SYSTEM):
        assert sorted([*theirs, file.name])[-1] == file.name
