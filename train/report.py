"""The figures of an evaluation as a page for a terminal, and those of several files as a table."""

from __future__ import annotations

from collections.abc import Sequence

from edge.metrics import BINS
from train.comparison import Row
from train.evaluation import Affect, Evaluation


def text(evaluation: Evaluation) -> str:
    """The figures of one file as a page."""
    e = evaluation
    left_out = f" ({e.unlabelled} without a label are left out)" if e.unlabelled else ""
    lines = [f"data      {e.data}: {e.samples} images{left_out}", *(f"note      {note}" for note in e.notes), ""]
    lines += _headline(e)
    lines += ["", f"{'class':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'images':>9}"]
    for name, precision, recall, f1, support in zip(e.labels, e.precision, e.recall, e.f1, e.support, strict=True):
        cells = (_number(precision), _number(recall), _number(f1) if support else "-")
        lines.append(f"{name:<12}{cells[0]:>10}{cells[1]:>8}{cells[2]:>8}{support:>9}")
    width = max(5, *(len(str(count)) + 1 for row in e.confusion for count in row))
    lines += ["", "confusion: rows are the label, columns the prediction"]
    lines.append(" " * 12 + "".join(f"{name[: width - 1]:>{width}}" for name in e.labels))
    for name, row in zip(e.labels, e.confusion, strict=True):
        lines.append(f"{name:<12}" + "".join(f"{count:>{width}}" for count in row))
    if e.affect:
        lines += ["", "valence and arousal, against the data set's annotations"]
        if e.weak_affect:
            lines[-1] = "valence and arousal, against the weak signal: how well it was learnt, not how right it is"
        lines.append(f"{'':<12}{'MSE':>8}{'MAE':>8}{'RMSE':>8}{'CCC':>8}{'Pearson':>9}{'images':>9}")
        for name, affect in e.affect.items():
            lines += _affect_lines(name, affect)
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> str:
    """The files of a bundle, a line each; the first measured one names the data and its notes."""
    measured = [row.evaluation for row in rows if row.evaluation]
    lines = []
    if measured:
        first = measured[0]
        lines = [f"data      {first.data}: {first.samples} images", *(f"note      {note}" for note in first.notes), ""]
    width = max(len("file"), *(len(row.file) for row in rows))
    lines.append(
        f"{'file':<{width}}  {'weights':<8}{'accuracy':>9}  {'95 % interval':<16}{'macro F1':>9}{'ECE':>7}"
        f"{'CCC val':>9}{'CCC aro':>9}{'agreement':>11}"
    )
    for row in rows:
        begin = f"{row.file:<{width}}  {row.precision:<8}"
        e = row.evaluation
        if e is None:
            lines.append(f"{begin} not measured: {row.problem}")
            continue
        low, high = e.intervals["accuracy"]
        concordance = [_number(e.affect[name].ccc) if name in e.affect else "-" for name in ("valence", "arousal")]
        same = "" if row.agreement is None else f"{100 * row.agreement:.2f} %"
        interval = f"{100 * low:.2f} to {100 * high:.2f}"
        lines.append(
            f"{begin}{100 * e.accuracy:>7.2f} %  {interval:<16}{e.macro_f1:>9.3f}{e.ece:>7.3f}"
            f"{concordance[0]:>9}{concordance[1]:>9}{same:>11}"
        )
    lines.append("")
    lines.append("agreement: share of the images on which the top class is the checkpoint's")
    if measured and measured[0].affect and measured[0].weak_affect:
        lines.append("CCC is against the weak signal: how well it was learnt, not how right it is")
    return "\n".join(lines)


def _headline(e: Evaluation) -> list[str]:
    rows = (
        ("accuracy", "accuracy", 100, " %"),
        ("balanced accuracy", "balanced_accuracy", 100, " %"),
        ("macro F1", "macro_f1", 1, ""),
        ("NLL", "nll", 1, ""),
        ("ECE", "ece", 1, ""),
    )
    lines = [f"{'':<18}{'':>9}  95 % bootstrap interval"]
    for title, name, factor, unit in rows:
        digits = 2 if unit else 3
        low, high = (factor * end for end in e.intervals[name])
        figure = f"{factor * getattr(e, name):.{digits}f}{unit}"
        lines.append(f"{title:<18}{figure:>9}  {low:.{digits}f} to {high:.{digits}f}")
    fitted = ", which was fitted on these very images" if e.in_sample else ""
    lines.append(f"ECE: {BINS} equal-width bins (Guo et al. 2017). NLL, ECE: temperature {e.temperature:.3f}{fitted}")
    return lines


def _affect_lines(name: str, a: Affect) -> list[str]:
    rows = [(name, [a.mse, a.mae, a.rmse, a.ccc, a.pearson], f"{a.samples:>9}")]
    for end, title in enumerate(("  from", "  to")):
        rows.append((title, [a.intervals[key][end] for key in ("mse", "mae", "rmse", "ccc", "pearson")], ""))
    return [
        f"{title:<12}{v[0]:>8.4f}{v[1]:>8.4f}{v[2]:>8.4f}{_number(v[3]):>8}{_number(v[4]):>9}{more}"
        for title, v, more in rows
    ]


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"
