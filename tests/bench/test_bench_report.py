"""The page of results: its figures are those of the results, it fetches nothing, and a browser shows it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.report import page, write_report
from bench.report.gathering import Found, gather
from bench.report.sections.sustained import summary
from bench.result import Row, Stage, write_result
from edge.errors import EdgeError
from tests.bench.made_results import (
    counts_row,
    curve,
    formats_row,
    peer_row,
    pipeline_row,
    result,
    sustained_row,
    timing,
)
from tests.edge.browser import chromium, devtools, running_chromium

replace = msgspec.structs.replace

VOID = {"meta", "img", "br", "wbr", "col"}

INT8 = "mobilenet_v2, model_int8.tflite"
H5 = "mobilenet_v2/model.h5/1 thread"
NO_RUNTIME = Row(key=H5, settings={"file": "model.h5"}, status="no runtime", reason="tensorflow is not installed")


def resnet(file: str, engine: str, p50: float) -> Row:
    row = pipeline_row(1, p50=p50, file=file, network="resnet18")
    return replace(row, settings={**row.settings, "engine": engine, "input_size": 224})


def everything() -> Found:
    """One result of each kind, an older one, a quick one on another device."""
    sizes = ((640, 480), (1280, 720))
    return Found(
        (
            result("formats", formats_row(p50=1.34), time="2026-11-02T08:00:00+00:00", commit="aaaaaaaaaaaa"),
            result(
                "formats",
                formats_row(),
                formats_row("model.onnx", 1.9, 0.8433),
                formats_row(threads=2, p50=0.81),
                formats_row(network="resnet18", p50=8.2, accuracy=0.8527),
                NO_RUNTIME,
            ),
            result(
                "pipeline",
                *(pipeline_row(faces, size, 4.0 + faces + size[0] / 200) for faces in (1, 2, 5) for size in sizes),
                resnet("model_weights.pth", "torch 2.6.0 (cpu)", 59.0),
                resnet("model.onnx", "onnxruntime 1.22.0 (cpu)", 41.0),
            ),
            result("sustained", sustained_row(), remarks=("the clock governor was ondemand",)),
            result("instructions", counts_row("cortex-a72"), counts_row("cortex-a76", 33_679_011)),
            result(
                "peers",
                peer_row("ours", 9.1, 0.8442),
                peer_row("fer", 120.0, 0.571, notes=("contempt is missing",)),
                replace(peer_row("deepface", 1.0), timing=None, status="failed", reason="it downloads its weights"),
            ),
            result("formats", formats_row(p50=0.52), device="intel-xeon", mode="quick", noise=None),
        )
    )


class Reader(HTMLParser):
    """Holds a page to its grammar while it reads it: what opens is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.sections: dict[str, list[list[str]]] = {}
        self._section = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = attributes.get("id") or ""
            self.sections[self._section] = []
        if tag == "tr":
            self.sections[self._section].append([])
        if tag in ("td", "th"):
            self.sections[self._section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.texts.append(data)
        if ("td" in self.open or "th" in self.open) and "svg" not in self.open:
            self.sections[self._section][-1][-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))

    def rows(self, section: str, start: str) -> list[list[str]]:
        """The cells of the rows of a section that begin so, without empty ones."""
        found = [[" ".join(cell.split()) for cell in row] for row in self.sections[section]]
        return [[cell for cell in row if cell] for row in found if row and row[0].startswith(start)]


@pytest.fixture(scope="module")
def found() -> Reader:
    return Reader(page(everything()))


