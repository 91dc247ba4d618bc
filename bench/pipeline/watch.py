"""What is noted of every result, in the loop of the pipeline itself, and summed up block by block."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from bench.pipeline.cpu import thread_seconds
from bench.pipeline.messages import Block, Turn
from bench.pipeline.sources import Opened
from bench.worker import peak_rss_mb
from bench.yardstick import QUANTILE, REPEATS, unit
from edge.sinks import Sink
from edge.types import Result

#: Names of the runtime's own timings, and of the stages they are here.
_STAGES = {"detect": "detect", "track": "tracking", "crop": "crops", "classify": "classify"}

#: Seconds between two units of the yardstick.
_BETWEEN = 0.05

#: Least frames before the first block, however slow they are.
_LEAST_WARM = 5


class TimedSink:
    """A sink with a watch on it.

    Attributes:
        took: seconds of each result so far.
    """

    def __init__(self, sink: Sink, took: list[float]) -> None:
        self.took = took
        self._sink = sink

    def write(self, result: Result) -> bool:
        """Hand on."""
        start = time.perf_counter()
        more = self._sink.write(result)
        self.took.append(time.perf_counter() - start)
        return more

    def close(self) -> None:
        """Hand on."""
        self._sink.close()


class Watch:
    """Takes every result right after it was handed to the sinks; gives a block whenever one is full.

    Attributes:
        last: ``time.monotonic()`` of the last result; of the begin where there is none.
    """

    def __init__(
        self,
        turn: Turn,
        opened: Opened,
        sinks: dict[str, list[float]],
        give: Callable[[Block], None],
        stop: Callable[[], None],
        searched: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            turn: how long.
            opened: counts what came and what was dropped, and how long capturing took.
            sinks: seconds that each sink took for each result; grows meanwhile.
            give: takes a block.
            stop: ends the pipeline.
            searched: says whether the whole picture was searched in the last frame.
        """
        self.last = time.monotonic()
        self._turn = turn
        self._opened = opened
        self._sinks = sinks
        self._give = give
        self._stop = stop
        self._whole = searched
        self._left = turn.blocks
        self._started: float | None = None
        self._seen = 0
        self._begin: float | None = None
        self._before = 0.0
        self._faces = 0
        self._measured = 0.0

    def take(self, result: Result) -> None:
        """Note one result."""
        now = time.perf_counter()
        self.last = time.monotonic()
        if self._begin is None:
            self._started = now if self._started is None else self._started
            self._seen += 1
            if self._seen >= _LEAST_WARM and now - self._started >= self._turn.warm:
                self._start(now)
            return
        if self._left == 0:
            return
        timings = result.timings_ms
        latency = timings.get("latency", timings["total"]) / 1e3
        finished = result.frame.captured + latency
        self._times.append(now - self._before)
        self._latencies.append(latency)
        self._searched.append(self._whole())
        self._faces += len(result.readings)
        for name, stage in _STAGES.items():
            self._wall[stage].append(timings[name] / 1e3)
        # A camera's frame waits for the loop; in a file it is the loop that waits for the frame.
        waited = latency - timings["total"] / 1e3 if self._opened.source.live else result.frame.captured - self._before
        self._wall["waiting"].append(max(0.0, waited))
        self._wall["other"].append(max(0.0, now - finished))
        if not self._opened.source.live and now - self._measured > _BETWEEN:
            # A camera's frame would have to wait for it.
            self._units.append(unit())
            self._measured = time.perf_counter()
        self._before = time.perf_counter()
        if len(self._times) >= self._turn.frames and now - self._begin >= self._turn.seconds:
            self._finish(result, now)

    def _start(self, now: float) -> None:
        self._begin = self._before = now
        self._monotonic = time.monotonic()
        self._times: list[float] = []
        self._latencies: list[float] = []
        self._searched: list[bool] = []
        self._units: list[float] = []
        self._measured = now
        self._faces = 0
        self._wall: dict[str, list[float]] = {name: [] for name in (*_STAGES.values(), "waiting", "other")}
        self._came, self._dropped = self._opened.came, self._opened.dropped
        self._cpu = self._clocks()
        self._captured = len(self._opened.played.took) if self._opened.played else 0
        self._written = {name: len(took) for name, took in self._sinks.items()}

    def _finish(self, result: Result, now: float) -> None:
        frames = len(self._times)
        end, spent = time.monotonic(), self._clocks()
        spent["all"] -= sum(self._units)
        units = self._units or [unit() for _ in range(REPEATS)]
        wall = dict(self._wall)
        if self._opened.played:
            wall["capture"] = self._opened.played.took[self._captured :]
        wall |= {f"sink {name}": took[self._written[name] :] for name, took in self._sinks.items()}
        height, width = result.frame.image.shape[:2]
        block = Block(
            begin=self._monotonic,
            end=end,
            times=self._times,
            latencies=self._latencies,
            low_ms=low_ms(self._times, self._searched),
            low_latency_ms=low_ms(self._latencies, self._searched),
            faces=self._faces,
            came=self._opened.came - self._came,
            dropped=self._opened.dropped - self._dropped,
            width=width,
            height=height,
            wall=_of_stages(wall, 50),
            cpu={name: 1e3 * (spent[name] - self._cpu[name]) / frames for name in spent if name in self._cpu},
            lows=_of_stages(wall, QUANTILE),
            yardstick_ms=1e3 * float(np.percentile(units, QUANTILE)),
            peak_mb=peak_rss_mb(),
            notes=self._opened.source.notes,
        )
        self._left -= 1
        if self._left == 0:
            self._stop()
        self._give(block)
        self._start(time.perf_counter())

    def _clocks(self) -> dict[str, float]:
        """Processor seconds so far, of all threads and of those that capture and write."""
        return {"all": time.process_time(), **thread_seconds({"capture": "capture", "sink": "sinks"})}


def low_ms(times: Sequence[float], searched: Sequence[bool]) -> float:
    """Return a low percentile of the times of two kinds of frames, weighted by how many there were, milliseconds.

    A frame in which the whole picture is searched takes several times as long as one in between: one percentile of both
    would know nothing of the rarer kind. A mean over both kinds would lie in no stretch of time that nobody disturbed.
    """
    seconds, whole = np.asarray(times), np.asarray(searched, bool)
    kinds = (seconds[whole], seconds[~whole])
    return 1e3 * sum(len(kind) * float(np.percentile(kind, QUANTILE)) for kind in kinds if len(kind)) / len(seconds)


def _of_stages(wall: dict[str, list[float]], quantile: float) -> dict[str, float]:
    """A percentile of each stage, milliseconds; sinks are one stage, and a result goes to all of them."""
    found = {name: 1e3 * float(np.percentile(times, quantile)) for name, times in wall.items() if times}
    sinks = [name for name in found if name.startswith("sink ")]
    if sinks:
        found["sinks"] = sum(found.pop(name) for name in sinks)
    return found
