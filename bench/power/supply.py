"""A laptop's battery while it is the supply: Documentation/ABI/testing/sysfs-class-power."""

from __future__ import annotations

from pathlib import Path

from bench.power.meter import MeterLostError, read_number


class BatteryMeter:
    """One battery under ``/sys/class/power_supply``; tells power while it discharges."""

    measures = "the whole machine, screen included"

    def __init__(self, folder: Path) -> None:
        """Take a battery.

        Raises:
            MeterLostError: it is none, does not discharge, or does not tell.
        """
        self._folder = folder
        self.name = f"battery {folder.name}"
        self.read()

    def read(self) -> float:
        """Return watts; microwatts, or microvolts times microamperes, are what the kernel gives.

        Raises:
            MeterLostError: the machine was plugged in, or the battery is gone.
        """
        try:
            kind = (self._folder / "type").read_text().strip()
            status = (self._folder / "status").read_text().strip()
        except OSError as error:
            raise MeterLostError(f"{self._folder}: {error.strerror}") from error
        if kind != "Battery" or status != "Discharging":
            raise MeterLostError(f"{self.name} is not what feeds the machine (status {status})")
        if (self._folder / "power_now").is_file():
            return abs(read_number(self._folder / "power_now")) / 1e6
        volts, ampere = (read_number(self._folder / name) / 1e6 for name in ("voltage_now", "current_now"))
        return abs(volts * ampere)
