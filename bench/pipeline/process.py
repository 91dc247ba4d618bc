"""The other end of the process in which the pipeline runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import msgspec

from bench.pipeline.messages import Block, Done, Failure, Job, Loaded, Reply, Request, Turn

#: Seconds that a process may take beyond what it was asked to measure: a Pi reads PyTorch from an SD card.
PATIENCE = 300.0

#: Folder of this very source, whatever else is installed.
ROOT = Path(__file__).parents[2]

#: -P keeps the folder one stands in off the module path.
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from bench.pipeline.worker import main; main()"


class PipelineError(Exception):
    """The process can't go on.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class PipelineProcess:
    """A process that runs one job.

    Attributes:
        loaded: what loading took.
    """

    loaded: Loaded

    def __init__(self, job: Job) -> None:
        """Remember the job; the block starts the process."""
        self._job = job

    def __enter__(self) -> PipelineProcess:
        """Start it and wait until it is loaded.

        Raises:
            PipelineError: it can't be.
        """
        self._errors = tempfile.TemporaryFile()
        self._folder = tempfile.TemporaryDirectory(prefix="edge-bench-")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "TMPDIR": self._folder.name, "TEMP": self._folder.name},
        )
        try:
            self._send(self._job)
            loaded = self._receive(PATIENCE)
            assert isinstance(loaded, Loaded), loaded
        except BaseException:
            self.close()
            raise
        self.loaded = loaded
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, turn: Turn) -> Iterator[Block | Done]:
        """Yield the blocks of a turn as they come, then what counting the stages gave.

        Raises:
            PipelineError: it died, hangs, or failed.
        """
        self._send(turn)
        while True:
            # A frame may take a second where PyTorch runs on a small board.
            reply = self._receive(PATIENCE + turn.warm + turn.metered + 4 * turn.seconds + turn.frames)
            assert isinstance(reply, Block | Done), reply
            if isinstance(reply, Done):
                yield reply
                return
            # Hours at hundreds of frames a second are millions of times: four bytes each instead of 32.
            yield msgspec.structs.replace(reply, times=array("f", reply.times), latencies=array("f", reply.latencies))

    def close(self) -> None:
        """End the process at once: between turns it has nothing to lose, and within one nobody waits for it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._errors.close()
        self._folder.cleanup()

    def _send(self, request: Request) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it died; the answer that doesn't come tells why
            self._process.stdin.write(msgspec.json.encode(request) + b"\n")
            self._process.stdin.flush()

    def _receive(self, limit: float) -> Reply:
        assert self._process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(limit, give_up)
        timer.daemon = True  # Ctrl-C may come before it can be cancelled; nobody is to wait for it then
        try:
            timer.start()
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if late.is_set():
            raise PipelineError(Failure(f"no answer after {limit:.0f} s"))
        if not line:
            raise PipelineError(Failure(self._death()))
        reply: Reply = msgspec.json.decode(line, type=Reply)
        if isinstance(reply, Failure):
            raise PipelineError(reply)
        return reply

    def _death(self) -> str:
        code = self._process.wait()
        if code < 0:
            return f"the runtime crashed ({signal.Signals(-code).name})"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
        return f"the process ended with exit code {code}: {last[0]}"
