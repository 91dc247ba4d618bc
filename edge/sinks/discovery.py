"""How Home Assistant learns of this device: one retained message that describes it and its sensors.

Device-based discovery, as Home Assistant knows it since 2024.11:
https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

from typing import Any

from edge.health import Health
from edge.sinks.topics import Topics
from edge.version import __version__

#: What the emotion sensor shows while nobody is in view: an enumeration has no empty value.
NOBODY = "none"


def describe(topics: Topics, labels: tuple[str, ...], health: Health) -> dict[str, Any]:
    """Return the message.

    Args:
        topics: where this device speaks.
        labels: the model's emotions.
        health: which model runs, and whether this system tells its temperature.
    """
    device, state, condition = topics.device, topics.state, topics.health
    number = {"state_class": "measurement"}
    plane = {**number, "suggested_display_precision": 2}
    diagnostic = {"entity_category": "diagnostic"}
    sensors: dict[str, dict[str, Any]] = {
        "emotion": {
            **_sensor("Emotion", state, f"value_json.emotion or '{NOBODY}'", "mdi:emoticon-outline"),
            "device_class": "enum",
            "options": [*labels, NOBODY],
        },
        "valence": {**_sensor("Valence", state, "value_json.valence", "mdi:plus-minus-variant"), **plane},
        "arousal": {**_sensor("Arousal", state, "value_json.arousal", "mdi:pulse"), **plane},
        "faces": {**_sensor("Faces", state, "value_json.faces", "mdi:account-multiple-outline"), **number},
        "fps": {
            **_sensor("Frame rate", condition, "value_json.fps.processed", "mdi:speedometer"),
            **number,
            **diagnostic,
            "unit_of_measurement": "FPS",
        },
        "reconnects": {
            **_sensor("Source reconnects", condition, "value_json.source.reconnects", "mdi:camera-retake-outline"),
            **diagnostic,
            "state_class": "total_increasing",
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "state_topic": state,
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
            "json_attributes_topic": state,
            "json_attributes_template": "{{ {'problem': value_json.problem} | tojson }}",
            "device_class": "problem",
            **diagnostic,
        },
    }
    if health.temperature() is not None:
        sensors["temperature"] = {
            **_sensor("Processor temperature", condition, "value_json.temperature_c"),
            **number,
            **diagnostic,
            "device_class": "temperature",
            "unit_of_measurement": "°C",
        }
    return {
        "device": {
            "identifiers": [device],
            "name": topics.id,
            "manufacturer": "emot-edge",
            "model": health.model or "edge-run",
            "sw_version": __version__,
        },
        "origin": {"name": "emot-edge", "sw_version": __version__},
        "availability_topic": topics.availability,
        "components": {key: {**sensor, "unique_id": f"{device}-{key}"} for key, sensor in sensors.items()},
    }


def _sensor(name: str, topic: str, value: str, icon: str = "") -> dict[str, Any]:
    sensor = {"platform": "sensor", "name": name, "state_topic": topic, "value_template": f"{{{{ {value} }}}}"}
    return {**sensor, "icon": icon} if icon else sensor
