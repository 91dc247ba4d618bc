"""The dashboards: every expression is asked of a real Prometheus that asks a real sink, and has an answer."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.mosquitto import until
from tests.firmware_configs.prometheus_server import Device, Prometheus, serve, wait_for_numbers

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "firmware_configs" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Every expression, with Grafana's variables filled in as for the device of these tests."""
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [note["expr"] for note in dashboard["annotations"]["list"]]
    return [text.replace("$__rate_interval", "10s").replace("$instance", "127.0.0.1") for text in found]


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    opened = Device()
    yield opened
    opened.sink.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, device: Device) -> Iterator[Prometheus]:
    for opened in serve(tmp_path_factory.mktemp("prometheus"), device):
        wait_for_numbers(opened, device)
        wait_for_the_other(opened)
        yield opened


def wait_for_the_other(server: Prometheus) -> None:
    """Wait until the device that isn't there is known to be down: its name is looked up for a while."""
    until(lambda: len(server.value("up")) == 2)
    until(lambda: "EdgeRunDown" in pending(server))


def pending(server: Prometheus) -> set[str]:
    """Names of the alerts that wait for their time."""
    return {
        alert["labels"]["alertname"] for alert in server.ask("/api/v1/alerts")["alerts"] if alert["state"] == "pending"
    }


def test_every_expression_has_an_answer(server: Prometheus) -> None:
    for name, dashboard in DASHBOARDS.items():
        for expression in expressions(dashboard):
            if "changes(" in expression:  # an annotation: it is there when a device starts anew
                server.value(expression)
            else:
                assert server.value(expression), f"{name}: {expression}"


def test_variables_have_values(server: Prometheus) -> None:
    queries = [
        variable["query"]["query"]
        for dashboard in DASHBOARDS.values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    assert queries == ["label_values(edge_run_uptime_seconds, instance)"]
    assert server.ask("/api/v1/label/instance/values", **{"match[]": "edge_run_uptime_seconds"}) == ["127.0.0.1"]


def test_devices_are_called_by_their_names(server: Prometheus) -> None:
    up = {series["metric"]["instance"]: series["value"][1] for series in server.value("up")}
    assert up == {"127.0.0.1": "1", "door": "0"}
    assert {series["metric"]["place"] for series in server.value("up")} == {"home"}


def test_rules_are_evaluated(server: Prometheus) -> None:
    rules = [rule for group in server.ask("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert len(rules) == 14
    assert {rule["health"] for rule in rules} == {"ok"}
    states = {rule["name"]: rule["state"] for rule in rules if rule["type"] == "alerting"}
    assert {name for name, state in states.items() if state == "firing"} == {"EdgeRunResultsLost"}
    assert {name for name, state in states.items() if state == "pending"} == {"EdgeRunDown"}


def test_metrics_are_documented_and_there(device: Device) -> None:
    device.read_frames(1)
    served = set(re.findall(r"^(\w+)(?=[ {])", device.scrape(), flags=re.MULTILINE))
    recorded = set(re.findall(r"record: (\S+)", (FOLDER.parent / "prometheus" / "edge-run.rules.yml").read_text()))
    documented = (ROOT / "docs" / "metrics.md").read_text()
    for expression in itertools.chain.from_iterable(map(expressions, DASHBOARDS.values())):
        for name in re.findall(r"instance:\w+:\w+|\b(?:edge_run|process)_\w+", expression):
            assert name in served | recorded, name
            if name.startswith("edge_run"):
                assert re.sub(r"_(bucket|sum|count)$", "", name) in documented, name
        assert re.search(r"\b(edge_run_|process_|instance:|up\b|ALERTS\b)", expression), expression


@pytest.mark.parametrize("name", DASHBOARDS)
def test_structure(name: str) -> None:
    """What Grafana would only show as an empty or a hidden panel."""
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name
    assert dashboard["schemaVersion"] >= 36
    assert "id" not in dashboard  # belongs to one installation
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 8
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        assert panel["title"] and panel["description"]
        assert panel["type"] in ("stat", "timeseries", "table", "state-timeline")
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for cell in itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])):
            assert taken.setdefault(cell, panel["title"]) == panel["title"], f"{panel['title']} lies on {taken[cell]}"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps(dashboard, ensure_ascii=False)
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__value", "__url_time_range"}
    assert used == variables
    for uid in re.findall(r'"/d/([\w-]+)', text):
        assert uid in DASHBOARDS


def test_provisioning() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yml").read_text())
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    providers = yaml.safe_load((FOLDER / "provisioning/dashboards/edge-run.yml").read_text())["providers"]
    # Where the instructions put them.
    assert providers[0]["options"]["path"] in (FOLDER.parent / "README.md").read_text()
