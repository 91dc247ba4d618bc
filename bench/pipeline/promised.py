"""The rows that users of a plain ResNet-18 are promised, beside the default model, through the same pipeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.effort import Effort
from bench.pipeline.combinations import Combination, combination, model_file
from bench.pipeline.measuring import measure_pipeline
from bench.pipeline.messages import Job
from bench.pipeline.table import below, head, stage_bars
from bench.power import Meter
from bench.result import Result, Row
from bench.table import align, number, times
from edge.bundle import read_bundle
from edge.errors import EdgeError

#: Side of the network's input in the promise, pixels.
INPUT_SIZE = 224

#: What is read: ``edge-run --source demo``, 640x480.
SOURCE = "demo"


@dataclasses.dataclass(frozen=True)
class Promise:
    """A row of the promise.

    Attributes:
        name: in words.
        file: of the ResNet's bundle.
        device: that the network runs on.
        low: frames a second at least.
        high: at most; None for no end.
    """

    name: str
    file: str
    device: str
    low: float
    high: float | None

    @property
    def words(self) -> str:
        """Such as ``15-20``."""
        return f"{self.low:g}+" if self.high is None else f"{self.low:g}-{self.high:g}"

    def kept(self, fps: float) -> str:
        """Say what a measured rate means for it; more than was promised keeps it as well."""
        if fps < self.low:
            return "missed"
        return "kept" if self.high is None or fps <= self.high else "exceeded"


PROMISES = (
    Promise("ResNet-18, PyTorch on the CPU", "model_weights.pth", "cpu", 15, 20),
    Promise("ResNet-18, ONNX on the CPU", "model.onnx", "cpu", 25, 30),
    Promise("ResNet-18, PyTorch on CUDA", "model_weights.pth", "cuda", 60, None),
)


def promised_rows(resnet: Path, threads: int | None) -> list[tuple[Combination, Promise | None]]:
    """Return the default model's row and those that were promised.

    Args:
        resnet: bundle of a ResNet-18 for 224 px with checkpoint and ONNX file.
        threads: CPU threads of each runtime; None: as ``edge-run``.

    Raises:
        EdgeError: it is another network, or lacks a file.
    """
    config = read_bundle(resnet).config
    remedy = f"make it: edge-quantize {resnet} --out OTHER --image-size {INPUT_SIZE} --formats onnx"
    if config.architecture != "resnet18":
        raise EdgeError(f"--resnet {resnet}: the promise is about resnet18, this is {config.architecture}")
    if config.input.size != INPUT_SIZE:
        raise EdgeError(f"--resnet {resnet}: made for {config.input.size} px, the promise for {INPUT_SIZE}; {remedy}")
    found: list[tuple[Combination, Promise | None]] = [(_row(model_file(None), "cpu", threads), None)]
    for promise in PROMISES:
        if promise.file not in config.files:
            raise EdgeError(f"--resnet {resnet} has no {promise.file}; {remedy}")
        one = _row(resnet.resolve() / promise.file, promise.device, threads)
        found.append((dataclasses.replace(one, settings=one.settings | {"promised_fps": promise.words}), promise))
    return found


def measure_promised(
    rows: Sequence[tuple[Combination, Promise | None]],
    effort: Effort,
    *,
    meter: Meter | None = None,
    remarks: Sequence[str] = (),
    progress: Callable[[str], None] = lambda line: None,
) -> Result:
    """Measure all of them in one run, in turns; see :func:`bench.pipeline.measuring.measure_pipeline`."""
    result = measure_pipeline(
        [one for one, _ in rows],
        effort,
        inputs="the demo source, as edge-run --source demo reads it: two portraits filmed by hand, 640x480",
        meter=meter,
        remarks=remarks,
        progress=progress,
    )
    judged = (_judged(row, promise) for row, (_, promise) in zip(result.rows, rows, strict=True))
    return msgspec.structs.replace(result, rows=tuple(judged))


def show_promised(result: Result, rows: Sequence[tuple[Combination, Promise | None]]) -> str:
    """Return the table."""
    table = [["", "promised", "FPS", "p50 ms", "p90 ms", "p99 ms", "CPU ms", "faces", ""]]
    reasons = []
    for row, (_, promise) in zip(result.rows, rows, strict=True):
        name = promise.name if promise else "the default model"
        words = promise.words if promise else "-"
        timing = row.timing
        if timing is None:
            table.append([name, words, *["-"] * 5, "-", "not measured"])
            reasons.append(f"{name}: not measured: {row.reason}")
            continue
        table.append(
            [
                name,
                words,
                number(timing.per_second, 1),
                *times(timing),
                number(row.cpu_ms, 2),
                number(row.faces_per_frame, 2),
                promise.kept(timing.per_second) if promise else "",
            ]
        )
    lines = [*head(result), "", *align(table), *reasons]
    for row in result.rows:
        if row.timing is not None:
            lines += ["", *stage_bars(f"{row.key} ({row.settings.get('engine')})", row)]
    return "\n".join([*lines, "", *below(result)]).rstrip()


def _row(path: Path, device: str, threads: int | None) -> Combination:
    return combination(Job(model=str(path), device=device, threads=threads, source=SOURCE, size=None))


def _judged(row: Row, promise: Promise | None) -> Row:
    if promise is None:
        return row
    note = f"promised: {promise.words} frames a second"
    if row.timing is not None:
        note += f"; {promise.kept(row.timing.per_second)}"
    return msgspec.structs.replace(row, notes=(*row.notes, note))
