"""Results made up from the real structs, for the tests of what reads them. Their figures were never measured."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from bench.environment import Environment, State
from bench.result import Counts, Result, Row, Sample, Stage, Timing
from devices.cpu import Cpu
from edge.bundle import read_bundle
from edge.model import DEFAULT_MODEL

ENVIRONMENT = Environment(
    device="Raspberry Pi 5 Model B Rev 1.0",
    architecture="aarch64",
    cpu=Cpu("Cortex-A76", 4, {"asimd": True, "asimddp": True, "sve": False}, "ondemand", 2400),
    memory_mb=8064,
    os="Debian GNU/Linux 12 (bookworm)",
    kernel="6.6.31+rpt-rpi-2712",
    python="3.11.2 (64-bit)",
    packages={"numpy": "1.26.4", "ai-edge-litert": "1.3.0"},
)
#: Names of bundles; the first is the packaged one.
BUNDLES = {"mobilenet_v2": read_bundle(DEFAULT_MODEL).config.name, "resnet18": "ferplus-resnet18"}

COOL = State(load=0.12, temperatures_c={"cpu-thermal": 48.3}, throttling=())
HOT = State(load=1.04, temperatures_c={"cpu-thermal": 71.9}, throttling=())


def timing(p50: float, count: int = 12288, blocks: int = 12) -> Timing:
    """Times around a median, ms, with blocks that wander by a per cent."""
    return Timing(
        count=count,
        seconds=count * p50 * 1.02 / 1e3,
        p50_ms=p50,
        p90_ms=1.11 * p50,
        p99_ms=1.37 * p50 if count >= 100 else None,
        per_second=1e3 / (1.02 * p50),
        blocks=tuple(p50 * (1 + 0.01 * math.sin(2.3 * i)) for i in range(blocks)),
        yardstick=tuple(1.5 for _ in range(blocks)),
    )


def result(kind: Any, *rows: Row, **changes: Any) -> Result:
    """A result of a Raspberry Pi 5 that never was."""
    made = Result(
        kind=kind,
        time="2026-12-01T09:30:00+00:00",
        version="0.6.0",
        commit="0123456789ab",
        mode="normal",
        device="raspberry-pi-5-model-b-rev-1-0",
        profile="raspberry-pi-5",
        inputs="3,191 faces of FER+ validation",
        environment=ENVIRONMENT,
        before=COOL,
        after=HOT,
        noise=1.012,
        rows=rows,
    )
    return msgspec.structs.replace(made, **changes)


def formats_row(
    file: str = "model_int8.tflite",
    p50: float = 1.25,
    accuracy: float | None = 0.8442,
    *,
    network: str = "mobilenet_v2",
    threads: int = 1,
    **changes: Any,
) -> Row:
    """A file of a bundle."""
    row = Row(
        key=f"{network}/{file}/{threads} thread{'s' * (threads != 1)}",
        settings={
            "model": network,
            "bundle": BUNDLES.get(network, network),
            "file": file,
            "input_size": 64,
            "threads": threads,
            "engine": "litert 1.3.0 (cpu)",
        },
        timing=timing(p50),
        cpu_ms=1.01 * p50 * threads,
        load_ms=38.2,
        first_ms=2.4 * p50,
        size_mb=2.76,
        peak_mb=104.5,
        base_mb=61.0,
        images=3191 if accuracy is not None else None,
        accuracy=accuracy,
        macro_f1=0.581 if accuracy is not None else None,
        agreement=0.9906 if accuracy is not None else None,
    )
    return msgspec.structs.replace(row, **changes)


def pipeline_row(
    faces: int = 1,
    size: tuple[int, int] = (640, 480),
    p50: float = 9.5,
    *,
    file: str = "model_int8.tflite",
    network: str = "mobilenet_v2",
    threads: int = 1,
    search_interval: int = 10,
    **changes: Any,
) -> Row:
    """Whole frames at one setting."""
    width, height = size
    threads_word = f"{threads} thread{'s' * (threads != 1)}"
    row = Row(
        key=f"{network}/{file}/{threads_word}/every {search_interval}/{width}x{height}/{faces} faces",
        settings={
            "model": network,
            "bundle": BUNDLES.get(network, network),
            "file": file,
            "input_size": 64,
            "engine": "litert 1.3.0 (cpu)",
            "threads": threads,
            "detector": "blazeface",
            "search_interval": search_interval,
            "source": "faces.mp4",
            "width": width,
            "height": height,
            "faces": faces,
        },
        timing=timing(p50, 2000),
        latency=timing(1.3 * p50, 2000),
        cpu_ms=1.1 * p50,
        peak_mb=171.0,
        frames=2000,
        dropped=12,
        faces_per_frame=float(faces),
        stages=(
            Stage(name="capture", wall_ms=0.4, cpu_ms=0.3),
            Stage(name="detect", wall_ms=0.45 * p50, cpu_ms=0.5 * p50),
            Stage(name="crops", wall_ms=0.1 * p50, cpu_ms=0.1 * p50),
            Stage(name="classify", wall_ms=0.35 * p50, cpu_ms=0.4 * p50),
            Stage(name="other", wall_ms=0.05 * p50, cpu_ms=0.05 * p50),
        ),
    )
    return msgspec.structs.replace(row, **changes)


def curve(minutes: float = 20, fps: float = 60.0, hottest: float = 78.0, step: float = 2.0) -> tuple[Sample, ...]:
    """A machine that gets warm and is throttled in its last quarter."""
    samples = []
    count = int(minutes * 60 / step)
    for number in range(1, count + 1):
        at = number * step
        warmth = 1 - math.exp(-at / (minutes * 15))
        throttled = at > 0.75 * minutes * 60
        samples.append(
            Sample(
                at=at,
                fps=fps * (0.82 if throttled else 1.0) + 0.6 * math.sin(at / 7),
                temperature_c=48 + (hottest - 48) * warmth,
                clock_mhz=2000.0 if throttled else 2400.0,
                throttled=throttled,
                power_w=4.2 + 2.3 * warmth - (0.8 if throttled else 0),
            )
        )
    return tuple(samples)


def sustained_row(samples: tuple[Sample, ...] | None = None, **changes: Any) -> Row:
    """A long run at the settings of :func:`pipeline_row`."""
    base = pipeline_row()
    row = msgspec.structs.replace(base, key=f"{base.key}/sustained", curve=curve() if samples is None else samples)
    return msgspec.structs.replace(row, **changes)


def counts_row(cpu: str = "cortex-a72", instructions: int = 61_234_567, **changes: Any) -> Row:
    """Instructions of one inference on an emulated processor."""
    dot = instructions // 4 if cpu == "cortex-a76" else 0
    row = Row(
        key=f"mobilenet_v2/model_int8.tflite/{cpu}",
        settings={"model": "mobilenet_v2", "file": "model_int8.tflite", "cpu": cpu},
        counts=Counts(
            instructions=instructions,
            loads_stores=instructions // 3,
            simd=instructions // 2,
            dot=dot,
            macs=24_500_000,
            bytes_moved=4_100_000,
            estimate_ms=11.4,
            assumptions=("one instruction a clock at 1.5 GHz", "4 GB/s from memory"),
        ),
    )
    return msgspec.structs.replace(row, **changes)


def peer_row(name: str, p50: float, accuracy: float | None = None, **changes: Any) -> Row:
    """What others use."""
    row = Row(
        key=name,
        settings={"source": "faces.mp4", "width": 640, "height": 480},
        timing=timing(p50, 900),
        cpu_ms=1.6 * p50,
        load_ms=2400.0,
        peak_mb=812.0,
        images=3191 if accuracy is not None else None,
        accuracy=accuracy,
    )
    return msgspec.structs.replace(row, **changes)
