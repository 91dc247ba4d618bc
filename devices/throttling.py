"""Whether power or heat slowed a Raspberry Pi down, as its firmware tells it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from edge.voltage import undervoltage

#: Bits of ``vcgencmd get_throttled`` (Raspberry Pi documentation, "vcgencmd").
THROTTLED_BITS = {
    0: "under-voltage now",
    1: "clock capped now",
    2: "throttled now",
    3: "soft temperature limit now",
    16: "under-voltage since boot",
    17: "clock capped since boot",
    18: "throttled since boot",
    19: "soft temperature limit since boot",
}

#: Where kernels of Raspberry Pi OS offer the same number; the part after ``soc`` is an address on some boards.
_FILES = "sys/devices/platform/soc*/*firmware/get_throttled"


def read_throttling(root: Path = Path("/")) -> tuple[str, ...] | None:
    """Return what the firmware of the file tree ``root`` reports, empty when all is well; None where nothing tells.

    The program ``vcgencmd`` is asked for this machine alone. Where neither it nor the kernel's file is there, the
    voltage sensor is looked at, which knows one thing only: whether the supply is too weak now.
    """
    if root.resolve() == Path("/") and (asked := ask_throttling()) is not None:
        return asked
    for path in sorted(root.glob(_FILES)):
        with contextlib.suppress(OSError):
            # Hexadecimal without "0x"; the answer of vcgencmd has one.
            if (found := parse_throttling(f"throttled={path.read_text()}")) is not None:
                return found
    weak = undervoltage(root)
    return None if weak is None else (THROTTLED_BITS[0],) if weak else ()


def ask_throttling() -> tuple[str, ...] | None:
    """Ask a Raspberry Pi's firmware whether power or heat slowed it down; None where it cannot be asked."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        answer = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_throttling(answer.stdout)


def parse_throttling(answer: str) -> tuple[str, ...] | None:
    """Turn ``throttled=0x50005`` into words; None when the answer is another one (an error message, say)."""
    name, _, value = answer.strip().partition("=")
    with contextlib.suppress(ValueError):
        if name == "throttled":
            bits = int(value, 16)
            return tuple(words for bit, words in THROTTLED_BITS.items() if bits >> bit & 1)
    return None
