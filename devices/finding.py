"""What is right and wrong with a device: findings, their severity, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Severity = Literal["ok", "note", "warning", "error"]

#: Worst first.
ORDER: tuple[Severity, ...] = ("error", "warning", "note", "ok")

#: Version of the JSON; keys are only ever added.
DIAGNOSIS_VERSION = 1


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        id: what it is about; stays the same from version to version, whatever the text says.
        severity: ``ok``; ``note``: nothing to do unless one wants more; ``warning``: works, and may not for long or not
            well; ``error``: ``edge-run`` does not work like this.
        text: what was found, in one line.
        remedy: the command that changes it, or what to do by hand; empty for what is well.
    """

    id: str
    severity: Severity
    text: str
    remedy: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """All findings, worst first.

    Attributes:
        worst: severity of the first.
        findings: in order.
        version: of this record.
    """

    worst: Severity
    findings: tuple[Finding, ...]
    version: int = DIAGNOSIS_VERSION

    @property
    def exit_code(self) -> int:
        """0: nothing, or notes; 1: warnings; 2: errors."""
        return {"error": 2, "warning": 1}.get(self.worst, 0)


def diagnosis(findings: Sequence[Finding]) -> Diagnosis:
    """Put findings in order."""
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.severity))
    return Diagnosis(ordered[0].severity if ordered else "ok", tuple(ordered))


def describe(found: Diagnosis) -> str:
    """Return a line a finding, the remedy below it, and a line of summary."""
    width = max((len(finding.id) for finding in found.findings), default=0)
    indent = " " * 9
    lines = []
    for finding in found.findings:
        lines.append(f"{finding.severity:<9}{finding.id:<{width}}  {finding.text}")
        if finding.remedy:
            lines.append(f"{indent}{'':<{width}}  fix: {finding.remedy}")
    counts = [(severity, sum(f.severity == severity for f in found.findings)) for severity in ORDER]
    words = [f"{count} {severity}{'s' * (count > 1)}" for severity, count in counts if count and severity != "ok"]
    summary = f"{', '.join(words) or 'nothing to do'}; {dict(counts)['ok']} ok"
    return "\n".join([*lines, "", summary])
