"""Two results of the same device: what changed, and what of it can be told from the machine's own moods."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from bench.environment import differences
from bench.result import Result, Row, Timing, read_result
from bench.statistics import Ratio, Verdict, machine_change, ratio, threshold, verdict
from edge.errors import EdgeError

#: Assumed where a result did not measure the same thing twice.
ASSUMED_NOISE = 1.05

#: Counted things are the same below this: what an emulated processor repeats to.
COUNTED = 1e-4

#: A change of memory worth a word: share, and MB.
MEMORY_SHARE, MEMORY_MB = 0.05, 2.0

Told = Verdict | Literal["the same", "more", "fewer", "new", "gone", "now fails", "now runs", "not measured"]


@dataclasses.dataclass(frozen=True)
class Change:
    """A row in two results.

    Attributes:
        key: of the row.
        verdict: what can be told.
        before: what is compared, of the first result, with its unit.
        after: of the second.
        ratio: of times; None where there are none, or too few blocks.
        share: of the counts, second by first; None where nothing was counted.
        remarks: what else changed.
    """

    key: str
    verdict: Told
    before: str = "-"
    after: str = "-"
    ratio: Ratio | None = None
    share: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether ``--fail-on slower`` means it."""
        return self.verdict in ("slower", "more", "now fails")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two results, row by row.

    Attributes:
        before: the first.
        after: the second.
        changes: one for each key.
        least: ratio that a difference of times must exceed; None where nothing was timed.
        machine: how many times as long the yardstick took in the second.
        warnings: what makes the comparison doubtful.
    """

    before: Result
    after: Result
    changes: tuple[Change, ...]
    least: float | None
    machine: float | None
    warnings: tuple[str, ...]


def choose(paths: Sequence[Path]) -> tuple[Result, Result]:
    """Read the two results to compare: two files, or the two newest of one kind in a folder, the older one first.

    Raises:
        EdgeError: unreadable, or there are no two.
    """
    if len(paths) == 2:
        return read_result(paths[0]), read_result(paths[1])
    if len(paths) != 1 or not paths[0].is_dir():
        raise EdgeError("give two result files, or one folder of results")
    found = sorted((read_result(path) for path in paths[0].glob("*.json")), key=lambda result: result.time)
    if found:
        alike = [one for one in found if (one.kind, one.mode) == (found[-1].kind, found[-1].mode)]
        if len(alike) > 1:
            return alike[-2], alike[-1]
    raise EdgeError(f"{paths[0]} holds no two results of one kind and mode; give two files")


def compare(before: Result, after: Result, force: bool = False) -> Comparison:
    """Compare two results.

    Args:
        before: the first.
        after: the second.
        force: compare different devices, too.

    Raises:
        EdgeError: they are of different kinds, or of different devices and not forced.
    """
    if before.kind != after.kind:
        raise EdgeError(f"a result of {before.kind} and one of {after.kind} have nothing in common")
    strangers = _strangers(before, after)
    if strangers and not force:
        raise EdgeError(f"different devices ({strangers}): a change of software can't be told; --force compares anyway")
    warnings = [f"different devices: {strangers}"] if strangers else []
    warnings += differences(before.environment, after.environment)
    for title, one, other in (("mode", before.mode, after.mode), ("inputs", before.inputs, after.inputs)):
        if one != other:
            warnings.append(f"{title}: {one} and {other}")
    for title, result in (("first", before), ("second", after)):
        if result.commit and result.commit.endswith("-dirty"):
            warnings.append(f"the {title} was measured on files that no commit holds ({result.commit})")
    sticks = before.environment.packages.get("numpy") == after.environment.packages.get("numpy")
    old, new = ({row.key: row for row in result.rows} for result in (before, after))
    timed = [result for result in (old, new) if any(row.timing for row in result.values())]
    machine = machine_change(_timings(old.values()), _timings(new.values())) if sticks and not strangers else None
    least = None
    if len(timed) == 2:
        if before.noise is None or after.noise is None:
            warnings.append(f"noise was not measured in both; differences below {_percent(ASSUMED_NOISE)} are none")
        least = threshold([before.noise or ASSUMED_NOISE, after.noise or ASSUMED_NOISE], machine)
    keys = dict.fromkeys((*old, *new))
    changes: list[Change] = []
    for key in keys:
        changes += _changes(key, old.get(key), new.get(key), least or 1.0, machine is not None)
    return Comparison(before, after, tuple(changes), least, machine, tuple(warnings))


def _changes(key: str, old: Row | None, new: Row | None, least: float, corrected: bool) -> list[Change]:
    """Judge a row; its latency gets a line of its own where it tells something else.

    Where a camera gives the pace, time from result to result says little.
    """
    change = _change(key, old, new, least, corrected)
    if old is None or new is None or old.latency is None or new.latency is None or change.ratio is None:
        return [change]
    latency = _judged(f"{key} (latency)", old.latency, new.latency, least, corrected)
    return [change] if latency.verdict == change.verdict else [change, latency]


def _judged(key: str, old: Timing, new: Timing, least: float, corrected: bool, remarks: tuple[str, ...] = ()) -> Change:
    found = ratio(old, new, paired=False, corrected=corrected)
    told = verdict(found, least) if found else "no difference that can be told"
    before, after = (f"{timing.p50_ms:.3f} ms" for timing in (old, new))
    return Change(key, told, before, after, ratio=found, remarks=remarks)


def _change(key: str, old: Row | None, new: Row | None, least: float, corrected: bool) -> Change:
    if old is None or new is None:
        return Change(key, "new" if old is None else "gone")
    if old.status != "measured" or new.status != "measured":
        reason = tuple(row.reason for row in (old, new) if row.reason)[-1:]
        if old.status == new.status or "measured" not in (old.status, new.status):
            return Change(key, "not measured", remarks=reason)
        return Change(key, "now fails" if old.status == "measured" else "now runs", remarks=reason)
    beside = tuple(_beside(old, new))
    if old.counts and new.counts:
        one, other = old.counts.instructions, new.counts.instructions
        share = other / one if one else 1.0
        told: Told = "the same" if abs(share - 1) <= COUNTED else "more" if share > 1 else "fewer"
        return Change(key, told, f"{one:,}", f"{other:,}", share=share, remarks=beside)
    if not old.timing or not new.timing:
        return Change(key, "not measured", remarks=beside)
    change = _judged(key, old.timing, new.timing, least, corrected, beside)
    if change.verdict in ("faster", "slower"):
        change = dataclasses.replace(change, remarks=(*beside, *_stages(old, new, least)))
    return change


def _beside(old: Row, new: Row) -> Iterable[str]:
    """Say what changed beside time."""
    if None not in (old.accuracy, new.accuracy) and old.accuracy != new.accuracy:
        points = 100 * ((new.accuracy or 0) - (old.accuracy or 0))
        yield f"accuracy {100 * (old.accuracy or 0):.2f} % to {100 * (new.accuracy or 0):.2f} % ({points:+.2f} points)"
    if None not in (old.agreement, new.agreement) and old.agreement != new.agreement:
        yield f"agreement {100 * (old.agreement or 0):.2f} % to {100 * (new.agreement or 0):.2f} %"
    if old.size_mb and new.size_mb and old.size_mb != new.size_mb:
        yield f"size {old.size_mb:.3f} MB to {new.size_mb:.3f} MB"
    if old.peak_mb and new.peak_mb:
        grown = new.peak_mb - old.peak_mb
        if abs(grown) > max(MEMORY_MB, MEMORY_SHARE * old.peak_mb):
            yield f"peak memory {old.peak_mb:.0f} MB to {new.peak_mb:.0f} MB"
    engines = [row.settings.get("engine") for row in (old, new)]
    if engines[0] != engines[1]:
        yield f"engine {engines[0]} and {engines[1]}"


def _stages(old: Row, new: Row, least: float) -> Iterable[str]:
    """Say which stages took longer or shorter; medians, so that this explains a verdict and is none."""
    before = {stage.name: stage.wall_ms for stage in old.stages}
    for stage in new.stages:
        was = before.get(stage.name)
        if was and stage.wall_ms and not 1 / least <= stage.wall_ms / was <= least:
            yield f"{stage.name} {was:.2f} ms to {stage.wall_ms:.2f} ms"


def _strangers(before: Result, after: Result) -> str:
    """Say how two devices differ; empty for what looks like one."""
    one, other = before.environment, after.environment
    pairs = (
        (before.device, after.device),
        (one.cpu.model, other.cpu.model),
        (one.cpu.cores, other.cpu.cores),
        (one.architecture, other.architecture),
    )
    return next((f"{a} and {b}" for a, b in pairs if a != b), "")


def _timings(rows: Iterable[Row]) -> list[Timing]:
    return [row.timing for row in rows if row.timing]


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):.1f} %"
