"""From what a run made to its report: times, layers, and the faces on which int8 and float disagree."""

from __future__ import annotations

import base64
import contextlib
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from edge import metrics
from edge.bundle import Bundle, File, Metrics
from edge.engines import Engine, load_engine
from edge.errors import EdgeError
from quantize.exporters import Workbench
from quantize.int8.bench import BITS
from quantize.int8.sensitivity import tensors
from quantize.latency import THREADS, summary, times
from quantize.parity import Comparison, Reference, compare
from quantize.pipeline import Outcome
from quantize.record import Answer, Face, Latency, Report, Row, Tensor
from train.environment import processor

FACES = 12
#: Kinds of int8 file by target name.
_KINDS = {"onnx-int8": "onnx", "tflite-int8": "tflite", "tflite-integer": "integer"}


def report(bundle: Bundle, bench: Workbench, outcomes: Sequence[Outcome], reference: Reference) -> Report:
    """Measure what is left to measure and put everything into one record.

    Args:
        bundle: with the files that passed.
        bench: of the run.
        outcomes: of the run.
        reference: the checkpoint's answers.
    """
    checkpoint = bench.source.checkpoint
    there = [outcome.target.file for outcome in outcomes if outcome.status in ("made", "kept")]
    latencies, runtimes = _latencies(bundle, [checkpoint, *there], bench.images.comparison)
    quantized = [outcome for outcome in outcomes if outcome.target.name in _KINDS and outcome.target.file in there]
    comparisons = {
        outcome.target.file: outcome.comparison or compare(bundle.path(outcome.target.file), bundle.config, reference)
        for outcome in quantized
    }
    config = bundle.config
    notes = [bench.images.notice] if bench.images.notice else []
    if "model.h5" in latencies:
        notes.append("Keras is timed with TensorFlow's own number of threads.")
    return Report(
        name=config.name,
        architecture=config.architecture,
        input_size=config.input.size,
        labels=config.labels,
        checkpoint=_checkpoint_row(bundle, checkpoint, reference, latencies.get(checkpoint)),
        rows=tuple(_row(outcome, bundle, reference, latencies) for outcome in outcomes),
        data=reference.data,
        samples=len(reference.images),
        machine={
            "processor": processor(),
            "system": platform.platform(),
            "Python": platform.python_version(),
            **runtimes,
        },
        tensors=_tensors(bench, quantized),
        faces={name: _faces(found, reference, config.temperature) for name, found in comparisons.items()},
        trials={o.target.file: o.made.trials for o in quantized if o.made and o.made.trials},
        notes=tuple(notes),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _latencies(
    bundle: Bundle, names: Sequence[str], images: NDArray[np.uint8]
) -> tuple[dict[str, Latency], dict[str, str]]:
    """Time all files in turn; one that will not load here has no time."""
    engines: dict[str, Engine] = {}
    with contextlib.ExitStack() as stack:
        for name in names:
            with contextlib.suppress(EdgeError):
                threads = None if name.endswith(".h5") else THREADS  # TensorFlow has started with its own
                engine = load_engine(bundle.path(name), bundle.config, threads=threads)
                stack.callback(engine.close)
                engines[name] = engine
        runtimes = dict(engine.name.removesuffix(" (cpu)").rsplit(" ", 1) for engine in engines.values())
        base = next((name for name in ("model.onnx", "model.tflite", "model.pt") if name in engines), None)
        return summary(times(engines, images[:64]), base), runtimes


def _row(outcome: Outcome, bundle: Bundle, reference: Reference, latencies: dict[str, Latency]) -> Row:
    target, comparison = outcome.target, outcome.comparison
    entry: File | None = bundle.config.files.get(target.file) if outcome.status in ("made", "kept") else None
    figures = comparison.metrics if comparison else _measured(entry, reference)
    return Row(
        file=target.file,
        format=target.format,
        precision=target.precision,
        status=outcome.status,
        problem=outcome.problem,
        size=outcome.size,
        seconds=outcome.seconds,
        metrics=figures,
        accuracy_interval=_interval(figures),
        parity=comparison.parity if comparison else entry.parity if entry else None,
        latency=latencies.get(target.file),
        quantization=outcome.made.quantization if outcome.made else None,
    )


def _checkpoint_row(bundle: Bundle, name: str, reference: Reference, latency: Latency | None) -> Row:
    entry = bundle.config.files[name]
    figures = _measured(entry, reference)
    return Row(
        file=name,
        format=entry.format,
        precision=entry.precision,
        status="kept",
        size=entry.size,
        metrics=figures,
        accuracy_interval=_interval(figures),
        latency=latency,
    )


def _measured(entry: File | None, reference: Reference) -> Metrics | None:
    return next((m for m in entry.metrics if m.data == reference.data), None) if entry else None


def _interval(figures: Metrics | None) -> tuple[float, float] | None:
    """95 % bootstrap interval of an accuracy, which depends on the number of hits alone."""
    if figures is None:
        return None
    hits = np.arange(figures.samples) < round(figures.accuracy * figures.samples)
    return metrics.bootstrap(lambda drawn: (drawn.mean(axis=-1),), hits)[0]


def _tensors(bench: Workbench, quantized: Sequence[Outcome]) -> dict[str, tuple[Tensor, ...]]:
    """Per layer; the two TFLite files have the same layers. Of a bare ONNX file the layers are not known."""
    found: dict[object, tuple[Tensor, ...]] = {}
    result = {}
    for outcome in quantized:
        if not bench.int8.inside or outcome.made is None or outcome.made.recipe is None:
            continue
        recipe, bits = outcome.made.recipe, BITS[_KINDS[outcome.target.name]]
        if (recipe, bits) not in found:
            network = bench.int8.network(recipe, bits)
            observed, ranges = bench.int8.observed(network), bench.int8.ranges(recipe, bits)
            found[recipe, bits] = tensors(network, observed, ranges, bits, bench.images.calibration)
        result[outcome.target.file] = found[recipe, bits]
    return result


def _faces(comparison: Comparison, reference: Reference, temperature: float) -> tuple[Face, ...]:
    """The images whose two distributions over the emotions are furthest apart."""
    mine = metrics.softmax(comparison.logits.astype(float), temperature)
    theirs = metrics.softmax(reference.logits.astype(float), temperature)
    distance = np.abs(mine - theirs).sum(axis=1) / 2
    rows = np.argsort(-distance, kind="stable")[:FACES]
    labels = reference.labels

    def answer(probabilities: NDArray[np.floating], affect: NDArray[np.float32]) -> Answer:
        top = int(probabilities.argmax())
        return Answer(labels[top], float(probabilities[top]), float(affect[0]), float(affect[1]))

    return tuple(
        Face(
            png=_png(reference.images[row]),
            index=int(row),
            truth=None if reference.truth is None else labels[reference.truth[row]],
            checkpoint=answer(theirs[row], reference.valence_arousal[row]),
            file=answer(mine[row], comparison.valence_arousal[row]),
            distance=float(distance[row]),
        )
        for row in rows
    )


def _png(image: NDArray[np.uint8]) -> str:
    done, data = cv2.imencode(".png", image[:, :, ::-1])
    if not done:
        raise RuntimeError("OpenCV cannot write a PNG")
    return base64.b64encode(data.tobytes()).decode()
