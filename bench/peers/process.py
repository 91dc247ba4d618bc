"""A peer's process as this side sees it: one request, one reply; a crash or a hang is an error like any other."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from bench.peers.installation import Installed
from bench.peers.peer import Peer

#: Programs that run in the peers' environments.
ADAPTERS = Path(__file__).parent / "adapters"
#: This repository, or the folder that the toolkit is installed in.
ROOT = Path(__file__).parents[2]

#: Seconds that importing and loading may take; the first import of TensorFlow from a cold disk takes a minute.
LOADING = 300.0


class PeerError(Exception):
    """A peer that can't go on; its row says why."""


class PeerProcess:
    """A running adapter."""

    def __init__(self, peer: Peer, installed: Installed) -> None:
        """Start it; nothing is loaded yet."""
        self._peer = peer
        program = ADAPTERS / peer.adapter
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONDONTWRITEBYTECODE": "1"}
        if installed.modules:
            environment["EDGE_BENCH_MODULES"] = str(installed.modules)
        elif installed.program == sys.executable:
            environment["PYTHONPATH"] = str(ROOT)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [installed.program, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )

    def ask(self, do: str, limit: float, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the reply.

        Args:
            do: a method of ``serving.Worker``.
            limit: seconds after which the process is ended.
            arguments: of the method.

        Raises:
            PeerError: the peer raised something, ended, or did not answer in time.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(limit, end)
        timer.start()
        try:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:  # it has ended
            line = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise PeerError(f"no answer to {do!r} after {limit:.0f} s")
        if not line:
            raise PeerError(self._death())
        try:
            reply: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise PeerError(f"answered {line[:60]!r} to {do!r}") from error
        if "error" in reply:
            raise PeerError(str(reply["error"]))
        return reply

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):  # it has ended
                self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _death(self) -> str:
        code = self._process.wait()
        if code < 0:
            try:
                return f"it crashed ({signal.Signals(-code).name})"
            except ValueError:
                return f"it crashed (signal {-code})"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
        return f"it ended with exit code {code}: {last[0]}"
