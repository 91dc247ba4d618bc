"""The tables of the page: all formats, classes, layers, and what was tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge import svg
from edge.bundle import ClassMetrics, Metrics
from edge.markup import Markup, element, join
from edge.wording import plain, points
from quantize.record import Report, Row, Tensor, Trial
from quantize.report.plots import kind_of

#: What each status means to a reader, and its mark.
STATUS = {
    "made": ("✓", "made"),
    "kept": ("✓", "kept as it was"),
    "failed": ("✗", "kept out"),
    "refused": ("–", "not tried"),
}
_SPARK = 120.0


def formats(report: Report) -> Markup:
    """Return one row a file, the checkpoint first; what went wrong stands under its file, across the table."""
    heads = (
        ("file", ""),
        ("status", ""),
        ("size", "MB"),
        ("accuracy", "%"),
        ("macro F1", ""),
        ("accuracy lost", "points"),
        ("95 % interval", ""),
        ("same emotion", "%"),
        ("largest logit difference", ""),
        ("RMSE of valence, arousal", ""),
        ("ms an image (p90)", ""),
        ("speed", "×"),
    )
    widest = _widest(report.rows)
    body = [_row(report.checkpoint, widest, checkpoint=True)]
    for row in report.rows:
        body.append(_row(row, widest))
        if row.problem:
            cell = element("td", element("span", row.problem), colspan=len(heads))
            body.append(element("tr", cell, class_="why"))
    return table(heads, body, "Every file against the checkpoint", "formats")


def table(
    heads: Sequence[tuple[str, str]], body: Iterable[Markup], caption: str, class_: str | None = None, words: int = 2
) -> Markup:
    """Return a table that scrolls by itself where the window is too narrow.

    Args:
        heads: name and unit of each column.
        body: its rows.
        caption: what it shows, for readers who can't see it.
        class_: of the table.
        words: how many columns at the left hold words; the others hold numbers.
    """
    cells = [
        element(
            "th",
            name,
            element("span", f" {unit}", class_="unit") if unit else None,
            scope="col",
            class_="n" if index >= words else None,
        )
        for index, (name, unit) in enumerate(heads)
    ]
    inner = element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", element("tr", *cells)),
        element("tbody", *body),
        class_=class_,
    )
    return element("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def _row(row: Row, widest: float, checkpoint: bool = False) -> Markup:
    mark, word = STATUS[row.status]
    status = "reference" if checkpoint else join(element("span", mark, class_=f"mark-{row.status}"), f" {word}")
    parity, latency = row.parity, row.latency
    affect = join(plain(parity.valence_rmse), element("br"), plain(parity.arousal_rmse)) if parity else None
    time = None
    if latency:
        time = join(f"{latency.p50_ms:.2f}", _second(f"({latency.p90_ms:.2f})"))
    return element(
        "tr",
        element("th", element("code", row.file), _second(f"{row.format} {row.precision}"), scope="row"),
        element("td", status, None if row.seconds is None else _second(f"{row.seconds:.1f} s")),
        _number(None if row.size is None else f"{row.size / 1e6:.2f}"),
        _number(None if row.metrics is None else join(f"{100 * row.metrics.accuracy:.2f}", _accuracy_interval(row))),
        _number(None if row.metrics is None else f"{row.metrics.macro_f1:.3f}"),
        *_drop(row, widest),
        _number(None if parity is None else f"{100 * parity.agreement:.2f}"),
        _number(None if parity is None else join(plain(parity.logit_difference), _second(_rmse(row)))),
        _number(affect),
        _number(time),
        _number(None if latency is None or latency.ratio is None else f"{latency.ratio:.2f}"),
        class_=("reference" if checkpoint else "out" if row.status in ("failed", "refused") else None),
    )


def _rmse(row: Row) -> str:
    return "" if row.parity is None else f"RMSE {plain(row.parity.logit_rmse)}"


def _accuracy_interval(row: Row) -> Markup | None:
    if row.accuracy_interval is None:
        return None
    low, high = row.accuracy_interval
    return _second(f"{100 * low:.1f} to {100 * high:.1f}")


def _drop(row: Row, widest: float) -> tuple[Markup, Markup]:
    """The paired loss with its interval, and both drawn on a line whose scale all rows share."""
    if row.parity is None or row.parity.accuracy_drop is None:
        return _number(None), element("td")
    found, interval = row.parity.accuracy_drop, row.parity.accuracy_drop_interval
    if interval is None:
        return _number(points(found)), element("td")
    low, high = interval
    x = svg.linear(-widest, widest, 4, _SPARK - 4)
    kind = kind_of(row.precision)
    spark = svg.picture(
        f"{points(found)} points lost, interval {points(low)} to {points(high)}",
        _SPARK,
        20,
        svg.line(x(0), 0, x(0), 20, "base"),
        svg.line(x(low), 10, x(high), 10, f"whisker {kind}"),
        element("circle", cx=x(found), cy=10, r=3.2, class_=f"mark {kind}"),
        class_="spark",
    )
    return _number(join(points(found), _second(f"{points(low)} to {points(high)}"))), element("td", spark)


def _widest(rows: Sequence[Row]) -> float:
    ends = [abs(end) for row in rows if row.parity for end in row.parity.accuracy_drop_interval or ()]
    return max([0.001, *ends])


def _second(text: str) -> Markup:
    return element("span", text, class_="second") if text else Markup("")


def _number(content: str | None) -> Markup:
    return element("td", content, class_="n")


def classes(checkpoint: Metrics, metrics: Metrics) -> Markup:
    """Return the share of each emotion's faces that is recognised, by the checkpoint and by a file."""
    both = {label: found for label, found in metrics.classes.items() if label in checkpoint.classes}
    heads = (("emotion", ""), ("images", ""), ("checkpoint", "%"), ("this file", "%"), ("lost", "points"))
    body = [_class(label, checkpoint.classes[label], found) for label, found in both.items()]
    return table(heads, body, "Recognised faces of each emotion", words=1)


