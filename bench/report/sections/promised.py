"""The three promised rows, with what was promised beside what was measured."""

from __future__ import annotations

from bench.report import bars, table
from bench.report.figures import caption
from bench.report.gathering import Entry, Found
from bench.report.numbers import MISSING, figure, rate
from bench.report.promises import NETWORK, PROMISES, SIDE, Promise, beside, kept
from edge.markup import Markup, element, join


def promised(found: Found) -> Markup | None:
    """Return the section: devices that measured one of the rows, or one where none did; None without whole frames."""
    parts = []
    framed = [device for device in found.devices if found.entries("pipeline", "peers", device=device)]
    tables = {device: [(promise, kept(found, device, promise)) for promise in PROMISES] for device in framed}
    shown = [device for device, rows in tables.items() if any(entry for _, entry in rows)] or framed[:1]
    for device in shown:
        rows = tables[device]
        if len(found.devices) > 1:
            parts.append(element("h3", device))
        parts.append(_table(rows, beside(found, [e for _, e in rows if e and e.measured]), device))
    if not parts:
        return None
    network = "ResNet-18" if NETWORK == "resnet18" else NETWORK
    parts.append(caption(f"{network} at {SIDE} px in every frame, from picture to readings."))
    return join(*parts)


def _table(rows: list[tuple[Promise, Entry | None]], default: Entry | None, device: str) -> Markup:
    speeds = [e.row.timing.per_second for e in (*(e for _, e in rows), default) if e and e.row.timing]
    most = max([*speeds, *(promise.least for promise, _ in rows)])
    body = [_row(promise, entry, most) for promise, entry in rows]
    if default and default.row.timing:
        body.append(
            element(
                "tr",
                table.named(default, "the default bundle", default.row.key),
                element("td", MISSING, class_="n missing"),
                *_speed(default, most),
                element("td", ""),
            )
        )
    heads = [element("th", "", element("span", "what runs it", class_="unseen"), scope="col")]
    heads += [
        element("th", name, element("span", "frames/s", class_="unit") if unit else None, scope="col", class_=class_)
        for name, unit, class_ in (
            ("promised", True, "n"), ("measured", True, "n"), ("", False, "plot"), ("p50", False, "n"), ("", False, "")
        )
    ]  # fmt: skip
    content = join(element("thead", element("tr", *heads)), element("tbody", *body))
    return table.plain(f"What was promised, on {device}", content)


def _row(promise: Promise, entry: Entry | None, most: float) -> Markup:
    said = element("td", promise.words, class_="n")
    if entry is None or not entry.row.timing:
        head = element("th", element("span", promise.name, class_="main"), scope="row")
        if entry is not None and not entry.measured:
            return element("tr", head, said, table.reason(entry, 4), class_="bad")
        return element("tr", head, said, element("td", "not measured", colspan="4", class_="soft"))
    met = entry.row.timing.per_second >= promise.least
    verdict = element("span", "✓ kept", class_="good") if met else element("span", "✗ not reached", class_="problem")
    head = table.named(entry, promise.name, entry.row.key)
    return element("tr", head, said, *_speed(entry, most), element("td", verdict))


def _speed(entry: Entry, most: float) -> list[Markup]:
    timing = entry.row.timing
    assert timing
    return [
        element("td", rate(timing.per_second), class_="n strong"),
        element("td", bars.bar(timing.per_second, most, f"{rate(timing.per_second)} frames a second"), class_="plot"),
        element("td", f"{figure(timing.p50_ms)} ms", class_="n"),
    ]
