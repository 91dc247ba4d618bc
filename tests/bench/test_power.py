"""Meters and the clock, on file trees in the kernel's layout."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.clock import read_clock
from bench.power import MeterLostError, PowerLog, find_meter
from bench.power.hwmon import HwmonMeter
from bench.power.rapl import RaplMeter
from bench.power.supply import BatteryMeter
from bench.power.written import WrittenMeter
from edge.errors import EdgeError

INA219 = {"name": "ina219", "in0_input": "32", "in1_input": "5016", "curr1_input": "320", "power1_input": "1600000"}
LIMIT = 262143328850


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    return folder


def zone(root: Path, number: str, name: str, energy: int, limit: int = LIMIT) -> Path:
    files = {"name": name, "energy_uj": str(energy), "max_energy_range_uj": str(limit)}
    return write(root / "sys/class/powercap" / f"intel-rapl:{number}", files)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("files", "watts", "measures"),
    [
        (INA219, 1.6, "what runs through its shunt"),
        (INA219 | {"shunt_resistor": "100000"}, 1.6, "what runs through its shunt, taken to be 100 mΩ"),
        # Three channels, the third without a load; this driver gives no power.
        (
            {"name": "ina3221"}
            | {"in1_input": "5000", "curr1_input": "600", "in2_input": "3300", "curr2_input": "100"}
            | {"in3_input": "0", "curr3_input": "0"},
            3.33,
            "what runs through its three shunts together",
        ),
        # The current's sign is the direction through the meter.
        ({"name": "powerz", "in0_input": "5100", "curr1_input": "-1000"}, 5.1, "what runs through the USB-C meter"),
        ({"name": "power_meter", "power1_average": "142000000"}, 142.0, "the whole machine"),
    ],
)
def test_sensors(tmp_path: Path, files: dict[str, str], watts: float, measures: str) -> None:
    meter = HwmonMeter(write(tmp_path / "hwmon3", files))
    assert meter.read() == pytest.approx(watts)
    assert (meter.name, meter.measures) == (files["name"], measures)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"name": "coretemp", "temp1_input": "41000"}, "no power sensor"),
        ({"name": "powerz", "temp1_input": "41000"}, "neither power nor voltage"),
        ({"name": "ina219", "power1_input": "much"}, "no number"),
        ({}, "No such file"),
    ],
)
def test_what_is_no_sensor(tmp_path: Path, files: dict[str, str], says: str) -> None:
    with pytest.raises(MeterLostError, match=says):
        HwmonMeter(write(tmp_path, files))


def test_a_sensor_that_is_unplugged(tmp_path: Path) -> None:
    folder = write(tmp_path / "hwmon0", INA219)
    meter = HwmonMeter(folder)
    shutil.rmtree(folder)
    with pytest.raises(MeterLostError, match="power1_input: No such file"):
        meter.read()


def test_rapl_sums_packages_and_carries_on_over_the_end(tmp_path: Path) -> None:
    first = zone(tmp_path, "0", "package-0", LIMIT - 4_000_000)
    zone(tmp_path, "0:0", "core", 7)
    zone(tmp_path, "1", "psys", 8)
    second = zone(tmp_path, "2", "package-1", 1_000_000)
    clock = Clock()
    meter = RaplMeter(tmp_path, clock)
    assert meter.read() is None  # no time has passed
    clock.now += 2
    (second / "energy_uj").write_text("3000000")
    assert meter.read() == pytest.approx(1.0)
    clock.now += 0.5
    (first / "energy_uj").write_text("999999")  # 4 J to its end, one count to zero, and 0.999999 J
    assert meter.read() == pytest.approx(10.0)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who is not root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_rapl_is_for_root_alone() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        (zone(root, "0", "package-0", 5) / "energy_uj").chmod(0)
        with nobody():
            meter, remarks = find_meter("auto", root)
            assert meter is None
            assert len(remarks) == 1 and "CVE-2020-8694" in remarks[0] and "sudo chmod a+r" in remarks[0]
            with pytest.raises(EdgeError, match="--power rapl: RAPL is for root alone"):
                find_meter("rapl", root)
    finally:
        shutil.rmtree(root)


def test_rapl_that_goes_away(tmp_path: Path) -> None:
    folder = zone(tmp_path, "0", "package-0", 5)
    meter = RaplMeter(tmp_path)
    (folder / "energy_uj").unlink()
    with pytest.raises(MeterLostError, match="energy_uj"):
        meter.read()
    with pytest.raises(MeterLostError, match="no RAPL"):
        RaplMeter(tmp_path / "elsewhere")


def test_battery(tmp_path: Path) -> None:
    power = {"type": "Battery", "status": "Discharging", "power_now": "8123000"}
    assert BatteryMeter(write(tmp_path / "BAT0", power)).read() == pytest.approx(8.123)
    current = {"type": "Battery", "status": "Discharging", "voltage_now": "12000000", "current_now": "-500000"}
    battery = BatteryMeter(write(tmp_path / "BAT1", current))
    assert (battery.name, battery.read()) == ("battery BAT1", pytest.approx(6.0))
    (tmp_path / "BAT1/status").write_text("Charging\n")
    with pytest.raises(MeterLostError, match="not what feeds the machine"):
        battery.read()
    with pytest.raises(MeterLostError, match="No such file"):
        BatteryMeter(write(tmp_path / "AC", {"type": "Mains", "online": "1"}))


def test_watts_that_another_program_writes(tmp_path: Path) -> None:
    path = tmp_path / "um25c.csv"
    path.write_text("time,volts,watts\n1,5.08,3.91\n2,5.08,4.02\n")
    meter, remarks = find_meter(f"file:{path}")
    assert meter is not None and (meter.read(), remarks) == (4.02, [])
    assert str(tmp_path) not in meter.measures
    for text in ("4.02\nbroken off", "nan\n", ""):
        path.write_text(text)
        with pytest.raises(MeterLostError, match="number of watts"):
            meter.read()
    path.write_text("4.1\n")
    os.utime(path, (time.time() - 60, time.time() - 60))
    with pytest.raises(MeterLostError, match="last written 60 s ago"):
        meter.read()
    path.unlink()
    with pytest.raises(EdgeError, match=r"--power file:.*No such file.*--power none"):
        find_meter(f"file:{path}")
    with pytest.raises(MeterLostError):
        WrittenMeter(tmp_path)


def test_the_meter_that_sees_most_is_taken(tmp_path: Path) -> None:
    assert find_meter("auto", tmp_path) == (None, [])
    zone(tmp_path, "0", "package-0", 5)
    write(tmp_path / "sys/class/power_supply/AC", {"type": "Mains", "online": "0"})
    write(tmp_path / "sys/class/hwmon/hwmon0", {"name": "coretemp"})
    found = []
    for folder, files in (
        ("sys/class/power_supply/BAT0", {"type": "Battery", "status": "Discharging", "power_now": "8000000"}),
        ("sys/class/hwmon/hwmon1", INA219),
    ):
        found.append(find_meter("auto", tmp_path)[0])
        write(tmp_path / folder, files)
    found.append(find_meter("auto", tmp_path)[0])
    assert [meter.name for meter in found if meter] == ["RAPL", "battery BAT0", "ina219"]
    for wanted, name in (("rapl", "RAPL"), ("battery", "battery BAT0"), ("ina219", "ina219")):
        meter, _ = find_meter(wanted, tmp_path)
        assert meter is not None and meter.name == name
    assert find_meter("none", tmp_path) == (None, [])
    with pytest.raises(EdgeError, match="--power powerz: there is none here"):
        find_meter("powerz", tmp_path)
    with pytest.raises(EdgeError, match="--power joulescope: use auto, none, rapl"):
        find_meter("joulescope", tmp_path)


def test_the_log_tells_any_stretch_and_a_loss(tmp_path: Path) -> None:
    folder = write(tmp_path / "hwmon0", INA219)
    with PowerLog(HwmonMeter(folder), every=0.01) as log:
        begin = time.monotonic()
        while log.mean(begin, begin + 0.03) is None:
            time.sleep(0.01)
        assert log.mean(begin, begin + 0.03) == pytest.approx(1.6)
        assert log.mean(begin - 60, begin) is None  # nobody looked then
        shutil.rmtree(folder)
        while log.lost is None:
            time.sleep(0.01)
        lost = time.monotonic()
    assert "power1_input" in log.lost
    assert log.mean(lost, lost + 10) is None
    assert log.mean(begin, begin + 0.03) == pytest.approx(1.6)


def test_clock(tmp_path: Path) -> None:
    assert read_clock(tmp_path, [0, 1]) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(
        "processor\t: 0\ncpu MHz\t\t: 2000.5\n\nprocessor\t: 1\ncpu MHz\t\t: 1000.5\n\nHardware\t: BCM2835\n"
    )
    assert read_clock(tmp_path, [0, 1]) == pytest.approx(1500.5)
    assert read_clock(tmp_path, [1]) == pytest.approx(1000.5)
    assert read_clock(tmp_path, [7]) is None
    for core, khz in ((0, "1500000"), (1, "600000"), (2, "<unknown>")):
        write(tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq", {"scaling_cur_freq": khz})
    assert read_clock(tmp_path, [0, 1, 2]) == pytest.approx(1050)
