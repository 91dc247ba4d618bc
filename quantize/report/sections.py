"""The section of one quantized file: what it costs, how it was made, where it loses, on whom it disagrees."""

from __future__ import annotations

from edge.markup import Markup, coded, element, join
from edge.wording import PRECISIONS, points, quantized
from quantize.record import Report, Row
from quantize.report import faces, tables, tensors

#: How many layers the table of the worst holds.
WORST = 8


def described(report: Report) -> list[Row]:
    """Return the rows that have a section: those of files with int8 weights that were tried."""
    return [
        row
        for row in report.rows
        if row.quantization or any(row.file in part for part in (report.tensors, report.faces, report.trials))
    ]


def anchor(report: Report, row: Row) -> str:
    """Return the id of a row's section, which no odd file name can break."""
    return f"file-{report.rows.index(row) + 1}"


def section(report: Report, row: Row) -> Markup:
    """Return a file's section; parts for which there is nothing are left out."""
    return element(
        "section",
        element("h2", element("code", row.file)),
        element("p", _outcome(report, row), class_="lead"),
        element("p", join("Kept out: ", row.problem), class_="problem") if row.problem else None,
        _how(row),
        _trials(report, row),
        _layers(report, row),
        _classes(report, row),
        _faces(report, row),
        id=anchor(report, row),
    )


def _outcome(report: Report, row: Row) -> str:
    """What the file costs and gives, in one or two sentences."""
    facts = [PRECISIONS.get(row.precision, row.precision)]
    base = next((other for other in report.rows if other.precision == "float32" and other.format == row.format), None)
    if row.size:
        times = f", {base.size / row.size:.1f} times smaller than {base.file}" if base and base.size else ""
        facts.append(f"{row.size / 1e6:.2f} MB{times}")
    if row.latency:
        facts.append(f"{row.latency.p50_ms:.2f} ms an image")
    first = ", ".join(facts)
    parity = row.parity
    if parity is None:
        return f"{first[0].upper()}{first[1:]}."
    found = [f"names the checkpoint's emotion on {100 * parity.agreement:.2f} % of {parity.samples:,} images"]
    if parity.accuracy_drop is not None:
        word = "gains" if parity.accuracy_drop < 0 else "loses"
        sure = ""
        if parity.accuracy_drop_interval:
            low, high = parity.accuracy_drop_interval
            sure = f" (95 % interval of the loss: {points(low)} to {points(high)})"
        found.append(f"{word} {points(abs(parity.accuracy_drop))} points of accuracy{sure}")
    return f"{first[0].upper()}{first[1:]}. It {' and '.join(found)}."


def _how(row: Row) -> Markup | None:
    if row.quantization is None:
        return None
    return join(element("h3", "How it was made"), element("p", coded(" ".join(quantized(row.quantization)))))


def _trials(report: Report, row: Row) -> Markup | None:
    found = report.trials.get(row.file)
    if not found:
        return None
    caption = "On images set aside for the search; the figures at the top of this page come from others."
    return join(element("h3", "What was tried"), tables.trials(found), element("p", caption, class_="caption"))


def _layers(report: Report, row: Row) -> Markup | None:
    found = report.tensors.get(row.file)
    if not found:
        return None
    cut = tensors.prefix(found)
    caption = (
        "One column a layer. Noise is counted over the whole network up to there, so it shows where errors come in "
        "and whether later layers absorb them. A layer alone: its weights and its output in int8, all others in float."
        + (f" Names in the figure are without the leading {cut.rstrip('.')}." if cut else "")
    )
    return join(
        element("h3", "Where it loses, along the network"),
        tensors.along(row.file, found),
        element("p", caption, class_="caption"),
        element("h3", "The layers that lose most"),
        tables.layers(tensors.worst(found, WORST), "The layers that lose most"),
        element(
            "details",
            element("summary", f"All {len(found)} layers in numbers"),
            tables.layers(enumerate(found, 1), "All layers"),
        ),
    )


def _classes(report: Report, row: Row) -> Markup | None:
    if report.checkpoint.metrics is None or row.metrics is None or not row.metrics.classes:
        return None
    return join(element("h3", "Each emotion"), tables.classes(report.checkpoint.metrics, row.metrics))


def _faces(report: Report, row: Row) -> Markup | None:
    found = report.faces.get(row.file)
    if not found:
        return None
    caption = (
        "Distance: half the sum of the differences of all probabilities, 0 alike to 1 opposite. ✓: as labelled. These "
        "are pictures of the data set: its licence says whether this page may be passed on."
    )
    return join(
        element("h3", "Faces on which it and the checkpoint disagree most"),
        element("p", caption, class_="caption"),
        faces.gallery(found),
    )
