"""One setting for a target: what fits, the Pareto front of it, which one and why, what was ruled out and by what."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from bench.candidates import EVIDENCE, Candidate
from bench.pareto import front
from bench.report.intervals import share_interval

#: Frames a second this much below the target still reach it: a run that is held at 15 measures 14.97.
NEARLY = 0.99


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is asked for; None asks for nothing.

    Attributes:
        fps: frames a second at least.
        temperature: degrees Celsius at most.
        accuracy: share at least, 0..1.
        memory_mb: MB at most.
        latency_ms: milliseconds at most.
    """

    fps: float | None = None
    temperature: float | None = None
    accuracy: float | None = None
    memory_mb: float | None = None
    latency_ms: float | None = None


@dataclasses.dataclass(frozen=True)
class Miss:
    """A limit that a candidate does not keep.

    Attributes:
        limit: in words: ``accuracy of at least 85 %``.
        words: what is wrong: ``84.4 %, 0.6 too low``.
        short: how far it is off, as a share of the limit; infinite for what was not measured.
    """

    limit: str
    words: str
    short: float


@dataclasses.dataclass(frozen=True)
class Choice:
    """What came out.

    Attributes:
        best: the recommended one; None where nothing fits.
        why: in sentences.
        front: Pareto front of those that fit (of all where none does) and are as well founded as the best, most
            accurate first.
        ruled_out: each with what it misses.
        unproved: limits that nothing measured for the recommended one.
    """

    best: Candidate | None
    why: tuple[str, ...]
    front: tuple[Candidate, ...]
    ruled_out: tuple[tuple[Candidate, tuple[Miss, ...]], ...]
    unproved: tuple[str, ...] = ()


def choose(found: Sequence[Candidate], limits: Limits) -> Choice:
    """Recommend one of the candidates.

    Measured ones go before quick ones, and these before estimates. Of those that fit, accuracy within the 95 % interval
    of the most accurate one counts as equal; of these, the fastest.
    """
    missed = [(candidate, misses(candidate, limits)) for candidate in found]
    fitting = [candidate for candidate, wrong in missed if not wrong]
    ruled_out = tuple((candidate, wrong) for candidate, wrong in missed if wrong)
    if not fitting:
        return Choice(None, (), pareto(strongest(found)), ruled_out)
    # What a limit asks for and nobody measured goes behind what was measured, within the same kind of evidence.
    rank = min(_rank(candidate, limits) for candidate in fitting)
    level = [candidate for candidate in fitting if _rank(candidate, limits) == rank]
    top = max(level, key=lambda candidate: candidate.accuracy or 0.0)
    least = share_interval(top.accuracy, top.images)[0] if top.accuracy is not None and top.images else top.accuracy
    equal = [candidate for candidate in level if (candidate.accuracy or 0.0) >= (least or 0.0)]
    best = max(equal, key=lambda c: (c.fps or 0.0, c.accuracy or 0.0, -(c.memory_mb or 0.0)))
    others = sum(_rank(candidate, limits) == (rank[0], True) for candidate in fitting) if not rank[1] else 0
    return Choice(best, _why(best, top, equal, others), pareto(level), ruled_out, _unproved(best, limits))


def misses(candidate: Candidate, limits: Limits) -> tuple[Miss, ...]:
    """Return the limits that a candidate does not keep, or that nobody measured; unknown heat is no miss.

    The runtime itself holds the temperature (``max_temperature``), while nothing can give a network accuracy.
    """
    found = [
        _least("frames a second", candidate.fps, limits.fps, "", lambda v: f"{v:.3g}", NEARLY),
        _most("temperature", candidate.temperature, limits.temperature, "°C", known_only=True),
        _least("accuracy", candidate.accuracy, limits.accuracy, "%", lambda v: f"{100 * v:.1f}"),
        _most("memory", candidate.memory_mb, limits.memory_mb, "MB"),
        _most("latency", candidate.latency_ms, limits.latency_ms, "ms"),
    ]
    return tuple(miss for miss in found if miss)


