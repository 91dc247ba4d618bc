"""Source to reader to sinks, until the source ends, somebody closes the window, or the run is interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from edge.reader import EmotionReader
from edge.sinks import Sink
from edge.sources import Source
from edge.summary import Summary


def run(
    source: Source,
    reader: EmotionReader,
    sinks: Sequence[Sink],
    *,
    max_frames: int | None = None,
    stop: threading.Event | None = None,
    summary: Summary | None = None,
) -> Summary:
    """Process frames until there are no more; every sink and the source are closed in any case.

    Args:
        source: where frames come from.
        reader: what reads them.
        sinks: where results go, each result to all of them.
        max_frames: end after so many.
        stop: when set, the run ends after the frame at hand.
        summary: counts into this one, so that a caller has it also when the run ends with an error.

    Raises:
        EdgeError: the source breaks off or a sink can't write; what was written before is complete and readable.
    """
    summary = summary or Summary()
    stop = stop or threading.Event()
    with ExitStack() as closing:
        closing.callback(source.close)
        for sink in sinks:
            closing.callback(sink.close)
        for frame in source.frames():
            if stop.is_set():
                break
            if frame is None:
                continue
            result = reader.process(frame, source.name, source.dropped)
            summary.add(result)
            wanted = [sink.write(result) for sink in sinks]  # a list: every sink gets the frame another one ends on
            if not all(wanted) or summary.frames == max_frames:
                break
    return summary


@contextmanager
def stopping_on_signals() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C or SIGTERM sets, so that files are finished; a second Ctrl-C interrupts."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
