"""Every runnable file of a bundle, one after the other, each in its own process."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.environment import Environment, State, read_environment, read_state, remarks
from bench.inputs import Inputs
from bench.records import SCHEMA_VERSION, Job, Outcome, Row
from edge.bundle import Bundle, File
from edge.engines.loading import RUNTIMES
from edge.errors import EdgeError
from edge.metrics import accuracy, macro_f1

#: What others are compared with, best first: the checkpoint, then float files closest to it.
REFERENCES = ("model_weights.pth", "model.pt", "model.onnx", "model.tflite")


class Report(msgspec.Struct, frozen=True):
    """What ``edge-bench formats`` found, as it lies in its ``--json`` file.

    Attributes:
        schema: version of this record.
        kind: ``formats``.
        time: when it began, UTC, ISO 8601.
        model: name of the model.
        input_size: side of its input, pixels.
        threads: CPU threads of each runtime.
        seconds: how long each file was timed.
        quick: whether that was cut short by ``--quick``.
        inputs: what the images were.
        images: how many of them.
        reference: file that ``agreement`` compares with; None when none ran.
        environment: machine and software.
        before: load, heat and throttling when it began.
        after: the same when it ended.
        remarks: what makes the figures doubtful.
        rows: one per file.
    """

    schema: int
    kind: str
    time: str
    model: str
    input_size: int
    threads: int
    seconds: float
    quick: bool
    inputs: str
    images: int
    reference: str | None
    environment: Environment
    before: State
    after: State
    remarks: list[str]
    rows: list[Row]


def runnable(bundle: Bundle) -> list[str]:
    """Return the names of the files an engine exists for, sorted.

    Raises:
        EdgeError: there is none.
    """
    names = sorted(name for name in bundle.config.files if Path(name).suffix in RUNTIMES)
    if not names:
        raise EdgeError(f"{bundle.folder} lists no {', '.join(RUNTIMES)} file; make some with edge-quantize")
    return names


def measure_formats(
    bundle: Bundle,
    inputs: Inputs,
    *,
    threads: int = 1,
    seconds: float = 10.0,
    quick: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Report:
    """Measure every runnable file of a bundle; one that fails becomes a row that says why.

    Args:
        bundle: what to measure.
        inputs: images, and their classes where accuracy is wanted.
        threads: CPU threads of each runtime.
        seconds: how long to time each file.
        quick: noted in the report.
        progress: called with the name of each file before it is measured.

    Raises:
        EdgeError: the bundle lists no runnable file.
    """
    names = runnable(bundle)
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    environment, before = read_environment(), read_state()
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
        images = Path(folder) / "images.npy"
        np.save(images, inputs.images)
        for name in names:
            progress(name)
            try:
                job = Job(
                    str(bundle.path(name)), bundle.config, str(images), threads, seconds, inputs.truth is not None
                )
                outcomes[name] = run_worker(job, Path(folder))
            except EdgeError as error:
                outcomes[name] = Outcome(status="failed", reason=str(error))
    after = read_state()
    reference = next((name for name in REFERENCES if name in names and outcomes[name].measurement), None)
    return Report(
        schema=SCHEMA_VERSION,
        kind="formats",
        time=started,
        model=bundle.config.name,
        input_size=bundle.config.input.size,
        threads=threads,
        seconds=seconds,
        quick=quick,
        inputs=inputs.description,
        images=len(inputs.images),
        reference=reference,
        environment=environment,
        before=before,
        after=after,
        remarks=remarks(environment, before, after),
        rows=[_row(bundle, name, outcomes[name], inputs, outcomes.get(reference or "")) for name in names],
    )


def run_worker(job: Job, folder: Path) -> Outcome:
    """Run one job in a fresh Python; a crash or a hang becomes an outcome like any other."""
    request, answer = folder / "job.json", folder / "outcome.json"
    request.write_bytes(msgspec.json.encode(job))
    answer.unlink(missing_ok=True)
    # -P keeps the current folder off the module path; this repository's own is put at its end for uninstalled use.
    code = "import sys; sys.path.append(sys.argv[1]); from bench.worker import main; main(sys.argv[2:])"
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-P", "-c", code, root, str(request), str(answer)]
    limit = 180 + 4 * job.seconds + (len(np.load(job.images, mmap_mode="r")) if job.classify else 0)
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return Outcome(status="failed", reason=f"no answer after {limit:.0f} s")
    if done.returncode < 0:
        return Outcome(status="failed", reason=f"the runtime crashed ({_signal(-done.returncode)})")
    if not answer.is_file():
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["without a word"]
        return Outcome(status="failed", reason=f"the worker ended with exit code {done.returncode}: {last[0]}")
    return msgspec.json.decode(answer.read_bytes(), type=Outcome)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _row(bundle: Bundle, name: str, outcome: Outcome, inputs: Inputs, reference: Outcome | None) -> Row:
    entry: File = bundle.config.files[name]
    path = bundle.folder / name
    size = path.stat().st_size / 1e6 if path.is_file() else None
    found = outcome.measurement
    if found is None:
        return Row(name, entry.precision, size, outcome.status, outcome.reason)
    figures: dict[str, Any] = {}
    if inputs.truth is not None:
        classes = np.array(found.classes)
        figures["accuracy"] = accuracy(inputs.truth, classes)
        figures["macro_f1"] = macro_f1(inputs.truth, classes, len(bundle.config.labels))
        if reference is not None and reference.measurement is not None and reference is not outcome:
            figures["agreement"] = accuracy(np.array(reference.measurement.classes), classes)
    bare = msgspec.structs.replace(found, classes=())
    return Row(name, entry.precision, size, "measured", measurement=bare, **figures)
