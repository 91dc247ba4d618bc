"""From options to what is measured: every combination of them, and the key of its row."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

from bench.pipeline.messages import Job
from bench.pipeline.sources import BUILT_IN, SIZE
from bench.result import Value
from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL, runnable_files
from edge.sources.stream import redacted

#: What ``--rate`` calls no rate at all.
FULL_SPEED = "max"


@dataclasses.dataclass(frozen=True)
class Combination:
    """One row.

    Attributes:
        key: see :class:`bench.result.Row`.
        job: what its process does.
        settings: for the row.
        label: what tells it from the other rows of its table.
    """

    key: str
    job: Job
    settings: dict[str, Value]
    label: str


def combine(
    model: Path | None,
    *,
    source: str = BUILT_IN,
    sizes: str = "",
    faces: str = "1",
    rates: str = FULL_SPEED,
    threads: str = "",
    search_interval: int = 10,
    detector: str = "blazeface",
    device: str = "cpu",
    video: bool = False,
) -> list[Combination]:
    """Return every combination of lists such as ``1,2,5``; an empty list leaves the choice to the runtime.

    Raises:
        EdgeError: a list is not written as it has to be, or there is no such model.
    """
    built_in = source == BUILT_IN
    if not built_in and faces != "1":
        raise EdgeError("--faces is for the built-in pictures; leave it out with --source")
    wanted_sizes: list[tuple[int, int] | None] = [parse_size(text) for text in _split(sizes)]
    wanted_sizes = wanted_sizes or [SIZE if built_in else None]
    counts = [_whole("--faces", text, least=0) for text in _split(faces)]
    wanted_rates = [_rate(text) for text in _split(rates)] or [None]
    wanted_threads: list[int | None] = [_whole("--threads", text, least=1) for text in _split(threads)]
    wanted_threads = wanted_threads or [None]
    path = model_file(model, device)
    return [
        combination(
            Job(
                model=str(path),
                device=device,
                threads=count,
                detector=detector,
                search_interval=search_interval,
                source=source,
                size=size,
                faces=people,
                rate=rate,
                video=video,
            )
        )
        for count, size, people, rate in itertools.product(wanted_threads, wanted_sizes, counts, wanted_rates)
    ]


def combination(job: Job) -> Combination:
    """Return the row of a job."""
    path = Path(job.model)
    config = read_bundle(path.parent).config
    built_in = job.source == BUILT_IN
    source = shown_source(job.source)
    size = "x".join(map(str, job.size)) if job.size else "own size"
    people = f"{job.faces} face{'s' * (job.faces != 1)}"
    rate = "full speed" if job.rate is None else f"{job.rate:g} a second"
    threads = f"{job.threads or 'default'} thread{'s' * (job.threads != 1)}"
    search = "" if job.search_interval == 10 else f"search every {job.search_interval}"
    device = "" if job.device == "cpu" else job.device
    detector = "" if job.detector == "blazeface" else job.detector
    video = "video" * job.video
    scene = [source, size, *([people] if built_in else []), rate]
    parts = [config.architecture, path.name, device, threads, detector, search, *scene, video]
    shown = size if job.size else ""
    short = "max" if job.rate is None else f"{job.rate:g}/s"
    label = " ".join(part for part in (shown, people if built_in else source[-24:], short, search, video) if part)
    settings: dict[str, Value] = {
        "model": config.architecture,
        "file": path.name,
        "input_size": config.input.size,
        "device": job.device,
        "threads": job.threads,
        "detector": job.detector,
        "search_interval": job.search_interval,
        "source": source,
        "faces": job.faces if built_in else None,
        "rate": job.rate,
        "video": job.video,
    }
    return Combination("/".join(part for part in parts if part), job, settings, label)


def model_file(model: Path | None, device: str = "cpu") -> Path:
    """Return the file that ``edge-run`` would run.

    Raises:
        EdgeError: there is none.
    """
    given = (model or DEFAULT_MODEL).resolve()
    if not given.exists():
        raise EdgeError(f"{model} is missing; check the path given to --model")
    if given.is_file():
        read_bundle(given.parent).path(given.name)
        return given
    files = [path for path in runnable_files(given) if device == "cpu" or path.suffix != ".tflite"]
    if not files:
        raise EdgeError(f"{model} has no file that an installed runtime can run on {device}; make some: edge-quantize")
    return files[0]


def at_own_rate(one: Combination) -> Combination:
    """Return the row of a camera or stream: unless it is asked for a rate, it gives what it gives."""
    settings = one.settings | {"live": True}
    if one.job.rate is not None:
        return dataclasses.replace(one, settings=settings)
    key, label = one.key.replace("/full speed", "/own rate"), one.label.replace(" max", " own rate")
    return dataclasses.replace(one, key=key, label=label, settings=settings)


def shown_source(source: str) -> str:
    """Return a source's name for results: of a file without its folder, of a URL without user, password and query."""
    if "://" in source:
        return redacted(source).partition("?")[0]
    return Path(source).name or source


def parse_size(text: str) -> tuple[int, int]:
    """Return the width and height that ``640x480`` names.

    Raises:
        EdgeError: it is written otherwise.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise EdgeError(f"--size {text}: use WIDTHxHEIGHT, as in 640x480")
    return int(width), int(height)


def _split(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _whole(option: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise EdgeError(f"{option} {text}: use whole numbers from {least}, as in 1,2")
    return int(text)


def _rate(text: str) -> float | None:
    if text == FULL_SPEED:
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise EdgeError(f"--rate {text}: use frames a second, or {FULL_SPEED} for as fast as they are read")
    return rate
