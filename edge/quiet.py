"""Keep the terminal for what concerns the user: native libraries and converters print pages of their own."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator


class _Silence:
    """Who is inside :func:`silent_stderr`, and where descriptor 2 led before."""

    lock = threading.Lock()
    depth = 0
    kept = -1


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to the null device for the length of the block; errors raised inside still come out.

    Several threads may be inside at once: the first one silences, the last one restores.
    """
    with _Silence.lock:
        if _Silence.depth == 0:
            sys.stderr.flush()
            null = os.open(os.devnull, os.O_WRONLY)
            _Silence.kept = os.dup(2)
            os.dup2(null, 2)
            os.close(null)
        _Silence.depth += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.depth -= 1
            if _Silence.depth == 0:
                os.dup2(_Silence.kept, 2)
                os.close(_Silence.kept)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Swallow everything written to stdout and stderr inside the block, by Python and by native code.

    When the block ends with an exception, the last lines become a note of it: they usually hold the reason.
    """
    level = logging.root.manager.disable
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            with contextlib.redirect_stdout(_stderr()), contextlib.redirect_stderr(_stderr()):
                yield
        except Exception as error:
            sink.seek(0)
            lines = sink.read().decode(errors="replace").splitlines()[-5:]
            if lines:
                error.add_note("\n".join(lines))
            raise
        finally:
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            logging.disable(level)


@functools.cache
def _stderr() -> io.TextIOWrapper:
    """A stream on descriptor 2 that is never closed.

    Bound to the descriptor, not to a file: some libraries keep the ``sys.stderr`` of the moment of their import for
    ever, and after :func:`quiet` this one leads to the real one again.
    """
    return io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="replace", write_through=True)
