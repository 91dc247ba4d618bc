"""The worker's side of the conversation with ``bench.peers.process``; runs in a peer's environment: numpy alone.

A request is a line of JSON on standard input, a reply a line on standard output. Whatever libraries print goes to
standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


class Adapter(Protocol):
    """What a peer's program offers.

    Attributes:
        labels: names of its classes, in the order of :meth:`classify`.
    """

    labels: list[str]

    def load(self, options: dict[str, Any]) -> None:
        """Import and load everything."""

    def process(self, frame: Image) -> int:
        """Find the faces of a BGR picture ``[H, W, 3]`` and read each; return how many there were."""

    def classify(self, face: Image) -> list[float] | None:
        """Return a score for each label of a BGR picture that is one face; None: its weights are random."""


class Pictures:
    """Pictures of one size in an ``.npy`` file, read one at a time, so that they are no memory of the peer's."""

    def __init__(self, path: str) -> None:
        header = np.load(path, mmap_mode="r")
        self._shape, self._offset = header.shape, header.offset
        del header
        self._file = Path(path).open("rb")  # noqa: SIM115 - open for as long as this process lives

    def __len__(self) -> int:
        return int(self._shape[0])

    def __getitem__(self, index: int) -> Image:
        shape = self._shape[1:]
        size = int(np.prod(shape))
        self._file.seek(self._offset + index * size)
        return np.frombuffer(bytearray(self._file.read(size)), np.uint8).reshape(shape)


def serve(adapter: Adapter) -> None:
    """Answer requests until standard input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(adapter)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # libraries raise whatever they like
            traceback.print_exc(file=sys.stderr)
            reply = {"error": f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


class Worker:
    """What can be asked for."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._frames: Pictures | None = None
        self._next = 0

    def load(self, options: dict[str, Any], frames: str) -> dict[str, Any]:
        """Load everything and process the first frame."""
        self._frames = Pictures(frames)
        first = self._frames[0]
        base = peak_mb()
        start = time.perf_counter()
        self._adapter.load(options)
        loaded = time.perf_counter()
        self._adapter.process(first)
        end = time.perf_counter()
        return {
            "labels": list(self._adapter.labels),
            "load_ms": 1e3 * (loaded - start),
            "first_ms": 1e3 * (end - loaded),
            "base_mb": base,
        }

    def frames(self, count: int, seconds: float) -> dict[str, Any]:
        """Go on through the frames: at least ``count`` of them and ``seconds``, reading the file not timed."""
        assert self._frames is not None
        times: list[float] = []
        faces: list[int] = []
        cpu = 0.0
        while len(times) < count or sum(times) < seconds:
            frame = self._frames[self._next % len(self._frames)]
            self._next += 1
            cpu_start, start = time.process_time(), time.perf_counter()
            found = self._adapter.process(frame)
            times.append(time.perf_counter() - start)
            cpu += time.process_time() - cpu_start
            faces.append(int(found))
        return {"times": times, "faces": faces, "cpu": cpu, "peak_mb": peak_mb()}

    def rewind(self) -> dict[str, Any]:
        """Begin with the first frame again."""
        self._next = 0
        return {}

    def faces(self, path: str, begin: int, end: int) -> dict[str, Any]:
        """Score some pictures of a file, each of which is a face."""
        pictures = Pictures(path)
        scores = [self._adapter.classify(pictures[index]) for index in range(begin, min(end, len(pictures)))]
        return {"scores": None if None in scores else scores}


def peak_mb() -> float | None:
    """Return the largest resident memory so far in MB; None where the kernel does not tell (``VmHWM``: Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kib is None else int(kib) * 1024 / 1e6
