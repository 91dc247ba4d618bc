"""Certificates as the shipped script makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.edge.mosquitto import program

SCRIPT = Path(__file__).parents[2] / "firmware_configs" / "mosquitto" / "make-certificates.sh"


def make_certificates(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program("openssl")
    return subprocess.run(
        ["sh", SCRIPT, "-d", folder, *arguments], capture_output=True, text=True, check=False, cwd=folder.parent
    )