def closest(choice: Choice) -> tuple[Candidate, tuple[Miss, ...]] | None:
    """Return what comes closest to fitting: whose worst limit is missed by the smallest share; best evidence first."""
    if not choice.ruled_out:
        return None

    def distance(pair: tuple[Candidate, tuple[Miss, ...]]) -> tuple[bool, int, float]:
        worst = max(miss.short for miss in pair[1])
        return worst == float("inf"), EVIDENCE.index(pair[0].evidence), worst

    return min(choice.ruled_out, key=distance)


def strongest(found: Sequence[Candidate]) -> list[Candidate]:
    """Return those that rest on the best evidence that any of them has."""
    least = min((EVIDENCE.index(candidate.evidence) for candidate in found), default=0)
    return [candidate for candidate in found if EVIDENCE.index(candidate.evidence) == least]


def pareto(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Return those that no other beats in accuracy, speed and memory at once; unknown is worst."""
    goods = [(c.accuracy or 0.0, c.fps or 0.0, -c.memory_mb if c.memory_mb else float("-inf")) for c in found]
    return tuple(sorted((found[i] for i in front(goods)), key=lambda c: (-(c.accuracy or 0.0), -(c.fps or 0.0))))


def _rank(candidate: Candidate, limits: Limits) -> tuple[int, bool]:
    return EVIDENCE.index(candidate.evidence), bool(_unproved(candidate, limits))


def _unproved(candidate: Candidate, limits: Limits) -> tuple[str, ...]:
    if limits.temperature is not None and candidate.temperature is None:
        return (f"{limits.temperature:g} °C: its temperature was not measured in a long run",)
    return ()


def _why(best: Candidate, top: Candidate, equal: Sequence[Candidate], proved_alone: int) -> tuple[str, ...]:
    words = []
    if best.accuracy is None or top.accuracy is None:
        words.append("It is the fastest that fits; accuracy was not measured.")
    elif len(equal) == 1:
        words.append(f"Nothing else that fits is as accurate ({100 * best.accuracy:.1f} %).")
    elif best is top:
        words.append(
            f"Of the {len(equal)} settings that fit and are as accurate as any ({100 * top.accuracy:.1f} %), it is the "
            "fastest."
        )
    else:
        words.append(
            f"{len(equal)} settings that fit are as accurate as the best of them ({100 * top.accuracy:.1f} %), as far "
            f"as {top.images or 'the'} faces can tell; it is the fastest of these."
        )
    if proved_alone:
        words.append(f"{proved_alone} more may fit, but their temperature was not measured.")
    if best.evidence == "quick":
        words.append("It rests on quick figures, which are rough: measure again without --quick before relying on it.")
    if best.evidence == "estimate":
        words.append("Its speed is an ESTIMATE, put together from two measurements: run edge-bench pipeline with it.")
    return tuple(words)


def _least(
    name: str, value: float | None, limit: float | None, unit: str, say: Callable[[float], str], slack: float = 1.0
) -> Miss | None:
    if limit is None or (value is not None and value >= slack * limit):
        return None
    words = f"{name} of at least {say(limit)}{' ' + unit if unit else ''}"
    if value is None:
        return Miss(words, "not measured", float("inf"))
    scale = 100.0 if unit == "%" else 1.0
    return Miss(words, f"{say(value)}, {scale * (limit - value):.2g} too low", (limit - value) / limit)


def _most(name: str, value: float | None, limit: float | None, unit: str, known_only: bool = False) -> Miss | None:
    if limit is None or (value is None and known_only) or (value is not None and value <= limit):
        return None
    words = f"{name} of at most {limit:g} {unit}"
    if value is None:
        return Miss(words, "not measured", float("inf"))
    return Miss(words, f"{value:.3g} {unit}, {value - limit:.2g} too high", (value - limit) / limit)
