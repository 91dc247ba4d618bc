"""``edge-bench report``: results as a page for people, and as a table for documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.application import app
from edge.terminal import guarded


@app.command()
@guarded
def report(
    places: Annotated[
        list[Path] | None, typer.Argument(help="Result files, and folders with some. Default: bench/results.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the page here. Default: report.html.")] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print tables in Markdown instead; with --out the page is made as well.")
    ] = False,
    into: Annotated[
        Path | None, typer.Option(help="With --markdown: put the tables between the two marks in this document.")
    ] = None,
) -> None:
    """Show results on one page: speed, accuracy, heat, memory, counts, and what they were measured on.

    The page needs no network and no script; quick results and estimates are marked as such.
    A document takes tables between the lines <!-- edge-bench report --> and <!-- /edge-bench report -->.

    Example: edge-bench report bench/results --out report.html
    """
    from bench.markdown import put, tables
    from bench.report import write_report
    from bench.report.gathering import gather
    from bench.saving import RESULTS
    from edge.errors import EdgeError

    if into and not markdown:
        raise EdgeError("--into takes the tables of --markdown; give both, or --out for the page")
    found = gather(places or [RESULTS])
    for name, why in found.left_out:
        print(f"left out: {name}: {why}", file=sys.stderr)
    if markdown:
        text = tables(found)
        if into:
            changed = put(text, into)
            print(f"{'written' if changed else 'unchanged'}: {into}", file=sys.stderr)
        else:
            typer.echo(text)
    if out or not markdown:
        path = out or Path("report.html")
        write_report(found, path)
        print(f"written: {path}", file=sys.stderr)
