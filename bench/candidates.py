"""Settings that were measured, each with everything that several results say of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from bench.report.gathering import Entry, Found
from bench.report.naming import size_of
from bench.report.numbers import day
from bench.report.sections.sustained import summary
from bench.result import Row, Timing, Value

#: Settings that make one candidate differ from another.
IDENTITY = (
    "model",
    "file",
    "input_size",
    "device",
    "threads",
    "detector",
    "search_interval",
    "width",
    "height",
    "rate",
)

#: What figures rest on, best first.
EVIDENCE = ("measured", "quick", "estimate")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One setting of the runtime; None is unknown.

    Attributes:
        key: of the row that its speed is from.
        settings: those of :data:`IDENTITY` that are known, and ``bundle``.
        evidence: of :data:`EVIDENCE`: the weakest of what its figures rest on.
        faces: in the picture when speed was measured.
        fps: whole frames a second; of a long run, where there was one, its end.
        latency_ms: 90th percentile from capture to result, or of a frame where that was not measured.
        temperature: hottest in a long run, degrees Celsius.
        accuracy: share, 0..1.
        images: that accuracy was measured on.
        memory_mb: largest resident memory.
        sources: where each figure is from, by its name, in words.
    """

    key: str
    settings: dict[str, Value]
    evidence: str
    faces: int | None = None
    fps: float | None = None
    latency_ms: float | None = None
    temperature: float | None = None
    accuracy: float | None = None
    images: int | None = None
    memory_mb: float | None = None
    sources: dict[str, str] = dataclasses.field(default_factory=dict)


def candidates(found: Found, faces: int) -> list[Candidate]:
    """Return what rows of whole frames say, joined with accuracy from ``formats`` and heat from long runs.

    Files that no row of whole frames ran are estimated: a frame of another file, its time in the network exchanged.

    Args:
        found: results of one device.
        faces: speed must have been measured with as many faces in the picture, or with more.
    """
    formats = [entry for entry in found.entries("formats") if entry.measured]
    frames = [e for e in found.entries("pipeline") if e.measured and e.row.timing and not e.row.settings.get("video")]
    runs = [e for e in found.entries("sustained") if e.measured and e.row.curve and not e.row.settings.get("video")]
    groups: dict[tuple[Value, ...], list[Entry]] = {}
    for entry in (*frames, *runs):
        groups.setdefault(identity(entry.row), []).append(entry)
    made = [_joined(_with_faces(group, faces), formats) for group in groups.values()]
    known = [candidate for candidate in made if candidate]
    return known + _estimated(frames, formats, faces, {_file(candidate.settings) for candidate in known})


def identity(row: Row) -> tuple[Value, ...]:
    """Return what tells a setting from others."""
    return tuple(row.settings.get(name) for name in IDENTITY)


def _file(settings: dict[str, Value]) -> tuple[Value, ...]:
    return settings.get("model"), settings.get("file"), settings.get("input_size"), settings.get("threads")


def _with_faces(group: Sequence[Entry], least: int) -> list[Entry]:
    """Of each kind, the row with the fewest faces that are enough; rows that don't say how many go for any number."""
    chosen = []
    for kind in ("pipeline", "sustained"):
        rows = [(_faces(entry.row), entry) for entry in group if entry.result.kind == kind]
        enough = [(count, entry) for count, entry in rows if count is None or count >= least]
        if enough:
            chosen.append(min(enough, key=lambda pair: pair[0] or 0)[1])
    return chosen


def _faces(row: Row) -> int | None:
    count = row.settings.get("faces")
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _joined(group: Sequence[Entry], formats: Sequence[Entry]) -> Candidate | None:
    if not group:
        return None
    first, last = group[0], group[-1]  # whole frames, then the long run, where there are both
    sources: dict[str, str] = {}
    used = list(group)
    fps: float | None = None
    temperature = None
    if last.row.curve:
        told = summary(last.row.curve)
        fps, temperature = told.last_fps, told.hottest
        sources["fps"] = f"at the end of {told.seconds / 60:.3g} minutes, {_where(last)}"
        if temperature is not None:
            sources["temperature"] = _where(last)
    elif first.row.timing:
        fps = first.row.timing.per_second
        sources["fps"] = _where(first)
    timed: Timing | None = first.row.latency or first.row.timing
    if timed:
        what = "from capture to result" if first.row.latency else "of a frame"
        sources["latency"] = f"90th percentile {what}, {_where(first)}"
    memory = max((entry.row.peak_mb for entry in group if entry.row.peak_mb is not None), default=None)
    if memory is not None:
        sources["memory"] = _where(max(group, key=lambda entry: entry.row.peak_mb or 0))
    scored = _scored(first.row.settings, (*group, *formats))
    if scored:
        used.append(scored)
        sources["accuracy"] = f"{scored.row.images or 'unknown number of'} faces, {_where(scored)}"
    return Candidate(
        key=first.row.key,
        settings=_settings(first.row.settings, scored),
        evidence="quick" if any(entry.quick for entry in used) else "measured",
        faces=_faces(first.row),
        fps=fps,
        latency_ms=timed.p90_ms if timed else None,
        temperature=temperature,
        accuracy=scored.row.accuracy if scored else None,
        images=scored.row.images if scored else None,
        memory_mb=memory,
        sources=sources,
    )


