"""Tables of rows: columns that no row fills are left out, a row that failed says why, quick figures say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from bench.report import naming
from bench.report.gathering import Entry
from bench.report.numbers import MISSING, day
from edge.markup import Markup, element, join

Cell = str | None


@dataclasses.dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        head: its heading.
        cell: what a row has there; None or a dash is nothing.
        unit: below the heading.
        class_: of its cells; ``n`` sets figures to the right.
        hint: what the heading means, longer.
    """

    head: str
    cell: Callable[[Entry], Cell]
    unit: str = ""
    class_: str = "n"
    hint: str | None = None


def entries(caption: str, rows: Sequence[Entry], columns: Sequence[Column], head: str = "", class_: str = "") -> Markup:
    """Return a table of rows; in each group measured ones come first, then those that failed, with their reason."""
    called = naming.grouped([entry.row.key for entry in rows])
    cells = [[column.cell(entry) if entry.measured else None for column in columns] for entry in rows]
    used = [i for i in range(len(columns)) if any(line[i] not in (None, "", MISSING) for line in cells)]
    width = max(1, len(used))
    bodies = []
    for group in dict.fromkeys(called.groups):
        mine = [i for i, name in enumerate(called.groups) if name == group]
        lines = [] if not group else [_group(group, width)]
        for i in sorted(mine, key=lambda i: not rows[i].measured):
            heading = named(rows[i], called.names[i], str(rows[i].row.settings.get("title") or ""))
            shown = [element("td", cells[i][u] or MISSING, class_=_class(columns[u], cells[i][u])) for u in used]
            lines.append(
                element("tr", heading, *shown)
                if rows[i].measured
                else element("tr", heading, reason(rows[i], width), class_="bad")
            )
        bodies.append(element("tbody", *lines))
    heads = [element("th", head or element("span", "name", class_="unseen"), scope="col")]
    heads += [_head(columns[i]) for i in used] or [element("th", element("span", "why", class_="unseen"), scope="col")]
    shared = element("p", "All: ", naming.breakable(called.common), class_="shared") if called.common else None
    return join(shared, plain(caption, join(element("thead", element("tr", *heads)), *bodies), class_))


def reason(entry: Entry, columns: int) -> Markup:
    """Return the cell that says why a row was not measured."""
    why = f"{entry.row.status}: {entry.row.reason or 'no reason was recorded'}"
    return element("td", element("span", why), colspan=str(columns), class_="why")


def _group(name: str, columns: int) -> Markup:
    heading = element("th", naming.breakable(name), colspan=str(columns + 1), scope="rowgroup")
    return element("tr", heading, class_="group")


def plain(caption: str, content: Markup, class_: str = "") -> Markup:
    """Return a table that scrolls sideways where it does not fit; ``caption`` is for those who can't see it."""
    table = element("table", element("caption", caption, class_="unseen"), content, class_=class_ or None)
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)


def named(entry: Entry, main: str, soft: str = "") -> Markup:
    """Return the heading of a row, with its marks."""
    result = entry.result
    origin = f"{day(result.time)}, {result.commit or 'version ' + result.version}, {result.mode}"
    return element(
        "th",
        element("span", naming.breakable(main), class_="main"),
        join(" ", quick_mark()) if entry.quick else None,
        element("span", naming.breakable(soft), class_="second") if soft else None,
        scope="row",
        title=f"{entry.row.key}\n{origin}",
    )


def spoken(name: str, entry: Entry) -> Markup:
    """Return a name in a sentence, with the mark of rough figures where they are."""
    return join(element("b", naming.breakable(name)), join(" ", quick_mark()) if entry.quick else None)


def quick_mark() -> Markup:
    """Return the mark of rough figures."""
    return element("span", "quick", class_="chip quick", title="measured for seconds, not minutes: rough figures")


def notes(rows: Sequence[Entry], name: Callable[[Entry], str] | None = None) -> Markup | None:
    """Return what has to be known about rows; what many say stands once."""
    said: dict[str, list[str]] = {}
    for entry in rows:
        for note in entry.row.notes:
            said.setdefault(note, []).append(name(entry) if name else entry.row.key)
    if not said:
        return None
    items = [element("li", _who(who, len(rows)), note) for note, who in said.items()]
    return element("ul", *items, class_="notes")


def _who(who: Sequence[str], total: int) -> Markup | None:
    if len(who) == total > 1:
        return element("span", "all: ", class_="soft")
    return element("span", f"{who[0]}: " if len(who) == 1 else f"{len(who)} rows: ", class_="soft")


def _head(column: Column) -> Markup:
    unit = element("span", column.unit, class_="unit") if column.unit else None
    return element("th", column.head, unit, scope="col", class_=column.class_ or None, title=column.hint)


def _class(column: Column, cell: Cell) -> str | None:
    missing = " missing" if cell in (None, "", MISSING) else ""
    return f"{column.class_}{missing}".strip() or None
