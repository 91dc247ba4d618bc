"""A budget is held by fewer searches, then fewer frames; it says so, and takes it back when there is room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.governor import LEAST_FPS, RAREST, Governor
from edge.types import Frame, Result
from edge.voltage import undervoltage


class Machine:
    """A clock, a heat, and frames that cost what the test says."""

    def __init__(self, **options: float) -> None:
        self.now = 100.0
        self.heat: float | None = 40.0
        self.weak: bool | None = None
        self.intervals: list[int] = []
        self.governor = Governor(
            self.intervals.append,
            clock=lambda: self.now,
            temperature=lambda: self.heat,
            undervoltage=lambda: self.weak,
            **options,
        )

    def run(self, seconds: float, fps: float, ms: float) -> int:
        """Offer frames at a rate; returns how many were read."""
        read = 0
        for _ in range(round(seconds * fps)):
            self.now += 1 / fps
            if self.governor.delay() == 0:
                read += 1
                frame = Frame(np.zeros((1, 1, 3), np.uint8), 0.0, 0)
                self.governor.saw(Result(frame, "", (), {"total": ms}))
        return read


@pytest.mark.parametrize(("limit", "expected"), [(10.0, 100), (15.0, 150), (20.0, 200), (30.0, 300), (60.0, 300)])
def test_max_fps_leaves_out_the_right_share_of_a_30_fps_source(limit: float, expected: int) -> None:
    assert Machine(max_fps=limit).run(10, 30, 5) == pytest.approx(expected, rel=0.1)


def test_without_limits_every_frame_is_read() -> None:
    assert Machine().run(10, 30, 500) == 300


def test_late_frames_make_searches_rarer_and_then_frames_fewer() -> None:
    machine = Machine(budget_ms=20.0, interval=10)
    machine.run(7, 30, 40)
    assert machine.intervals[:2] == [20, 40]
    assert "search every" in machine.governor.adapted and "40 ms of 20" in machine.governor.adapted
    machine.run(60, 30, 40)
    assert max(machine.intervals) == RAREST * 10
    assert machine.governor.rate == LEAST_FPS
    assert "frames a second" in machine.governor.adapted


def test_it_takes_everything_back_when_there_is_room() -> None:
    machine = Machine(budget_ms=20.0, interval=10)
    machine.run(30, 30, 40)
    machine.run(120, 30, 5)
    assert machine.intervals[-1] == 10
    assert machine.governor.rate is None
    assert machine.governor.adapted == ""
    assert machine.run(10, 30, 5) == 300


def test_inside_the_budget_but_without_room_nothing_moves() -> None:
    machine = Machine(budget_ms=20.0, interval=10)
    machine.run(30, 30, 18)
    assert machine.intervals == []
    assert machine.governor.adapted == ""


def test_heat_reads_fewer_frames_until_it_is_cooler() -> None:
    machine = Machine(max_temperature=70.0, interval=10)
    machine.heat = 75.0
    machine.run(40, 30, 5)
    assert machine.governor.rate is not None and machine.governor.rate < 15
    assert "75 °C of 70" in machine.governor.adapted
    slow = machine.governor.rate
    machine.heat = 68.0  # below the limit, not by enough to heat it again
    machine.run(20, 30, 5)
    assert machine.governor.rate == slow
    machine.heat = 60.0
    machine.run(120, 30, 5)
    assert machine.governor.rate is None


def test_a_weak_supply_reads_fewer_frames_until_it_has_recovered() -> None:
    machine = Machine(max_temperature=70.0, interval=10)
    machine.weak = True
    machine.run(40, 30, 5)
    assert machine.governor.rate is not None and machine.governor.rate < 15
    assert "supply is too weak" in machine.governor.adapted
    machine.weak = False
    machine.run(120, 30, 5)
    assert machine.governor.rate is None and machine.governor.adapted == ""


@pytest.mark.parametrize(
    ("name", "alarm", "says"), [("rpi_volt", "1", True), ("rpi_volt", "0", False), ("nvme", "1", None), ("", "", None)]
)
def test_the_kernel_tells_of_a_weak_supply(name: str, alarm: str, says: bool | None, tmp_path: Path) -> None:
    sensor = tmp_path / "sys/class/hwmon/hwmon2"
    if name:
        sensor.mkdir(parents=True)
        (sensor / "name").write_text(f"{name}\n")
        (sensor / "in0_lcrit_alarm").write_text(f"{alarm}\n")
    assert undervoltage(tmp_path) is says


def test_a_machine_without_a_thermometer_is_left_alone() -> None:
    machine = Machine(max_temperature=70.0)
    machine.heat = None
    assert machine.run(20, 30, 5) == 600


def test_the_users_own_limit_stays_the_limit() -> None:
    machine = Machine(max_fps=10.0, budget_ms=20.0, interval=1)
    machine.run(60, 30, 40)
    assert machine.governor.rate is not None and machine.governor.rate < 10
    machine.run(120, 30, 5)
    assert machine.governor.rate == 10.0
