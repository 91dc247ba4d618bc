"""Give freed memory back to the system.

The C library keeps what was freed in between pieces that are still in use. A run of months that once had much to hold
(a disk was full, a broker away) would go on occupying it, on devices that have little.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def give_back() -> bool:
    """Return unused memory to the system; False where the C library can't (only glibc has malloc_trim(3)).

    Half a millisecond on a desktop processor with what edge-run holds.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))


@functools.cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library, such as musl
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim  # type: ignore[no-any-return]
