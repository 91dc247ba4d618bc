"""Programs that do what they must not: crash, crawl, hoard, hang, lie. They are scripts, run as real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from devices.update import runtime
from devices.update.places import Places
from devices.update.runtime import Runtime, UnfitError
from devices.update.settings import UpdateSettings
from devices.update.trial import Trial

LINES = "while :; do echo '{}'; sleep 0.01; done"
CRAWL = "while :; do echo '{}'; sleep 0.1; done"
DOCTOR = """echo '{"findings": [{"id": "%s", "severity": "error"}]}'; exit 2"""


def tree(root: Path, name: str, run: str = LINES, doctor: str = "disk") -> Path:
    """Software whose two programs are shell scripts."""
    made = root / "opt/emot-edge/software" / name
    (made / "bin").mkdir(parents=True)
    version = name.partition("-")[0]
    for program, does in (
        ("edge-run", f'[ "$1" = --version ] && {{ echo {version}; exit; }}\n{run}'),
        ("edge-device", DOCTOR % doctor),
        ("python", "exit 1"),
    ):
        path = made / "bin" / program
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)
    (made / ".complete").touch()
    return made


def measured(made: Path, seconds: float = 0.3, memory_mb: int = 100) -> runtime.Measured:
    return Runtime(made, drop=False).measure([], seconds, memory_mb)


def test_frames_are_counted_and_the_process_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    found = measured(tree(tmp_path, "1.0", f"echo $$ > {pid}; {LINES}"))
    assert found.fps > 0 and found.memory_mb > 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("echo '{}'; kill -ABRT $$", "ended by itself: killed by SIGABRT"),
        ("echo '{}'; echo 'error: no model' >&2; exit 2", "ended by itself: no model"),
        ("exit 0", "ended by itself: exit code 0"),
        ("echo '{}'; x=0123456789abcdef; while :; do x=$x$x; done", "MiB of memory, allowed are 100"),
        ("sleep 60", "showed no frame within 1 s"),
    ],
    ids=["crash", "error", "end", "memory", "silence"],
)
def test_what_is_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, says: str) -> None:
    monkeypatch.setattr(runtime, "PATIENCE", 1.0)
    monkeypatch.setattr(runtime, "_WARM", 0.1)
    monkeypatch.setattr(runtime, "_GRACE", 0.2)
    with pytest.raises(UnfitError, match=says):
        measured(tree(tmp_path, "1.0", run), seconds=20)


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_GRACE", 0.2)
    pid = tmp_path / "pid"
    measured(tree(tmp_path, "1.0", f"trap '' INT; echo $$ > {pid}; {LINES}"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGCONT)


def test_compared_with_the_present_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_WARM", 0.1)
    monkeypatch.setattr(Trial, "_prove", lambda *_: None)
    places = Places(tmp_path, image=False)
    present = tree(tmp_path, "1.0")
    places.link("software").symlink_to("software/1.0")
    trial = Trial(places, UpdateSettings(trial_seconds=0.5, baseline_seconds=0.5), lambda text: None)
    assert "frames a second, the present one" in trial.run("software", tree(tmp_path, "1.1"))
    # Others had more to do while the new one was measured, and then while the present one was measured again.
    busy = "echo >> $0.runs; [ $(wc -l < $0.runs) -gt 1 ] && while :; do echo '{}'; sleep 0.2; done"
    run = present / "bin" / "edge-run"
    quiet = run.read_text()
    run.write_text(f"#!/bin/sh\n{busy}\n{LINES}\n")
    assert "frames a second, the present one" in trial.run("software", tree(tmp_path, "1.1-2", CRAWL))
    assert len((run.parent / "edge-run.runs").read_text()) == 2
    run.write_text(quiet)
    monkeypatch.setattr("devices.update.trial._ROUNDS", 1)
    crawls = tree(tmp_path, "1.2", CRAWL)
    with pytest.raises(UnfitError, match=r"too slow here: .* 80% of that are asked for"):
        trial.run("software", crawls)
    with pytest.raises(UnfitError, match="with it edge-device doctor finds: opencv"):
        trial.run("software", tree(tmp_path, "1.3", doctor="opencv"))
    run.write_text("#!/bin/sh\nexit 1\n")
    assert "present" not in trial.run("software", crawls), "what doesn't run can't be compared with"
    liar = tree(tmp_path, "1.4")
    liar = liar.rename(liar.with_name("1.5"))
    with pytest.raises(UnfitError, match=r"says that it is version 1\.4, the update that it is 1\.5"):
        trial.run("software", liar)
