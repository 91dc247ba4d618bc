"""Whether the power supply is too weak, as a Raspberry Pi's kernel tells it."""

from __future__ import annotations

from pathlib import Path


def undervoltage(root: Path = Path("/")) -> bool | None:
    """Return whether the supply was below its limit within the last seconds; None where nothing tells.

    The kernel's sensor ``rpi_volt`` looks every two seconds at what the firmware has seen since (Linux,
    ``drivers/hwmon/raspberrypi-hwmon.c``).

    Args:
        root: of the system that is looked at.
    """
    for sensor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        try:
            if (sensor / "name").read_text().strip() == "rpi_volt":
                return (sensor / "in0_lcrit_alarm").read_text().strip() == "1"
        except OSError:
            continue
    return None
