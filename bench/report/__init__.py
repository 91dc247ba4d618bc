"""The report of results: one HTML page that fetches nothing and runs nothing."""

from __future__ import annotations

from pathlib import Path

from bench.report.gathering import Found
from bench.report.page import page
from edge.files import write_atomically

__all__ = ["page", "write_report"]


def write_report(found: Found, path: Path) -> None:
    """Write the page; it is whole, or what was there before.

    Raises:
        EdgeError: the folder cannot be written to, or the disk is full.
    """
    write_atomically(path, page(found).encode())
