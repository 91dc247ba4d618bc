"""Turn what Lightning, torch and their worker processes raise into the one line a user can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from edge.errors import EdgeError


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Raise the failures a user can cause, and can cure, as :class:`EdgeError`; let all others pass."""
    try:
        yield
    except EdgeError as error:
        # A worker process hands over its error with the whole traceback in the text; the message is what it ends with.
        _, found, message = str(error).rpartition(f"{EdgeError.__name__}: ")
        if found:
            raise EdgeError(message.strip()) from None
        raise
    except torch.cuda.OutOfMemoryError as error:
        raise EdgeError("the GPU's memory is full; use a smaller --batch-size or --image-size") from error
    except RuntimeError as error:
        if "DataLoader worker" in str(error):
            raise EdgeError("a process that reads images died (memory?); use fewer --workers, or 0") from error
        raise
