"""Read a file ahead, so that decoding and reading emotions overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from edge.sources import Source
from edge.types import Frame

#: Frames that wait decoded. Two hide the uneven cost of decoding; more only hold memory.
DEPTH = 2


def prefetched(source: Source, depth: int = DEPTH) -> Iterator[Frame | None]:
    """Yield the frames of a source that another thread reads, in order; its error comes after its last frame.

    Live sources are passed through: they have a thread of their own, and there only the newest frame counts.
    """
    if source.live:
        yield from source.frames()
        return
    waiting: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
    closing = threading.Event()

    def put(item: Frame | BaseException | None) -> bool:
        while not closing.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for frame in source.frames():
                if frame is not None and not put(frame):
                    return
            put(None)
        except BaseException as error:  # whatever it is, it belongs to whoever asked for the frames
            put(error)

    thread = threading.Thread(target=read, name="capture", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        closing.set()
        thread.join()
