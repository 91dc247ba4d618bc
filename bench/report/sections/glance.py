"""One line a device: what it gives at best."""

from __future__ import annotations

from collections.abc import Callable

from bench.report import scatter, table
from bench.report.gathering import Entry, Found
from bench.report.intervals import share_interval
from bench.report.naming import breakable, shortened, title
from bench.report.numbers import MISSING, day, degrees, figure, percent, plural, rate
from bench.report.sections.sustained import summary
from bench.result import Row
from edge.markup import Markup, element, join

#: A cell: its figure, what is said below it, and whether it is rough.
Cell = tuple[str, str, bool]

#: Characters of a name that stand below a figure; tables have all of them.
LONGEST = 60

_NONE: Cell = (MISSING, "", False)


def glance(found: Found) -> Markup:
    """Return the table of devices."""
    columns: list[tuple[str, str, Callable[[str], Cell]]] = [
        ("most accurate", "%", lambda device: _accurate(found, device)),
        ("fastest of these", "ms", lambda device: _fastest(found, device)),
        ("whole frames", "per s", lambda device: _frames(found, device)),
        ("long run, at its end", "per s", lambda device: _long(found, device)),
        ("hottest", "°C", lambda device: _hottest(found, device)),
        ("noise", "%", lambda device: _noise(found, device)),
    ]
    body = []
    for device in found.devices:
        results = found.of(device)
        environment = results[-1].environment
        name = ", ".join(filter(None, (environment.device, environment.cpu.model)))
        cells = [_cell(make(device), f"{head}, {unit}") for head, unit, make in columns]
        when = f"{plural(len(results), 'result')}, newest {day(results[-1].time)}"
        head = element(
            "th",
            element("span", breakable(device), class_="main"),
            element("span", name, class_="second"),
            element("span", when, class_="second"),
            scope="row",
        )
        body.append(element("tr", head, *cells))
    heads = [element("th", "device", scope="col")]
    for head_name, unit, _ in columns:
        heads.append(element("th", head_name, element("span", unit, class_="unit"), scope="col", class_="n"))
    content = join(element("thead", element("tr", *heads)), element("tbody", *body))
    return table.plain("The best figures of each device", content, "glance")


def _cell(cell: Cell, label: str) -> Markup:
    value, below, quick = cell
    return element(
        "td",
        element("span", value, class_="big"),
        join(" ", table.quick_mark()) if quick else None,
        element("span", breakable(below), class_="second") if below else None,
        class_="n" + (" missing" if value == MISSING else ""),
        data_label=label,
    )


def _named(row: Row) -> str:
    return shortened(", ".join(filter(None, title(row))), LONGEST)


def _scored(found: Found, device: str) -> list[Entry]:
    return [point.entry for point in scatter.points(found.entries("formats", device=device))]


def _accurate(found: Found, device: str) -> Cell:
    entries = _scored(found, device)
    if not entries:
        return _NONE
    best = max(entries, key=lambda entry: entry.row.accuracy or 0)
    return percent(best.row.accuracy), _named(best.row), best.quick


def _fastest(found: Found, device: str) -> Cell:
    """The fastest that is, by the interval of the most accurate one, as accurate; without accuracy, the fastest."""
    entries = _scored(found, device) or [
        entry for entry in found.entries("formats", device=device) if entry.measured and entry.row.timing
    ]
    if not entries:
        return _NONE
    top = max(entries, key=lambda entry: entry.row.accuracy or 0).row
    least = share_interval(top.accuracy, top.images)[0] if top.accuracy and top.images else (top.accuracy or 0)
    level = [entry for entry in entries if (entry.row.accuracy or 0) >= least]
    best = min(level, key=lambda entry: entry.row.timing.p50_ms if entry.row.timing else 0)
    assert best.row.timing
    return figure(best.row.timing.p50_ms), _named(best.row), best.quick


def _frames(found: Found, device: str) -> Cell:
    timed = [entry for entry in found.entries("pipeline", device=device) if entry.measured and entry.row.timing]
    timed = [entry for entry in timed if not entry.paced] or timed
    if not timed:
        return _NONE
    speeds = [entry.row.timing.per_second for entry in timed if entry.row.timing]
    low, high = rate(min(speeds)), rate(max(speeds))
    quick = any(entry.quick for entry in timed)
    return (low if low == high else f"{low} to {high}"), plural(len(timed), "setting"), quick


def _long(found: Found, device: str) -> Cell:
    runs = [(summary(entry.row.curve), entry) for entry in found.entries("sustained", device=device) if entry.row.curve]
    if not runs:
        return _NONE
    told, entry = max(runs, key=lambda run: run[0].last_fps)
    return rate(told.last_fps), f"after {figure(told.seconds / 60)} minutes", entry.quick


def _hottest(found: Found, device: str) -> Cell:
    temperatures = [
        sample.temperature_c
        for entry in found.entries("sustained", device=device)
        for sample in entry.row.curve
        if sample.temperature_c is not None
    ]
    return (degrees(max(temperatures)), "in a long run", False) if temperatures else _NONE


def _noise(found: Found, device: str) -> Cell:
    timed = [result for result in found.of(device) if result.mode == "normal" and result.kind != "instructions"]
    known = [result.noise for result in timed if result.noise is not None]
    return (percent(max(known) - 1), "the same twice, at worst", False) if known else _NONE