@pytest.mark.parametrize(
    ("section", "start", "cells"),
    [
        # timing(1.25): p90 1.11 and p99 1.37 times as long, 1.02 times as long on average; blocks within a per cent.
        ("accuracy", f"{INT8}, 1 thread",
         "1.25 | 1.24 to 1.26 | 1.39 | 1.71 | 784 | 1.26 | 84.4 | ± 1.3 | 0.581 | 99.1 | 3,191"),
        ("accuracy", "mobilenet_v2, model.h5", "no runtime: tensorflow is not installed"),
        ("memory", INT8, "2.76 | 104 | 38.2 | 3.00"),
        ("promised", "PyTorch on the CPU", "15 to 20 | 16.6 | 59.0 ms | ✓ kept"),
        ("promised", "ONNX on the CPU", "25 to 30 | 23.9 | 41.0 ms | ✗ not reached"),
        ("promised", "CUDA", "60 and more | not measured"),
        ("promised", "the default bundle", "– | 120 | 8.20 ms"),
        ("pipeline", "1 faces", "8.19 | 8.91"),
        ("sustained", INT8, "20.0 | 60.0 | 49.2 | 48.6 | 77.5 | 2,000 | 25.0 | 5.74 | 13.0 | 171"),
        ("counts", f"{INT8}, cortex-a72", "61,234,567 | 50.0 | 0.0 | 33.3 | 24,500,000 | 4.10"),
        ("counts", f"{INT8}, cortex-a76", "33,679,011 | 50.0 | 25.0 | 33.3 | 24,500,000 | 4.10"),
        ("peers", "ours", "108 | 9.10 | 10.1 | 12.5 | 14.6 | 812 | 2,400 | 84.4 | ± 1.3 | 3,191"),
        ("peers", "deepface", "failed: it downloads its weights"),
        ("history", f"{INT8}, 1 thread", "1.34 ms | 1.25 ms | −6.7 % | faster"),
    ],
)  # fmt: skip
def test_every_figure_stands_in_its_row_in_order(found: Reader, section: str, start: str, cells: str) -> None:
    expected = cells.split(" | ")
    shown = found.rows(section, start)
    assert any(row[1:] == expected or row[1:][: len(expected)] == expected for row in shown), shown


@pytest.mark.parametrize(
    "words",
    [
        "21 rows in 7 results from 2 devices, 2026-11-02 to 2026-12-01.",
        "1 of 7 results are quick: measured for seconds, to be taken as rough.",
        "is both the fastest",
        "Cortex-A76, 4 cores",
        "2,400 MHz at most, governor ondemand",
        "contempt is missing",
        "the clock governor was ondemand (sustained of 2026-12-01)",
        "These are counts of executed instructions under emulation, not times",
        "Nobody measured these.",
        "one instruction a clock at 1.5 GHz",
        "0.12 to 1.04",
        "48.3 to 71.9",
    ],
)
def test_page_says_it_in_words(found: Reader, words: str) -> None:
    assert words in found.text


def test_estimates_stand_apart_and_are_marked() -> None:
    text = page(everything())
    box = text[text.index('class="estimates"') :]
    assert "≈ 11.4" in box and 'class="chip guess"' in box
    assert "≈" not in text[: text.index('class="estimates"')]


def test_quick_figures_are_marked_wherever_they_stand() -> None:
    quick = Found(tuple(replace(one, mode="quick") for one in everything().results))
    reader = Reader(page(quick))
    for section, rows in reader.sections.items():
        for row in rows:
            heading = row[0] if row else ""
            named = heading and any(cell.strip() for cell in row[1:]) and section not in ("", "machines", "glance")
            is_row = named and not heading.startswith(("file", "setting", "run", "inference", "what", "row", "all"))
            if is_row and not any("not measured" in cell for cell in row[1:]):
                why = any(cell.startswith(("failed", "no runtime")) for cell in row[1:])
                assert "quick" in heading or why, (section, row)
    assert "too rough to say" in reader.text
    leads = re.findall(
        r'<p class="lead">(?:(?!</p>).)*frames a second.*?</p>|<p class="lead">Fastest.*?</p>', page(quick)
    )
    assert len(leads) >= 2 and all("chip quick" in lead for lead in leads)
    titles = " ".join(reader.texts)
    assert "int8.tflite (quick)" in titles


def test_a_normal_result_counts_before_a_newer_quick_one() -> None:
    old = result("formats", formats_row(p50=1.25))
    new = result("formats", formats_row(p50=9.99), mode="quick", time="2026-12-24T00:00:00+00:00")
    (entry,) = Found((old, new)).entries("formats")
    assert entry.result is old
    (entry,) = Found((new,)).entries("formats")
    assert entry.quick


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = page(everything())
    reader = Reader(text)
    for tag, attributes in reader.tags:
        assert tag not in ("script", "link", "iframe", "object", "base", "form", "img")
        for key, value in attributes.items():
            assert not key.startswith("on") and key not in ("src", "srcset", "xlink:href", "action")
            assert key != "href" or (value or "").startswith("#")
    assert not re.search(r"url\(|@import|https?://|//[a-z]", text)
    (policy,) = [meta["content"] for meta in reader.named("meta") if "http-equiv" in meta]
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_links_within_the_page_lead_somewhere(found: Reader) -> None:
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(link["href"] or "")[1:] for link in found.named("a")} <= set(ids)


