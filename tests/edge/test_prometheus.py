"""The Prometheus sink, scraped over HTTP as Prometheus does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from edge.errors import EdgeError
from edge.health import Health
from edge.labels import LABELS
from edge.sinks.prometheus import PrometheusSink
from edge.types import Emotion, Face, Frame, Reading, Result
from edge.version import __version__

ROOT = Path(__file__).parent.parent.parent

#: urlopen keeps the proxies of whoever called it first in this process.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def result(index: int, timings_ms: dict[str, float], *labels: str) -> Result:
    readings = tuple(
        Reading(Face((0, 0, 9, 9), 0.9, (), i + 1), Emotion(tuple(float(n == label) for n in LABELS), LABELS, 0.5, 0.5))
        for i, label in enumerate(labels)
    )
    return Result(Frame(np.zeros((2, 2, 3), np.uint8), 0.0, index), "demo", readings, timings_ms)


@pytest.fixture
def health() -> Health:
    health = Health()
    health.model, health.detector = "mobilenet_v2", "blazeface"
    health.source.state, health.source.captured, health.source.dropped = "lost 3 s ago", 12, 2
    health.source.reconnects, health.skipped = 4, 3
    health.sink("mqtt").state = "away 9 s: connection refused"
    health.sink("mqtt").dropped = 7
    health.sink("jsonl").written = 10
    return health


@pytest.fixture
def sink(health: Health) -> Iterator[PrometheusSink]:
    opened = PrometheusSink(health, port=0)
    yield opened
    opened.close()


def page(sink: PrometheusSink, path: str = "/metrics") -> str:
    with DIRECT.open(f"http://127.0.0.1:{sink.port}{path}", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return str(answer.read().decode())


def scrape(sink: PrometheusSink) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    samples: list[Sample] = []
    for family in text_string_to_metric_families(page(sink)):
        assert family.documentation, family.name
        samples += family.samples
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "a series stands twice"
    return found


def of(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_health_is_told(sink: PrometheusSink, health: Health) -> None:
    health.count(2, {"total": 3.0})
    health.adapted = "searching every 20th frame"
    found = scrape(sink)
    expected = {
        "edge_run_frames_captured_total": 12,
        "edge_run_frames_processed_total": 1,
        "edge_run_frames_dropped_total": 2,
        "edge_run_frames_skipped_total": 3,
        "edge_run_faces": 2,
        "edge_run_source_up": 0,
        "edge_run_source_reconnects_total": 4,
        "edge_run_paused": 0,
        "edge_run_adapted": 1,
    }
    assert {name: of(found, name) for name in expected} == expected
    assert of(found, "edge_run_build_info", version=__version__, model="mobilenet_v2", detector="blazeface") == 1
    assert [of(found, "edge_run_sink_up", sink=name) for name in ("mqtt", "jsonl")] == [0, 1]
    assert of(found, "edge_run_sink_dropped_total", sink="mqtt") == 7
    assert of(found, "edge_run_sink_results_total", sink="jsonl") == 10
    assert of(found, "edge_run_frames_per_second", kind="processed") >= 0
    assert of(found, "edge_run_uptime_seconds") > 0
    assert of(found, "edge_run_start_time_seconds") >= of(found, "process_start_time_seconds") - 1
    assert ("edge_run_temperature_celsius", frozenset()) in found or health.temperature() is None


def test_histograms_add_up(sink: PrometheusSink) -> None:
    times = [0.1, 0.2, 0.3, 4.0, 19.0, 999.0, 5000.0]  # milliseconds; an edge belongs to its own bucket
    for i, milliseconds in enumerate(times):
        sink.write(result(i, {"detect": milliseconds, "latency": 2 * milliseconds}))
    found = scrape(sink)
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "edge_run_stage_seconds_bucket" and dict(labels)["stage"] == "detect"
    }
    values = [buckets[edge] for edge in sorted(buckets, key=float)]
    assert values == sorted(values)
    assert (buckets["0.0002"], buckets["0.0005"], buckets["0.005"], buckets["1.0"], buckets["+Inf"]) == (2, 3, 4, 6, 7)
    assert of(found, "edge_run_stage_seconds_count", stage="detect") == 7
    assert of(found, "edge_run_stage_seconds_sum", stage="detect") == pytest.approx(sum(times) / 1000)
    assert of(found, "edge_run_stage_seconds_sum", stage="latency") == pytest.approx(sum(times) / 500)


def test_counters_only_grow_while_results_come(sink: PrometheusSink, health: Health) -> None:
    def work() -> None:
        for i in range(2000):
            health.count(2, {"total": 1.0})
            sink.write(result(i, {"total": 1.0, "detect": 0.5}, "anger", "fear"))

    worker = threading.Thread(target=work)
    worker.start()
    before = scrape(sink)
    while worker.is_alive():
        after = scrape(sink)
        for key, value in before.items():
            if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                assert after[key] >= value, key
        before = after
        assert of(after, "edge_run_stage_seconds_bucket", stage="detect", le="+Inf") == of(
            after, "edge_run_stage_seconds_count", stage="detect"
        )
    worker.join()
    found = scrape(sink)
    read = {label: of(found, "edge_run_faces_by_emotion_total", emotion=label) for label in LABELS}
    assert read == {label: 2000 * (label in ("anger", "fear")) for label in LABELS}
    assert of(found, "edge_run_frames_processed_total") == 2000


def test_promtool_has_no_complaint(sink: PrometheusSink) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    sink.write(result(0, {"total": 1.0}, "anger"))
    checked = subprocess.run([promtool, "check", "metrics"], input=page(sink), capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_names_end_in_base_units(sink: PrometheusSink) -> None:
    """What promtool checks first, for machines without it: counters end in _total, and no unit is a multiple."""
    sink.write(result(0, {"total": 1.0}, "anger"))
    families = list(text_string_to_metric_families(page(sink)))
    ours = [family for family in families if family.name.startswith("edge_run_")]
    assert len(ours) > 15
    for family in ours:
        assert family.type in ("counter", "gauge", "histogram")
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_fps", "_count", "_sum"))
        if family.type != "counter":
            assert all(not sample.name.endswith("_total") for sample in family.samples)


def test_the_global_registry_stays_as_it_is(health: Health) -> None:
    before = {family.name for family in REGISTRY.collect()}
    first = PrometheusSink(health, port=0)
    second = PrometheusSink(health, port=0)  # two of them don't get in each other's way
    second.close()
    first.close()
    assert {family.name for family in REGISTRY.collect()} == before


def test_a_port_in_use_is_named(sink: PrometheusSink) -> None:
    before = threading.active_count()
    with pytest.raises(EdgeError, match="--metrics-port") as raised:
        PrometheusSink(Health(), port=sink.port)
    assert str(sink.port) in str(raised.value)
    assert threading.active_count() == before


def test_an_address_of_somebody_else_is_named() -> None:
    with pytest.raises(EdgeError, match="--metrics-host"):
        PrometheusSink(Health(), host="192.0.2.1", port=0)  # set aside for documents, RFC 5737


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has all of 127.0.0.0/8")
def test_only_the_address_asked_for() -> None:
    everywhere = PrometheusSink(Health(), host="0.0.0.0", port=0)
    socket.create_connection(("127.0.0.2", everywhere.port), timeout=5).close()
    everywhere.close()
    here = PrometheusSink(Health(), port=0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", here.port), timeout=5)
    here.close()


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    opened = PrometheusSink(Health(), host="::1", port=0)
    with DIRECT.open(f"http://[::1]:{opened.port}/metrics", timeout=10) as answer:
        assert b"edge_run_uptime_seconds" in answer.read()
    opened.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_nothing_is_left_behind() -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    threads, files = threading.active_count(), open_files()
    opened = PrometheusSink(Health(), port=0)
    port = opened.port
    page(opened)
    opened.close()
    again = PrometheusSink(Health(), port=port)  # the port is free at once
    page(again)
    again.close()
    assert threading.active_count() == threads
    assert open_files() == files


def test_a_missing_package_is_named() -> None:
    program = "import sys; sys.modules['prometheus_client'] = None\nimport edge.sinks.prometheus"
    finished = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "NotInstalledError" in finished.stderr
    assert "emot-edge[prometheus]" in finished.stderr