def _settings(settings: dict[str, Value], scored: Entry | None) -> dict[str, Value]:
    bundle = settings.get("bundle") or (scored.row.settings.get("bundle") if scored else None)
    return {name: settings[name] for name in IDENTITY if settings.get(name) is not None} | {"bundle": bundle}


def _scored(settings: dict[str, Value], entries: Iterable[Entry]) -> Entry | None:
    """A row with the accuracy of that file: threads and pictures don't change it. Normal ones go before quick ones."""
    names = ("model", "file", "input_size")
    same = [
        entry
        for entry in entries
        if entry.row.accuracy is not None and all(entry.row.settings.get(n) == settings.get(n) for n in names)
    ]
    return min(same, key=lambda entry: entry.quick, default=None)


def _estimated(
    frames: Sequence[Entry], formats: Sequence[Entry], faces: int, known: set[tuple[Value, ...]]
) -> list[Candidate]:
    bases: dict[tuple[Value, ...], list[Entry]] = {}
    for entry in frames:
        if any(stage.name == "classify" and stage.wall_ms is not None for stage in entry.row.stages):
            place = tuple(entry.row.settings.get(n) for n in IDENTITY if n not in ("model", "file", "input_size"))
            bases.setdefault(place, []).append(entry)
    made = []
    for group in bases.values():
        chosen = _with_faces(group, faces)
        for entry in formats:
            settings = entry.row.settings
            base = chosen[0] if chosen else None
            same_threads = base is not None and settings.get("threads") == (base.row.settings.get("threads") or 1)
            if base is None or not same_threads or _file(settings) in known or entry.row.timing is None:
                continue
            if base.row.settings.get("rate") is not None or not settings.get("file"):
                continue
            made.append(_exchanged(base, entry, formats))
    return made


def _exchanged(base: Entry, entry: Entry, formats: Sequence[Entry]) -> Candidate:
    assert base.row.timing and entry.row.timing
    classify = next(stage.wall_ms or 0.0 for stage in base.row.stages if stage.name == "classify")
    people = base.row.faces_per_frame or _faces(base.row) or 1
    mean = 1e3 / base.row.timing.per_second
    frame = max(0.0, mean - classify) + people * entry.row.timing.p50_ms
    own = {name: entry.row.settings.get(name) for name in ("model", "file", "input_size", "bundle")}
    scored = _scored(entry.row.settings, formats)
    words = f"estimate: a frame of {base.row.key}, its {classify:.3g} ms of network exchanged for {entry.row.key}"
    sources = {"fps": words}
    if scored:
        sources["accuracy"] = f"{scored.row.images or 'unknown number of'} faces, {_where(scored)}"
    return Candidate(
        key=", ".join(filter(None, (entry.row.key, *_scene(base.row)))),
        settings={n: v for n, v in (base.row.settings | own).items() if n in (*IDENTITY, "bundle") and v is not None},
        evidence="estimate",
        faces=_faces(base.row),
        fps=1e3 / frame if frame else None,
        accuracy=scored.row.accuracy if scored else None,
        images=scored.row.images if scored else None,
        sources=sources,
    )


def _scene(row: Row) -> tuple[str, ...]:
    """How frames are searched, and their size."""
    interval, size = row.settings.get("search_interval"), size_of(row.settings)
    return (f"every {interval}" if interval is not None else "", size or "")


def _where(entry: Entry) -> str:
    quick = ", quick" if entry.quick else ""
    return f"{entry.result.kind} of {day(entry.result.time)}{quick}"
