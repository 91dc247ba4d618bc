"""A run killed at any point leaves a whole bundle, and the next run keeps what was finished."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from edge.bundle import read_bundle
from edge.golden import read_images
from tests.conftest import ROOT
from tests.quantize.conftest import ROUGH

FORMATS = "torchscript,onnx,onnx-int8"

#: Runs the real command; the process is killed (SIGKILL) at the n-th time a finished file is put in place, right before
#: or right after it. Nothing else of the command is touched.
PROGRAM = """
import os, signal, sys
from pathlib import Path

moment, when = int(sys.argv.pop(1)), sys.argv.pop(1)
put, seen = Path.replace, 0

def replace(self, target):
    global seen
    seen += 1
    if seen == moment and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = put(self, target)
    if seen == moment and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return result

Path.replace = replace
from quantize.cli import main
main()
"""


def run(bundle: Path, ferplus: Path, moment: int, when: str = "after") -> subprocess.CompletedProcess[str]:
    data = ["--data", f"ferplus:{ferplus}", "--images", "32", "--calibration", "16", *ROUGH]
    command = [sys.executable, "-c", PROGRAM, str(moment), when, str(bundle), "--formats", FORMATS, *data]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)


def whole(bundle: Path) -> set[str]:
    """Read a bundle as any user would; every listed file must be the one that is described."""
    found = read_bundle(bundle)
    for name in found.config.files:
        found.path(name)
    if found.config.golden is not None:
        read_images(found)
    return set(found.config.files)


def test_a_run_killed_at_each_step_in_turn_ends_in_the_same_bundle(
    make_bundle: Callable[[Path, str], Path], ferplus: Path, tmp_path: Path
) -> None:
    quiet, killed = (make_bundle(tmp_path / name, "mobilenet_v2") for name in ("quiet", "killed"))
    assert run(quiet, ferplus, 0).returncode == 0
    files: list[set[str]] = []
    for moment in range(1, 40):
        done = run(killed, ferplus, moment, "before" if moment % 2 else "after")
        files.append(whole(killed))
        if done.returncode != -signal.SIGKILL:
            break
    else:
        raise AssertionError("the run never came to its end")
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stderr, "what an earlier run finished is made once"
    assert all(earlier <= later for earlier, later in itertools.pairwise(files)), "nothing finished is lost"
    assert len({frozenset(names) for names in files}) >= 3, "the kills must fall between the files"
    wanted = {path.name for path in quiet.iterdir()}
    assert {path.name for path in killed.iterdir()} == wanted, "no half-written file stays behind"
    for name in wanted - {"report.html", "report.json"}:
        assert (killed / name).read_bytes() == (quiet / name).read_bytes(), name
