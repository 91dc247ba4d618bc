"""What a run ran on: written beside its checkpoints, so that its figures can be had again."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from edge.files import write_atomically


def record_start(path: Path, seed: int, processes: int) -> None:
    """Add this start of the run to ``environment.json``, a list with one entry a start; the latest is last.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    try:
        earlier = json.loads(path.read_bytes())["starts"]
    except (OSError, ValueError, KeyError, TypeError):  # the first start, or a file that was damaged since
        earlier = []
    write_atomically(path, json.dumps({"starts": [*earlier, facts(seed, processes)]}, indent=2).encode() + b"\n")


def facts(seed: int, processes: int) -> dict[str, Any]:
    """Return command, seed, machine, versions and, in a checkout, the commit."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": shlex.join(sys.argv),
        "seed": seed,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": processor(),
        "cpu_count": os.cpu_count(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "cuda": torch.version.cuda,
        "git": _commit(Path(__file__).parent),
        "distributions": _distributions(),
    }


def _distributions() -> dict[str, str]:
    found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def processor() -> str:
    """Return the processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model")))
    return next(names, platform.processor())


def _commit(package: Path) -> dict[str, Any] | None:
    """Return the commit the code was run from and whether it was changed since; None where it is not in a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an installed package may lie in somebody else's checkout
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None
