"""Processor time of stages: of threads by their names, and of calls with all the threads that work for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edge.reader import EmotionReader


def thread_seconds(names: Mapping[str, str]) -> dict[str, float]:
    """Return the processor seconds that threads of this process have used so far.

    Args:
        names: how a thread's name begins, and what its time is called.

    Returns:
        By what it is called; without those that have no thread now, and empty where the system doesn't tell.
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        return {}
    found: dict[str, float] = {}
    for thread in threading.enumerate():
        called = next((names[name] for name in names if thread.name.startswith(name)), None)
        if called is None or thread.ident is None:
            continue
        try:
            spent = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        except OSError:  # it ended just now
            continue
        found[called] = found.get(called, 0.0) + spent
    return found


@contextmanager
def metered(reader: EmotionReader) -> Iterator[dict[str, float]]:
    """Count the processor seconds, all threads of the process, of a reader's detector, crops and classifier.

    Nothing else may work in this process meanwhile. Resizing for the detector counts as its own.
    """
    spent = {"detect": 0.0, "crops": 0.0, "classify": 0.0}
    owners: dict[str, tuple[object, str]] = {
        "detect": (reader.following, "find"),
        "crops": (reader.model, "crop"),
        "classify": (reader.model, "classify"),
    }

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = time.process_time()
            result = call(*arguments)
            spent[name] += time.process_time() - start
            return result

        return timed

    for name, (owner, method) in owners.items():
        setattr(owner, method, wrapped(name, getattr(owner, method)))
    try:
        yield spent
    finally:
        for owner, method in owners.values():
            delattr(owner, method)  # the class's own is behind it
