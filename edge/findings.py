"""What :mod:`edge.verify` found: one finding a file, as a record and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from edge.schema import Strict

#: Version of the JSON; keys are only ever added.
FINDINGS_VERSION = 1


class Comparison(Strict, frozen=True):
    """A file's answers to the golden images against the checkpoint's.

    Attributes:
        logit_difference: largest difference of a logit.
        affect_difference: largest difference of valence or arousal.
        logit_rmse: root mean squared difference of the logits.
        affect_rmse: root mean squared difference of valence and arousal.
        same_class: golden images on which both name the same emotion.
        limit: how far ``logit_difference`` and ``affect_difference`` may go; None for files held to the next two.
        logit_rmse_limit: how far ``logit_rmse`` may go; None where nothing is recorded to judge by.
        affect_rmse_limit: how far ``affect_rmse`` may go; None as above.
    """

    logit_difference: float
    affect_difference: float
    logit_rmse: float
    affect_rmse: float
    same_class: int
    limit: float | None = None
    logit_rmse_limit: float | None = None
    affect_rmse_limit: float | None = None


class Drift(Strict, frozen=True):
    """A file's answers here against what it gave where it was made.

    Attributes:
        difference: largest difference of any of its numbers.
        same_class: golden images that are named as they were.
        promise: how far ``difference`` may go; 0 is bit for bit, None promises nothing.
    """

    difference: float
    same_class: int
    promise: float | None = None


class Finding(Strict, frozen=True):
    """One file.

    Attributes:
        file: its name in the bundle.
        status: ``ok``; ``failed``; ``skipped``: it could not be run here, or belongs to no bundle.
        problem: why it failed or was skipped, in one line.
        format: as in the config; None for what is no network.
        precision: as in the config; None for what is no network.
        size: bytes on disk; None where it is missing.
        sha256: of the file on disk; None where it is missing.
        runtime: what ran it, with its version.
        checkpoint: how it compares with the checkpoint's golden answers; None where it did not run, or there are none.
        record: how it compares with its own golden answers; None where it did not run, or there are none.
    """

    file: str
    status: Literal["ok", "failed", "skipped"]
    problem: str | None = None
    format: str | None = None
    precision: str | None = None
    size: int | None = None
    sha256: str | None = None
    runtime: str | None = None
    checkpoint: Comparison | None = None
    record: Drift | None = None


class Verification(Strict, frozen=True):
    """A bundle, verified.

    Attributes:
        bundle: its folder.
        name: of the model; None where the config cannot be read.
        images: golden images that answers were compared on; 0: none could be.
        findings: one a file: config, golden picture, networks.
        notes: what a reader must know, a sentence each.
        machine: of this machine: ``machine``, ``system``, ``Python`` and each runtime, with versions.
        version: of this record.
    """

    bundle: str
    name: str | None
    images: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    machine: dict[str, str]
    version: int = FINDINGS_VERSION

    def passed(self, strict: bool = False) -> bool:
        """Whether nothing failed and at least one network ran; ``strict``: nothing was skipped or left unproved."""
        ran = any(finding.runtime and finding.status == "ok" for finding in self.findings)
        bad = ("failed", "skipped") if strict else ("failed",)
        return ran and not any(f.status in bad for f in self.findings) and not (strict and self.notes)


_HEADER = ("file", "size", "runtime", "logits", "val/aro", "rmse", "allowed", "same class", "drift", "promised", "")


def table(found: Verification) -> str:
    """Return the findings as an aligned text table, notes and a line of summary below it."""
    rows = [_HEADER, *(_row(finding, found.images) for finding in found.findings)]
    used = [column for column in range(len(_HEADER) - 1) if any(row[column] for row in rows[1:])]
    widths = [max(len(row[column]) for row in rows) for column in used]
    lines = [_line([row[column] for column in used], widths, row[-1]) for row in rows]
    return "\n".join([*lines, "", *(f"note: {note}" for note in found.notes), _summary(found)])


def to_json(found: Verification) -> bytes:
    """Return the record as JSON, formatted for people."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def _row(finding: Finding, images: int) -> tuple[str, ...]:
    verdict = finding.status if finding.problem is None else f"{finding.status.upper()}: {finding.problem}"
    against, drift = finding.checkpoint, finding.record
    return (
        finding.file,
        "" if finding.size is None else _size(finding.size),
        (finding.runtime or "").removesuffix(" (cpu)"),
        "" if against is None else f"{against.logit_difference:.1e}",
        "" if against is None else f"{against.affect_difference:.1e}",
        "" if against is None else f"{against.logit_rmse:.1e}",
        "" if against is None else _allowed(against),
        "" if against is None else f"{against.same_class}/{images}",
        "" if drift is None else _exponent(drift.difference, 1),
        "" if drift is None else "-" if drift.promise is None else _exponent(drift.promise, 0),
        verdict,
    )


def _size(size: int) -> str:
    return f"{size / 1e6:.2f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def _allowed(against: Comparison) -> str:
    if against.limit is not None:
        return f"{against.limit:.0e}"
    return "-" if against.logit_rmse_limit is None else f"rmse {against.logit_rmse_limit:.1e}"


def _exponent(value: float, digits: int) -> str:
    return "0" if value == 0 else f"{value:.{digits}e}"


def _line(cells: Sequence[str], widths: Sequence[int], verdict: str) -> str:
    padded = [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join((*padded, verdict)).rstrip()


def _summary(found: Verification) -> str:
    counts = [(status, sum(f.status == status for f in found.findings)) for status in ("ok", "failed", "skipped")]
    ran = any(finding.runtime for finding in found.findings)
    words = ", ".join(f"{count} {status}" for status, count in counts if count)
    bare = ("machine", "system")
    machine = ", ".join(version if name in bare else f"{name} {version}" for name, version in found.machine.items())
    return f"{words}{'' if ran else ', no network could be run here'}; {machine}"