def _class(label: str, before: ClassMetrics, after: ClassMetrics) -> Markup:
    lost = before.recall - after.recall
    return element(
        "tr",
        element("th", label, scope="row"),
        _number(f"{after.images:,}"),
        _number(f"{100 * before.recall:.1f}"),
        _number(f"{100 * after.recall:.1f}"),
        _number(points(lost, 1)),
    )


def layers(tensors: Iterable[tuple[int, Tensor]], caption: str) -> Markup:
    """Return rows of layers, each with its number in the figure."""
    heads = (
        ("no.", ""),
        ("layer", ""),
        ("kind", ""),
        ("alone, RMS of logits", ""),
        ("noise so far", "dB"),
        ("range", ""),
        ("values met", ""),
        ("outside", "%"),
    )
    body = [
        element(
            "tr",
            element("td", str(index)),
            element("th", element("code", tensor.layer), scope="row"),
            element("td", tensor.kind),
            _number(plain(tensor.alone_rmse)),
            _number(svg.minus(f"{tensor.sqnr_db:.1f}")),
            _number(svg.minus(f"{plain(tensor.low)} to {plain(tensor.high)}")),
            _number(svg.minus(f"{plain(tensor.least)} to {plain(tensor.greatest)}")),
            _number(f"{100 * tensor.clipped:.3f}"),
        )
        for index, tensor in tensors
    ]
    return table(heads, body, caption, words=3)


def trials(found: Sequence[Trial]) -> Markup:
    """Return what was tried, the chosen one marked."""
    heads = (
        ("combination", ""),
        ("accuracy lost", "points"),
        ("same emotion", "%"),
        ("RMS of logits", ""),
        ("time over float", "×"),
    )
    body = [
        element(
            "tr",
            element(
                "th", trial.name, element("span", " ← chosen", class_="good") if trial.chosen else None, scope="row"
            ),
            _number(None if trial.drop is None else points(trial.drop)),
            _number(f"{100 * trial.agreement:.2f}"),
            _number(plain(trial.logit_rmse)),
            _number(None if trial.latency_ratio is None else f"{trial.latency_ratio:.2f}"),
            class_="chosen" if trial.chosen else None,
        )
        for trial in found
    ]
    return table(heads, body, "What was tried", words=1)
