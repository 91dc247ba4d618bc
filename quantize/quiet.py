"""Keep the terminal for what concerns the user: converters print pages of their own."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator

# Never closed, and bound to the descriptor, not to a file: some libraries keep the sys.stderr of the moment of their
# import for ever, and after the block this one leads to the real stderr again.
_STDERR = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="replace", write_through=True)


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
            with contextlib.redirect_stdout(_STDERR), contextlib.redirect_stderr(_STDERR):
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
