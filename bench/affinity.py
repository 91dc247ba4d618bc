"""Which processors a measurement may use."""

from __future__ import annotations

import os
import re

from edge.errors import EdgeError


def pin(processors: str | None) -> None:
    """Let this process and those it starts run on these processors alone (``2,3`` or ``0-3``); None: change nothing.

    Raises:
        EdgeError: no such processors, or a system that can't do it.
    """
    if processors is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise EdgeError("--cpu: this system can't keep a process on given processors; leave it out")
    try:
        os.sched_setaffinity(0, parse_processors(processors))
    except OSError as error:
        there = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise EdgeError(f"--cpu {processors}: {error.strerror}; this process may use {there}") from error


def parse_processors(text: str) -> set[int]:
    """Turn ``0,2-3`` into numbers.

    Raises:
        EdgeError: it is written otherwise.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip())
        if not match:
            raise EdgeError(f"--cpu {text}: write processors as 2 or 2,3 or 0-3")
        first, last = int(match[1]), int(match[2] or match[1])
        found |= set(range(first, last + 1))
    if not found:
        raise EdgeError(f"--cpu {text}: the first processor comes after the last; write processors as 2 or 2,3 or 0-3")
    return found


def affinity() -> tuple[int, ...] | None:
    """Return the processors that this process may run on; None where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None
