"""``report.html``: one page that holds everything, fetches nothing, and needs no script."""

from __future__ import annotations

from edge.markup import Markup, coded, element, join
from quantize.record import Report
from quantize.report import plots, tables
from quantize.report.sections import anchor, described, section
from quantize.report.style import STYLE

#: Nothing is fetched and nothing runs, whatever a name in it might hold.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(report: Report) -> str:
    """Return the page as HTML."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{report.name}: quantization report"),
        element("style", Markup(STYLE)),
    )
    body = element(
        "body",
        _header(report),
        element("main", _overview(report), *(section(report, row) for row in described(report))),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report) -> Markup:
    links = [element("a", row.file, href=f"#{anchor(report, row)}") for row in described(report)]
    return element(
        "header",
        element("h1", report.name),
        element("p", _verdict(report), class_="lead"),
        element("dl", *(join(element("dt", name), element("dd", fact)) for name, fact in _facts(report) if fact)),
        element("ul", *(element("li", coded(note)) for note in report.notes)) if report.notes else None,
        element("nav", *links, aria_label="Files in detail") if links else None,
    )


def _verdict(report: Report) -> str:
    """How many files came in, and which did not."""
    out = [row.file for row in report.rows if row.status == "failed"]
    skipped = [row.file for row in report.rows if row.status == "refused"]
    passed = len(report.rows) - len(out) - len(skipped)
    words = [f"{passed} of {len(report.rows)} files passed and are in the bundle."]
    if out:
        words.append(f"Kept out: {', '.join(out)}.")
    if skipped:
        words.append(f"Not tried: {', '.join(skipped)}.")
    return " ".join(words)


def _facts(report: Report) -> list[tuple[str, str]]:
    checkpoint, accuracy = report.checkpoint, ""
    if checkpoint.metrics is not None:
        accuracy = f"{100 * checkpoint.metrics.accuracy:.2f} % accuracy"
        if checkpoint.accuracy_interval:
            low, high = checkpoint.accuracy_interval
            accuracy += f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
        accuracy += f", macro F1 {checkpoint.metrics.macro_f1:.3f}"
    count = "" if str(report.samples) in report.data else f", {report.samples:,} images"
    return [
        ("network", f"{report.architecture}, {report.input_size} px, {len(report.labels)} emotions"),
        ("checkpoint", f"{checkpoint.file}{', ' if accuracy else ''}{accuracy}"),
        ("compared on", f"{report.data}{count}"),
        ("machine", _machine(report.machine)),
        ("made", report.made.replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")),
    ]


def _machine(machine: dict[str, str]) -> str:
    """Values speak for themselves but versions, which need their name."""
    return ", ".join(f"{name} {value}" if value[:1].isdigit() else value for name, value in machine.items())


def _overview(report: Report) -> Markup:
    threads = {row.latency.threads for row in report.rows if row.latency}
    runs = [row.latency.runs for row in report.rows if row.latency]
    timed = ""
    if runs:
        spread = f"{min(runs)} to {max(runs)}" if min(runs) < max(runs) else f"{runs[0]}"
        timed = (
            f" Times: batch of one, threads: {', '.join(map(str, sorted(threads)))}, runs: {spread}, files in turn; "
            "speed is the float ONNX file's time over this one's, pair by pair."
        )
    caption = (
        "Intervals hold 95 % of 2,000 bootstrap resamples. Accuracy lost is paired: both networks on the same images, "
        "above zero is worse than the checkpoint; its line is drawn on one scale for all files." + timed
    )
    drawn = plots.plots(report)
    note = "Whiskers: the paired interval against the checkpoint. Open marks: kept out."
    return join(
        element("h2", "All files"),
        tables.formats(report),
        element("p", caption, class_="caption"),
        drawn,
        element("p", plots.legend(), note, class_="caption") if drawn else None,
    )
