"""The report of a run: ``report.html`` for people, ``report.json`` for programs, beside the bundle."""

from __future__ import annotations

from pathlib import Path

from edge.files import write_atomically
from quantize.record import Report, to_json
from quantize.report.page import page

PAGE_NAME = "report.html"
RECORD_NAME = "report.json"


def write_report(report: Report, folder: Path) -> None:
    """Write both files; each is whole, or as it was before.

    Raises:
        EdgeError: the folder cannot be written to, or the disk is full.
    """
    write_atomically(folder / RECORD_NAME, to_json(report))
    write_atomically(folder / PAGE_NAME, page(report).encode())