def test_figures_and_tables_can_be_read_aloud(found: Reader) -> None:
    for index, (tag, attributes) in enumerate(found.tags):
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img" and attributes["aria-label"]
            assert found.tags[index + 1][0] == "title"
        if tag == "th":
            assert attributes.get("scope") in ("col", "row", "rowgroup")
    plots = [i for i, (tag, a) in enumerate(found.tags) if tag == "svg" and a.get("class") is None and a.get("role")]
    assert len(plots) >= 8 and all(found.tags[i + 2][0] == "desc" for i in plots)
    assert len(found.named("caption")) == len(found.named("table"))


EVIL = "</style></title>\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_names_and_messages_stay_text() -> None:
    row = formats_row()
    settings = {"model": EVIL, "bundle": EVIL, "file": EVIL, "title": EVIL, "cpu": EVIL, "threads": 2}
    evil = replace(row, key=EVIL, settings=settings, notes=(EVIL,), stages=(Stage(name=EVIL, wall_ms=1.0),))
    failed = Row(key=EVIL + "2", status="failed", reason=EVIL)
    kinds = ("formats", "pipeline", "peers", "instructions", "sustained")
    rows = (replace(evil, counts=counts_row().counts, curve=curve(1)), failed)
    results = tuple(
        result(kind, *rows, device=EVIL, commit=EVIL, inputs=EVIL, remarks=(EVIL,), time=time)
        for kind in kinds
        for time in ("2026-12-01T00:00:00", "2026-12-02T00:00:00")
    )
    reader = Reader(page(Found(results, ((EVIL, EVIL),))))
    assert not reader.named("script") and not reader.named("img")
    assert "".join(reader.texts).count("<script>alert(1)</script>") > 30


#: Rows with as little as the record allows, and with the oddest figures.
ODD: list[Row] = [
    Row(key="bare"),
    Row(key="failed without a word", status="failed"),
    Row(key="accuracy alone", accuracy=0.5),
    Row(key="time alone", timing=timing(0.0001, count=3, blocks=0)),
    Row(key="zero", timing=replace(timing(1.0), p50_ms=0.0, per_second=0.0), accuracy=0.0, images=10),
    Row(key="no stage times", timing=timing(3.0), stages=(Stage(name="detect"), Stage(name="dance", cpu_ms=2.0))),
    Row(key="one sample", curve=curve(2 / 60)[:1]),
    Row(key="flat", curve=tuple(replace(sample, fps=0.0, temperature_c=None) for sample in curve(1)[:3])),
    Row(key="gaps", curve=tuple(replace(s, temperature_c=50.0 if i % 3 else None) for i, s in enumerate(curve()))),
    Row(key="long " * 60, timing=timing(2.0), accuracy=0.9, images=50, settings={"file": "x" * 200, "faces": 3}),
    counts_row(counts=replace(counts_row().counts, instructions=0, simd=None, dot=None, loads_stores=None)),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["formats", "pipeline", "sustained", "instructions", "peers"])
@pytest.mark.parametrize("rows", [(), *((row,) for row in ODD), tuple(ODD)], ids=lambda rows: f"{len(rows)}")
def test_any_row_can_be_shown(kind: Any, rows: tuple[Row, ...]) -> None:
    reader = Reader(page(Found((result(kind, *rows), result(kind, *rows, commit=None, profile=None)))))
    for tag, attributes in reader.tags:
        for key in ("x", "y", "width", "height", "d", "cx", "cy", "x1", "y2", "viewbox"):
            value = attributes.get(key) if tag != "meta" else None
            assert not (value and re.search(r"nan|inf|e[+-]\d", value)), (tag, key, value)
    assert "nan" not in reader.text.lower().replace("nanosec", "")


