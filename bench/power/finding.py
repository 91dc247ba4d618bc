"""Which meter is read: the one that is named, or the one that sees most of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.power.hwmon import MEASURES, HwmonMeter
from bench.power.meter import Meter, MeterLostError
from bench.power.rapl import RaplMeter
from bench.power.supply import BatteryMeter
from bench.power.written import WrittenMeter
from edge.errors import EdgeError


def find_meter(wanted: str = "auto", root: Path = Path("/")) -> tuple[Meter | None, list[str]]:
    """Return a meter, and what has to be said about those that can't be read.

    Args:
        wanted: ``auto``, ``none``, ``rapl``, ``battery``, the name of a sensor such as ``ina219``, or ``file:PATH``.
        root: of the file tree that is looked at.

    Raises:
        EdgeError: the meter that was named can't be read.
    """
    if wanted == "none":
        return None, []
    if wanted.startswith("file:"):
        return _named(wanted, [lambda: WrittenMeter(Path(wanted.removeprefix("file:")).expanduser())]), []
    sensors = sorted((root / "sys/class/hwmon").glob("hwmon*"))
    batteries = sorted((root / "sys/class/power_supply").glob("*"))
    if wanted == "rapl":
        return _named(wanted, [lambda: RaplMeter(root)]), []
    if wanted == "battery":
        return _named(wanted, [_battery(folder) for folder in batteries]), []
    if wanted != "auto":
        if wanted not in MEASURES:
            raise EdgeError(f"--power {wanted}: use auto, none, rapl, battery, file:PATH, or {', '.join(MEASURES)}")
        return _named(wanted, [_sensor(folder) for folder in sensors if _is(folder, wanted)]), []
    for make in (*map(_sensor, sensors), *map(_battery, batteries)):
        try:
            return make(), []
        except MeterLostError:
            continue  # most sensors are no power sensors, most supplies no battery that discharges
    try:
        return RaplMeter(root), []
    except MeterLostError as error:
        # Where there is a meter that may not be read, somebody can change that; where there is none, nobody asked.
        return None, [f"power was not measured: {error}"] if "CVE" in str(error) else []


def _named(wanted: str, makers: list[Callable[[], Meter]]) -> Meter:
    reason = "there is none here"
    for make in makers:
        try:
            return make()
        except MeterLostError as error:
            reason = str(error)
    raise EdgeError(f"--power {wanted}: {reason}; --power none measures without")


def _sensor(folder: Path) -> Callable[[], Meter]:
    return lambda: HwmonMeter(folder)


def _battery(folder: Path) -> Callable[[], Meter]:
    return lambda: BatteryMeter(folder)


def _is(folder: Path, name: str) -> bool:
    try:
        return (folder / "name").read_text().strip() == name
    except OSError:
        return False
