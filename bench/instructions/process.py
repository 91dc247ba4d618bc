"""Programs whose failure is one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.instructions.errors import CannotEmulateError


def run(*command: str | Path, env: Mapping[str, str] | None = None, name: str = "") -> str:
    """Run a program of this machine to its end and return what it printed.

    Args:
        command: program and arguments.
        env: all its variables; None: ours.
        name: of the program in messages; empty: what is called.

    Raises:
        CannotEmulateError: it failed; the message ends with its own last line.
    """
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CannotEmulateError(f"{name or command[0]}: {last}")
    return done.stdout


def pip(*arguments: str | Path) -> None:
    """Run this interpreter's ``pip``.

    Raises:
        CannotEmulateError: it failed.
    """
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments, name=f"pip {arguments[0]}")