@pytest.mark.parametrize("count", [1, 2, 100])
def test_labels_of_many_points_cover_neither_each_other_nor_leave_the_picture(count: int) -> None:
    rows = [
        formats_row(f"model_{i}.tflite", 0.5 + 0.31 * (i % 37), 0.7 + 0.0021 * (i * 7 % 100), network=f"n{i % 3}")
        for i in range(count)
    ]
    text = page(Found((result("formats", *rows),)))
    drawn = re.search(r"<svg viewBox=\"0 0 1056 .*?</svg>", text, re.S)
    assert drawn
    boxes = []
    for x, y, anchor, name in re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" class="name [^"]*" text-anchor="(\w+)">([^<]+)', drawn[0]
    ):
        width = 6.0 * len(name)
        left = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
        assert left >= 0 and left + width <= 1056
        boxes.append((left, left + width, float(y) - 10, float(y) + 1))
    assert boxes
    for i, one in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert not (one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3])


def test_no_results_say_what_to_do() -> None:
    text = Reader(page(Found(()))).text
    assert "No results yet" in text and "edge-bench formats models --save" in text


def test_a_long_run_in_figures() -> None:
    told = summary(curve(minutes=20, fps=60.0, hottest=78.0))
    assert told.seconds == 1200 and told.throttled == pytest.approx(0.25)
    assert told.first_fps == pytest.approx(60, abs=0.3) and told.last_fps == pytest.approx(49.2, abs=0.3)
    assert told.slowest == 2000.0 and told.hottest is not None and 77 < told.hottest < 78


def test_folders_are_looked_through_and_what_is_no_result_is_told(tmp_path: Path) -> None:
    one = result("formats", formats_row())
    write_result(one, tmp_path / "device" / "a.json")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "old.json").write_text('{"schema": 1}')
    found = gather([tmp_path, tmp_path / "device" / "a.json"])
    assert found.results == (one,)
    assert [name for name, _ in found.left_out] == ["broken.json", "old.json"]
    assert "broken.json" in Reader(page(found)).text
    with pytest.raises(EdgeError, match="is no result"):
        gather([tmp_path / "broken.json"])
    with pytest.raises(EdgeError, match="there is no"):
        gather([tmp_path / "nowhere"])


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    one = result("formats", formats_row())
    write_result(one, tmp_path / "bench" / "results" / "pi" / "a.json")
    done = edge_bench(tmp_path, "report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(Found((one,)))
    for arguments in (["report", "nowhere"], ["report", "--into", "x.md"]):
        done = edge_bench(tmp_path, *arguments)
        assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1


def edge_bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def address() -> Any:
    if not chromium():
        pytest.skip("Chromium is not installed, so no browser looks at the page: apt install chromium")
    with running_chromium() as opened:
        yield opened


#: Pages that a browser is shown.
PAGES: dict[str, Found] = {
    "everything": everything(),
    "nothing": Found(()),
    "odd": Found(tuple(result(kind, *ODD) for kind in ("formats", "pipeline", "sustained", "peers"))),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_browser_shows_it_without_a_complaint(
    address: str, tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    path = tmp_path / "report.html"
    write_report(PAGES[name], path)
    asyncio.run(looked_at(address, path, width, dark))


async def looked_at(address: str, path: Path, width: int, dark: bool) -> None:
    async with devtools(address) as connection:
        tab = await connection.tab()
        await tab.size(width, 844, mobile=width < 500, dark=dark)
        await tab.open(path.as_uri())
        await tab.until("document.readyState === 'complete'")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out
        red = await tab.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        assert int(red) < 60 if dark else int(red) > 240
        shown = "[...document.querySelectorAll('figure svg')].filter(one => one.getBoundingClientRect().width > 0)"
        assert await tab.run(f"{shown}.every(one => one.getBoundingClientRect().height > 60)")
        small = f"{shown}.every(one => one.getBoundingClientRect().width >= 0.85 * one.viewBox.baseVal.width)"
        assert await tab.run(small)  # type keeps its size
        await tab.size(720, 1000)
        await tab.send("Emulation.setEmulatedMedia", media="print")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")  # nor on paper
        assert tab.complaints() == []
        assert [url for url in connection.requests if not url.startswith("file:")] == []
        await tab.close()
