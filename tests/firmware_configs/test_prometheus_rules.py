"""Prometheus' own tool reads the shipped files, and the rules do what they say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.edge.mosquitto import program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "firmware_configs" / "prometheus"
RULES = (FOLDER / "edge-run.rules.yml").read_text()
PROOF = (FOLDER / "edge-run.rules.test.yml").read_text()
ALERTS = re.findall(r"- alert: (\w+)", RULES)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The files where prometheus.yml looks for them."""
    for name in ("prometheus.yml", "edge-run.rules.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "edge-run").mkdir()
    shutil.copy(FOLDER / "devices.yml", tmp_path / "edge-run")
    return tmp_path


def test_configuration(installed: Path) -> None:
    done = promtool("check", "config", "--lint=all", "--lint-fatal", installed / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "14 rules found" in done.stdout


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("prometheus.yml", "scrape_timeout: 10s", "scrape_timeout: 20s"),
        ("edge-run.rules.yml", "edge_run_sink_up == 0", "edge_run_sink_up == "),
        ("edge-run/devices.yml", "- targets:", "- target:"),
    ],
)
def test_a_mistake_would_have_been_seen(installed: Path, file: str, right: str, wrong: str) -> None:
    text = (installed / file).read_text()
    assert right in text
    (installed / file).write_text(text.replace(right, wrong))
    assert promtool("check", "config", installed / "prometheus.yml").returncode != 0


def test_rules() -> None:
    done = promtool("test", "rules", FOLDER / "edge-run.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_proved_both_ways() -> None:
    assert len(ALERTS) == 12
    quiet, *loud = PROOF.split("  - name: ")[1:]
    for alert in ALERTS:
        assert f"alertname: {alert}}}" in quiet, f"{alert} is not shown to be silent on a device that is well"
        fires = rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels"
        assert any(re.search(fires, part) for part in loud), f"{alert} is never shown to fire"


def test_metrics_are_documented() -> None:
    documented = (ROOT / "docs" / "metrics.md").read_text()
    named = set(re.findall(r"\bedge_run_\w+", re.sub(r"instance:\w+:\w+|EdgeRun\w+", "", RULES)))
    assert len(named) > 8
    for name in named:
        assert re.sub(r"_(bucket|sum|count)$", "", name) in documented, name
