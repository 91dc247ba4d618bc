"""What the timer does: a version is wanted by file or by a real broker's retained message, taken, and reported."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from devices.update.agent import run_once, wanted_now
from devices.update.broker import Meeting, meeting
from devices.update.desired import parse_desired, read_desired
from devices.update.journal import read_history
from devices.update.settings import UpdateSettings
from edge.errors import EdgeError
from tests.devices.update_server import UpdateServer
from tests.devices.updates import Fleet, active_version
from tests.edge.mosquitto import Listener, Mosquitto, until


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "mosquitto")
    made.start()
    yield made
    made.stop()


def by_http(fleet: Fleet, places: object, said: list[str]) -> object:
    return fleet.updater(places, settings=UpdateSettings(allow_http=True, confirm_seconds=0), say=said.append)  # type: ignore[arg-type]


def met(folder: Path, port: int) -> Meeting:
    config = folder / "edge-run.toml"
    config.write_text(f'mqtt = "127.0.0.1:{port}"\nmqtt_id = "kitchen"\n')
    found = meeting(config, {})
    assert found is not None
    return found


def test_wanted_by_message(fleet: Fleet, broker: Mosquitto, tmp_path: Path) -> None:
    places, said = fleet.device(), []  # type: ignore[var-annotated]
    first, second = fleet.update("1.0"), fleet.update("1.1")
    listener = Listener(broker.port)
    with UpdateServer(first.parent) as server:

        def publish(topic: str, version: str, file: Path) -> None:
            content = {"model": {"version": version, "url": server.url(file.name)}}
            listener._client.publish(topic, msgspec.json.encode(content), 1, retain=True).wait_for_publish(10)

        updater, where = by_http(fleet, places, said), met(tmp_path, broker.port)
        publish("edge-run/all/desired", "1.0", first)
        assert run_once(updater, where, said.append), said  # type: ignore[arg-type]
        assert active_version(places) == "1.0"
        # A message for this device counts more than one for all.
        publish("edge-run/kitchen/desired", "1.1", second)
        publish("edge-run/all/desired", "1.2", second)
        assert run_once(updater, where, said.append), said  # type: ignore[arg-type]
        assert active_version(places) == "1.1"
        until(lambda: len(listener.of("/kitchen/update")) >= 4)
        report = listener.objects("/kitchen/update")[-1]
        assert report["model"]["version"] == "1.1" and report["last"]["outcome"] == "confirmed"
        # A newcomer to the broker is told as well: the report is retained.
        late = Listener(broker.port, "late")
        until(lambda: late.of("/kitchen/update"))
        late.close()
        # The file at that address is another version than the message says: refused once, then left for hours.
        publish("edge-run/kitchen/desired", "1.3", second)
        asked = len(server.asked)
        assert not run_once(updater, where, said.append)  # type: ignore[arg-type]
        assert "wanted was model 1.3" in said[-1] and len(server.asked) == asked + 2
        assert run_once(updater, where, said.append)  # type: ignore[arg-type]
        assert "looked at again after" in said[-1] and len(server.asked) == asked + 2
        assert active_version(places) == "1.1"
    listener.close()


def test_a_broker_that_is_away_keeps_nobody_from_what_the_file_wants(fleet: Fleet, tmp_path: Path) -> None:
    places, said = fleet.device(), []  # type: ignore[var-annotated]
    wanted = places.config / "desired.toml"
    wanted.write_text(f'[model]\nversion = "1.0"\nurl = "{fleet.update("1.0")}"\n')
    assert not run_once(fleet.updater(places), met(tmp_path, 1), said.append)
    assert active_version(places) == "1.0"
    assert any("broker 127.0.0.1:1" in line for line in said)
    lower = fleet.update("0.9")
    wanted.write_text(f'[model]\nversion = "0.9"\nurl = "{lower}"\n')
    assert not run_once(fleet.updater(places), None, said.append)
    assert active_version(places) == "1.0" and read_history(places)[-1].outcome == "refused"
    wanted.write_text(f'[model]\nversion = "0.9"\nurl = "{lower}"\nallow_downgrade = true\n')
    places.history.unlink()
    assert run_once(fleet.updater(places), None, said.append)
    assert active_version(places) == "0.9"


def test_a_file_that_is_not_understood_keeps_nobody_from_what_a_message_wants(
    fleet: Fleet, broker: Mosquitto, tmp_path: Path
) -> None:
    places, said = fleet.device(), []  # type: ignore[var-annotated]
    (places.config / "desired.toml").write_text("model = 1")
    listener = Listener(broker.port)
    content = msgspec.json.encode({"software": {"version": "2.0", "url": "https://x/a.edgeupdate"}})
    listener._client.publish("edge-run/all/desired", content, 1, retain=True).wait_for_publish(10)
    desired, well = wanted_now(places, met(tmp_path, broker.port), said.append)
    assert desired.software is not None and desired.software.version == "2.0"
    assert not well and "desired.toml" in said[0]
    listener.close()


def test_nothing_is_wanted(fleet: Fleet) -> None:
    places = fleet.device()
    assert run_once(fleet.updater(places), None, print)
    assert not read_history(places) and places.last.exists()
    assert wanted_now(places, None, print)[0].model is None


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"{", "no JSON"),
        (b"[]", "all/desired"),
        (b'{"modell": {}}', "unknown key 'modell'; did you mean 'model'"),
        (b'{"model": {"version": "1.0"}}', "url"),
        (b'{"model": {"version": "new", "url": "https://x/"}}', "'new'"),
        (b'{"model": {"version": "1.0", "url": "/etc/passwd"}}', "url must be https"),
        (b'{"model": {"version": "1.0", "url": "https://x/", "allow_downgrade": true}}', "can't allow a downgrade"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_messages_that_are_not_understood(message: bytes, says: str) -> None:
    with pytest.raises(EdgeError, match=says):
        parse_desired(message, "edge-run/all/desired")
    assert parse_desired(b"", "edge-run/all/desired").model is None, "an empty message takes the wish back"


def test_files_that_are_not_understood(tmp_path: Path) -> None:
    path = tmp_path / "desired.toml"
    assert read_desired(path).software is None
    path.write_text('[sofware]\nversion = "1"\nurl = "x"\n')
    with pytest.raises(EdgeError, match="did you mean 'software'"):
        read_desired(path)
