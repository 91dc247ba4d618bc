"""The example for Home Assistant speaks of entities that the device announces, and of labels that the model has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.health import Health
from edge.labels import LABELS
from edge.sinks.discovery import describe
from edge.sinks.topics import name_topics

FOLDER = Path(__file__).parents[2] / "firmware_configs" / "home-assistant"
FILES = ("emotions.yaml", "card.yaml")

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


class WarmHealth(Health):
    """A run on a machine that tells its temperature."""

    def temperature(self) -> float | None:
        return 61.0


def announced() -> set[str]:
    """Entity ids as Home Assistant makes them of the announcement: kind, device and name, in lower case."""
    described = describe(name_topics("edge-run", "kitchen", "homeassistant"), LABELS, WarmHealth())
    names = {f"{described['device']['name']} {part['name']}": part for part in described["components"].values()}
    return {f"{part['platform']}.{re.sub('[^a-z0-9]+', '_', name.lower())}" for name, part in names.items()}


@pytest.mark.parametrize("name", FILES)
def test_entities_exist(name: str) -> None:
    named = set(re.findall(r"\b(?:sensor|binary_sensor)\.kitchen_\w+", (FOLDER / name).read_text()))
    assert len(named) >= 2
    assert named <= announced()


def test_automations() -> None:
    package = yaml.safe_load((FOLDER / "emotions.yaml").read_text())
    assert set(package) == {"automation", "sensor"}
    automations = package["automation"]
    assert len({automation["id"] for automation in automations}) == len(automations)
    for automation in automations:
        assert set(automation) <= {"id", "alias", "triggers", "actions", "mode"}
        assert all(trigger["trigger"] == "state" for trigger in automation["triggers"])
        for trigger in automation["triggers"]:
            if trigger["entity_id"] == "sensor.kitchen_emotion":
                assert trigger["to"] in LABELS
            else:
                # Without quotes YAML reads on as true, which is no state.
                assert trigger["to"] in ("on", "unavailable")
            assert re.fullmatch(r"\d\d:\d\d:\d\d", trigger["for"])
    assert package["sensor"][0]["state"] in LABELS


def test_card() -> None:
    card = yaml.safe_load((FOLDER / "card.yaml").read_text())
    assert [part["type"] for part in card["cards"]] == ["glance", "history-graph", "entities"]
