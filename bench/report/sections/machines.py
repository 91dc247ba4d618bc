"""What it was measured on: machines, software, and each result with its doubts."""

from __future__ import annotations

from bench.report import table
from bench.report.gathering import Found
from bench.report.numbers import degrees, percent, plural, whole
from bench.result import Result
from edge.markup import Markup, element, join


def machines(found: Found) -> Markup:
    """Return the section."""
    parts = [_device(device, found.of(device)) for device in found.devices]
    if found.left_out:
        items = [element("li", element("code", name), f": {why}") for name, why in found.left_out]
        parts.append(join(element("h3", "Files that are no results"), element("ul", *items)))
    return join(*parts)


def _device(device: str, results: list[Result]) -> Markup:
    newest = results[-1].environment
    cpu = newest.cpu
    has = ", ".join(name for name, there in (cpu.features or {}).items() if there)
    facts = [
        ("machine", newest.device),
        ("processor", ", ".join(filter(None, (cpu.model, plural(cpu.cores, "core") if cpu.cores else None)))),
        ("instruction sets", has),
        ("clock", ", ".join(filter(None, (f"{cpu.max_mhz:,} MHz at most" if cpu.max_mhz else None,
                                          f"governor {cpu.governor}" if cpu.governor else None)))),
        ("memory", f"{newest.memory_mb:,} MiB" if newest.memory_mb else None),
        ("system", ", ".join(filter(None, (newest.os, f"kernel {newest.kernel}" if newest.kernel else None)))),
        ("software", ", ".join(("Python " + newest.python, *(f"{n} {v}" for n, v in newest.packages.items())))),
        ("nearest profile", results[-1].profile),
    ]  # fmt: skip
    told = [join(element("dt", name), element("dd", fact)) for name, fact in facts if fact]
    return join(
        element("h3", device),
        element("dl", *told),
        _results(device, results),
        _remarks(results),
    )


def _results(device: str, results: list[Result]) -> Markup:
    heads = ("measured", "kind", "commit", "rows", "noise", "load", "°C", "inputs")
    classes = ("", "", "", "n", "n", "n", "n", "words")
    body = []
    for result in reversed(results):
        bad = sum(row.status != "measured" for row in result.rows)
        rows = whole(len(result.rows)) + (f" ({bad} not measured)" if bad else "")
        noise = "not checked" if result.noise is None else f"{percent(result.noise - 1)} %"
        cells = (result.commit or f"version {result.version}", rows, noise, _load(result), _heat(result), result.inputs)
        body.append(
            element(
                "tr",
                element("th", result.time.replace("T", " ")[:16], scope="row", class_="when"),
                element("td", result.kind, join(" ", table.quick_mark()) if result.mode == "quick" else None),
                *(element("td", cell or "–", class_=c or None) for cell, c in zip(cells, classes[2:], strict=True)),
            )
        )
    head = element(
        "tr", *(element("th", h, scope="col", class_=c or None) for h, c in zip(heads, classes, strict=True))
    )
    return table.plain(f"Results of {device}", join(element("thead", head), element("tbody", *body)), "results")


def _load(result: Result) -> str:
    known = [f"{state.load:.2f}" for state in (result.before, result.after) if state.load is not None]
    return " to ".join(known)


def _heat(result: Result) -> str | None:
    pair = [max(state.temperatures_c.values()) for state in (result.before, result.after) if state.temperatures_c]
    return " to ".join(map(degrees, pair)) or None


def _remarks(results: list[Result]) -> Markup | None:
    said: dict[str, list[str]] = {}
    for result in results:
        for remark in result.remarks:
            said.setdefault(remark, []).append(f"{result.kind} of {result.time[:10]}")
    if not said:
        return None
    items = [element("li", remark, element("span", f" ({_who(who)})", class_="soft")) for remark, who in said.items()]
    return join(element("p", "What makes figures doubtful:", class_="soft"), element("ul", *items, class_="remarks"))


def _who(who: list[str]) -> str:
    names = list(dict.fromkeys(who))
    return ", ".join(names) if len(names) <= 3 else f"{len(who)} results"
