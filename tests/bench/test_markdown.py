"""Markdown tables of results, and documents that take them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.markdown import BEGIN, END, put, tables
from bench.report.gathering import Found
from bench.result import Row, write_result
from edge.errors import EdgeError
from tests.bench.made_results import counts_row, formats_row, peer_row, pipeline_row, result, sustained_row

FAILED = Row(key="mobilenet_v2/model.h5/1 thread", status="no runtime", reason="tensorflow | is <not> installed")

DOCUMENT = f"# Title\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n"


def test_every_kind_has_its_table_with_what_it_was_measured_on() -> None:
    text = tables(
        Found(
            (
                result("formats", formats_row(), FAILED),
                result("pipeline", pipeline_row()),
                result("sustained", sustained_row()),
                result("instructions", counts_row()),
                result("peers", peer_row("fer", 120.0, 0.571), mode="quick"),
            )
        )
    )
    assert text.count("**raspberry-pi-5-model-b-rev-1-0**") == 5
    assert "Cortex-A76, Debian GNU/Linux 12 (bookworm), 2026-12-01, 0123456789ab, noise 1.2 %." in text
    assert "| `mobilenet_v2/model_int8.tflite/1 thread` | 2.76 | 1.25 | 1.39 | 1.71 | 784 | 104 | 38.2 |" in text
    assert "84.4 ± 1.3 | 99.1 |" in text
    assert "- `mobilenet_v2/model.h5/1 thread` no runtime: tensorflow \\| is &lt;not> installed" in text
    assert "| 61,234,567 | 20,411,522 | 30,617,283 | 0 | 24,500,000 | ≈ 11.4 |" in text
    assert "*estimate*, ms" in text and "Estimates were not measured. They assume: one instruction a clock" in text
    assert "| `fer` *quick* |" in text and "*quick* rows are rough" in text


@pytest.mark.parametrize("line", tables(Found((result("formats", formats_row()),))).splitlines()[2:])
def test_rows_are_as_wide_as_their_heading(line: str) -> None:
    heading = tables(Found((result("formats", formats_row()),))).splitlines()[2]
    assert line.count("|") == heading.count("|")


def test_no_results_are_said_to_be_none() -> None:
    assert tables(Found(())) == "No results yet."


def test_a_document_takes_the_tables_once_and_keeps_the_rest(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text(DOCUMENT)
    assert put("| new |", document)
    first = document.read_text()
    assert first == f"# Title\n\nBefore.\n\n{BEGIN}\n\n| new |\n\n{END}\n\nAfter.\n"
    assert not put("| new |", document)
    assert document.read_text() == first
    assert put("| newer |", document)
    assert "| new |" not in document.read_text()


def test_line_ends_of_a_document_stay(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_bytes(DOCUMENT.replace("\n", "\r\n").encode())
    put("a\nb", document)
    assert document.read_bytes().count(b"\n") == document.read_bytes().count(b"\r\n")
    assert not put("a\nb", document)


@pytest.mark.parametrize(
    "content", ["no marks", BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{BEGIN}\n{END}", f"{BEGIN}\n{END}\n{END}"]
)
def test_a_document_without_both_marks_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    document = tmp_path / "d.md"
    document.write_text(content)
    with pytest.raises(EdgeError, match="once each and in this order"):
        put("x", document)
    assert document.read_text() == content


def test_the_command_puts_tables_into_a_document_twice_the_same(tmp_path: Path) -> None:
    write_result(result("formats", formats_row()), tmp_path / "results" / "a.json")
    document = tmp_path / "d.md"
    document.write_text(DOCUMENT)
    assert edge_bench("report", tmp_path / "results", "--markdown", "--into", document).returncode == 0
    first = document.read_text()
    assert "model_int8.tflite" in first
    again = edge_bench("report", tmp_path / "results", "--markdown", "--into", document)
    assert again.returncode == 0 and "unchanged" in again.stderr
    assert document.read_text() == first
    document.write_text("no marks")
    refused = edge_bench("report", tmp_path / "results", "--markdown", "--into", document)
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) == 1


def edge_bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = "from bench.cli import main; main()"
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root, "NO_COLOR": "1"},
    )
