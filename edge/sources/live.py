"""Cameras and network streams: the newest frame wins, a lost device is opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from edge.errors import EdgeError, NotInstalledError
from edge.sources.device import Device, LostError, Picture, UnavailableError
from edge.sources.options import SourceOptions
from edge.types import Frame

#: Seconds between attempts to open a lost source: doubled each time, up to the second value.
BACKOFF = (0.5, 30.0)

#: A source that gave pictures for so many seconds is well again: the next loss starts with the short pause.
_STEADY = 10.0

#: How long :meth:`LiveSource.frames` waits before it lets its reader look up, seconds.
_PATIENCE = 0.1

#: A native call that comes back this many seconds later than it was told to is stuck, and its thread is given up.
_GRACE = 5.0

#: No more threads than this are given up; after that the source waits until one of them comes back.
_STUCK = 3

#: How long :meth:`LiveSource.close` waits for a device to let go, seconds.
_FAREWELL = 2.0


class _Turn:
    """One thread's time as the reader.

    Attributes:
        over: set once this thread is not the reader any more.
        busy_since: ``time.monotonic()`` at which it called into the device; None while it waits by itself.
    """

    def __init__(self, work: Callable[[_Turn, Device | None], None], device: Device | None) -> None:
        self.over = threading.Event()
        self.busy_since: float | None = None
        self.thread = threading.Thread(target=work, args=(self, device), name="capture", daemon=True)


class LiveSource:
    """A device read in a thread of its own; see :class:`edge.sources.Source`.

    Attributes:
        notes: what was asked of the device and not granted, a line each.
    """

    live = True

    def __init__(
        self,
        name: str,
        opening: Callable[[], Device],
        options: SourceOptions | None = None,
        *,
        notes: tuple[str, ...] = (),
        backoff: tuple[float, float] = BACKOFF,
        grace: float = _GRACE,
    ) -> None:
        """Open the device and start reading.

        Args:
            name: for events and reports; holds no password.
            opening: opens the device, also after a loss.
            options: ``stall_timeout`` and ``patient`` count here.
            notes: said beside those of the device.
            backoff: first and longest pause between attempts to open it again, seconds.
            grace: seconds beyond ``stall_timeout`` after which a call into the device counts as stuck.

        Raises:
            EdgeError: it can't be opened now, and nobody wants to wait for it. Once it was open, losing it is not an
                error any more.
        """
        options = options or SourceOptions()
        self.name = name
        self.dropped = 0
        self.reconnects = 0
        self.captured = 0
        self._opening = opening
        self._stall_timeout = options.stall_timeout
        self._backoff = backoff
        self._pause = backoff[0]
        self._grace = grace
        self._newest: Frame | None = None
        self._arrived = threading.Condition()
        self._closing = threading.Event()
        self._last = time.monotonic()
        self._lost: float | None = None
        self._reason = ""
        self._stuck: list[_Turn] = []
        device: Device | None = None
        try:
            device = opening()
        except NotInstalledError:
            raise
        except EdgeError as error:
            if not options.patient:
                raise
            self._lose(_reason(error))
        except Exception as error:
            raise EdgeError(
                f"cannot open {name!r}: {_reason(error)}; see what there is with: edge-device probe"
            ) from error
        self.fps = device.fps if device else options.fps
        self.notes = notes + (device.notes if device else ())
        self._turn = self._begin(device)

    @property
    def state(self) -> str:
        """``"ok"``, or why no frames come: lost or stalled, and for how long."""
        now = time.monotonic()
        with self._arrived:
            lost, silent = self._lost, now - self._last
        if lost is not None:
            since = f"lost {now - lost:.0f} s ago" if self.captured else f"not there for {now - lost:.0f} s"
            return f"{since} ({self._reason}), opening again"
        return f"stalled, no picture for {silent:.0f} s" if silent > self._stall_timeout else "ok"

    def frames(self) -> Iterator[Frame | None]:
        """Yield the newest frame each time; None after a tenth of a second without one."""
        while not self._closing.is_set():
            with self._arrived:
                if self._newest is None:
                    self._arrived.wait(_PATIENCE)
                frame, self._newest = self._newest, None
            if frame is None:
                self._relieve()
            yield frame

    def close(self) -> None:
        """Stop reading and release the device; one that hangs is left to a thread that ends with the process."""
        self._closing.set()
        self._turn.over.set()
        with self._arrived:
            self._newest = None
            self._arrived.notify_all()
        if self._turn.thread is not threading.current_thread():
            self._turn.thread.join(timeout=_FAREWELL)

    def _begin(self, device: Device | None) -> _Turn:
        turn = _Turn(self._read, device)
        turn.thread.start()
        return turn

    def _relieve(self) -> None:
        """Put another thread in the place of one that is stuck in the device."""
        busy = self._turn.busy_since
        if busy is None or time.monotonic() - busy < self._stall_timeout + self._grace:
            return
        self._stuck = [turn for turn in self._stuck if turn.thread.is_alive()]
        if len(self._stuck) >= _STUCK or self._closing.is_set():
            return
        self._stuck.append(self._turn)
        self._turn.over.set()
        self._lose("it hangs")
        self._turn = self._begin(None)

    def _read(self, turn: _Turn, device: Device | None) -> None:
        """Read, and open again what is lost, until this thread's turn is over."""
        opened = time.monotonic()
        while not turn.over.is_set():
            if device is None:
                if turn.over.wait(self._pause):
                    break
                self._pause = min(2 * self._pause, self._backoff[1])
                device = self._open(turn)
                opened = time.monotonic()
                continue
            turn.busy_since = time.monotonic()
            try:
                picture = device.read()
            except Exception as error:  # whatever a driver throws, the camera is opened again
                if not turn.over.is_set():
                    self._lose(_reason(error))
                _close(device)
                device = None
            else:
                self._offer(turn, picture)
                if time.monotonic() - opened > _STEADY:
                    self._pause = self._backoff[0]
            turn.busy_since = None
        if device is not None:
            _close(device)

    def _open(self, turn: _Turn) -> Device | None:
        turn.busy_since = time.monotonic()
        try:
            return self._opening()
        except Exception as error:
            if not turn.over.is_set():
                self._lose(_reason(error))
            return None
        finally:
            turn.busy_since = None

    def _offer(self, turn: _Turn, picture: Picture) -> None:
        now = time.perf_counter()
        with self._arrived:
            if turn.over.is_set():
                return
            if self._lost is not None:
                self.reconnects += self.captured > 0
                self._lost = None
            self._last = time.monotonic()
            self.dropped += self._newest is not None
            self._newest = Frame(picture.image, time.time() - picture.age, self.captured, now, picture.lores)
            self.captured += 1
            self._arrived.notify()

    def _lose(self, reason: str) -> None:
        with self._arrived:
            self._reason = reason
            if self._lost is None:
                self._lost = time.monotonic()


def _reason(error: Exception) -> str:
    if isinstance(error, UnavailableError):
        return error.reason
    words = str(error) if isinstance(error, LostError | EdgeError) else f"{type(error).__name__}: {error}"
    return words.partition("\n")[0]


def _close(device: Device) -> None:
    try:
        device.close()
    except Exception:  # it is lost already, and can't be closed any better
        return
