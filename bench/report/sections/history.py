"""The same thing over commits, where a device has several results of it."""

from __future__ import annotations

import dataclasses

from bench.report import bars, table
from bench.report.figures import caption
from bench.report.gathering import Entry, Found
from bench.report.naming import breakable, grouped
from bench.report.numbers import change, day, figure, large
from bench.result import Kind, Result, Row
from edge.markup import Markup, element, join

#: Instructions are repeatable to a hundredth of a per cent; more is a change.
COUNT_NOISE = 1.0001


@dataclasses.dataclass(frozen=True)
class Course:
    """One row in several results.

    Attributes:
        device: where.
        kind: of the results.
        rows: the row, oldest first.
        results: the results they are from.
        values: median in ms, or instructions.
        counted: whether they are instructions.
    """

    device: str
    kind: Kind
    rows: tuple[Row, ...]
    results: tuple[Result, ...]
    values: tuple[float, ...]
    counted: bool

    @property
    def pair(self) -> tuple[int, int]:
        """The results whose difference is told: the two newest normal ones, where there are two."""
        normal = [i for i, result in enumerate(self.results) if result.mode == "normal"]
        one, other = normal[-2:] if len(normal) > 1 else range(len(self.results) - 2, len(self.results))
        return one, other

    @property
    def ratio(self) -> float:
        """The newest over the one before."""
        before, after = self.pair
        return self.values[after] / self.values[before]

    @property
    def rough(self) -> bool:
        """Whether one of the two is quick."""
        return any(self.results[index].mode == "quick" for index in self.pair)

    @property
    def inside(self) -> bool | None:
        """Whether the newest change is no larger than the noise; None where noise was not checked."""
        if self.counted:
            noise: float | None = COUNT_NOISE
        else:
            known = [noise for index in self.pair if (noise := self.results[index].noise) is not None]
            noise = max(known, default=None)
        return None if noise is None else max(self.ratio, 1 / self.ratio) <= noise


def courses(found: Found) -> list[Course]:
    """Return every row that two results or more of a device have measured, in the order of the first one."""
    groups: dict[tuple[str, Kind, str], list[tuple[Result, Row, float, bool]]] = {}
    for result in found.results:
        for row in result.rows:
            if row.status != "measured":
                continue
            if row.timing and row.timing.p50_ms > 0:
                item = (result, row, row.timing.p50_ms, False)
            elif row.counts and row.counts.instructions:
                item = (result, row, float(row.counts.instructions), True)
            else:
                continue
            groups.setdefault((result.device, result.kind, row.key), []).append(item)
    made = []
    for (device, kind, _), items in groups.items():
        items = [item for item in items if item[3] == items[-1][3]]
        if len(items) > 1:
            results, rows, values, counted = zip(*items, strict=True)
            made.append(Course(device, kind, rows, results, values, counted[0]))
    return made


def history(found: Found) -> Markup | None:
    """Return the section."""
    made = courses(found)
    if not made:
        return None
    parts: list[Markup] = []
    for device in dict.fromkeys(course.device for course in made):
        mine = [course for course in made if course.device == device]
        if len(found.devices) > 1:
            parts.append(element("h3", device))
        bodies = [_body([course for course in mine if course.kind == kind]) for kind in {c.kind: None for c in mine}]
        heads = (("", ""), ("first", "n"), ("", "plot"), ("newest", "n"), ("newest change", "n"), ("", ""))
        head = element("thead", element("tr", *(_head(name, class_) for name, class_ in heads)))
        parts.append(table.plain(f"Results of {device} over time", join(head, *bodies), "history"))
    parts.append(
        caption(
            "Median times, or counted instructions; a mark a result, oldest first, hollow where it is quick. “within "
            "noise”: the change is no larger than what the same row measured twice in one run differs by. "
            "edge-bench compare also corrects for a slower machine, and gives verdicts."
        )
    )
    return join(*parts)


def _head(name: str, class_: str) -> Markup:
    return element("th", name or element("span", "row", class_="unseen"), scope="col", class_=class_ or None)


def _body(courses: list[Course]) -> Markup:
    """Rows of one kind, under a heading for each group."""
    called = grouped([course.rows[-1].key for course in courses])
    lines: list[Markup] = []
    for group in dict.fromkeys(called.groups):
        heading = ", ".join(filter(None, (courses[0].kind, called.common, group)))
        lines.append(element("tr", element("th", breakable(heading), colspan="6", scope="rowgroup"), class_="group"))
        lines += [_row(courses[i], called.names[i]) for i, name in enumerate(called.groups) if name == group]
    return element("tbody", *lines)


def _row(course: Course, name: str) -> Markup:
    steps = ", ".join(
        f"{day(result.time)} {result.commit or result.version}{' (quick)' if result.mode == 'quick' else ''}: "
        f"{_say(value, course)}"
        for result, value in zip(course.results, course.values, strict=True)
    )
    rough = [result.mode == "quick" for result in course.results]
    verdict, class_ = _verdict(course)
    return element(
        "tr",
        table.named(Entry(course.rows[-1], course.results[-1]), name),
        element("td", _say(course.values[0], course), class_="n"),
        element("td", bars.spark(course.values, rough, steps), class_="sparks"),
        element("td", _say(course.values[-1], course), class_="n strong"),
        element("td", change(course.ratio), class_="n"),
        element("td", verdict, class_=class_),
    )


def _say(value: float, course: Course) -> str:
    return large(value) if course.counted else f"{figure(value)} ms"


def _verdict(course: Course) -> tuple[str, str]:
    if course.rough:
        return "quick: too rough to say", "soft"
    if course.inside is None:
        return "noise not checked", "soft"
    if course.inside:
        return "within noise", "soft"
    word = ("more" if course.ratio > 1 else "fewer") if course.counted else "slower" if course.ratio > 1 else "faster"
    return word, "problem" if course.ratio > 1 else "good"
