"""What is said of a service that is watched, whatever systemctl tells of it; the real one is in tests/systemd."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.update.service import Systemd

RUNS = "ActiveState=active\nSubState=running\nResult=success\nMainPID={pid}\nNRestarts={restarts}\n"
STARTS = "ActiveState=activating\nSubState=start\nResult=success\nMainPID=0\nNRestarts=0\n"
WAITS = "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nMainPID=0\nNRestarts=0\n"


def systemctl(folder: Path, answers: list[str]) -> str:
    """A program that tells one answer after the other, and the last again and again."""
    for number, answer in enumerate(answers):
        (folder / str(number)).write_text(answer)
    program = folder / "systemctl"
    program.write_text(
        f"""#!/bin/sh
cd {folder}
next=$(cat next 2>/dev/null || echo 0)
cat "$next"
[ -e "$((next + 1))" ] && echo "$((next + 1))" > next
exit 0
"""
    )
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([RUNS.format(pid=7, restarts=0)], ""),
        # Somebody starts it anew by hand: systemd's own count stays, or begins again.
        ([RUNS.format(pid=7, restarts=0), STARTS, RUNS.format(pid=8, restarts=0)], ""),
        ([RUNS.format(pid=7, restarts=2), RUNS.format(pid=8, restarts=0)], ""),
        ([RUNS.format(pid=7, restarts=0), RUNS.format(pid=8, restarts=1)], "had to be started again"),
        ([RUNS.format(pid=7, restarts=0), WAITS], "activating (exit-code)"),
        ([RUNS.format(pid=7, restarts=0), "ActiveState=failed\nResult=watchdog\n"], "failed (watchdog)"),
    ],
)
def test_only_what_falls_by_itself_is_a_fault(answers: list[str], says: str, tmp_path: Path) -> None:
    said = Systemd(systemctl(tmp_path, answers)).watch(0.3)
    assert says in said if says else said == ""
