"""Running a version of the software in processes of its own: to prove a model with it, and to measure it."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import EdgeError

#: The account of the service; what is on trial runs as that where it can.
ACCOUNT = "edge-run"

#: Seconds until a program shows its first frame, or does what takes no time at all; slow cards are slow.
PATIENCE = 180.0

#: Seconds after the first frame that don't count: caches fill, clocks rise.
_WARM = 2.0

#: Seconds that a program has to end when it is asked to.
_GRACE = 20.0


class UnfitError(EdgeError):
    """A version doesn't do what it must on this device."""


class Measured(msgspec.Struct, frozen=True):
    """What a measured run gave.

    Attributes:
        fps: frames a second.
        memory_mb: the most memory it held, MiB.
    """

    fps: float
    memory_mb: float


class Runtime:
    """A version of the software: a tree, or where there is none the packages of this very process."""

    def __init__(self, tree: Path | None, *, drop: bool = True) -> None:
        """Name the tree; ``drop`` runs programs as the service's account, if it is there and this is root."""
        self._python = str(tree / "bin" / "python") if tree else sys.executable
        self._programs = tree / "bin" if tree else None
        self._own = None if tree else str(Path(__file__).parent.parent.parent)
        self._account = _account() if drop else None

    def program(self, name: str, *arguments: str) -> list[str]:
        """Return the command line of ``edge-run`` or ``edge-device``."""
        if self._programs is not None:
            return [str(self._programs / name), *arguments]
        module = {"edge-run": "edge.cli", "edge-device": "devices.cli"}[name]
        return [self._python, "-P", "-c", f"from {module} import main; main()", *arguments]

    def ask(self, command: list[str], what: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a program to its end and return what it printed.

        Raises:
            UnfitError: it ended otherwise, or not at all; ``what`` says of what that is true.
        """
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False, **self._how()
            )
        except subprocess.TimeoutExpired as error:
            raise UnfitError(f"{what} did not end within {PATIENCE:.0f} s") from error
        except OSError as error:
            raise UnfitError(f"{what} does not start: {error.strerror}") from error
        if done.returncode not in codes:
            raise UnfitError(f"{what} failed: {_reason(done.returncode, done.stderr)}")
        return str(done.stdout, errors="replace")

    def python(self, code: str, *arguments: str) -> list[str]:
        """Return the command line of a few lines of Python."""
        return [self._python, "-P", "-c", code, *arguments]

    def measure(self, arguments: list[str], seconds: float, memory_mb: int) -> Measured:
        """Run ``edge-run`` with arguments that make it print a line a frame, for so many seconds.

        Raises:
            UnfitError: it ended by itself, shows no frame, or needs more memory.
        """
        process = subprocess.Popen(
            self.program("edge-run", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **self._how(),
        )
        lines = _Lines(process)
        try:
            return self._watch(process, lines, seconds, memory_mb)
        finally:
            _end(process)
            lines.close()

    def _watch(self, process: subprocess.Popen[bytes], lines: _Lines, seconds: float, memory_mb: int) -> Measured:
        begun, first, counted, peak = time.monotonic(), None, 0, 0.0
        while True:
            time.sleep(0.1)
            now, peak = time.monotonic(), max(peak, _memory(process.pid))
            if (code := process.poll()) is not None:
                raise UnfitError(f"edge-run ended by itself: {_reason(code, lines.errors())}")
            if peak > memory_mb:
                raise UnfitError(f"edge-run holds {peak:.0f} MiB of memory, allowed are {memory_mb}")
            if first is None:
                if lines.count:
                    first = now
                elif now - begun > PATIENCE:
                    raise UnfitError(f"edge-run showed no frame within {PATIENCE:.0f} s")
            elif not counted:
                if now - first >= min(_WARM, seconds):
                    first, counted = now, lines.count
            elif now - first >= seconds:
                return Measured((lines.count - counted) / (now - first), peak)

    def _how(self) -> dict[str, Any]:
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
        environment = {**keep, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
        if self._own:
            environment["PYTHONPATH"] = self._own
        how: dict[str, Any] = {"env": environment, "cwd": "/"}
        if self._account is not None:
            how |= {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        return how


class _Lines:
    """Reads what a process prints: counts lines, and keeps the end of its complaints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.count = 0
        self._process = process
        self._errors = b""
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_lines, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def errors(self) -> bytes:
        """Return them, once the process has ended."""
        self._readers[1].join(5)
        return self._errors

    def close(self) -> None:
        """Wait for both readers, which end with the process."""
        for reader in self._readers:
            reader.join(5)

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        while block := os.read(self._process.stdout.fileno(), 1 << 16):
            self.count += block.count(b"\n")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        while block := os.read(self._process.stderr.fileno(), 1 << 12):
            self._errors = (self._errors + block)[-4000:]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as the service would, and kill what doesn't listen, with all that it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _memory(pid: int) -> float:
    """Return MiB that a process holds; 0 where that isn't told."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def _reason(code: int, errors: bytes) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else f"exit code {code}"
