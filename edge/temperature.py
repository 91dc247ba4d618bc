"""How hot the processor is, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

#: Kinds of thermal zones that are the processor itself: Raspberry Pi, Intel, AMD, other boards.
_PROCESSOR = ("cpu-thermal", "cpu_thermal", "x86_pkg_temp", "soc-thermal", "k10temp", "acpitz")


def temperature(root: Path = Path("/")) -> float | None:
    """Return the processor's temperature in degrees Celsius; None where the system names none.

    Args:
        root: of the system that is looked at.
    """
    found: dict[str, float] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        try:
            # In thousandths; some zones refuse to be read while their device sleeps.
            found[(zone / "type").read_text().strip()] = int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):
            continue
    named = [value for kind, value in found.items() if kind in _PROCESSOR]
    return max(named or found.values(), default=None)
