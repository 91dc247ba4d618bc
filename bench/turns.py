"""The other end of a worker process: start it, give it turns, and learn why it died where it did."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import msgspec

from bench.records import Block, Classes, Classify, Failure, Job, Loaded, Reply, Request, Turn

#: Seconds that a worker may take beyond what it was asked to measure: a Pi reads TensorFlow from an SD card.
PATIENCE = 300.0

#: Seconds that one image may take.
PATIENCE_PER_IMAGE = 2.0

#: Folder of this very source, whatever else is installed.
ROOT = Path(__file__).parents[1]

#: -P keeps the current folder off the module path. ``edge`` comes from the tree that is measured, ``bench`` always from
#: this one; once imported, a package finds its own modules, so that neither folder hides anything of the runtimes'.
_BOOT = """
import sys
tree, root = sys.argv[1:3]
if tree:
    sys.path.insert(0, tree)
    import edge
    del sys.path[0]
sys.path.insert(0, root)
import bench
del sys.path[0]
from bench.worker import main
main()
"""


class WorkerError(Exception):
    """A worker can't go on.

    Attributes:
        failure: why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Worker:
    """A process that measures one thing, turn by turn.

    Attributes:
        loaded: what loading took.
    """

    def __init__(
        self,
        job: Job,
        *,
        python: str = sys.executable,
        tree: Path | None = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a fresh Python and load.

        Args:
            job: what to measure.
            python: the interpreter.
            tree: folder that ``edge`` is imported from; None: whatever the interpreter finds by itself.
            environment: variables beside this process's own.

        Raises:
            WorkerError: it can't be started or loaded.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        command = [python, "-P", "-c", _BOOT, str(tree.resolve()) if tree else "", str(ROOT)]
        variables = {**os.environ, **(environment or {})}
        if tree is None:  # it would put another edge before the interpreter's own
            variables.pop("PYTHONPATH", None)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=variables,
            )
        except OSError as error:
            self._errors.close()
            raise WorkerError(Failure("failed", f"{python} does not start: {error.strerror}")) from error
        try:
            loaded = self._ask(job, PATIENCE)
            assert isinstance(loaded, Loaded), loaded
        except BaseException:
            self.close()
            raise
        self.loaded = loaded

    def turn(self, turn: Turn) -> Block:
        """Time a block.

        Raises:
            WorkerError: it died, hangs, or failed.
        """
        block = self._ask(turn, PATIENCE + 4 * turn.seconds + PATIENCE_PER_IMAGE * turn.queries)
        assert isinstance(block, Block), block
        return block

    def classify(self, images: int) -> tuple[int, ...]:
        """Name the class of every image, of which there are so many.

        Raises:
            WorkerError: it died, hangs, or failed.
        """
        answer = self._ask(Classify(), PATIENCE + PATIENCE_PER_IMAGE * images)
        assert isinstance(answer, Classes), answer
        return answer.classes

    def close(self) -> None:
        """End the process, gently first."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, request: Request, limit: float) -> Reply:
        """Send a request and wait for the answer; a failure is raised."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit, give_up)
        timer.daemon = True  # an interrupt must not wait for it
        try:
            timer.start()
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:  # it died before it read all
            line = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise WorkerError(Failure("failed", f"no answer after {limit:.0f} s"))
        if not line:
            raise WorkerError(Failure("failed", self._death()))
        reply: Reply = msgspec.json.decode(line, type=Reply)
        if isinstance(reply, Failure):
            raise WorkerError(reply)
        return reply

    def _death(self) -> str:
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            return "the worker closed its output and went on"
        if code < 0:
            return f"the runtime crashed ({_signal(-code)})"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
        return f"the worker ended with exit code {code}: {last[0]}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
