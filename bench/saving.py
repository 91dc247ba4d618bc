"""Where results go: the options that all measuring commands share, and the folder that keeps results by device."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from bench.effort import NORMAL, QUICK, Effort
from bench.result import Result, write_result
from edge.errors import EdgeError

#: Results by device, beside the folder one stands in: the repository's, in a checkout.
RESULTS = Path("bench") / "results"

QuickOption: TypeAlias = Annotated[
    bool, typer.Option("--quick", help="Measure for seconds instead of minutes: rough figures, and marked so.")
]
JsonOption: TypeAlias = Annotated[
    Path | None, typer.Option("--json", help="Also write the whole result, with machine and versions, to this file.")
]
SaveOption: TypeAlias = Annotated[
    bool, typer.Option("--save", help="Also write the result to bench/results/DEVICE/DATE-COMMIT-KIND.json.")
]
CpuOption: TypeAlias = Annotated[
    str | None, typer.Option("--cpu", help="Run on these processors alone, such as 2 or 2,3 or 0-3.")
]
FailOption: TypeAlias = Annotated[
    str | None, typer.Option("--fail-on", metavar="VERDICT", help="slower: end with exit code 1 if anything is.")
]


def effort_of(quick: bool) -> Effort:
    """Return the effort that ``--quick`` asks for."""
    return QUICK if quick else NORMAL


def finish(result: Result, json_file: Path | None, save: bool) -> list[Path]:
    """Write a result where it was asked for, say so on stderr, and return the places.

    Raises:
        EdgeError: it can't be written.
    """
    places = ([json_file] if json_file else []) + ([place(result)] if save else [])
    for path in places:
        write_result(result, path)
        print(f"written: {path}", file=sys.stderr)
    return places


def fail_if(fail_on: str | None, verdicts: Iterable[str]) -> None:
    """End the command with exit code 1 if one of the verdicts is what ``--fail-on`` names.

    Raises:
        EdgeError: it names another one than ``slower``.
    """
    if fail_on not in (None, "slower"):
        raise EdgeError(f"--fail-on {fail_on}: only slower is known")
    if fail_on is not None and fail_on in verdicts:
        raise typer.Exit(1)


def place(result: Result, folder: Path = RESULTS) -> Path:
    """Return a path under ``folder`` for a result; a number is added where that name is taken."""
    source = result.commit or f"v{result.version}"
    stem = f"{result.time[:10]}-{source}-{result.kind}"
    path = folder / result.device / f"{stem}.json"
    number = 2
    while path.exists():
        path = folder / result.device / f"{stem}-{number}.json"
        number += 1
    return path
