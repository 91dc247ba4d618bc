"""The peers as a table for the terminal."""

from __future__ import annotations

from bench.result import Result, Row
from bench.table import align, number, percent

#: Ending of the key of a row that holds accuracy among shared classes.
SHARED = "/shared classes"


def show(result: Result) -> str:
    """Return the table, what each figure means, and what one has to know of each peer."""
    shared = {row.key.removesuffix(SHARED): row for row in result.rows if row.key.endswith(SHARED)}
    main = [row for row in result.rows if row.key not in {other.key for other in shared.values()}]
    measured = [row for row in main if row.timing is not None]
    cpu = result.environment.cpu
    lines = [
        f"peers, {result.mode}" + (": rough figures" if result.mode == "quick" else ""),
        f"on {result.environment.device or 'an unnamed machine'}, {cpu.model or 'unknown processor'}",
        f"inputs: {result.inputs}",
        "",
    ]
    known = next((row.settings.get("classes") for row in shared.values()), None)
    classes = len(str(known).split(", ")) if known else 0
    header = ["", "frames/s", "p50 ms", "p90 ms", "cpu ms", "faces/frame", "peak MB", "load s", "disk MB"]
    if shared:
        header += ["accuracy 8", "F1 8", f"accuracy {classes}", f"F1 {classes}"]
    cells = [header, *(_cells(row, shared.get(row.key), bool(shared)) for row in measured)]
    lines += align(cells)
    lines += [f"{row.settings['peer']}  {row.status}: {row.reason}" for row in main if row.timing is None]
    lines.append("")
    if shared:
        images = next(row.images for row in main if row.images)
        fewer = next(iter(shared.values())).images
        lines += [
            f"accuracy 8, F1 8: {images} faces of all 8 classes; what a peer has no class for counts as wrong",
            f"accuracy {classes}, F1 {classes}: {fewer} faces, and answers, of {known}: the classes that all know",
        ]
    if result.noise is not None:
        lines.append(
            f"the first of them, measured twice in this run, differs by up to {100 * (result.noise - 1):.1f} %"
        )
    lines += [f"note: {remark}" for remark in result.remarks]
    for row in measured:
        lines += ["", f"{row.settings['peer']}: {row.settings['title']} (licence: {row.settings['licence']})"]
        lines += [f"  {note}" for note in row.notes]
    return "\n".join(lines)


def _cells(row: Row, shared: Row | None, scored: bool) -> list[str]:
    assert row.timing is not None
    size = row.settings.get("environment_mb")
    cells = [
        str(row.settings["peer"]),
        f"{row.timing.per_second:.1f}",
        f"{row.timing.p50_ms:.2f}",
        f"{row.timing.p90_ms:.2f}",
        number(row.cpu_ms, 1),
        number(row.faces_per_frame, 2),
        number(row.peak_mb, 0),
        number(row.load_ms and row.load_ms / 1e3, 2),
        "here" if size is None else str(size),
    ]
    if scored:
        for part in (row, shared):
            cells += [percent(part.accuracy if part else None), number(part.macro_f1 if part else None, 3)]
    return cells
