"""The page: sections in the order in which people ask. It fetches nothing and runs nothing."""

from __future__ import annotations

import dataclasses

from bench.report import table
from bench.report.figures import caption
from bench.report.gathering import Found
from bench.report.numbers import day, plural
from bench.report.sections.accuracy import accuracy
from bench.report.sections.counts import counts
from bench.report.sections.glance import glance
from bench.report.sections.history import history
from bench.report.sections.machines import machines
from bench.report.sections.memory import memory
from bench.report.sections.peers import peers
from bench.report.sections.pipeline import pipeline
from bench.report.sections.promised import promised
from bench.report.sections.sustained import sustained
from bench.report.style import STYLE
from edge.markup import Markup, element, join
from edge.version import __version__

#: Nothing is fetched and nothing runs, whatever a name in it might hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclasses.dataclass(frozen=True)
class _Section:
    anchor: str
    title: str
    short: str
    content: Markup | None


def page(found: Found) -> str:
    """Return the page as HTML."""
    sections = _sections(found) if found.results else []
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", "Benchmarks of emot-edge"),
        element("style", Markup(STYLE)),
    )
    shown = [section for section in sections if section.content]
    main = element("main", *map(_shown, shown), _missing(sections)) if shown else element("main", _nothing(found))
    body = element("body", _header(found, shown), main, _footer())
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _sections(found: Found) -> list[_Section]:
    return [
        _Section("glance", "At a glance", "Glance", glance(found)),
        _Section("promised", "What was promised", "Promised", promised(found)),
        _Section("accuracy", "Speed and accuracy", "Accuracy", accuracy(found)),
        _Section("memory", "Size, memory and start", "Memory", memory(found)),
        _Section("pipeline", "From picture to readings", "Pipeline", pipeline(found)),
        _Section("sustained", "Long runs", "Long runs", sustained(found)),
        _Section("counts", "Instructions, counted", "Counts", counts(found)),
        _Section("peers", "Against others", "Others", peers(found)),
        _Section("history", "Over time", "History", history(found)),
        _Section("machines", "What it was measured on", "Machines", machines(found)),
    ]


def _header(found: Found, shown: list[_Section]) -> Markup:
    links = [element("a", section.short, href=f"#{section.anchor}") for section in shown]
    return element(
        "header",
        element("h1", "Benchmarks"),
        element("p", _extent(found), class_="lead") if found.results else None,
        _quick(found),
        element("nav", *links, aria_label="Sections") if len(links) > 1 else None,
    )


def _extent(found: Found) -> str:
    first, last = day(found.results[0].time), day(found.results[-1].time)
    when = first if first == last else f"{first} to {last}"
    rows = sum(len(result.rows) for result in found.results)
    return (
        f"{plural(rows, 'row')} in {plural(len(found.results), 'result')} from {plural(len(found.devices), 'device')}, "
        f"{when}."
    )


def _quick(found: Found) -> Markup | None:
    rough = sum(result.mode == "quick" for result in found.results)
    if not rough:
        return None
    which = "All results here are" if rough == len(found.results) else f"{rough} of {len(found.results)} results are"
    if len(found.results) == 1:
        which = "This result is"
    words = f" {which} quick: measured for seconds, to be taken as rough."
    return element("p", table.quick_mark(), words, class_="banner")


def _shown(section: _Section) -> Markup:
    heading = element("h2", section.title, id=f"{section.anchor}-title")
    return element("section", heading, section.content, id=section.anchor, aria_labelledby=f"{section.anchor}-title")


def _missing(sections: list[_Section]) -> Markup | None:
    """What could be here and is not, so that nobody takes silence for a result."""
    names = [section.title for section in sections if section.content is None]
    return caption("Not measured in these results: ", "; ".join(names), ".") if names else None


def _nothing(found: Found) -> Markup:
    """Return what stands where there is no result."""
    return element(
        "section",
        element("h2", "No results yet"),
        element("p", "Measure something, keep it, and make this page again:"),
        element("pre", "edge-bench formats models --save\nedge-bench report"),
        machines(found) if found.left_out else None,
    )


def _footer() -> Markup:
    return element(
        "footer",
        f"Made by edge-bench report, emot-edge {__version__}. Of each device and row the newest normal result counts, "
        "a quick one where there is no other. ",
        join("Marks ", table.quick_mark(), " and ", element("span", "estimate", class_="chip guess")),
        " stand wherever a figure is not a full measurement.",
    )
