"""Power sensors that the kernel has a driver for: INA219 and its family on I2C, a USB-C meter, a server's supply.

Documentation/hwmon/sysfs-interface.rst fixes the units: microwatts, millivolts, milliamperes. The kernel's driver talks
on the bus; where none is bound to the chip, one line binds it (docs/benchmarking.md).
"""

from __future__ import annotations

from pathlib import Path

from bench.power.meter import MeterLostError, read_number

#: Chips of the drivers ina2xx, ina238 and ina209, which give a power.
_SHUNTS = ("ina209", "ina219", "ina220", "ina226", "ina228", "ina230", "ina231", "ina237", "ina238", "ina260")

#: What a sensor measures, by the name that its driver gives it.
MEASURES = {
    **dict.fromkeys(_SHUNTS, "what runs through its shunt"),
    "ina3221": "what runs through its three shunts together",
    "powerz": "what runs through the USB-C meter",  # ChargerLAB POWER-Z KM003C: Documentation/hwmon/powerz.rst
    "power_meter": "the whole machine",  # ACPI: Documentation/hwmon/acpi_power_meter.rst
}

#: Pairs of voltage and current where the driver gives no power.
_PAIRS = {
    "ina3221": (("in1_input", "curr1_input"), ("in2_input", "curr2_input"), ("in3_input", "curr3_input")),
    "powerz": (("in0_input", "curr1_input"),),
}


class HwmonMeter:
    """One sensor under ``/sys/class/hwmon``."""

    def __init__(self, folder: Path) -> None:
        """Take a sensor.

        Args:
            folder: ``hwmonN``.

        Raises:
            MeterLostError: it is no power sensor, or can't be read.
        """
        try:
            self.name = (folder / "name").read_text().strip()
        except OSError as error:
            raise MeterLostError(f"{folder}: {error.strerror}") from error
        if self.name not in MEASURES:
            raise MeterLostError(f"{folder} ({self.name}) is no power sensor")
        self.measures = MEASURES[self.name]
        shunt = folder / "shunt_resistor"
        if self.name in _SHUNTS and shunt.is_file():
            # The driver takes 10 mΩ unless told otherwise. Most INA219 boards have 100, and tell ten times the power.
            self.measures += f", taken to be {read_number(shunt) / 1000:g} mΩ"
        self._power = next(
            (folder / name for name in ("power1_input", "power1_average") if (folder / name).is_file()), None
        )
        pairs = (
            [] if self._power else [(folder / volts, folder / ampere) for volts, ampere in _PAIRS.get(self.name, ())]
        )
        self._pairs = [pair for pair in pairs if all(path.is_file() for path in pair)]
        if self._power is None and not self._pairs:
            raise MeterLostError(f"{folder} ({self.name}) gives neither power nor voltage and current")
        self.read()

    def read(self) -> float:
        """Return watts; a current the other way round counts as well.

        Raises:
            MeterLostError: the sensor is gone.
        """
        if self._power is not None:
            return abs(read_number(self._power)) / 1e6
        return sum(abs(read_number(volts) * read_number(ampere)) / 1e6 for volts, ampere in self._pairs)
