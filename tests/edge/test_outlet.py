"""A sink in its own thread: slow ones hold up nobody, broken ones come back, losses are counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.health import Health
from edge.outlet import Outlet
from edge.types import Frame, Result


def result(index: int) -> Result:
    return Result(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, index), "test", (), {})


class Recorder:
    """Keeps what it was given; can be slow, broken, or have seen enough."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.enough = 10**9
        self.closed = 0

    def write(self, result: Result) -> bool:
        self.gate.wait()
        if self.broken:
            raise EdgeError("cannot write it: No space left; make room")
        self.seen.append(result.frame.index)
        return len(self.seen) < self.enough

    def close(self) -> None:
        self.closed += 1


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_everything_arrives_in_order_and_close_waits_for_it() -> None:
    sink, health = Recorder(), Health()
    outlet = Outlet("test", lambda: sink, health)
    for index in range(200):
        outlet.put(result(index))
    outlet.close()
    assert sink.seen == list(range(200))
    assert sink.closed == 1
    assert (health.sinks["test"].written, health.sinks["test"].dropped) == (200, 0)


def test_a_slow_sink_of_an_unattended_run_loses_the_oldest_and_says_how_many() -> None:
    sink, health = Recorder(), Health()
    sink.gate.clear()
    outlet = Outlet("test", lambda: sink, health, attended=False)
    for index in range(100):
        outlet.put(result(index))  # returns although nothing is taken
    sink.gate.set()
    outlet.close()
    assert sink.seen[-1] == 99
    assert sink.seen == sorted(sink.seen)
    assert health.sinks["test"].written == len(sink.seen) == 100 - health.sinks["test"].dropped
    assert health.sinks["test"].dropped > 50


def test_a_broken_sink_ends_an_attended_run() -> None:
    sink, health = Recorder(), Health()
    sink.broken = True
    outlet = Outlet("test", lambda: sink, health)
    outlet.put(result(0))
    until(lambda: outlet.error is not None)
    outlet.put(result(1))  # doesn't wait for a sink that is gone
    outlet.close()
    assert "No space left" in str(outlet.error)
    assert health.sinks["test"].state == str(outlet.error)
    assert sink.closed == 1


def test_a_broken_sink_of_an_unattended_run_is_opened_again() -> None:
    made: list[Recorder] = []
    refuse = threading.Event()

    def make() -> Recorder:
        if refuse.is_set():
            raise EdgeError("still no room")
        made.append(Recorder())
        return made[-1]

    health = Health()
    outlet = Outlet("test", make, health, attended=False, backoff=(0.01, 0.02))
    outlet.put(result(0))
    until(lambda: made[0].seen == [0])
    made[0].broken = True
    refuse.set()
    outlet.put(result(1))
    until(lambda: health.sinks["test"].state == "still no room")
    for index in range(2, 60):
        outlet.put(result(index))
    refuse.clear()
    until(lambda: health.sinks["test"].state == "ok")
    outlet.put(result(60))
    outlet.close()
    assert made[0].closed == made[1].closed == 1
    assert made[1].seen[-1] == 60
    sink = health.sinks["test"]
    assert sink.restarts == 1
    assert sink.written + sink.dropped == 61  # each of them is accounted for


def test_opening_without_being_able_to_write_is_no_recovery() -> None:
    made: list[Recorder] = []
    full = threading.Event()
    full.set()

    def make() -> Recorder:
        made.append(Recorder())
        made[-1].broken = full.is_set()
        return made[-1]

    health = Health()
    outlet = Outlet("test", make, health, attended=False, backoff=(0.01, 0.04))
    for index in range(10):
        outlet.put(result(index))
    until(lambda: len(made) >= 4)
    assert health.sinks["test"].restarts == 0
    assert "No space left" in health.sinks["test"].state
    full.clear()
    until(lambda: made[-1].seen != [])
    outlet.close()
    assert (health.sinks["test"].restarts, health.sinks["test"].state) == (1, "ok")
    assert health.sinks["test"].written + health.sinks["test"].dropped == 10


def test_a_sink_that_has_seen_enough_says_so() -> None:
    sink = Recorder()
    sink.enough = 1
    outlet = Outlet("test", lambda: sink, Health())
    outlet.put(result(0))
    until(lambda: outlet.finished)
    outlet.put(result(1))
    outlet.close()
    assert sink.seen == [0]


def test_a_sink_that_cannot_be_opened_is_known_at_once() -> None:
    def make() -> Recorder:
        raise EdgeError("no such folder")

    with pytest.raises(EdgeError, match="no such folder"):
        Outlet("test", make, Health(), attended=False)


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    for _ in range(5):
        Outlet("test", Recorder, Health()).close()
    assert threading.active_count() == before
