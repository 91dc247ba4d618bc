"""What a run of ``edge-quantize`` found: the one record that table, page, JSON and model card are made from."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge.bundle import Metrics, Parity, Quantization, Strict

#: Version of ``report.json``; keys are only ever added.
REPORT_VERSION = 1


class Latency(Strict, frozen=True):
    """Time of one inference on one image, on this machine.

    Attributes:
        p50_ms: median, milliseconds.
        p90_ms: ninth decile, milliseconds.
        runs: how many were timed, each file in turn with all others.
        threads: CPU threads.
        ratio: median of the checkpoint's float ONNX file (of the first float file where there is none) over this one's,
            taken pair by pair: above 1 is faster.
    """

    p50_ms: float
    p90_ms: float
    runs: int
    threads: int
    ratio: float | None = None


class Row(Strict, frozen=True):
    """One file, made or kept out.

    Attributes:
        file: name in the bundle.
        format: as in the bundle's config.
        precision: as in the bundle's config.
        status: ``made``, ``kept`` (an earlier run had made the same), ``failed`` (it missed its gate, or could not be
            made) or ``refused`` (not tried).
        problem: why it is not in the bundle, in one line.
        size: bytes.
        seconds: making and comparing took.
        metrics: its figures on the labelled images.
        accuracy_interval: 95 % bootstrap interval of its accuracy.
        parity: how it compares with the checkpoint.
        latency: None where it was not timed.
        quantization: how int8 was made.
    """

    file: str
    format: str
    precision: str
    status: Literal["made", "kept", "failed", "refused"]
    problem: str | None = None
    size: int | None = None
    seconds: float | None = None
    metrics: Metrics | None = None
    accuracy_interval: tuple[float, float] | None = None
    parity: Parity | None = None
    latency: Latency | None = None
    quantization: Quantization | None = None


class Tensor(Strict, frozen=True):
    """One quantized activation of an int8 network, in the order of computation.

    Attributes:
        layer: name of the module, or of the operation, that gives it.
        kind: ``conv``, ``depthwise``, ``add``, ...
        low: lower end of its range.
        high: upper end of its range.
        least: smallest value met.
        greatest: largest value met.
        clipped: share of values outside the range, 0..1.
        sqnr_db: signal to quantization noise of the whole int8 network at this point, decibels: all errors so far.
        alone_rmse: root mean squared change of the logits when this layer alone (weights and activation) is int8.
    """

    layer: str
    kind: str
    low: float
    high: float
    least: float
    greatest: float
    clipped: float
    sqnr_db: float
    alone_rmse: float


class Answer(Strict, frozen=True):
    """One network on one face: its top emotion and how sure it is, at the bundle's temperature."""

    label: str
    probability: float
    valence: float
    arousal: float


class Face(Strict, frozen=True):
    """A face on which an int8 file and the checkpoint disagree much.

    Attributes:
        png: the network input, base64 of a PNG.
        index: row in the comparison images.
        truth: its label; None without labels.
        checkpoint: what the checkpoint says.
        file: what the file says.
        distance: total variation distance of the two distributions over the emotions, 0..1.
    """

    png: str
    index: int
    truth: str | None
    checkpoint: Answer
    file: Answer
    distance: float


class Trial(Strict, frozen=True):
    """One combination that ``--recipe best`` tried, on images it may choose by (never the gate's).

    Attributes:
        name: the combination, in words.
        drop: loss of accuracy against the checkpoint on the search images, 0..1; None without labels.
        agreement: share of the search images with the checkpoint's emotion.
        logit_rmse: root mean squared change of the logits.
        latency_ratio: its time over the float file's: below 1 is faster; None where not timed.
        chosen: whether it is the one.
    """

    name: str
    drop: float | None
    agreement: float
    logit_rmse: float
    latency_ratio: float | None
    chosen: bool


class Report(Strict, frozen=True):
    """Everything one run found.

    Attributes:
        name: of the model.
        architecture: of the model.
        input_size: side of its input, pixels.
        labels: its emotions, in order.
        checkpoint: the reference's own row.
        rows: one a file, in the order of the formats.
        data: the comparison images, in words.
        samples: how many.
        machine: processor, operating system, versions of the runtimes, in words by name.
        tensors: quantized activations, by file.
        faces: largest disagreements first, by file.
        trials: what ``--recipe best`` tried, by file.
        notes: what a reader must know, a sentence each.
        made: when, UTC, ISO 8601.
        version: of this record.
    """

    name: str
    architecture: str
    input_size: int
    labels: tuple[str, ...]
    checkpoint: Row
    rows: tuple[Row, ...]
    data: str
    samples: int
    machine: dict[str, str]
    tensors: dict[str, tuple[Tensor, ...]] = msgspec.field(default_factory=dict)
    faces: dict[str, tuple[Face, ...]] = msgspec.field(default_factory=dict)
    trials: dict[str, tuple[Trial, ...]] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    made: str = ""
    version: int = REPORT_VERSION


def to_json(report: Report) -> bytes:
    """Return the record as JSON, formatted for people."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
