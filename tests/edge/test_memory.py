from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

PROGRAM = """
from pathlib import Path
from edge.memory import give_back

def held():
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1])

pieces = [bytes(100_000) for _ in range(800)]
last = bytes(100_000)  # lies above the others, so that they can't be cut off the end of the heap
full = held()
del pieces
before = held()
given = give_back()
print(given, full - before, before - held())
"""


def test_what_was_freed_goes_back_to_the_system() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux's C library is asked")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, cwd=ROOT, check=True)
    given, by_itself, after = done.stdout.split()
    if given == "False":
        pytest.skip("this C library has no malloc_trim")
    assert int(by_itself) < 20_000 < int(after)  # of 80,000 kB
